"""A node among enemies: what its control plane, its programs, its files and its artifacts say is taken or refused."""

import base64
import contextlib
import gzip
import io
import json
import socket
import ssl
import tarfile
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tests.control.practice import START
from tests.fuzz.bounds import bounded
from tests.fuzz.mutation import json_bytes, mutants, toml_bytes

from wavetrain.adapters.authority import OwnAuthority
from wavetrain.agent import config as agent_config
from wavetrain.agent.accept import Instant, accept
from wavetrain.agent.control_plane import ControlPlane
from wavetrain.agent.haproxy_socket import HaproxySocket
from wavetrain.agent.identity import Identity
from wavetrain.agent.memory import Keeper, Memory
from wavetrain.agent.supervised import Settings, Supervised
from wavetrain.agent.supervisor import Supervisor
from wavetrain.agent.unpack import HEADER_BYTES_MAX, unpack
from wavetrain.errors import RefusedError, UnreachableError, WavetrainError
from wavetrain.lab import open_lab
from wavetrain.model.fleet import FIRST, NodeId, Phase
from wavetrain.wire.agent_messages import Bans, Joined, Poll, Say, Told
from wavetrain.wiring import config as own_config

EXAMPLES = 60
POLL = Poll(say=Say(node="n", generation=FIRST, release="", phase=Phase.STEADY), known=FIRST)
TOLD = {
    "generation": {"era": 1, "counter": 5},
    "release": "2.0.0",
    "digest": "0" * 64,
    "size": 13,
    "permission": {
        "node": "n",
        "generation": {"era": 1, "counter": 5},
        "digest": "0" * 64,
        "plan": "gateway-2.0.0/1",
        "lifetime_s": 60.0,
        "signature": "AAAA",
    },
    "bans": {
        "component": "gateway",
        "serial": 3,
        "floor": "1.0.0",
        "tombstones": ["1.5.0"],
        "signature": "AAAA",
    },
}


class _Known:
    """A node that believes anybody."""

    context = bare = ssl.create_default_context()
    revision = 0


class _Answering(ControlPlane):
    """Reads answers that were made up."""

    def __init__(self) -> None:
        super().__init__("https://127.0.0.1:1", _Known())
        self.content = b""

    def _exchange(self, body: bytes, wait_s: float) -> tuple[int, bytes]:
        return 200, self.content


class _Gullible:
    """Believes every signature, so that what is signed is judged by its worth alone."""

    def objection(self, told: Told, /) -> str:
        return ""

    def bans_objection(self, bans: Bans, /) -> str:
        return ""


def test_whatever_a_control_plane_answers_a_node_goes_on_and_can_read_what_it_kept(tmp_path: Path) -> None:
    asked = _Answering()
    keeper = Keeper(tmp_path)

    @bounded(EXAMPLES)
    @given(body=mutants(TOLD, json_bytes))
    def property_(body: bytes) -> None:
        asked.content = body
        try:
            told = asked.poll(POLL)
        except UnreachableError:
            return
        keeper.change(lambda _: accept(Memory(), told, Instant(5.0, "boot"), _Gullible()))
        assert msgspec.json.decode((tmp_path / "agent.json").read_bytes(), type=Memory) == keeper.memory

    property_()
    keeper.close()


MEMORY = {
    "generation": {"era": 1, "counter": 5},
    "read": {"era": 1, "counter": 5},
    "order": {"generation": {"era": 1, "counter": 5}, "release": "2", "digest": "d", "size": 3, "until": 5.0},
    "update": {
        "generation": {"era": 1, "counter": 5},
        "release": "2",
        "digest": "d",
        "size": 3,
        "came_from": "1",
        "step": "drain",
        "until": 6.0,
        "boot": "b",
    },
    "running": "1",
    "phase": "steady",
    "bans": [{"component": "g", "serial": 1, "signature": ""}],
}


