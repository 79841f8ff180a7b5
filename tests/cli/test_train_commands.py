"""Trains are planned from files alone; bad input ends with one line and exit code 1."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wavetrain.cli.main import app

FILES = Path(__file__).resolve().parents[2] / "docs" / "scenarios" / "files"
FLEET, POLICY = str(FILES / "pair-fleet.toml"), str(FILES / "pair-policy-2.toml")
PLAN = ("train", "plan", "--fleet", FLEET, "--policy", POLICY, "--departs", "2026-01-18")


def said(*line: str) -> tuple[str, int]:
    result = CliRunner().invoke(app, list(line), env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.output, result.exit_code


def test_a_plan_is_printed_written_and_compared(tmp_path: Path) -> None:
    one, other = str(tmp_path / "one.json"), str(tmp_path / "other.json")
    text, code = said(*PLAN, "-o", one)
    assert (code, "proof: 3 stops checked against 10 hard rules, 0 broken" in text) == (0, True)
    _, code = said(*PLAN, "--freeze", "2026-01-18/2026-01-18T06:00,opo1", "-o", other)
    assert code == 0
    text, code = said("train", "diff", one, other, "--json")
    assert code == 0
    assert {item["pop"] for item in json.loads(text)["moved"]} == {"lis1", "opo1", "fao1"}
    text, code = said("train", "diff", one, one)
    assert (text, code) == ("0 PoPs differ, 3 stay\n", 0)


def test_a_plan_is_json_for_programs() -> None:
    text, code = said(*PLAN, "--json")
    found = json.loads(text)
    assert code == 0
    assert (found["pops"], found["windows"], found["lower_bound"], found["proof"]["count"]) == (3, 2, 2, 0)


def test_a_solver_proves_a_small_plan_best() -> None:
    pytest.importorskip("ortools")
    text, code = said(*PLAN, "--optimize", "--seconds", "5", "--json")
    assert code == 0
    assert json.loads(text)["optimized"]["proven"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--departs", "Sunday"), "error: --departs 'Sunday' is no day; give YYYY-MM-DD"),
        (("--freeze", "soon"), "error: --freeze 'soon' cannot be used"),
        (("--freeze", "2026-01-20/2026-01-19"), "give a later ends"),
        (("--fleet", "nothing.toml"), "error: nothing.toml cannot be read"),
        (("--policy", FLEET), "`lane` is missing"),
        (("-o", "/nowhere/plan.json"), "cannot be written"),
    ],
)
def test_bad_input_is_refused_in_words(more: tuple[str, ...], says: str) -> None:
    text, code = said(*PLAN, *more)
    assert code == 1
    assert says in text.replace("\n", " ")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (("nothing.json", "other.json"), "nothing.json cannot be read"),
        ((FLEET, FLEET), "is no plan"),
        (("one", "2", "--rollout", "gateway-1"), "one is no timetable's number"),
    ],
)
def test_what_cannot_be_compared_is_refused(line: tuple[str, ...], says: str) -> None:
    text, code = said("train", "diff", *line)
    assert code == 1
    assert says in text
