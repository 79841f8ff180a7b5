"""Simulate command: histories for people, for programs, and refused where they make no sense."""

import json

import pytest
import typer
from tests.simulate.planted import PLANTED
from typer.testing import CliRunner

from wavetrain.cli.main import app
from wavetrain.cli.simulate_command import simulate_with


def test_each_history_is_a_line_and_all_of_them_another() -> None:
    answer = CliRunner().invoke(app, ["simulate", "--seed", "7", "--count", "2"])
    first, second, total = answer.stdout.splitlines()
    assert (first.split(":")[0], second.split(":")[0]) == ("seed 7", "seed 8")
    assert total.startswith("2 histories")
    assert answer.exit_code == 0


def test_a_seed_always_tells_the_same_history() -> None:
    said = [
        CliRunner().invoke(app, ["simulate", "--seed", "5", "--count", "1", "--json"]).stdout
        for _ in range(2)
    ]
    assert said[0] == said[1]
    assert json.loads(said[0])["broken"] == 0


def test_no_histories_are_refused() -> None:
    answer = CliRunner().invoke(app, ["simulate", "--count", "0"])
    assert answer.exit_code == 1
    assert "give 1 to" in answer.stderr


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--jobs", "0"], "give 1 to"),
        (["--ticks", "-1"], "give 0 or more"),
        (["--count", "1", "--seed", "5", "--without", "act-999"], "has no ingredient act-999"),
        (["--crash-everywhere", "--count", "0"], "give 1 to"),
        (["--only", "a," * 10_001], "name at most"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_rule(words: list[str], rule: str) -> None:
    answer = CliRunner().invoke(app, ["simulate", *words])
    assert answer.exit_code == 1
    assert rule in " ".join(answer.stderr.split())


def test_several_processes_tell_the_same_as_one() -> None:
    words = ["simulate", "--seed", "3", "--count", "5", "--json"]
    alone = CliRunner().invoke(app, words)
    together = CliRunner().invoke(app, [*words, "--jobs", "2"])
    assert together.stdout == alone.stdout


def test_a_trace_tells_what_happened_last() -> None:
    answer = CliRunner().invoke(app, ["simulate", "--seed", "5", "--count", "1", "--trace"])
    assert answer.exit_code == 0
    assert len(answer.stdout.splitlines()) > 20


def test_the_first_broken_guard_stops_the_rehearsal_and_is_cut_short() -> None:
    own = typer.Typer()
    own.command()(simulate_with(next(bug.decide for bug in PLANTED if bug.guard == "G13")))
    answer = CliRunner().invoke(own, ["--seed", "0", "--count", "9"])
    assert answer.exit_code == 4
    assert "G13 breaks still within" in answer.stdout
    assert "BROKEN G13" in answer.stdout
    assert "wavetrain simulate --seed 0 --only" in answer.stdout
    assert answer.stdout.splitlines()[-1].startswith("1 histories")


def test_a_crash_drill_whose_calm_course_breaks_a_guard_says_so() -> None:
    own = typer.Typer()
    own.command()(simulate_with(next(bug.decide for bug in PLANTED if bug.guard == "G14")))
    answer = CliRunner().invoke(own, ["--seed", "22", "--count", "1", "--crash-everywhere", "--json"])
    assert answer.exit_code == 4
    said = json.loads(answer.stdout)
    assert said["broken"] == 1
    assert "G14" in said["wrong"][0]["wrong"][0]
