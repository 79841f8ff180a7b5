"""A hundred seeded histories, and every guard after every tick."""

import pytest

from wavetrain.simulate.cut import Cut
from wavetrain.simulate.histories import as_json, line, played, total
from wavetrain.simulate.history import History, run
from wavetrain.simulate.nature import Wire

SEEDS = 100
CHUNK = 10


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_guard_holds_after_every_tick_of_a_seeded_history(first: int) -> None:
    outcomes = list(played(first, CHUNK))
    broken = [line(outcome) for outcome in outcomes if outcome.broken]
    assert not broken, "\n".join(broken)
    assert sum(len(outcome.rollouts) for outcome in outcomes) >= 2 * CHUNK


def test_a_seed_can_be_replayed() -> None:
    assert run(7) == run(7)


def test_histories_are_not_all_alike() -> None:
    outcomes = list(played(0, 5))
    ends = {status for outcome in outcomes for status in outcome.rollouts.values()}
    assert {"completed", "reverted"} <= ends
    assert sum(outcome.crashes for outcome in outcomes) > 0
    assert any(outcome.acts for outcome in outcomes)


@pytest.mark.parametrize("seed", [0, 5, 12, 22])
def test_clocks_that_are_stepped_hold_everything_and_break_no_guard(seed: int) -> None:
    history = History(seed, cut=Cut(clock_steps=True))
    outcome = history.play()
    assert outcome.broken == ()
    assert "clock-control-plane" in outcome.ingredients
    told = history.tale.lines(history.house.store, 1_000)
    assert any("clock was stepped" in text for text in told)


def test_every_kind_of_fault_is_drawn_for_some_seed() -> None:
    drawn = {name.split("-gateway")[0].rstrip("-0123456789") for seed in range(40) for name in _used(seed)}
    wires = {f"wire-{name}" for name in Wire.__struct_fields__}
    others = {"sick", "wrong", "garbled", "dead", "missing", "restart", "old-breaks", "frozen", "bad"}
    assert wires | others | {"telemetry-late", "telemetry-doubled"} <= drawn


def _used(seed: int) -> list[str]:
    return list(History(seed).nature.used)


def test_the_rehearsal_says_how_it_went() -> None:
    outcomes = list(played(3, 1))
    assert "seed 3: held" in line(outcomes[0])
    assert total(outcomes).startswith("1 histories")
    assert b'"broken":0' in as_json(outcomes)


def test_a_rehearsal_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="give 1 to"):
        played(0, 0)
