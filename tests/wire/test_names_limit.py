"""The longest list of names that a message may hold fits into the bytes that its route takes."""

import json
from typing import Any

import msgspec
import pytest

from wavetrain.doors.operators_described import OPERATORS
from wavetrain.model.hotfix import HOTFIX_POPS_MAX
from wavetrain.model.window import REASON_LENGTH_MAX, SCOPE_MAX
from wavetrain.wire.json_message import read_message

WIDE = "\U0001f680"
"""A character that JSON writes with twelve: an escaped pair."""
LONGEST, REASON = WIDE * 100, WIDE * REASON_LENGTH_MAX
SPAN = {"starts": "2026-12-20T00:00:00.000000+00:00", "ends": "2026-12-21T00:00:00.000000+00:00"}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/rollouts/{name}/place": {"how": "affected", "reason": REASON, "pops": [LONGEST] * HOTFIX_POPS_MAX},
    "/v1/freezes": {**SPAN, "reason": REASON, "scope": [LONGEST] * SCOPE_MAX, "id": "f" * 63},
}


@pytest.mark.parametrize("path", BODIES)
def test_the_longest_list_of_the_longest_names_fits(path: str) -> None:
    route = next(one for one in OPERATORS if one.path == path and one.method == "POST")
    assert route.body is not None
    assert route.body.kind is not None
    body = json.dumps(BODIES[path]).encode()
    read_message(body, route.body.kind, "message")
    assert len(body) <= route.body.limit


def test_every_message_with_a_list_of_names_is_among_them() -> None:
    listing = {
        route.path
        for route in OPERATORS
        if route.body is not None and route.body.kind is not None and _lists_names(route.body.kind)
    }
    assert listing == set(BODIES)


def _lists_names(kind: type) -> bool:
    """Whether a field is a list of texts of limited length: of a manifest's the file's own limit is the only one."""
    schema = msgspec.json.schema(kind)
    fields = [field for part in schema["$defs"].values() for field in part.get("properties", {}).values()]
    return any("maxLength" in field.get("items", {}) for field in fields if "maxItems" in field)
