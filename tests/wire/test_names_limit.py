"""The longest list of names that a message may hold fits into the bytes that its route takes."""

import json

import pytest

from wavetrain.doors.operators_described import OPERATORS
from wavetrain.model.hotfix import HOTFIX_POPS_MAX
from wavetrain.model.window import REASON_LENGTH_MAX, SCOPE_MAX

LONGEST = "\u0001" * 100
"""A name of the greatest length, of characters that JSON writes with six."""
REST = {"reason": "\u0001" * REASON_LENGTH_MAX, "how": "affected", "from": "2026-12-20T00:00:00Z"}


@pytest.mark.parametrize(
    ("path", "field", "count"),
    [("/v1/rollouts/{name}/place", "pops", HOTFIX_POPS_MAX), ("/v1/freezes", "scope", SCOPE_MAX)],
)
def test_the_longest_list_of_the_longest_names_fits(path: str, field: str, count: int) -> None:
    route = next(one for one in OPERATORS if one.path == path and one.method == "POST")
    assert route.body is not None
    assert len(json.dumps({**REST, field: [LONGEST] * count})) <= route.body.limit