def test_a_spoiled_memory_is_read_or_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "agent.json"
    file.write_bytes(json_bytes(MEMORY))
    Keeper(tmp_path).close()

    @bounded(EXAMPLES)
    @given(body=mutants(MEMORY, json_bytes))
    def property_(body: bytes) -> None:
        file.write_bytes(body)
        try:
            Keeper(tmp_path).close()
        except WavetrainError as error:
            refusal = str(error)
        else:
            refusal = "move it away"
        assert "move it away" in refusal
        assert file.read_bytes() == body

    property_()


AGENT = {
    "node": "n",
    "pop": "p",
    "control_plane": "https://127.0.0.1:8700",
    "ca_file": "authority.pem",
    "join_file": "join",
    "folder": "state",
    "installer": {"kind": "slots", "listen": [{"name": "s", "address": "127.0.0.1:9101"}]},
    "traffic": {"kind": "lab", "url": "http://127.0.0.1:9000"},
    "probe": {"kind": "http", "url": "http://127.0.0.1:9201/healthz"},
    "initial": {"number": "1.0.0", "digest": "d", "file": "one.tar.gz"},
    "poll_wait_s": 5.0,
    "nice": 3,
}
OWN = {
    "folder": "var",
    "listen": "127.0.0.1:8440",
    "tick_s": 0.5,
    "jump": False,
    "nice": 1,
    "disk_free_mb": 100,
    "tls": {"names": ["edge.example.com"]},
}
PLACE = ["127.0.0.1", 1]
NODE_PLACE = {
    "name": "n",
    "pop": "p",
    "sessions_at": PLACE,
    "admin_at": PLACE,
    "balancer_at": PLACE,
    "folder": "/x",
}
LAB = {
    "folder": "/x",
    "url": "https://127.0.0.1:1",
    "token_file": "/x/t",
    "ca_file": "/x/c",
    "pops": [
        {
            "size": {"id": "p", "nodes": ["n"]},
            "index": 0,
            "vip": PLACE,
            "balancer_at": PLACE,
            "sites_at": PLACE,
            "nodes": [NODE_PLACE],
        }
    ],
}
FILES: dict[str, tuple[Any, Any, Any]] = {
    "agent.toml": (AGENT, toml_bytes, agent_config.read),
    "wavetrain.toml": (OWN, toml_bytes, own_config.read),
    "lab.json": (LAB, json_bytes, lambda file: open_lab.read(file.parent)),
}


@pytest.mark.parametrize("name", FILES)
def test_a_spoiled_file_is_read_or_refused(name: str, tmp_path: Path) -> None:
    sample, writer, reader = FILES[name]
    file = tmp_path / name
    file.write_bytes(writer(sample))
    reader(file)

    @bounded(EXAMPLES)
    @given(body=mutants(sample, writer))
    def property_(body: bytes) -> None:
        file.write_bytes(body)
        try:
            reader(file)
        except WavetrainError:
            return

    property_()


