"""The doctor: every fault is found, said with its way out, and none of them breaks the doctor."""

import json
import os
import socket
import sqlite3
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.control.practice import APPROVER, BYTES, CI, DIGEST, FLEET, OPERATOR, POLICY
from tests.databases import Databases
from tests.docs.pages import DOCS, tables
from tests.wiring.test_checks import certificate

from wavetrain.adapters.artifact_store import ArtifactStore
from wavetrain.adapters.signing_key import SigningKey
from wavetrain.adapters.sql_store import SqlStore
from wavetrain.agent import config as agent_config
from wavetrain.control import fleets, policies, submit, tokens
from wavetrain.decide.admission import Candidate
from wavetrain.lab.layout import free_port
from wavetrain.model.access import Certificate, Role, Token
from wavetrain.model.fleet import Generation, NodeId, Phase, Pop, PopId, Reported
from wavetrain.model.notice import Alert, AlertKind, Delivery, Outgoing
from wavetrain.model.standstill import Cause, Standstill
from wavetrain.wire.fleet_file import read_fleet
from wavetrain.wire.policy_file import read_policy
from wavetrain.wiring import config as own_config
from wavetrain.wiring import (
    doctor,
    doctor_door,
    doctor_folder,
    doctor_machine,
    doctor_node,
    doctor_store,
)
from wavetrain.wiring.findings import Finding, Installation, Station, listed
from wavetrain.wiring.handover import Reception

NOW = datetime.now(UTC)
Check = Callable[[Installation], Iterable[Finding]]


class House:
    """A control plane's folder, made by the real parts."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "wavetrain.toml"
        self.file.write_text(f'listen = "127.0.0.1:{free_port()}"\n')
        config, self.folder = own_config.load(self.file)
        self.of = Installation(config=config, folder=self.folder, now=NOW)
        self.store = SqlStore(self.folder / "store.sqlite", exclusive=True, holder="the test")
        self.store.take("the test")
        SigningKey(self.folder / "signing.key")

    def fill(self) -> None:
        """A fleet, rules, a release with its bytes, and an admin's token."""
        artifacts = ArtifactStore(self.folder / "artifacts")
        fleets.apply(self.store, OPERATOR, read_fleet(FLEET, NOW))
        policies.apply(self.store, APPROVER, read_policy(POLICY))
        submit.keep(artifacts, CI, DIGEST, [BYTES])
        candidate = Candidate(
            component="gateway", number="2.0.0", lane="pop", digest=DIGEST, size=len(BYTES), gates={}
        )
        submit.submit(self.store, artifacts, CI, candidate)
        tokens.ensure_first(self.store)

    def asked(self, check: Check, **config: object) -> list[Finding]:
        """What one check finds."""
        of = msgspec.structs.replace(self.of, config=msgspec.structs.replace(self.of.config, **config))
        return list(check(of))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    try:
        yield made
    finally:
        made.store.close()


def only(findings: Iterable[Finding], state: str, says: str, way_out: str = "") -> None:
    """One finding, with what it says and how one gets out."""
    found = list(findings)
    assert [item.state for item in found] == [state], found
    assert says in f"{found[0].thing} {found[0].rule}", found
    assert way_out in found[0].way_out, found
    if state in ("warn", "fail"):
        assert found[0].rule, found
        assert found[0].way_out, found


def test_a_whole_installation_is_well_while_a_control_plane_owns_its_store(house: House) -> None:
    house.fill()
    report = doctor.examine(house.file, None)
    states = {item.check: item.state for item in report.findings}
    assert report.healthy
    assert [states[name] for name in ("configuration", "folder", "disk", "store", "fleet", "policy")] == [
        "ok"
    ] * 6
    assert [states[name] for name in ("tokens", "artifacts", "standstill", "door")] == ["ok"] * 4
    assert states["nodes"] == "warn"
    assert list(states) == [*doctor.MACHINE, "configuration", *doctor.CONTROL_PLANE]


def test_looking_changes_nothing(house: House) -> None:
    house.fill()

    def seen() -> tuple[object, object]:
        with house.store.read() as view:
            return view.sequence, sorted(path for path in house.folder.rglob("*"))

    before = seen()
    doctor.examine(house.file, None)
    assert seen() == before


