"""Simulate command: histories for people, for programs, and refused where they make no sense."""

import json

from typer.testing import CliRunner

from wavetrain.cli.main import app


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