def _packed(description: bytes, name: str, size: int, kind: bytes, mode: int) -> bytes:
    """An archive with one more member, which says of itself what it likes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, content in (("release.json", description), ("start", b"#!/bin/sh\n")):
            info = tarfile.TarInfo(member)
            info.size, info.mode = len(content), 0o755
            archive.addfile(info, io.BytesIO(content))
        info = tarfile.TarInfo(name)
        info.size, info.type, info.mode = size, kind, mode
        with contextlib.suppress(OSError, ValueError):  # shorter than it says: what is written stays
            archive.addfile(info, io.BytesIO(b"x" * min(size, 4096)))
    return out.getvalue()


def test_a_file_that_is_large_without_its_bytes_is_refused(tmp_path: Path) -> None:
    """A sparse member of 8 GiB was laid down whole by 200 bytes of an artifact."""
    content = _packed(b'{"component": "g", "version": "1"}', "a", 2**33, tarfile.GNUTYPE_SPARSE, 0o644)
    (tmp_path / "artifact").write_bytes(gzip.compress(content))
    with pytest.raises(RefusedError, match="neither a plain file nor a folder"):
        unpack(tmp_path / "artifact", tmp_path / "inside", bytes_max=200_000)


def test_a_header_as_large_as_memory_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("x" * (HEADER_BYTES_MAX + 20_000)))
    (tmp_path / "artifact").write_bytes(gzip.compress(out.getvalue()))
    with pytest.raises(RefusedError, match="one of its headers"):
        unpack(tmp_path / "artifact", tmp_path / "inside")


NAMES = [
    "a",
    "start",
    "start/x",
    "release.json",
    "",
    ".",
    "./",
    "../x",
    "/x",
    "a/../../x",
    "a" * 300,
    "a/" * 3_000,
]
KINDS = [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.GNUTYPE_SPARSE, tarfile.CONTTYPE, b"Z"]


@bounded(EXAMPLES)
@given(
    description=mutants({"component": "gateway", "version": "1.0.0"}, json_bytes),
    name=st.sampled_from(NAMES) | st.text(max_size=20),
    size=st.sampled_from([0, 1, 4096, 10_000, 2**33, 2**60]),
    kind=st.sampled_from(KINDS),
    mode=st.sampled_from([0, 0o777, 0o7777, -1]),
    spoil=st.sampled_from(["", "", "", "cut", "byte", "gzip"]),
    at=st.integers(0, 5_000),
    byte=st.binary(min_size=1, max_size=8),
)
def test_a_spoiled_artifact_is_laid_down_inside_its_folder_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    description: bytes,
    name: str,
    size: int,
    kind: bytes,
    mode: int,
    spoil: str,
    at: int,
    byte: bytes,
) -> None:
    folder = tmp_path_factory.mktemp("artifact")
    try:
        content = _packed(description, name, size, kind, mode)
    except (ValueError, OverflowError):
        return  # cannot be said in a tar at all
    at = min(at, len(content) - 1)
    if spoil == "byte":
        content = content[:at] + byte + content[at + len(byte) :]
    content = gzip.compress(content, 1)
    if spoil == "cut":
        content = content[: min(at, len(content))]
    if spoil == "gzip":
        content = content[:at] + byte + content[at:]
    archive, inside = folder / "artifact", folder / "inside" / "new"
    archive.write_bytes(content)
    with contextlib.suppress(WavetrainError):
        unpack(archive, inside, bytes_max=200_000, members_max=50)
    assert {path.name for path in folder.iterdir()} <= {"artifact", "inside"}
    assert {path.name for path in inside.parent.iterdir()} <= {"new"}
    assert sum(path.lstat().st_size for path in inside.rglob("*") if path.is_file()) <= 200_000


class _Door:
    """Lets one connection in."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def accept(self) -> tuple[socket.socket, str]:
        return self._connection, ""


def test_a_supervisor_outlives_every_request(tmp_path: Path) -> None:
    for name in ("sockets", "slots", "logs"):
        (tmp_path / name).mkdir()
    settings = {name: str(tmp_path / name) for name in ("sockets", "slots", "logs", "shared")}
    supervisor = Supervisor({**settings, "node": "n", "listen": [], "python": "python", "stop_grace_s": 1.0})

    def said(body: bytes) -> bytes:
        mine, yours = socket.socketpair()
        with mine:
            mine.settimeout(5.0)
            mine.sendall(body + b"\n")
            mine.shutdown(socket.SHUT_WR)
            supervisor._answer(cast(socket.socket, _Door(yours)))
            return mine.makefile("rb").readline()

    @bounded(EXAMPLES)
    @given(body=mutants({"do": "start", "slot": "A", "pid": 3, "grace_s": 0.5}, json_bytes))
    def property_(body: bytes) -> None:
        said(body[:8_000])
        state = json.loads(said(b'{"do": "status"}'))
        assert (state["programs"], state["error"]) == ([], "")

    property_()
    for body in (b'{"do": "quit", "grace_s": 1e999}', b'{"do": "quit", "grace_s": %s}' % (b"9" * 400)):
        said(body)
        assert json.loads(said(b'{"do": "status"}'))["error"] == ""