def test_before_the_first_start_nothing_is_made_and_nothing_is_broken(tmp_path: Path) -> None:
    file = tmp_path / "wavetrain.toml"
    file.write_text(f'listen = "127.0.0.1:{free_port()}"\n')
    report = doctor.examine(file, None)
    assert report.healthy
    assert {item.state for item in report.findings if item.check in ("tokens", "artifacts", "keys")} == {
        "skip"
    }
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "does not exist"),
        (b"folder = \n", "not TOML"),
        (b"\xff\xfe", "not TOML"),
        (b'surprise = "x"\n', "surprise"),
        (b'listen = "127.0.0.1:99999"\n', "ADDRESS:PORT"),
        (b'log = "loud"\n', "log"),
    ],
)
def test_a_broken_configuration_is_said_and_what_hangs_on_it_is_not_looked_at(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    file = tmp_path / "wavetrain.toml"
    if content is not None:
        file.write_bytes(content)
    report = doctor.examine(file, file)
    assert not report.healthy
    by_check = {item.check: item for item in report.findings}
    assert says in by_check["configuration"].rule
    assert by_check["configuration"].way_out
    assert {by_check[name].state for name in doctor.CONTROL_PLANE} == {"skip"}
    assert by_check["agent configuration"].state == "fail"
    assert {by_check[name].state for name in doctor.NODE} == {"skip"}


def test_a_folder_in_the_place_of_every_file_breaks_nothing(tmp_path: Path) -> None:
    names = ("wavetrain.toml", "agent.toml")
    for name in names:
        (tmp_path / name).mkdir()
    assert not doctor.examine(tmp_path / names[0], tmp_path / names[1]).healthy
    whole = House(tmp_path / "wavetrain.toml")
    whole.store.close()
    for name in ("store.sqlite", "signing.key", "door.pem", "authority.pem", "artifacts", "admin.token"):
        target = whole.folder / name
        if target.is_file():
            target.unlink()
        target.mkdir(exist_ok=True)
    report = doctor.examine(whole.file, None)
    assert not report.healthy
    assert not [item for item in report.findings if "nobody foresaw" in item.way_out], report


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on() -> None:
    def breaks() -> Iterator[Finding]:
        yield Finding(check="x", state="ok", thing="the first half")
        raise KeyError("surprise")

    found = doctor._looked("x", breaks)
    assert [item.state for item in found] == ["ok", "fail"]
    assert "surprise" in found[1].rule


def test_an_older_python_is_refused() -> None:
    only(doctor_machine.python((3, 10)), "fail", "3.11 or newer", "newer Python")
    only(doctor_machine.python((3, 12)), "ok", "3.12")


def test_other_versions_than_the_pinned_ones_are_said(tmp_path: Path) -> None:
    pinned = tmp_path / "run.txt"
    pinned.write_text("msgspec==0.0.1 \\\n    --hash=sha256:00\nstarlette==0.0.2 ; python_version < '3'\n")
    only(doctor_machine.libraries(pinned), "warn", "not 0.0.1", "pip install --require-hashes")
    only(doctor_machine.libraries(tmp_path / "none"), "ok", "libraries")


def test_a_machine_without_time_zones_is_refused() -> None:
    def load(name: str) -> object:
        raise KeyError(name)

    only(doctor_machine.zones(load), "fail", "time zones", "tzdata")


def test_a_clock_that_was_never_set_or_that_nothing_keeps_is_said() -> None:
    unset = datetime(1970, 1, 1, tzinfo=UTC)
    only(doctor_machine.clock(lambda: unset, lambda: 0), "fail", "1970", "chrony")
    only(
        doctor_machine.clock(lambda: NOW, lambda: doctor_machine.UNSYNCHRONISED), "warn", "keeps it", "chrony"
    )
    only(doctor_machine.clock(lambda: NOW, lambda: 0), "ok", "kept")
    only(doctor_machine.clock(lambda: NOW, lambda: None), "skip", "kernel")
    assert doctor_machine.kernel_state() in {None, 0, 1, 2, 3, 4, 5}


def test_a_folder_that_others_may_look_into_is_said(house: House) -> None:
    house.folder.chmod(0o755)
    only(house.asked(doctor_folder.folder), "warn", "0755", f"chmod 700 {house.folder}")
    house.folder.chmod(0o700)
    only(house.asked(doctor_folder.folder), "ok", "0700")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused(house: House) -> None:
    house.folder.chmod(0o500)
    try:
        only(house.asked(doctor_folder.folder), "fail", "read and write", "chown")
    finally:
        house.folder.chmod(0o700)


def test_a_secret_that_others_may_read_or_that_is_gone_is_refused(house: House) -> None:
    key = house.folder / "signing.key"
    key.write_text("secret")
    key.chmod(0o640)
    only(house.asked(doctor_folder.keys), "fail", "signing.key", f"chmod 600 {key}")
    key.chmod(0o600)
    only(house.asked(doctor_folder.keys), "ok", "1 secret")
    key.unlink()
    first, *_ = house.asked(doctor_folder.keys)
    assert (first.state, "backup" in first.way_out) == ("fail", True)


def test_a_full_disk_is_refused_and_a_nearly_full_one_said(house: House) -> None:
    only(house.asked(doctor_folder.disk, disk_free_mb=10**6), "fail", "disk_free_mb", "free some space")
    free = os.statvfs(house.folder)
    nearly = free.f_bavail * free.f_frsize // (2 * 1024 * 1024)
    only(house.asked(doctor_folder.disk, disk_free_mb=nearly), "warn", "distance", "before it is needed")


@pytest.mark.parametrize(
    ("days", "state"), [((-9, 9), "ok"), ((-9, 0.5), "warn"), ((-9, -1), "fail"), ((1, 9), "fail")]
)
def test_a_certificate_that_ends_is_said(house: House, days: tuple[float, float], state: str) -> None:
    begins, ends = (NOW + timedelta(days=day) for day in days)
    certificate(house.folder / "door.pem", begins, ends)
    only(house.asked(doctor_folder.certificates), state, "door.pem")


def test_what_is_no_certificate_is_refused(house: House) -> None:
    (house.folder / "authority.pem").write_text("-----BEGIN CERTIFICATE-----\nno\n")
    only(house.asked(doctor_folder.certificates), "fail", "PEM")


@pytest.mark.parametrize(
    ("status", "body", "says", "way_out"),
    [
        (200, b"hi", "not as a control plane", "change listen"),
        (200, b'{"checks": 3}', "not as a control plane", "change listen"),
        (
            503,
            b'{"ready": false, "checks": [{"name": "disk", "ok": false, "text": "1 MB is free"}]}',
            "disk: 1 MB is free",
            "log",
        ),
    ],
)
def test_what_holds_the_port_and_is_not_ready_or_no_control_plane_is_said(
    house: House, status: int, body: bytes, says: str, way_out: str
) -> None:
    answer = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with answering(house.folder / doctor_door.AUTHORITY, answer) as listen:
        only(house.asked(doctor_door.door, listen=listen), "fail", says, way_out)


def test_a_stranger_on_the_port_is_not_believed(house: House, tmp_path: Path) -> None:
    certificate(house.folder / doctor_door.AUTHORITY, NOW - timedelta(days=1), NOW + timedelta(days=1))
    body = b'{"ready": true, "checks": []}'
    answer = f"HTTP/1.1 200 X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with answering(tmp_path / "another.pem", answer) as listen:
        only(house.asked(doctor_door.door, listen=listen), "fail", "CERTIFICATE_VERIFY_FAILED", "end what")
    with answering(house.folder / "given.pem", answer) as listen:
        given = own_config.TlsConfig(certificate="given.pem", key="given.pem.own")
        only(house.asked(doctor_door.door, listen=listen, tls=given), "ok", "is ready")


@contextmanager
def answering(file: Path, text: bytes) -> Iterator[str]:
    """A server with the certificate that it writes into `file` answers once, if it is believed."""
    certificate(file, NOW - timedelta(days=1), NOW + timedelta(days=1))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, file.with_name(f"{file.name}.own"))

    def answer() -> None:
        # Who does not believe the certificate hangs up: that is what is tested.
        with suppress(ssl.SSLError, ConnectionError):
            _answer(door, text, context)

    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"127.0.0.1:{door.getsockname()[1]}"
        thread.join(10.0)


