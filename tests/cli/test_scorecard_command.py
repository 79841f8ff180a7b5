"""The score card's command: what it writes, and what it refuses."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from wavetrain.cli.main import app
from wavetrain.simulate.scorecard import Card

ONE = ("--scenarios", "clean-node-cv,x2-node-cv", "--methods", "cusum history,z bonferroni", "--jobs", "1")


@pytest.mark.timeout(600)
def test_a_part_of_the_card_is_shown_and_written(tmp_path: Path) -> None:
    file = tmp_path / "card.json"
    run = CliRunner().invoke(
        app,
        ["scorecard", "--suite", "smoke", "--seed", "3", "--json", str(file), *ONE],
        env={"COLUMNS": "160", "TERM": "dumb"},
    )
    assert run.exit_code == 0, run.output
    made = msgspec.json.decode(file.read_bytes(), type=Card)
    assert (made.suite, made.seed, made.published) == ("smoke", 3, False)
    assert len(made.day) == len("2026-01-01")
    assert set(made.methods) == {"cusum history", "z bonferroni"}
    for row in made.methods.values():
        assert set(row) == {"clean-node-cv", "x2-node-cv"}
        assert {"false_rate", "missed", "delay_median_min", "ratio_to_limit"} <= set(
            msgspec.to_builtins(row["x2-node-cv"])
        )
    assert made.methods["z bonferroni"]["clean-node-cv"].false_rate > 0.5
    assert "node-cv" in run.output.partition("Minutes to the stop")[0]
    assert "x2-node-cv" in run.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--suite", "huge"], "--suite huge is unknown; there are: smoke, full"),
        (["--seed", "-1"], "--seed is -1"),
        (["--jobs", "0"], "--jobs is 0; give 1 or more"),
        (["--scenarios", "x9"], "no scenario is called x9; there are: clean-poisson"),
        (["--methods", "guess"], "no method is called guess; there are: wavetrain"),
        (["--json", "/nowhere/card.json"], "there is no folder /nowhere; make it first"),
    ],
)
def test_what_cannot_be_played_is_refused(arguments: list[str], said: str) -> None:
    run = CliRunner().invoke(app, ["scorecard", *arguments])
    assert run.exit_code == 1
    assert said in " ".join(run.output.split())
