"""Commands speak to open doors, print tables or JSON, and end with the right exit code."""

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.agent.servers import Door, Server
from tests.cli.conftest import Terminal
from tests.control.identities import Identity
from tests.control.practice import BYTES, DIGEST, FLEET, POLICY, ROLLOUT, pop_text
from typer.testing import CliRunner

from wavetrain.adapters.authority import OwnAuthority
from wavetrain.cli.client import Client
from wavetrain.cli.main import app
from wavetrain.control import joins, rollouts, tokens
from wavetrain.errors import ForbiddenError, RefusedError
from wavetrain.model.access import Join
from wavetrain.model.rollout import Rollout, Status
from wavetrain.wiring.clock import utc_now

MANIFEST = 'component = "gateway"\nnumber = "2.0.0"\nlane = "pop"\n[gates]\nbuild = true\ntests = true\n'
Keep = Callable[[str, str], str]


def test_a_release_is_submitted_listed_shown_and_withdrawn(terminal: Terminal, kept: Keep) -> None:
    manifest, artifact = kept("r.toml", MANIFEST), kept("r.tar", BYTES.decode())
    said = terminal.type(["release", "submit", manifest, "--artifact", artifact], "ci")
    assert said == "release gateway@2.0.0 enters as a candidate; gates: build passed, tests passed\n"
    assert terminal.ask(["release", "list"])[0]["digest"] == DIGEST
    table = terminal.type(["release", "list"]).splitlines()
    assert table[0].split() == ["RELEASE", "LANE", "STAGE", "GATES", "FIXES", "BY", "SUBMITTED"]
    assert table[1].startswith("gateway@2.0.0  pop   candidate  build ok, tests ok  -      ci")
    assert DIGEST in terminal.type(["release", "show", "gateway@2.0.0"])
    terminal.type(["release", "withdraw", "gateway@2.0.0", "--reason", "it leaks"], "anna")
    assert terminal.ask(["release", "show", "gateway@2.0.0"])["tombstone"]["reason"] == "it leaks"


def test_a_fleet_and_a_policy_are_checked_and_applied(terminal: Terminal, kept: Keep) -> None:
    fleet, policy = kept("f.toml", FLEET + pop_text("jnb1")), kept("p.toml", POLICY + "[bake]\nminutes = 5\n")
    said = terminal.type(["fleet", "check", fleet])
    assert said.splitlines()[1] == "applying it: 3 PoPs, 12 nodes; added PoP jnb1"
    assert terminal.ask(["fleet", "apply", fleet], "olga")["added"] == ["PoP jnb1"]
    assert terminal.ask(["policy", "check", policy])["is_new"]
    assert "applied" in terminal.type(["policy", "apply", policy], "anna")
    assert "jnb1-n4" in terminal.type(["fleet", "show"])
    assert "pilot" in terminal.type(["policy", "show"])
    assert terminal.type(["fleet", "adopt"], "olga") == "adopted: no node has reported; 12 silent\n"


def test_a_rollout_is_steered_and_says_why(terminal: Terminal) -> None:
    terminal.doors.house.rolling()
    assert (
        terminal.type(["rollout", "pause", ROLLOUT, "--reason", "odd"], "olga")
        == f"{ROLLOUT} is paused: odd\n"
    )
    why = terminal.type(["why", "lis1"])
    assert why.startswith("lis1 waits: the rollout is paused (odd); a person is asked to decide\n")
    assert terminal.ask(["why", ROLLOUT])["hold"]["code"] == "paused"
    assert terminal.ask(["rollout", "resume", ROLLOUT], "olga")["status"] == "rolling"
    assert terminal.ask(["rollout", "approve", ROLLOUT], "anna")["approvals"][0]["kind"] == "general"
    assert "rolling" in terminal.type(["rollout", "list"])
    picture = terminal.type(["rollout", "watch", "--once"])
    assert "lis1-n1 draining" in picture
    assert terminal.ask(["rollout", "abort", ROLLOUT, "--reason", "no"], "olga")["status"] == "stopped"
    lines = terminal.type(["journal", "--rollout", ROLLOUT]).splitlines()
    assert [line.split()[3] for line in lines[1:]] == ["olga", "olga", "anna", "olga"]
    assert len(terminal.ask(["journal", "--limit", "2"])["entries"]) == 2


@pytest.mark.parametrize(
    ("status", "code"), [(Status.COMPLETED, 0), (Status.REVERTED, 4), (Status.STOPPED, 4)]
)
def test_a_watch_ends_with_the_rollout_and_says_how(terminal: Terminal, status: Status, code: int) -> None:
    terminal.doors.house.rolling(status)
    said = terminal.type(["rollout", "watch", ROLLOUT, "--json"])
    assert (terminal.code, json.loads(said)["status"]) == (code, status.value)
    assert status.value in terminal.type(["rollout", "watch"])
    assert terminal.code == code


