"""A broken history is cut down to a shorter one in which the same guard breaks, and its command plays it again."""

import json
import shlex
from functools import cache

import pytest
import typer
from tests.simulate.planted import PLANTED, Planted
from typer.testing import CliRunner

from wavetrain.cli.simulate_command import simulate_with
from wavetrain.simulate.cut import Cut, names
from wavetrain.simulate.history import History, Outcome, run
from wavetrain.simulate.shrink import Shrunk, breaks, guard_of, shrink


def planted(guard: str) -> Planted:
    return next(bug for bug in PLANTED if bug.guard == guard)


@cache
def found(guard: str) -> tuple[Outcome, Shrunk]:
    bug = planted(guard)
    whole = run(bug.seed, bug.decide)
    return whole, shrink(whole, bug.decide)


@pytest.mark.parametrize("guard", ["G4", "G9", "G16"])
def test_the_shortest_history_is_shorter_and_breaks_the_same_guard(guard: str) -> None:
    bug = planted(guard)
    whole, shortest = found(guard)
    assert shortest.guard == guard
    assert shortest.cut.ticks < whole.ticks
    assert len(shortest.ingredients) < len(whole.ingredients) / 2
    again = run(shortest.seed, bug.decide, shortest.cut)
    assert breaks(again, guard)
    assert again == shortest.outcome or again.broken[0] == shortest.outcome.broken[0]


def test_none_of_the_ingredients_that_are_left_can_be_left_out() -> None:
    bug = planted("G4")
    _, shortest = found("G4")
    for name in shortest.ingredients:
        fewer = Cut(only=frozenset(shortest.ingredients) - {name}, ticks=shortest.cut.ticks)
        assert not breaks(run(bug.seed, bug.decide, fewer), "G4"), name


def test_a_history_in_which_every_guard_holds_is_not_cut() -> None:
    with pytest.raises(ValueError, match="nothing to shrink"):
        shrink(run(1))


def test_what_is_cut_does_not_happen() -> None:
    whole = History(3)
    whole.play()
    crashes = [name for name in whole.nature.used if name.startswith("crash-")]
    assert len(crashes) > 1
    cut = History(3, cut=Cut(without=frozenset(crashes)))
    assert "crash-1" in cut.play().ingredients
    assert cut.house.crashes < whole.house.crashes
    assert run(3, cut=Cut(ticks=20)).ticks == 20
    assert run(3, cut=Cut(only=frozenset())).rollouts == {}


def test_the_command_that_is_printed_plays_it_again() -> None:
    bug = planted("G9")
    app = typer.Typer()
    app.command()(simulate_with(bug.decide))
    said = CliRunner().invoke(app, ["--seed", str(bug.seed), "--count", "1", "--json"])
    assert said.exit_code == 4, said.output
    shortest = json.loads(said.stdout)["shortest"]
    assert shortest["guard"] == "G9"
    assert any("BROKEN G9" in text for text in shortest["trace"])
    words = shlex.split(shortest["command"])
    assert words[:2] == ["wavetrain", "simulate"]
    again = CliRunner().invoke(app, words[2:])
    assert again.exit_code == 4
    first = next(text for text in again.stdout.splitlines() if text.startswith("  tick"))
    assert guard_of(first.strip()) == "G9"
    assert shortest["command"] in again.stdout
    sound = typer.Typer()
    sound.command()(simulate_with())
    assert CliRunner().invoke(sound, words[2:]).exit_code == 0, "it breaks without the bug too"


def test_ingredients_are_named_with_commas() -> None:
    assert names(" act-1, crash-2 ,,") == {"act-1", "crash-2"}
    cut = Cut(only=frozenset({"b", "a"}), ticks=4, clock_steps=True)
    assert cut.options() == "--only a,b --ticks 4 --clock-steps"
    assert Cut(only=frozenset()).options() == "--only ''"
