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


CHECK = """
[[verdicts.metric]]
name = "errors"
events = "failures"
exposure = "operations"
excess_max = 0.002
"""


def watched(folder: Path, seconds: int = 60) -> tuple[str, str]:
    """A policy with a check, and a recording of two of the three PoPs at rest, as files."""
    policy, history = folder / "policy.toml", folder / "rest.jsonl"
    policy.write_text(Path(POLICY).read_text() + CHECK)
    head = {"history": 1, "change": "none", "seconds": seconds}
    rows = [
        {
            "time": seconds * (slot + 1),
            "node": f"{pop}-n{node}",
            "pop": pop,
            "release": "1.0.0",
            "metric": "failures",
            "kind": "counter",
            "value": (slot + node) % 4,
            "exposure": 1_200,
        }
        for slot in range(300)
        for pop, nodes in (("lis1", 4), ("fao1", 1))
        for node in range(1, nodes + 1)
    ]
    history.write_text("\n".join(json.dumps(row) for row in (head, *rows)) + "\n")
    return str(policy), str(history)


def test_a_plan_says_what_its_waves_can_see(tmp_path: Path) -> None:
    policy, history = watched(tmp_path)
    line = ("train", "plan", "--fleet", FLEET, "--policy", policy, "--departs", "2026-01-18")
    text, code = said(*line, "--history", history, "--see", "10", "--json")
    assert code == 0
    sight = {pop: wave for wave in json.loads(text)["sight"] for pop in wave["unwatched"]}
    assert set(sight) == {"opo1"}
    of = {check["name"]: check for wave in json.loads(text)["sight"] for check in wave["checks"]}
    assert set(of) == {"errors"}
    assert of["errors"]["ratio"] in (None, 1.1)
    text, code = said(*line, "--history", history, "--see", "10")
    assert code == 0
    assert "errors: gate: a sound release passes in " in text
    assert "this wave cannot see 10%" in text
    assert "not watched yet: opo1" in text
    assert "nobody to compare with: fao1" in text
    text, code = said(*line, "--json")
    assert (code, json.loads(text)["sight"]) == (0, [])


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--see", "10"), "--see needs --history"),
        (("--history", "nothing.jsonl"), "nothing.jsonl cannot be read"),
        (("--history", FLEET), 'begin with {"history": 1'),
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


def test_placebo_trains_say_what_they_certify(tmp_path: Path) -> None:
    policy, history = watched(tmp_path)
    line = ("placebo", "--policy", policy, "--history", history, "--hours", "0.5", "--every", "300")
    text, code = said(*line, "--json")
    found = json.loads(text)
    assert code == 4, "ten half hours do not certify 0.001"
    assert (found["trains"], found["effective"], found["needed"], found["holds"]) == (40, 10, 2_995, False)
    assert len(found["runs"]) == 40
    text, code = said(*line)
    assert code == 4
    assert "40 placebo trains of 0.5 h in 10 independent blocks of time; 0 came to log E 6.91" in text
    assert "certify an alpha of 0.26 at best; the policy's 0.001 takes 2,995 of them, 62 days" in text
    assert "(extrapolated, no certificate)" in text
    assert "under lock = strict" in text


def test_a_recording_that_is_too_short_for_a_placebo_train_is_refused(tmp_path: Path) -> None:
    policy, history = watched(tmp_path)
    text, code = said("placebo", "--policy", policy, "--history", history, "--hours", "9")
    assert code == 1
    assert "holds no whole 9 h" in text
    text, code = said("placebo", "--policy", POLICY, "--history", history)
    assert (code, "names no checks" in text) == (1, True)