def test_a_watch_follows_until_the_end(terminal: Terminal) -> None:
    house = terminal.doors.house
    house.rolling()
    seen: list[str] = []
    stop = house.store.on_commit(lambda _: seen.append("commit"))
    command = [sys.executable, "-m", "wavetrain.cli.main", "rollout", "watch", ROLLOUT, "--json"]
    environment = {
        "WAVETRAIN_URL": terminal.doors.url,
        "WAVETRAIN_CA": str(terminal.doors.authority.file),
        "WAVETRAIN_TOKEN": terminal.doors.secrets["vic"],
    }
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        assert json.loads(watch.stdout.readline())["status"] == "rolling"
        with house.store.write() as transaction:
            rollout = transaction.get(Rollout, ROLLOUT)
            assert rollout is not None
            transaction.put(rollout.changed(status=Status.COMPLETED))
        assert json.loads(watch.stdout.readline())["status"] == "completed"
        assert watch.wait(20) == 0
    stop()
    assert seen == ["commit"]


def test_freezes_cordons_nodes_and_tokens(terminal: Terminal) -> None:
    span = ["--from", "2026-12-20T00:00", "--to", "2027-01-02T00:00+01:00"]
    made = terminal.ask(["freeze", "add", *span, "--reason", "holidays", "--scope", "emea"], "olga")
    assert (made["starts"], made["ends"]) == ("2026-12-20T00:00:00Z", "2027-01-01T23:00:00Z")
    assert "holidays" in terminal.type(["freeze", "list"])
    terminal.type(["freeze", "remove", made["id"]], "olga")
    assert (terminal.code, terminal.err.startswith("error: olga (operator) may not remove freezes")) == (
        1,
        True,
    )
    terminal.type(["freeze", "remove", made["id"]], "anna")
    assert terminal.ask(["freeze", "list"]) == []
    terminal.type(["pop", "cordon", "lis1", "--reason", "power"], "olga")
    assert terminal.ask(["why", "lis1"])["hold"]["code"] == "cordoned"
    terminal.type(["pop", "uncordon", "lis1"], "olga")
    assert "is retired" in terminal.type(["node", "retire", "lis1-n1", "--reason", "disk"], "olga")
    assert "is rebuilt" in terminal.type(["node", "rebuild", "lis1-n1", "--reason", "new disk"], "olga")
    secret = terminal.type(["token", "create", "eve", "--role", "viewer", "--days", "3"], "ada").strip()
    assert tokens.authenticate(terminal.doors.house.store, secret) is not None
    token = next(item for item in terminal.ask(["token", "list"], "ada") if item["name"] == "eve")
    assert "is revoked" in terminal.type(["token", "revoke", token["id"]], "ada")


def test_refusals_end_with_1_and_leave_everything_as_it_was(terminal: Terminal, kept: Keep) -> None:
    terminal.doors.house.rolling()
    before = terminal.doors.house.sequence
    for line in (
        ["release", "submit", kept("bad.toml", MANIFEST + "colour = true\n")],
        ["release", "submit", kept("good.toml", MANIFEST)],
        ["rollout", "approve", ROLLOUT],
        ["rollout", "pause", "nix", "--reason", "x"],
        ["fleet", "check", kept("f.toml", FLEET + pop_text("lis1"))],
        ["fleet", "check", "/nix/fleet.toml"],
        ["policy", "check", kept("p.toml", POLICY.replace("lis1", "nix"))],
        ["freeze", "add", "--from", "today", "--to", "tomorrow", "--reason", "x"],
        ["why", "nix"],
    ):
        assert terminal.type(line, "ci") == ""
        assert (terminal.code, terminal.err.startswith("error: ")) == (1, True), line
    assert terminal.doors.house.sequence == before