def _answer(door: socket.socket, text: bytes, context: ssl.SSLContext | None = None) -> None:
    door.settimeout(10.0)
    connection, _ = door.accept()
    with connection if context is None else context.wrap_socket(connection, server_side=True) as spoken:
        spoken.recv(4096)
        spoken.sendall(text)


def test_an_address_that_this_machine_has_not_is_refused(house: House) -> None:
    only(house.asked(doctor_door.door, listen="192.0.2.7:8440"), "fail", "EADDRNOTAVAIL", "correct listen")


def test_a_store_of_another_program_of_another_schema_or_of_rubbish_is_refused(house: House) -> None:
    house.store.close()
    file = house.folder / "store.sqlite"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE meta SET schema = 999")
    first, *_ = house.asked(doctor_store.store)
    assert first.state == "fail"
    assert "999" in first.thing
    for left in house.folder.glob("store.sqlite*"):
        left.unlink()
    file.write_bytes(b"this is no database" * 1000)
    only(house.asked(doctor_store.store), "fail", "not a database", "backup")
    only(house.asked(doctor_store.tokens), "skip", "store")
    file.unlink()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE other (x)")
    only(house.asked(doctor_store.store), "fail", "tables", "another place")
    file.unlink()
    only(house.asked(doctor_store.store), "warn", "not there", "wavetrain up")


