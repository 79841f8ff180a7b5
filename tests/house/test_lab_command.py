"""The lab that a person keeps up, and breaks from another terminal."""

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.house.running import ONE_RING, eventually, fleet_text, setting
from typer.testing import CliRunner

from wavetrain.cli.client import Client
from wavetrain.cli.lab_house import LabHouse
from wavetrain.cli.lab_picture import Seen, picture
from wavetrain.cli.lab_stay import own_policy
from wavetrain.cli.main import app
from wavetrain.lab import open_lab
from wavetrain.lab.admin_call import ask
from wavetrain.lab.open_lab import OpenLab

pytestmark = pytest.mark.lab

SECONDS_MAX = 40


class Outside:
    """Another terminal beside a running lab."""

    def __init__(self, process: "subprocess.Popen[str]", opened: OpenLab) -> None:
        self.process = process
        self.opened = opened
        self.admin_at = {node.name: node.admin_at for node in opened.nodes}

    def lab(self, *line: str, code: int = 0) -> tuple[str, str]:
        """Type `wavetrain lab ...` for this lab's folder."""
        result = CliRunner().invoke(app, ["lab", *line, "--folder", self.opened.folder])
        assert result.exit_code == code, (line, result.output, result.exception)
        return result.stdout, result.stderr

    def health(self, node: str) -> Any:
        """What a node's gateway says of itself, in whatever health."""
        return ask(self.admin_at[node], "GET", "/healthz", statuses=(200, 503))

    def server(self, node: str) -> Any:
        """A node as its balancer sees it."""
        servers = ask(self.opened.pops[0].balancer_at, "GET", "/servers")
        return next(server for server in servers if server["node"] == node)


@contextmanager
def running_lab(folder: Path) -> Iterator[Outside]:
    """A lab of one small PoP in a process of its own, started as a script starts what it puts in the background.

    There SIGINT is ignored from the start: it must end all the same when it is told to.
    """
    fleet, policy = folder / "my-fleet.toml", folder / "my-policy.toml"
    fleet.write_text(fleet_text(["lis1"], 2))
    policy.write_text(ONE_RING)
    options = [f"--fleet={fleet}", f"--policy={policy}", f"--folder={folder}", "--json"]
    counts = ["--sites=6", "--users=1", "--stubborn=1", "--balancer=builtin", "--source=scrape"]
    in_background = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    command = [*in_background, sys.executable, "-m", "wavetrain.cli.main", "lab", *counts, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "{\n", process.stderr.read() if process.stderr else ""
            yield Outside(process, open_lab.read(folder))
        finally:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=SECONDS_MAX)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """For tests that leave it as they found it: in whatever order they run."""
    with running_lab(tmp_path_factory.mktemp("l")) as made:
        yield made


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """For a test after which the lab is another one."""
    with running_lab(tmp_path_factory.mktemp("l")) as made:
        yield made


def test_it_says_where_everything_is_and_the_commands_reach_it(outside: Outside) -> None:
    opened = outside.opened
    assert list(outside.admin_at) == ["lis1-n1", "lis1-n2"]
    environment = {
        "WAVETRAIN_URL": opened.url,
        "WAVETRAIN_CA": opened.ca_file,
        "WAVETRAIN_TOKEN": Path(opened.token_file).read_text().strip(),
    }
    shown = CliRunner().invoke(app, ["fleet", "show", "--json"], env=environment)
    assert shown.exit_code == 0, shown.stderr
    assert set(json.loads(shown.stdout)["reported"]) == set(outside.admin_at)


def test_a_killed_gateway_is_started_again_and_a_frozen_one_goes_on_when_resumed(outside: Outside) -> None:
    said, _ = outside.lab("fault", "kill", "lis1-n1", "--json")
    killed = json.loads(said)["pid"]
    eventually(
        "it is back", lambda: outside.server("lis1-n1")["up"] and outside.health("lis1-n1")["pid"] != killed
    )

    outside.lab("fault", "hang", "lis1-n2")
    eventually("the balancer sees it hang", lambda: not outside.server("lis1-n2")["up"])
    outside.lab("fault", "resume", "lis1-n2")
    eventually("it is back", lambda: outside.server("lis1-n2")["up"])


def test_a_broken_node_is_unhealthy_until_it_is_mended(outside: Outside) -> None:
    said, _ = outside.lab("fault", "break", "lis1-n1")
    assert said == "lis1-n1: break (never_healthy)\n"
    eventually("it is unhealthy", lambda: not outside.server("lis1-n1")["up"])
    outside.lab("fault", "mend", "lis1-n1")
    eventually("it is healthy", lambda: outside.server("lis1-n1")["up"])


def test_a_release_is_built_and_submitted(own: Outside) -> None:
    said, _ = own.lab("release", "2.0.0", "--kind", "degraded")
    assert said.startswith("release gateway@2.0.0 enters as a candidate")
    opened = own.opened
    with Client(opened.url, Path(opened.token_file).read_text().strip(), Path(opened.ca_file)) as client:
        assert client.get("/v1/releases/gateway@2.0.0")["release"]["notes"] == "built by the lab: degraded"