STATE = {
    "pid": 3,
    "settings": {"node": "n"},
    "programs": [{"slot": "A", "pid": 4, "state": "running", "crashes": 0, "last": "", "admin": ""}],
}


class _Supervised(Supervised):
    """Reads answers that were made up."""

    line = b""

    def _exchange(self, request: dict[str, object]) -> bytes:
        return self.line


def test_whatever_a_supervisor_answers_the_agent_goes_on(tmp_path: Path) -> None:
    folders = dict.fromkeys(("slots", "shared", "sockets", "logs"), str(tmp_path))
    asking = _Supervised(Settings(node="n", listen=(), python="", stop_grace_s=1.0, **folders))
    asking.line = json_bytes(STATE)
    assert len(asking.programs()) == 1

    @bounded(EXAMPLES)
    @given(body=mutants(STATE, json_bytes))
    def property_(body: bytes) -> None:
        asking.line = body
        try:
            asking.programs()
        except WavetrainError:
            return

    property_()


STAT = """\
# pxname,svname,scur,status,check_status,check_desc,
edge,n1,3,UP,L7OK,Layer7 check passed,
edge,n2,0,DOWN,L4TOUT,,

"""
STATES = """\
1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state
3 edge 1 n1 127.0.0.1 2 0
3 edge 2 n2 127.0.0.1 0 8

"""


class _Haproxy(HaproxySocket):
    """Answers that were made up."""

    stat, states = STAT, STATES

    def ask(self, command: str) -> str:
        return self.stat if command.startswith("show stat") else self.states


OTHERS = ["", ",", '"', "\n", "\x00", "x" * 140_000, "9" * 5_000]
CUTS = st.lists(
    st.tuples(st.integers(0, 1_000), st.integers(0, 30), st.text(max_size=5) | st.sampled_from(OTHERS)),
    max_size=2,
)


def _cut(text: str, cuts: list[tuple[int, int, str]]) -> str:
    """The text with something else in a few places, each at so many thousandths of it."""
    for thousandths, gone, other in cuts:
        at = len(text) * thousandths // 1_000
        text = text[:at] + other + text[at + gone :]
    return text


def test_whatever_haproxy_answers_a_node_goes_on() -> None:
    asked = _Haproxy("/nowhere", 1.0)
    assert set(asked.servers("edge")) == {"n1", "n2"}

    @bounded(EXAMPLES)
    @given(stat=CUTS, states=CUTS)
    def property_(stat: list[tuple[int, int, str]], states: list[tuple[int, int, str]]) -> None:
        asked.stat, asked.states = _cut(STAT, stat), _cut(STATES, states)
        try:
            asked.servers("edge")
        except UnreachableError:
            return

    property_()


def test_certificates_that_are_none_are_refused_and_the_node_is_who_it_was(tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    authority = OwnAuthority(tmp_path / "control", START)
    ca_file = tmp_path / "authority.pem"
    ca_file.write_text(authority.chain())
    identity = Identity("n1", tmp_path / "node", str(ca_file))
    key = base64.b64encode(bytes(Ed25519PrivateKey.generate().public_key().public_bytes_raw())).decode()

    @bounded(EXAMPLES // 3)
    @given(cuts=CUTS, field=st.sampled_from(["certificate", "authority", "key"]))
    def property_(cuts: list[tuple[int, int, str]], field: str) -> None:
        request = identity.request()
        issued = authority.issue(NodeId("n1"), request.csr, START)
        good = Joined(certificate=issued.certificate, authority=authority.chain(), key=key)
        bad = msgspec.structs.replace(good, **{field: _cut(getattr(good, field), cuts)})
        before = identity.kept
        try:
            identity.join(request, bad, "digest")
        except UnreachableError:
            assert identity.kept == before
        again = Identity("n1", tmp_path / "node", str(ca_file))
        assert again.kept == identity.kept

    property_()
