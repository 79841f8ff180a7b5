"""Messages of strangers: every reader takes them or refuses them, and does nothing else."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.control.practice import FLEET, POLICY, START, Practice
from tests.fuzz.bounds import bounded
from tests.fuzz.mutation import Writer, json_bytes, mutants, toml_bytes

from wavetrain.errors import WavetrainError
from wavetrain.wire.agent_messages import JoinAsked, Poll, RenewAsked
from wavetrain.wire.fleet_file import read_fleet
from wavetrain.wire.intake import read_poll, report_of, visitors_of
from wavetrain.wire.json_message import read_message
from wavetrain.wire.messages import AddFreeze, Approve, Because, Confirm, FileText, MakeToken, Resume
from wavetrain.wire.policy_file import read_policy
from wavetrain.wire.release_file import read_release

EXAMPLES = 60
REFUSAL_CHARACTERS_MAX = 100_000
Reader = Callable[[bytes], object]

POLL = {
    "say": {
        "node": "lis1-n1",
        "generation": {"era": 1, "counter": 3},
        "release": "2.0.0",
        "phase": "steady",
        "detail": "well",
        "metrics": "http://127.0.0.1:9100/metrics",
        "boot": "b",
        "clock": 1.7e9,
    },
    "known": {"era": 1, "counter": 3},
    "wait_s": 20.0,
    "visits": [{"account": "acme", "day": "2026-11-01", "sessions": 3}],
}
SAID: dict[type, Any] = {
    Because: {"reason": "x"},
    Confirm: {"reason": "x", "shown": "0" * 64},
    Resume: {"reason": "x"},
    Approve: {"consent": "general"},
    AddFreeze: {
        "starts": "2026-12-20T00:00:00+01:00",
        "ends": "2027-01-02T00:00:00Z",
        "reason": "x",
        "scope": ["emea"],
        "id": "holidays",
    },
    MakeToken: {"name": "eve", "roles": ["viewer"], "days": 3},
    FileText: {"text": "lane = 'pop'"},
    JoinAsked: {"secret": "x", "csr": "PEM"},
    RenewAsked: {"csr": "PEM"},
}
MANIFEST = {
    "component": "gateway",
    "number": "2.0.0",
    "lane": "pop",
    "digest": "0" * 64,
    "size": 13,
    "gates": {"build": True},
    "fixes": "1.9.0",
    "urgency": "security",
    "notes": "x",
}
FLEET_TREE = {
    "region": [{"id": "emea", "name": "Europe"}],
    "pop": [
        {
            "id": name,
            "region": "emea",
            "place": "Lisbon",
            "zone": "Europe/Lisbon",
            "load": 0.5,
            "nodes": [f"{name}-n1", f"{name}-n2"],
            "window": {"rule": "FREQ=WEEKLY;BYDAY=TU,WE", "starts": "02:00", "hours": 4},
        }
        for name in ("lis1", "fra1")
    ],
    "group": [{"id": "g", "members": ["lis1", "fra1"]}],
    "account": [{"id": "acme", "name": "Acme"}],
}
POLICY_TREE = {
    "lane": "pop",
    "ring": [
        {"name": "pilot", "stage": "early", "pops": ["lis1"]},
        {"name": "world", "stage": "general", "rest": True},
    ],
    "budgets": {"pop_share": 0.5, "headroom": 1.5},
    "bake": {"minutes": 5, "share_min": 0.1},
    "verdicts": {
        "alpha": 0.01,
        "metric": [{"name": "f", "events": "f_total", "exposure": "o_total", "weight": 1.0, "gate": True}],
    },
    "timing": {"cadence_weeks": 2},
}
KNOWN_FLEET = Practice.fleet(FLEET)


def _poll(body: bytes) -> None:
    """As the door reads it; what it takes, it writes again as it was."""
    poll = read_poll(body)
    assert msgspec.json.decode(msgspec.json.encode(poll), type=Poll) == poll
    report_of(poll.say)
    visitors_of(poll.visits)


def _message(kind: type) -> Reader:
    return lambda body: read_message(body, kind, "message")


READERS: dict[str, tuple[Any, Writer, Reader]] = {
    "poll": (POLL, json_bytes, _poll),
    **{kind.__name__: (sample, json_bytes, _message(kind)) for kind, sample in SAID.items()},
    "manifest in JSON": (MANIFEST, json_bytes, lambda body: read_release(body.decode())),
    "manifest in TOML": (MANIFEST, toml_bytes, lambda body: read_release(body.decode())),
    "fleet": (FLEET_TREE, toml_bytes, lambda body: read_fleet(body.decode(), START)),
    "policy": (POLICY_TREE, toml_bytes, lambda body: read_policy(body.decode(), KNOWN_FLEET)),
}


@pytest.mark.parametrize("name", READERS)
def test_a_spoiled_message_is_taken_or_refused(name: str) -> None:
    sample, writer, reader = READERS[name]
    reader(writer(sample))  # the sample itself is good

    @bounded(EXAMPLES)
    @given(body=mutants(sample, writer))
    def property_(body: bytes) -> None:
        try:
            body.decode()
        except UnicodeDecodeError:
            if writer is toml_bytes or "manifest" in name:
                return  # the door and the command refuse it before they read
        try:
            reader(body)
            return
        except WavetrainError as error:
            refusal = str(error)
        assert len(refusal) < REFUSAL_CHARACTERS_MAX, "the refusal has no end"

    property_()


@bounded(100)
@given(text=st.text(st.characters(codec="utf-8"), max_size=300))
def test_any_text_at_all_is_taken_or_refused(text: str) -> None:
    for reader in (
        lambda: read_release(text),
        lambda: read_fleet(text, START),
        lambda: read_policy(text),
        lambda: read_fleet(FLEET.replace('"FREQ=DAILY"', repr(text)), START),
        lambda: read_policy(POLICY + text),
    ):
        try:
            reader()
        except WavetrainError:
            continue
