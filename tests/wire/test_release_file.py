"""A manifest becomes a candidate, or says what is wrong with it."""

import json

import pytest

from wavetrain.errors import RefusedError
from wavetrain.model.release import Urgency
from wavetrain.wire.release_file import read_release

DIGEST = "ab" * 32
VALUES: dict[str, object] = {
    "component": "gateway",
    "number": "2.0.0",
    "lane": "pop",
    "digest": DIGEST,
    "size": 7,
    "gates": {"build": True, "tests": False},
}
TOML = f"""
component = "gateway"
number = "2.0.0"
lane = "pop"
digest = "{DIGEST}"
size = 7
[gates]
build = true
tests = false
"""


def test_toml_and_json_say_the_same() -> None:
    assert read_release(TOML) == read_release(json.dumps(VALUES))


def test_an_artifact_at_hand_fills_in_digest_and_size() -> None:
    values = {name: value for name, value in VALUES.items() if name not in ("digest", "size")}
    candidate = read_release(json.dumps(values), digest=DIGEST, size=7)
    assert (candidate.digest, candidate.size, candidate.urgency) == (DIGEST, 7, Urgency.ROUTINE)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": "red"}, "colour: there is no key `colour`"),
        ({"size": "7"}, "size: it is text; give a whole number"),
        ({"gates": {"build": "yes"}}, "gates.build: it is text; give true or false"),
        ({"urgency": "now"}, "urgency: `now` is not known here; give one of: routine, security"),
        ({"lane": "bus"}, "lane: `bus` is not known here"),
        ({"component": ""}, "component: it is empty"),
    ],
)
def test_a_fault_is_refused_with_its_place(change: dict[str, object], said: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_release(json.dumps({**VALUES, **change}))
    assert said in str(caught.value)


def test_a_manifest_that_disagrees_with_the_artifact_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"the artifact's SHA-256 is cd"):
        read_release(TOML, digest="cd" * 32, size=7)
    with pytest.raises(RefusedError, match="the artifact has 8 bytes"):
        read_release(TOML, digest=DIGEST, size=8)


@pytest.mark.parametrize("text", ["{", "[1]", "{]", '{"a": ' * 5000])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        read_release(text)
