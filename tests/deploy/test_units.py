"""The unit files are what systemd understands, and keep the promises that the agent lives by."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.docs.pages import ROOT
from tests.docs.test_readme import test_a_command_of_the_readme_is_one_that_the_program_takes as takes

DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
PROGRAM = "/opt/wavetrain/bin/wavetrain"
ANALYZE = shutil.which("systemd-analyze")
NEEDED = "systemd is not installed; install it: apt-get install systemd"


@pytest.fixture
def analyze() -> str:
    """Skipped where there is no systemd on a laptop; in CI that is a failure."""
    if ANALYZE is None:
        if os.environ.get("CI") == "true":
            pytest.fail(NEEDED)
        pytest.skip(NEEDED)
    return ANALYZE


def values(text: str, key: str) -> list[str]:
    """What a unit says under a key, in order."""
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{key}=")]


def verify(analyze: str, unit: Path, folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Have systemd read a copy whose program is there: it wants to see that it can be run."""
    copy = folder / unit.name.replace("@.", "@lis1-n1.")
    copy.write_text(text.replace(PROGRAM, "/bin/true"))
    command = [analyze, "verify", "--man=no", str(copy)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_understands_each_unit(analyze: str, unit: Path, tmp_path: Path) -> None:
    answer = verify(analyze, unit, tmp_path, unit.read_text())
    assert (answer.returncode, answer.stdout + answer.stderr) == (0, "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("RestartSec=2", "RestartSec=soon"),
        ("NoNewPrivileges", "NoNewPriviledges"),
        ("/bin/wavetrain", "/bin/wt"),
    ],
)
def test_a_planted_mistake_is_seen(analyze: str, before: str, after: str, tmp_path: Path) -> None:
    unit = DEPLOY / "wavetrain.service"
    text = unit.read_text()
    assert before in text
    answer = verify(analyze, unit, tmp_path, text.replace(before, after))
    assert answer.returncode != 0 or unit.stem in answer.stderr, answer


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_each_unit_is_confined(analyze: str, unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name.replace("@.", "@lis1-n1.")
    copy.write_text(unit.read_text().replace(PROGRAM, "/bin/true"))
    command = [analyze, "security", "--offline=true", "--threshold=35", "--no-pager", str(copy)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stdout.splitlines()[-2:]


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_what_a_unit_starts_the_program_takes(unit: Path) -> None:
    (line,) = values(unit.read_text(), "ExecStart")
    assert line.startswith(PROGRAM)
    takes(line.replace(PROGRAM, "wavetrain", 1))


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_comes_back_by_itself_for_ever_and_is_not_root(unit: Path) -> None:
    text = unit.read_text()
    assert values(text, "Restart") == ["always"]
    assert values(text, "StartLimitIntervalSec") == ["0"]
    assert values(text, "User")[0].startswith("wavetrain")
    assert values(text, "NoNewPrivileges") == ["yes"]
    assert values(text, "ProtectSystem") == ["strict"]
    assert values(text, "UMask") == ["0077"]


def test_ending_the_agent_leaves_the_programs_of_its_node_alone() -> None:
    text = (DEPLOY / "wavetrain-agent@.service").read_text()
    assert values(text, "KillMode") == ["process"]
    assert values(text, "OOMPolicy") == ["continue"]
    assert values(text, "PrivateTmp") == ["no"]


def test_the_control_plane_says_when_it_is_ready_and_that_it_still_moves() -> None:
    text = (DEPLOY / "wavetrain.service").read_text()
    assert values(text, "Type") == ["notify"]
    assert int(values(text, "WatchdogSec")[0]) >= 120, "two pauses of the slowest ticker must fit"
