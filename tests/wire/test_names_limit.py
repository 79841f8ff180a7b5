"""The longest list of names that a message may hold fits into the bytes that its route takes."""

import json

from wavetrain.doors.operators_described import OPERATORS
from wavetrain.model.hotfix import HOTFIX_POPS_MAX
from wavetrain.model.window import REASON_LENGTH_MAX

LONGEST = "\u0001" * 100
"""A name of the greatest length, of characters that JSON writes with six."""


def test_the_longest_list_of_the_longest_names_of_a_hotfix_fits() -> None:
    route = next(one for one in OPERATORS if one.path == "/v1/rollouts/{name}/place")
    body = {"how": "affected", "reason": "\u0001" * REASON_LENGTH_MAX, "pops": [LONGEST] * HOTFIX_POPS_MAX}
    assert route.body is not None
    assert len(json.dumps(body)) <= route.body.limit