def test_a_damaged_store_is_refused(house: House) -> None:
    house.fill()
    house.store.close()
    file = house.folder / "store.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = connection.execute("PRAGMA page_size").fetchone()[0]
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'pop'").fetchone()[0]
    content = bytearray(file.read_bytes())
    content[(root - 1) * page : (root - 1) * page + 200] = b"\xff" * 200
    file.write_bytes(content)
    found = house.asked(doctor_store.store)
    assert [item.state for item in found] == ["fail"]
    assert "backup" in found[0].way_out
    assert doctor._looked("fleet", lambda: house.asked(doctor_store.fleet))[0].state in ("fail", "skip")


def test_a_store_on_a_server_is_looked_at_and_its_password_is_not_shown(
    house: House, databases: Databases
) -> None:
    url = databases.fresh()
    only(house.asked(doctor_store.store, store=url), "fail", "tables")
    with closing(SqlStore(url)) as store:
        fleets.apply(store, OPERATOR, read_fleet(FLEET, NOW))
        only(_now(house, url, timedelta(0)), "ok", "its clock agrees")
        only(_now(house, url, timedelta(hours=1)), "warn", "-3600 s off", "NTP")
        only(house.asked(doctor_store.fleet, store=url), "ok", "2 PoPs, 8 nodes")
    away = "postgresql://ana:hunter2@127.0.0.1:1/wavetrain"
    (found,) = house.asked(doctor_store.store, store=away)
    assert found.state == "fail"
    assert "hunter2" not in repr(found)


def _now(house: House, url: str, later: timedelta) -> list[Finding]:
    """What the check says of the store when this machine's clock is so far ahead."""
    config = msgspec.structs.replace(house.of.config, store=url)
    of = msgspec.structs.replace(house.of, config=config, now=datetime.now(UTC) + later)
    return list(doctor_store.store(of))


def test_a_time_zone_that_is_not_known_here_is_refused(house: House) -> None:
    house.fill()
    with house.store.write() as transaction:
        pop = transaction.get(Pop, "lis1")
        assert pop is not None
        transaction.put(pop.changed(zone="Atlantis/Center"))
    only(house.asked(doctor_store.fleet), "fail", "Atlantis/Center", "tzdata")


def test_an_empty_store_needs_a_fleet_and_rules(house: House) -> None:
    only(house.asked(doctor_store.fleet), "warn", "no PoP", "wavetrain fleet apply")
    only(house.asked(doctor_store.policy), "warn", "no lane", "wavetrain policy apply")
    house.fill()
    only(house.asked(doctor_store.policy), "ok", "pop")


def test_nodes_that_were_never_heard_of_or_whose_clock_is_off_are_named(house: House) -> None:
    house.fill()
    with house.store.write() as transaction:
        transaction.put(reported("lis1-n1"))
        transaction.put(reported("lis1-n2", 90.0))
    silent, off = house.asked(doctor_store.nodes)
    assert "lis1-n3" in silent.thing
    assert "lis1-n1" not in silent.thing
    assert "doctor --agent" in silent.way_out
    assert off.thing == "lis1-n2 (+90 s)"


def test_a_node_whose_certificate_is_not_good_is_named(house: House) -> None:
    house.fill()
    with house.store.write() as transaction:
        for name in ("lis1-n1", "lis1-n2", "lis1-n3"):
            transaction.put(reported(name))
            transaction.put(
                Certificate(
                    serial=name,
                    node=NodeId(name),
                    not_before=NOW - timedelta(hours=20),
                    not_after=NOW + timedelta(hours=-1 if name == "lis1-n2" else 4),
                    by="t",
                    revoked=name == "lis1-n3",
                )
            )
    only(house.asked(doctor_store.node_certificates), "warn", "lis1-n2, lis1-n3:", "wavetrain node join")


