"""The commands, typed beside a running house."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.house.running import Running, eventually, setting
from typer.testing import CliRunner

from wavetrain.cli.lab_house import CONTROL_PLANE, LabHouse
from wavetrain.cli.main import app
from wavetrain.lab.releases import NEVER_HEALTHY

pytestmark = pytest.mark.lab

MANIFEST = 'component = "gateway"\nnumber = "2.0.0"\nlane = "pop"\n[gates]\nbuild = true\ntests = true\n'
ROLLOUT = "gateway-2.0.0"
FEATURES = """
[[feature]]
key = "dark-mode"
summary = "Pages for the night"
owner = "console team"

[[feature]]
key = "menu"
kind = "text"
variants = { plain = "list", rich = "tiles" }
on = "rich"
off = "plain"
summary = "Menus as tiles"
owner = "console team"
needs = { releases = { gateway = "2.1.0" }, features = ["dark-mode"] }
"""


class Terminal:
    """A terminal beside a running house; `who` names the token that a command is typed with."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.house = running.house
        self.secrets = {"admin": self.house.admin_token.read_text().strip()}
        for who, roles in {
            "vic": ["viewer"],
            "cy": ["ci", "viewer"],
            "pat": ["ci", "approver", "viewer"],
            "olga": ["operator", "viewer"],
            "anna": ["approver", "viewer"],
        }.items():
            options = [part for role in roles for part in ("--role", role)]
            self.secrets[who] = self.ask(["token", "create", who, *options], "admin")["secret"]

    def type(self, line: list[str], who: str = "vic", code: int = 0) -> tuple[str, str]:
        """Type a command that ends with this exit code; what it wrote to its two outputs."""
        environment = {
            "WAVETRAIN_URL": self.house.url,
            "WAVETRAIN_CA": str(self.house.authority),
            "WAVETRAIN_TOKEN": self.secrets[who],
            "COLUMNS": "200",
        }
        result = CliRunner().invoke(app, line, env=environment)
        assert result.exit_code == code, (line, result.output, result.exception)
        return result.stdout, result.stderr

    def ask(self, line: list[str], who: str = "vic", code: int = 0) -> Any:
        """Type a command with `--json`; the last document that it wrote."""
        said, _ = self.type([*line, "--json"], who, code)
        return json.loads(said) if said.startswith(("{\n", "[")) else json.loads(said.splitlines()[-1])

    def refused(self, line: list[str], who: str, why: str) -> None:
        """Type a command that is refused."""
        said, error = self.type([*line, "--json"], who, code=1)
        assert said == ""
        assert error.startswith("error: ")
        assert why in error


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """Beside a house that is another one afterwards."""
    with LabHouse(tmp_path_factory.mktemp("h"), setting(nodes=3, sites=15)) as house:
        yield Terminal(Running(house))


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """For tests that leave the house as they found it: in whatever order they run."""
    with LabHouse(tmp_path_factory.mktemp("h"), setting(nodes=3, sites=15)) as house:
        yield Terminal(Running(house))


def file_with(terminal: Terminal, name: str, text: str) -> str:
    file: Path = terminal.house.folder / name
    file.write_text(text)
    return str(file)


def test_a_second_control_plane_on_the_same_folder_refuses_and_the_first_goes_on(terminal: Terminal) -> None:
    house = terminal.house
    owner = house.lab.processes.pid(CONTROL_PLANE)
    before = terminal.running.journal()
    second = subprocess.run(
        house.control_plane_command, capture_output=True, text=True, timeout=30, check=False
    )
    assert second.returncode == 3
    assert "store.sqlite is owned by process" in second.stderr
    assert str(owner) in second.stderr
    assert "stop that one first, or start this one on another file" in second.stderr
    assert second.stderr.startswith("error: ")
    assert len(second.stderr.splitlines()) == 1
    assert terminal.running.journal() == before
    assert CONTROL_PLANE not in house.lab.processes.ended()


