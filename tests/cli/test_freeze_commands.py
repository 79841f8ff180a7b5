"""Freeze files and fleet files are looked at without a control plane; bad input ends with one line and exit code 1."""

import json
from pathlib import Path

import pytest
from tests.control.practice import FLEET
from typer.testing import CliRunner

from wavetrain.cli.main import app

CALENDAR = 'name = "ops"\n[[freeze]]\nid = "q"\nreason = "quarter end"\nevery = "quarter-end"\n'


def said(*line: str) -> tuple[str, int]:
    result = CliRunner().invoke(app, list(line), env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.output, result.exit_code


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "freezes.toml"
    path.write_text(CALENDAR)
    return path


def test_a_freeze_file_is_checked_without_a_control_plane(file: Path) -> None:
    text, code = said("freeze", "check", str(file))
    assert code == 0
    assert "(local days)" in text
    listed, code = said("freeze", "check", str(file), "--json")
    assert code == 0
    assert len(json.loads(listed)) in (8, 9)


@pytest.mark.parametrize(
    ("text", "more", "says"),
    [
        (CALENDAR.replace("quarter-end", "fortnight"), (), "line 2, freeze[0]: rule fortnight is not a list"),
        (CALENDAR, ("--until", "soon"), "error: --until soon is no day; give one like 2027-12-31"),
        (CALENDAR, ("--until", "2001-01-01"), "error: --until 2001-01-01 is not possible; give a day from"),
        ("\x00", (), "is not TOML"),
    ],
)
def test_a_fault_of_a_freeze_file_is_said_in_words(
    file: Path, text: str, more: tuple[str, ...], says: str
) -> None:
    file.write_text(text)
    printed, code = said("freeze", "check", str(file), *more)
    assert (code, says in printed) == (1, True), printed


def test_a_file_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    assert "cannot be read" in said("freeze", "check", str(tmp_path / "none.toml"))[0]


def test_a_fleet_file_is_surveyed_without_a_control_plane(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.toml"
    fleet.write_text(FLEET)
    assert said("readiness", "--fleet", str(fleet)) == (
        "no sites are known here; name them in the fleet file: [[site]]\n",
        0,
    )
    text, code = said("readiness", "--fleet", str(fleet), "--pop", "mars")
    assert (code, "has no PoP mars; give one that it names" in text) == (1, True)
    text, code = said("readiness", "--fleet", str(fleet), "--rollout", "r")
    assert (code, "do not go together" in text) == (1, True)
