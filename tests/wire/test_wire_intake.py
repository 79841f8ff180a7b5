"""Messages are refused with the path of the bad field."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetrain.errors import RefusedError
from wavetrain.model.fleet import Generation, Phase
from wavetrain.wire.agent_messages import POLL_BYTES_MAX, Poll, Say, VisitSaid
from wavetrain.wire.intake import read_poll
from wavetrain.wire.json_message import read_message
from wavetrain.wire.messages import AddFreeze, Because, MakeToken

POLL = Poll(
    say=Say(
        node="lis1-n1",
        generation=Generation(1, 3),
        release="2.0.0",
        phase=Phase.STEADY,
        metrics="http://127.0.0.1:9100/metrics",
    ),
    known=Generation(1, 3),
    wait_s=20.0,
    visits=(VisitSaid(account="acme", day="2026-11-01", sessions=3),),
)


def _with(**changes: Any) -> bytes:
    body = msgspec.to_builtins(POLL)
    for path, value in changes.items():
        *way, last = path.split("__")
        inner = body
        for step in way:
            inner = inner[step]
        inner[last] = value
    return msgspec.json.encode(body)


def test_a_poll_survives_the_wire() -> None:
    assert read_poll(msgspec.json.encode(POLL)) == POLL


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (_with(say__colour="red"), "at $.say: Object contains unknown field `colour`"),
        (_with(say__generation=5), "at $.say.generation: Expected `object`"),
        (_with(say__phase="flying"), "at $.say.phase"),
        (_with(say__generation={"era": -1, "counter": 0}), "at $.say.generation"),
        (_with(known={"era": -1, "counter": 0}), "at $.known"),
        (_with(wait_s=31), "at $.wait_s: 31 s is out of range"),
        (_with(wait_s=-1), "at $.wait_s"),
        (_with(say__detail="x" * 2001), "at $.say.detail: it has 2001 characters"),
        (_with(say__node="n" * 101), "at $.say.node"),
        (_with(say__boot="a\nb"), "at $.say.boot"),
        (_with(say__metrics="http://example.com:80/metrics"), "at $.say.metrics"),
        (_with(say__metrics="http://198.51.100.7:80/metrics"), "at $.say.metrics"),
        (_with(say__metrics="http://169.254.169.254:80/latest"), "at $.say.metrics"),
        (_with(say__metrics="file:///etc/passwd"), "at $.say.metrics"),
        (_with(say__metrics="http://u:p@127.0.0.1:80/"), "at $.say.metrics"),
        (_with(say__metrics="http://127.0.0.1:99999/"), "at $.say.metrics"),
        (_with(visits=[{"account": "a", "day": "1.11.2026", "sessions": 1}]), "at $.visits[0].day"),
        (_with(visits=[{"account": "a", "day": "2026-11-01", "sessions": -1}]), "at $.visits[0].sessions"),
        (_with(visits=[{"account": "", "day": "2026-11-01", "sessions": 1}]), "at $.visits[0].account"),
        (
            _with(visits=[{"account": "a", "day": "2026-11-01", "sessions": 1}] * 501),
            "at $.visits: there are 501",
        ),
        (
            _with(
                reconnects=[
                    {
                        "n": 0,
                        "program": "p",
                        "session": "s",
                        "account": "a",
                        "lost_ms": 0,
                        "reason": "r",
                        "ago_s": 1,
                    }
                ]
                * 501
            ),
            "at $.reconnects: there are 501",
        ),
        (b" " * (POLL_BYTES_MAX + 1), f"poll has {POLL_BYTES_MAX + 1} bytes"),
        (b"{", "poll is not JSON"),
        (b"\xff\xfe", "poll is not JSON"),
    ],
)
def test_a_bad_poll_is_refused_with_its_place(body: bytes, place: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_poll(body)
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "body", "place"),
    [
        (Because, b"{}", "at $: Object missing required field `reason`; add it"),
        (Because, b'{"reason": "x", "y": 1}', "unknown field `y`"),
        (Because, b'{"reason": ""}', "at $.reason"),
        (MakeToken, b'{"name": "a", "roles": ["king"]}', "at $.roles[0]"),
        (MakeToken, b'{"name": "a", "roles": []}', "at $.roles"),
        (
            AddFreeze,
            b'{"starts": "2026-01-01T00:00:00", "ends": "2026-01-02T00:00:00Z", "reason": "x"}',
            "at $.starts",
        ),
    ],
)
def test_a_bad_message_is_refused_with_its_place(kind: type, body: bytes, place: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_message(body, kind, "message")
    assert place in str(caught.value)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_hostile_bytes_are_refused_and_nothing_else(body: bytes) -> None:
    with pytest.raises(RefusedError):
        read_poll(body)