def test_every_command_answers_programs(terminal: Terminal) -> None:
    house = terminal.house
    fleet = file_with(terminal, "f.toml", house.setting.fleet)
    policy = file_with(terminal, "p.toml", house.setting.policy)
    checked = terminal.ask(["fleet", "check", fleet])
    assert (checked["good"], checked["nodes"], checked["added"]) == (True, 3, [])
    assert set(terminal.ask(["fleet", "show"])["reported"]) == set(house.lab.nodes)
    assert terminal.ask(["fleet", "apply", fleet], "olga")["changed"] == []
    assert terminal.ask(["fleet", "adopt"], "olga")["text"].startswith("adopted: 3 run 1.9.0")
    assert not terminal.ask(["policy", "check", policy])["is_new"]
    assert not terminal.ask(["policy", "apply", policy], "anna")["is_new"]
    assert terminal.ask(["policy", "show"])["pop"]["rings"][0]["name"] == "world"

    span = ["--from", "2030-12-20T00:00", "--to", "2031-01-02T00:00"]
    freeze = terminal.ask(["freeze", "add", *span, "--reason", "holidays", "--id", "xmas"], "olga")
    assert terminal.ask(["freeze", "list"]) == [freeze]
    assert terminal.ask(["freeze", "remove", "xmas"], "anna") == {"removed": "xmas"}
    assert terminal.ask(["pop", "cordon", "lis1", "--reason", "power"], "olga")["subject"] == "lis1"
    assert terminal.ask(["why", "lis1"])["hold"]["code"] == "cordoned"
    assert terminal.ask(["pop", "uncordon", "lis1"], "olga") == {"uncordoned": "lis1"}
    assert terminal.ask(["why", "lis1-n1"])["hold"] is None

    features = file_with(terminal, "features.toml", FEATURES)
    assert terminal.ask(["feature", "check", features]) == {"good": True, "features": ["dark-mode", "menu"]}
    assert terminal.ask(["feature", "add", features], "olga")["added"] == ["dark-mode", "menu"]
    assert "nothing changes" in terminal.type(["feature", "add", features], "olga")[0]
    ramp = terminal.ask(["feature", "ramp", "menu", "--step", "0:25", "--step", "24:100"], "olga")
    assert (ramp["status"], ramp["share"]) == ("rolling out", 0.25)
    assert terminal.ask(["feature", "pause", "menu", "--reason", "an alert"], "olga")["status"] == "paused"
    assert terminal.ask(["feature", "resume", "menu", "--reason", "quiet"], "olga")["status"] == "rolling out"
    assert terminal.ask(["feature", "off", "menu", "--reason", "it blinks"], "olga")["share"] == 0
    shown, _ = terminal.type(["feature", "show", "menu"])
    assert "by olga: it blinks" in shown
    assert [item["status"] for item in terminal.ask(["feature", "list"])] == ["announced", "off"]
    terminal.refused(["feature", "ramp", "menu", "--step", "noon"], "olga", "give HOURS:PERCENT")
    terminal.refused(["feature", "off", "nothing", "--reason", "x"], "olga", "there is no feature nothing")
    terminal.refused(["feature", "off", "menu", "--reason", "x"], "vic", "may not")

    made = terminal.ask(["token", "create", "eve", "--role", "viewer", "--days", "1"], "admin")
    assert made["token"]["id"] in [item["id"] for item in terminal.ask(["token", "list"], "admin")]
    assert terminal.ask(["token", "revoke", made["token"]["id"]], "admin")["revoked"]
    journal = terminal.ask(["journal", "--limit", "5"])["entries"]
    assert len(journal) == 5
    assert [line["seq"] for line in journal] == sorted(line["seq"] for line in journal)

    terminal.refused(
        ["why", "nowhere"], "vic", "there is no PoP, node, site, account, rollout or release nowhere"
    )
    terminal.refused(["release", "show", "gateway@9"], "vic", "gateway@9")
    terminal.refused(["rollout", "watch", "nowhere"], "vic", "there is no rollout nowhere")
    terminal.refused(["pop", "cordon", "nowhere", "--reason", "x"], "olga", "nowhere")
    terminal.refused(["node", "retire", "nowhere", "--reason", "x"], "olga", "nowhere")
    terminal.refused(["freeze", "remove", "nowhere"], "anna", "nowhere")
    terminal.refused(["token", "revoke", "nowhere"], "admin", "nowhere")
    terminal.refused(["token", "list"], "vic", "may not make and revoke tokens")
    terminal.refused(["policy", "apply", policy], "olga", "may not apply policies")


def test_a_release_that_never_gets_healthy_goes_back_with_its_canary_and_is_never_offered_again(
    own: Terminal,
) -> None:
    house, running = own.house, own.running
    artifact = str(house.release("2.0.0", NEVER_HEALTHY).path)
    manifest = file_with(own, "r.toml", MANIFEST)
    own.refused(["release", "submit", manifest, "--artifact", artifact], "vic", "may not submit")
    own.ask(["release", "submit", manifest, "--artifact", artifact], "pat")
    eventually("it has a rollout", lambda: running.rollout(ROLLOUT))
    own.refused(["rollout", "pause", ROLLOUT, "--reason", "x"], "cy", "cy (ci, viewer) may not")
    own.refused(["rollout", "approve", ROLLOUT], "pat", "nobody approves their own request")
    assert own.ask(["rollout", "approve", ROLLOUT], "anna")["approvals"][0]["by"] == "anna"
    assert own.ask(["rollout", "list"])[0]["id"] == ROLLOUT
    assert own.ask(["release", "list"])[0]["submitted_by"] == "pat"

    over = own.ask(["rollout", "watch", ROLLOUT], code=4)
    assert over["status"] == "reverted"
    assert over["cause"].startswith("canary ")
    (canary,) = [line["subject"] for line in running.journal(ROLLOUT, "admit")]
    assert running.begins("2.0.0") == {node: int(node == canary) for node in house.lab.nodes}
    assert set(running.running().values()) == {"1.9.0"}
    assert "2.0.0" in own.ask(["release", "show", "gateway@2.0.0"])["tombstone"]["release"]
    assert own.ask(["why", "gateway@2.0.0"])["hold"]["code"] == "tombstoned"
    assert own.ask(["why", canary])["hold"]["code"] == "quarantined"
    running.assert_nothing_was_cut()

    assert own.ask(["node", "rebuild", canary, "--reason", "looked at"], "olga")["node"] == canary
    assert own.ask(["node", "retire", canary, "--reason", "for good"], "olga")["node"] == canary
    own.refused(["rollout", "pause", ROLLOUT, "--reason", "x"], "olga", "it is over")