def test_checks_look_at_the_live_nodes_and_what_they_see_is_recorded_and_judged(
    outside: Outside, tmp_path: Path
) -> None:
    opened, checks = outside.opened, tmp_path / "checks.toml"
    checks.write_text(ONE_RING + '[[verdicts.metric]]\nuse = "memory"\nname = "rss"\n')
    environment = {
        "WAVETRAIN_URL": opened.url,
        "WAVETRAIN_CA": opened.ca_file,
        "WAVETRAIN_TOKEN": Path(opened.token_file).read_text().strip(),
    }
    config = ["--config", str(Path(opened.folder) / "wavetrain.toml")]

    def typed(*line: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, [*line], env=environment)
        assert result.exit_code == code, (line, result.output, result.exception)
        return result.output

    told = json.loads(typed("checks", "test", "--policy", str(checks), "--seconds", "3", "--json", *config))
    seen = {view["name"]: view for view in told["checks"]}
    errors, memory = seen["errors"], seen["rss"]
    assert (told["source"], errors["nodes"], errors["nodes_asked"]) == ("answers", 2, 2)
    assert errors["releases"][0]["exposure"] > 0
    assert errors["faults"] == memory["faults"] == []
    assert 1e6 < memory["releases"][0]["rate"] < 1e9

    checks.write_text(
        ONE_RING + '[[verdicts.metric]]\nname = "x"\nevents = "nothing_total"\nexposure = "e_total"\n'
    )
    said = typed("checks", "test", "x", "--policy", str(checks), "--seconds", "3", *config, code=4)
    assert "no node serves the counter `nothing_total`" in said

    history, lab_policy = tmp_path / "h.jsonl", str(files("wavetrain.lab") / "policy.toml")
    options = ["--policy", lab_policy, "--seconds", "5", "--every", "1", *config]
    typed("record", "-o", str(history), *options)
    assert "is there already" in typed("record", "-o", str(history), *options, code=1)
    judged = json.loads(typed("backtest", "--policy", lab_policy, "--history", str(history), "--json"))
    (row,) = judged["histories"]
    assert (row["answer"], row["nodes"], row["number"]) == ("no change in it", 2, "")
    assert row["bins"] >= 2


def test_what_is_not_there_is_refused(outside: Outside, tmp_path: Path) -> None:
    _, error = outside.lab("fault", "kill", "nowhere", code=1)
    assert "no node nowhere in this lab; it has lis1-n1, lis1-n2" in error
    _, error = outside.lab("--json", code=3)
    assert "is owned by process" in error
    nobody = CliRunner().invoke(app, ["lab", "fault", "kill", "lis1-n1", "--folder", str(tmp_path)])
    assert (nobody.exit_code, "no lab was opened in" in nobody.stderr) == (3, True)


def test_when_it_is_told_to_end_nothing_is_left_of_it_and_its_folder_can_be_opened_again(
    own: Outside,
) -> None:
    pids = [own.health(node)["pid"] for node in own.admin_at]
    own.process.send_signal(signal.SIGINT)
    assert own.process.wait(SECONDS_MAX) == 0
    eventually("its gateways are gone", lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    _, error = own.lab("fault", "kill", "lis1-n1", code=3)
    assert "does not run any more" in error
    with running_lab(Path(own.opened.folder)) as again:
        assert again.health("lis1-n1")["version"] == "1.9.0"


def test_another_fleet_is_piloted_by_its_first_pop() -> None:
    assert 'pops = ["opo1"]' in own_policy(fleet_text(["opo1", "lis1"], 2), "fleet.toml")


def test_the_table_names_each_node_with_its_sessions() -> None:
    server = {"state": "drain", "up": True, "sessions": 7}
    seen = Seen({"lis1": {"lis1-n1": server}}, {"lis1-n1": {"release": "1.9.0", "phase": "draining"}}, {}, 3)
    paper = io.StringIO()
    Console(file=paper, width=100).print(picture(seen))
    head, _, names, line = paper.getvalue().splitlines()
    assert head == "train time no control plane answers   live sessions 7   cut 3"
    assert names.split() == ["PoP", "node", "release", "phase", "traffic", "sessions"]
    assert line.split() == ["lis1", "lis1-n1", "1.9.0", "draining", "drain", "7"]


def test_a_closed_house_leaves_no_process_and_no_sockets_even_in_a_folder_with_a_long_name(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("h") / ("long" * 20)
    with LabHouse(folder, setting(sites=2, stubborn=0)) as house:
        places = list(house.lab.nodes.values())
        supervisors = [json.loads((place.sockets / "supervisor.json").read_text()) for place in places]
        assert all(len(str(place.sockets)) < 90 for place in places)
        gateways = [int(ask(place.admin_at, "GET", "/healthz")["pid"]) for place in places]
    assert len(supervisors) == 4
    for place in places:
        assert not (place.sockets / "supervisor.sock").exists()
    for pid in gateways:
        command = Path(f"/proc/{pid}/cmdline")
        assert not (command.exists() and b"wavetrain.lab.gateway" in command.read_bytes())
