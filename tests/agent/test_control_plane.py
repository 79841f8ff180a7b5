"""Polls and artifacts over HTTP."""

import hashlib
import ssl
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.agent.program import release
from tests.agent.servers import Answer, Door, FakeControlPlane, Server
from tests.ports import free_port

from wavetrain.agent.control_plane import ControlPlane, backoff_s
from wavetrain.agent.identity import Identity
from wavetrain.agent.visits import Visits
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.model.fleet import FIRST, Generation, NodeId, Phase
from wavetrain.wire.agent_messages import JoinAsked, Poll, RenewAsked, Say, Told, VisitSaid

KEY = Ed25519PrivateKey.generate()
SAY = Say(node="n1", generation=FIRST, release="1.0.0", phase=Phase.STEADY)
POLL = Poll(say=SAY, known=FIRST)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Door:
    """An authority for every test of this file; nothing of it changes."""
    return Door(tmp_path_factory.mktemp("door"))


@pytest.fixture(scope="module")
def known(door: Door, tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A node that has joined."""
    return door.let_in("n1", tmp_path_factory.mktemp("known"), KEY)


def answering(door: Door, status: int, content: bytes) -> Server:
    return Server(lambda *_: (status, content), tls=door.context)


def test_a_report_goes_up_and_a_signed_instruction_comes_down(tmp_path: Path) -> None:
    fake = FakeControlPlane(KEY, tmp_path)
    identity = fake.door.let_in("n1", tmp_path / "node", KEY)
    asked = ControlPlane(fake.up(), identity)
    fake.tell(5, release("2.0.0"))
    told = asked.poll(POLL)
    assert told.generation == Generation(0, 5)
    assert identity.judge.objection(told) == ""
    assert told.bans is not None
    assert identity.judge.bans_objection(told.bans) == ""
    assert fake.last == SAY
    content = b"".join(asked.opener(told.digest)())
    assert hashlib.sha256(content).hexdigest() == told.digest
    asked.close()
    fake.down()


def test_one_connection_is_kept_and_a_new_one_bears_the_new_certificate(tmp_path: Path) -> None:
    fake = FakeControlPlane(KEY, tmp_path)
    identity = fake.door.let_in("n1", tmp_path / "node", KEY)
    asked = ControlPlane(fake.up(), identity)
    asked.poll(POLL)
    kept = asked._connection
    asked.poll(POLL)
    assert asked._connection is kept
    request = identity.request()
    identity.renew(request, asked.renew(RenewAsked(csr=request.csr)))
    asked.poll(POLL)
    assert asked._connection is not kept
    assert len(fake.serials) == 2
    fake.down()
    with pytest.raises(UnreachableError, match="does not answer"):
        asked.poll(POLL)
    fake.up()
    asked.poll(POLL)
    asked.close()
    fake.down()


def test_a_control_plane_of_another_authority_hears_nothing(tmp_path: Path, known: Identity) -> None:
    heard: list[str] = []

    def answer(method: str, path: str, _: bytes) -> Answer:
        heard.append(f"{method} {path}")
        return 200, GOOD

    with Server(answer, tls=Door(tmp_path).context) as impostor:
        asked = ControlPlane(impostor.url, known)
        for ask in (
            lambda: asked.poll(POLL),
            lambda: asked.join(JoinAsked(secret="s", csr="c")),
            lambda: next(asked.opener("abc")()),
        ):
            with pytest.raises(UnreachableError, match=r"is not believed.*ca_file"):
                ask()
    assert heard == []


def test_a_certificate_for_another_name_is_not_believed(door: Door, known: Identity, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    request = Identity("n2", tmp_path, str(door.ca_file)).request()
    issued = door.authority.issue(NodeId("n2"), request.csr, datetime.now(UTC))
    (tmp_path / "other.pem").write_text(request.key + issued.certificate)
    context.load_cert_chain(tmp_path / "other.pem")
    with (
        Server(lambda *_: (200, GOOD), tls=context) as node,
        pytest.raises(UnreachableError, match="not believed"),
    ):
        ControlPlane(node.url, known).poll(POLL)


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
def test_an_answer_that_is_not_understood_is_ignored_and_told(
    door: Door, known: Identity, status: int, content: bytes, says: str
) -> None:
    with answering(door, status, content) as server:
        asked = ControlPlane(server.url, known)
        with pytest.raises(UnreachableError, match=says):
            asked.poll(POLL)
        asked.close()


def test_an_artifact_that_is_not_there_is_told(door: Door, known: Identity) -> None:
    with (
        answering(door, 404, b"") as server,
        pytest.raises(UnreachableError, match="404 for artifact abc"),
    ):
        next(ControlPlane(server.url, known).opener("abc")())
    with pytest.raises(UnreachableError):
        next(ControlPlane(f"https://127.0.0.1:{free_port()}", known).opener("abc")())


@pytest.mark.parametrize(
    ("status", "error"), [(403, RefusedError), (429, UnreachableError), (500, UnreachableError)]
)
def test_a_refused_secret_is_told_from_a_door_that_cannot_answer_now(
    door: Door, known: Identity, status: int, error: type[Exception]
) -> None:
    with (
        answering(door, status, b"the reason") as server,
        pytest.raises(error, match=f"{status}: the reason"),
    ):
        ControlPlane(server.url, known).join(JoinAsked(secret="s", csr="c"))


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1", "127.0.0.1:80", "http://127.0.0.1:80", "https:///x"])
def test_a_url_that_is_none_or_in_the_clear_is_refused(known: Identity, url: str) -> None:
    with pytest.raises(RefusedError, match="it must be like https://HOST:PORT"):
        ControlPlane(url, known)


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