def reported(node: str, clock_off_s: float = 0.0) -> Reported:
    """What a node said."""
    return Reported(
        node=NodeId(node),
        pop=PopId("lis1"),
        generation=Generation(1, 0),
        release="2.0.0",
        phase=Phase.STEADY,
        since=NOW,
        clock_off_s=clock_off_s,
    )


def test_a_standstill_is_said(house: House) -> None:
    with house.store.write() as transaction:
        transaction.put(Standstill(cause=Cause.CLOCK, since=NOW, detail="stepped by an hour"))
    only(house.asked(doctor_store.standstill), "warn", "stepped by an hour", "standstill show")


def test_tokens_that_end_soon_are_named_and_without_an_admin_nobody_can_make_more(house: House) -> None:
    secret = tokens.create(house.store, tokens.HOUSE, "ci-main", [Role.CI], days=5)[1]
    found = house.asked(doctor_store.tokens)
    assert [item.state for item in found] == ["fail", "warn"]
    assert "ci-main" in found[1].thing
    assert secret not in repr(found)
    tokens.ensure_first(house.store)
    with house.store.write() as transaction:
        transaction.put(
            Token(
                id="t-1",
                name="admin",
                roles=(Role.ADMIN,),
                secret_sha256="0" * 64,
                created_at=NOW,
                created_by="x",
            )
        )
    only(house.asked(doctor_store.tokens), "warn", "ci-main", "wavetrain token create")


def test_a_release_whose_bytes_are_gone_or_cut_is_named(house: House) -> None:
    house.fill()
    only(house.asked(doctor_store.artifacts), "ok", "1 releases")
    kept = house.folder / "artifacts" / DIGEST[:2] / DIGEST
    kept.write_bytes(BYTES[:-1])
    only(house.asked(doctor_store.artifacts), "fail", "gateway@2.0.0", "submit")
    kept.unlink()
    only(house.asked(doctor_store.artifacts), "fail", "gateway@2.0.0", "submit")


def letter(channel: str, state: Delivery) -> Outgoing:
    """An alert on its way."""
    alert = Alert(
        id="a-1", kind=AlertKind.TEST, subject="x", title="x", since=NOW, why="x", command="wavetrain why x"
    )
    return Outgoing(
        id="a-1",
        channel=channel,
        state=state,
        alert=alert,
        made_at=NOW,
        queued_at=1.0,
        due_at=1.0,
        answer="410",
    )


def test_an_alert_that_was_given_up_is_said(house: House) -> None:
    with house.store.write() as transaction:
        transaction.put(letter("chat", Delivery.WAITING))
    only(house.asked(doctor_store.alerts), "ok", "1 wait")
    with house.store.write() as transaction:
        transaction.put(letter("mail", Delivery.DEAD))
    only(house.asked(doctor_store.alerts), "warn", "given up by mail: 410", "wavetrain alert retry a-1")


def test_long_lists_are_cut() -> None:
    assert listed([str(index) for index in range(12)]).endswith("9 and 2 more")
    assert listed(["a"]) == "a"


AGENT: dict[str, object] = {
    "node": "lis1-n1",
    "pop": "lis1",
    "key_file": "signing.pub",
    "join_file": "join",
    "ca_file": "authority.pem",
    "folder": "state",
    "installer": {
        "kind": "command",
        "stage": ["/bin/true"],
        "switch": ["/bin/true"],
        "back": ["/bin/true"],
        "current": ["/nowhere/current"],
    },
    "probe": {"kind": "tcp", "address": "127.0.0.1:9"},
    "traffic": {"kind": "none"},
}


def toml(value: object) -> str:
    """A value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(item)}" for name, item in value.items()) + " }"
    return json.dumps(value)


def station(folder: Path, url: str, **values: object) -> Station:
    """A node's agent; it takes the keys that its configuration has now."""
    known = {field.name for field in msgspec.structs.fields(agent_config.Config)}
    text = {name: value for name, value in {**AGENT, **values}.items() if name in known}
    file = folder / "agent.toml"
    said = {**text, "control_plane": url}
    file.write_text("".join(f"{name} = {toml(value)}\n" for name, value in said.items()))
    return Station(config=agent_config.read(file), now=NOW)


