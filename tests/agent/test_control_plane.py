"""Polls and artifacts over HTTP."""

import base64
import hashlib
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.agent.program import release
from tests.agent.servers import FakeControlPlane, Server
from tests.agent.waiting import free_port

from wavetrain.agent.control_plane import ControlPlane, backoff_s
from wavetrain.agent.permission import Judge
from wavetrain.agent.visits import Visits
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.model.fleet import FIRST, Generation, Phase
from wavetrain.wire.agent_messages import Poll, Say, Told, VisitSaid

SAY = Say(node="n1", generation=FIRST, release="1.0.0", phase=Phase.STEADY)
POLL = Poll(say=SAY, known=FIRST)


def test_a_report_goes_up_and_a_signed_instruction_comes_down() -> None:
    key = Ed25519PrivateKey.generate()
    fake = FakeControlPlane(key)
    asked = ControlPlane(fake.up(), "secret")
    fake.tell(5, release("2.0.0"))
    told = asked.poll(POLL)
    assert told.generation == Generation(0, 5)
    assert Judge("n1", base64.b64encode(key.public_key().public_bytes_raw()).decode()).objection(told) == ""
    assert fake.last == SAY
    content = b"".join(asked.opener(told.digest)())
    assert hashlib.sha256(content).hexdigest() == told.digest
    asked.close()
    fake.down()


def test_the_token_is_the_bearers_and_one_connection_is_kept() -> None:
    fake = FakeControlPlane(Ed25519PrivateKey.generate())
    asked = ControlPlane(fake.up(), "secret")
    asked.poll(POLL)
    kept = asked._connection
    asked.poll(POLL)
    assert asked._connection is kept
    assert asked._headers() == {"Authorization": "Bearer secret"}
    fake.down()
    with pytest.raises(UnreachableError, match="does not answer"):
        asked.poll(POLL)
    fake.up()
    asked.poll(POLL)
    asked.close()
    fake.down()


GOOD = msgspec.json.encode(Told(generation=FIRST, release=""))


@pytest.mark.parametrize(
    ("status", "content", "says"),
    [
        (200, b'{"generation":{"era":0,"counter":1},"release":"x","surprise":1}', "surprise"),
        (200, b'{"generation":{"era":0,"counter":1},"release":5}', "release"),
        (200, b'{"release":"x"}', "generation"),
        (200, b"[]", "not understood"),
        (200, b" " * 300_000 + GOOD, "more than"),
        (403, b"this token is for node n7", "403: this token is for node n7"),
        (500, b"", "500"),
    ],
)
def test_an_answer_that_is_not_understood_is_ignored_and_told(status: int, content: bytes, says: str) -> None:
    with Server(lambda *_: (status, content)) as server:
        asked = ControlPlane(server.url, "secret")
        with pytest.raises(UnreachableError, match=says):
            asked.poll(POLL)
        asked.close()


def test_an_artifact_that_is_not_there_is_told() -> None:
    with (
        Server(lambda *_: (404, b"")) as server,
        pytest.raises(UnreachableError, match="404 for artifact abc"),
    ):
        next(ControlPlane(server.url, "secret").opener("abc")())
    with pytest.raises(UnreachableError):
        next(ControlPlane(f"http://127.0.0.1:{free_port()}", "secret").opener("abc")())


@pytest.mark.parametrize(
    "url",
    ["", "ftp://127.0.0.1", "127.0.0.1:80", "http://192.0.2.1:80", "http:///x", "http://127.evil.example"],
)
def test_a_url_that_is_none_or_would_leak_the_token_is_refused(url: str) -> None:
    with pytest.raises(RefusedError, match="url"):
        ControlPlane(url, "secret")


def test_the_wait_doubles_up_to_its_limit_and_differs_between_nodes() -> None:
    waits = [backoff_s("n1", failures, 10.0) for failures in range(1, 60)]
    assert waits == [backoff_s("n1", failures, 10.0) for failures in range(1, 60)]
    for failures, wait in enumerate(waits, 1):
        whole = min(0.5 * 2 ** (failures - 1), 10.0)
        assert whole / 2 <= wait <= whole
    assert len({backoff_s(f"n{number}", 9, 10.0) for number in range(100)}) == 100


@pytest.mark.parametrize("table", [{"2026-11-02": {"acme": 3}}, {"acme": {"2026-11-02": 3}}])
def test_visits_are_told_once_and_again_when_they_grow(table: dict[str, dict[str, int]]) -> None:
    with Server(lambda *_: (200, msgspec.json.encode(table))) as server:
        visits = Visits(f"{server.url}/visits")
        visits.look(0)
        said = visits.news()
        assert said == (VisitSaid(account="acme", day="2026-11-02", sessions=3),)
        assert visits.news() == said
        visits.heard(said)
        assert visits.news() == ()
        for row in table.values():
            row.update(dict.fromkeys(row, 4))
        visits.look(29)
        assert visits.news() == ()
        visits.look(30)
        assert [visit.sessions for visit in visits.news()] == [4]


def test_no_more_visits_are_told_at_once_than_a_report_may_hold() -> None:
    table = {"2026-11-02": {f"account-{number}": 1 for number in range(700)}}
    with Server(lambda *_: (200, msgspec.json.encode(table))) as server:
        visits = Visits(server.url)
        visits.look(0)
        told = set()
        while said := visits.news():
            assert len(msgspec.json.encode(Poll(say=SAY, known=FIRST, visits=said))) < 64 * 1024
            told |= {visit.account for visit in said}
            visits.heard(said)
        assert len(told) == 700


def test_a_token_is_read_from_its_file_without_the_line_end(tmp_path: Path) -> None:
    from wavetrain.agent.main import _word

    (tmp_path / "token").write_text("secret\n")
    assert _word(str(tmp_path / "token"), "the token") == "secret"
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(RefusedError, match="is empty; write the token there"):
        _word(str(tmp_path / "empty"), "the token")
    with pytest.raises(RefusedError, match="cannot be read"):
        _word(str(tmp_path / "missing"), "the token")