def test_a_fleet_file_is_checked_without_a_control_plane(
    kept: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = kept("f.toml", FLEET)
    good = CliRunner().invoke(app, ["fleet", "check", file])
    assert (good.exit_code, good.stdout) == (0, f"{file} is good: 1 regions, 2 PoPs, 8 nodes\n")
    bad = CliRunner().invoke(
        app, ["policy", "check", kept("p.toml", POLICY.replace("lis1", "nix")), "--fleet", file]
    )
    assert bad.exit_code == 1
    assert "line 5, ring[0].pops: the fleet has no PoP nix" in bad.stderr
    none = CliRunner().invoke(app, ["rollout", "list"])
    assert (none.exit_code, none.stderr.startswith("error: no control plane is named")) == (1, True)


def test_nobody_there_ends_with_3_and_wrong_usage_with_2(terminal: Terminal) -> None:
    terminal.type(["rollout", "list", "--url", "https://127.0.0.1:9"])
    assert (
        terminal.code,
        terminal.err.startswith("error: the control plane at https://127.0.0.1:9 does not answer"),
    ) == (
        3,
        True,
    )
    terminal.type(["rollout", "pause"])
    assert terminal.code == 2
    terminal.type(["rollout", "list", "--token", "wt_nix"])
    assert (terminal.code, "the token is unknown" in terminal.err) == (1, True)


def test_the_configuration_in_the_folder_names_the_control_plane(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address = terminal.doors.url.removeprefix("https://")
    config, control = tmp_path / "wavetrain.toml", tmp_path / "control"
    config.write_text(f'listen = "{address}"\nfolder = "control"\n')
    control.mkdir()
    (control / "admin.token").write_text(terminal.doors.secrets["vic"] + "\n")
    (control / "authority.pem").write_bytes(terminal.doors.authority.file.read_bytes())
    result = CliRunner().invoke(app, ["rollout", "list", "--json"])
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    port = address.rpartition(":")[2]
    config.write_text(f'listen = "0.0.0.0:{port}"\nfolder = "control"\n')
    assert CliRunner().invoke(app, ["rollout", "list"]).exit_code == 0
    elsewhere = CliRunner().invoke(app, ["rollout", "list", "--url", f"https://localhost:{port}"])
    assert (elsewhere.exit_code, "is not believed" in elsewhere.stderr) == (3, True)
    config.write_text(f'listen = "{address}"\nfolder = "control"\n[tls]\ncertificate = "c"\nkey = "k"\n')
    own = CliRunner().invoke(app, ["rollout", "list"])
    assert (own.exit_code, "is not believed" in own.stderr) == (3, True)


def test_a_door_that_is_not_believed_is_told_with_the_way_out(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    other = OwnAuthority(tmp_path / "control", utc_now())
    terminal.type(["rollout", "list", "--ca", str(other.file)])
    assert terminal.code == 3
    assert "is not believed" in terminal.err
    assert "authority.pem, which lies in its folder, with --ca FILE or WAVETRAIN_CA" in terminal.err
    terminal.type(["rollout", "list", "--ca", str(tmp_path / "missing.pem")])
    assert (terminal.code, "give the control plane's authority.pem with --ca" in terminal.err) == (1, True)
    terminal.type(["rollout", "list", "--url", terminal.doors.url.replace("127.0.0.1", "127.1")])
    assert (terminal.code, "add the name to [tls] names in wavetrain.toml" in terminal.err) == (3, True)


def test_a_node_is_let_in_by_a_secret_that_is_shown_once(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "join"
    terminal.type(["node", "join", "lis1-n1"], "vic")
    assert terminal.code == 1
    answer = terminal.ask(["node", "join", "lis1-n1", "--out", str(file), "--minutes", "5"], "ada")
    assert (answer["node"], answer["file"], "secret" in answer) == ("lis1-n1", str(file), False)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    second = terminal.type(["node", "join", "lis1-n1"], "ada").strip()
    assert "shown this once" in terminal.err
    store, authority = terminal.doors.house.store, terminal.doors.authority
    with pytest.raises(ForbiddenError, match="was revoked"):
        joins.joined(store, authority, file.read_text().strip(), Identity().csr)
    assert joins.joined(store, authority, second, Identity().csr).certificate
    revoked = terminal.ask(["node", "revoke", "lis1-n1", "--reason", "its disk was stolen"], "ada")
    assert revoked["certificates"] >= 1
    assert "wavetrain node join lis1-n1" in terminal.type(
        ["node", "revoke", "lis1-n1", "--reason", "again"], "ada"
    )


def test_a_door_that_is_asked_too_often_is_asked_again_when_it_says_so(tmp_path: Path) -> None:
    served_at = Door(tmp_path / "control")
    answers = [(429, b'{"error": "ask again"}'), (200, b"[]")]
    with (
        Server(lambda *_: answers.pop(0), tls=served_at.context) as server,
        Client(server.url, "secret", served_at.ca_file) as client,
    ):
        assert client.get("/v1/tokens") == []
        answers += [(429, b'{"error": "ask again"}')]
        with pytest.raises(RefusedError, match="ask again"):
            client.upload("d" * 64, served_at.ca_file)
    assert answers == []


@pytest.mark.parametrize("out", ["", "missing/join"])
def test_no_secret_is_made_where_it_could_not_be_written(
    terminal: Terminal, tmp_path: Path, out: str
) -> None:
    terminal.type(["node", "join", "lis1-n1", "--out", str(tmp_path / out)], "ada")
    assert (terminal.code, "--out" in terminal.err) == (1, True)
    with terminal.doors.house.store.read() as view:
        assert all(join.used_at is not None for join in view.find(Join, node="lis1-n1"))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8440", "http://evil.example", "ftp://127.0.0.1", "127.0.0.1:8440"]
)
def test_a_token_goes_over_tls_alone(url: str) -> None:
    with pytest.raises(RefusedError):
        Client(url, "secret")


def test_help_is_quick_because_heavy_things_are_imported_late() -> None:
    code = "import sys, wavetrain.cli.main; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("httpx", "numpy", "scipy", "sqlalchemy", "starlette", "uvicorn", "cryptography"):
        assert f"'{heavy}'" not in loaded


def test_steering_from_the_command_line_is_what_the_use_case_does(terminal: Terminal) -> None:
    terminal.doors.house.rolling()
    assert (
        terminal.ask(["rollout", "revert", ROLLOUT, "--reason", "it leaks"], "olga")["status"] == "reverting"
    )
    with terminal.doors.house.store.read() as view:
        assert rollouts.found(view, ROLLOUT).cause == "it leaks"