def test_what_a_node_lacks_is_named(tmp_path: Path) -> None:
    of = station(tmp_path, f"https://127.0.0.1:{free_port()}")
    only(doctor_node.folder(of), "warn", "not there", "wavetrain agent")
    missing, *_ = doctor_node.keys(of)
    assert missing.state == "fail"
    assert "signing.pub" in missing.thing
    assert "authority.pem" in missing.thing
    only(doctor_node.programs(of), "fail", "/nowhere/current", "install it")
    only(doctor_node.traffic(of), "skip", "nothing to look at")
    (away,) = doctor._looked("agent control plane", lambda: doctor_node.control_plane(of))
    assert away.state == "fail"
    assert away.way_out


def test_a_join_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    for name in ("signing.pub", "authority.pem", "join"):
        (tmp_path / name).write_text("x")
    (tmp_path / "join").chmod(0o644)
    only(doctor_node.keys(station(tmp_path, "https://127.0.0.1:1")), "fail", "join", "chmod 600")
    (tmp_path / "join").chmod(0o600)
    only(doctor_node.keys(station(tmp_path, "https://127.0.0.1:1")), "ok", "1 secret")


def test_a_clock_that_disagrees_with_the_control_planes_is_said(tmp_path: Path) -> None:
    certificate(tmp_path / "authority.pem", NOW, NOW + timedelta(days=1))
    answer = b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 2\r\n\r\n{}"
    with socket.create_server(("127.0.0.1", 0)) as other:
        thread = threading.Thread(target=lambda: _answer(other, answer))
        thread.start()
        of = station(tmp_path, f"http://127.0.0.1:{other.getsockname()[1]}")
        only(doctor_node.control_plane(of), "warn", "clock", "NTP")
        thread.join(10.0)


def test_haproxy_that_is_away_is_said(tmp_path: Path) -> None:
    place = {"kind": "haproxy", "socket": str(tmp_path / "none.sock"), "backend": "gateways"}
    only(doctor_node.traffic(station(tmp_path, "https://127.0.0.1:1", traffic=place)), "fail", "HAProxy", "")


def test_a_node_that_neither_joined_nor_can_is_refused(tmp_path: Path) -> None:
    of = station(tmp_path, "https://127.0.0.1:1")
    only(doctor_node.certificate(of), "fail", "join secret", "wavetrain node join lis1-n1")
    Path(of.config.folder).mkdir()
    file = Path(of.config.folder) / "node.pem"
    certificate(file, NOW - timedelta(hours=20), NOW + timedelta(hours=4))
    only(doctor_node.certificate(of), "warn", "5 h", "wavetrain node join lis1-n1")
    certificate(file, NOW - timedelta(hours=25), NOW - timedelta(hours=1))
    only(doctor_node.certificate(of), "fail", "valid now", "wavetrain node join lis1-n1")
    file.chmod(0o644)
    assert any("node.pem" in item.thing and item.state == "fail" for item in doctor_node.keys(of))


def test_the_documents_list_every_check_with_its_own_sentence() -> None:
    told = {row[0].strip("`"): row[1] for row in tables((DOCS / "health.md").read_text())["wavetrain doctor"]}
    every = {**doctor.MACHINE, **doctor.CONTROL_PLANE, **doctor.NODE}
    assert told.keys() == {*every, "configuration", "agent configuration"}
    for name, check in every.items():
        assert told[name] == " ".join((check.__doc__ or "").split()), name


def test_whether_the_next_release_can_take_over_is_said_where_one_runs(house: House) -> None:
    only(house.asked(doctor_door.take_over), "ok", "no control plane runs here")
    reception = Reception(house.folder, lambda successor: successor.refuse("no"))
    reception.open()
    with socket.create_server(("127.0.0.1", 0)) as door:
        listen = f"127.0.0.1:{door.getsockname()[1]}"
        only(house.asked(doctor_door.take_over, listen=listen), "ok", "the next release can take over")
        reception.close()
        only(
            house.asked(doctor_door.take_over, listen=listen),
            "warn",
            "does not answer at handover.sock",
            "stop it",
        )


def test_a_store_that_a_newer_release_has_expanded_is_this_ones_until_it_is_contracted(house: House) -> None:
    house.fill()
    meta = house.folder / "store.sqlite"
    with closing(sqlite3.connect(meta)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9998'")
    only(house.asked(doctor_store.store), "ok", "")
    with closing(sqlite3.connect(meta)) as connection, connection:
        connection.execute("UPDATE meta SET schema = 9998")
    assert next(iter(house.asked(doctor_store.store))).state == "fail"
