"""A guard is proven by planting the bug that it exists for, and seeing it caught by that guard in some history."""

import pytest
from tests.simulate.planted import GUARDS, PLANTED, Planted

from wavetrain.decide import planner
from wavetrain.simulate import house
from wavetrain.simulate.history import History, run
from wavetrain.simulate.mortal_store import MortalStore
from wavetrain.simulate.shrink import breaks


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_bug_is_caught_by_its_own_guard(planted: Planted) -> None:
    """Should the seed catch it no more, `python -m tests.simulate.find_seeds` finds others."""
    outcome = run(planted.seed, planted.decide)
    assert outcome.broken, f"seed {planted.seed} does not catch it: {planted.bug}"
    assert breaks(outcome, planted.guard), outcome.broken[0]


@pytest.mark.parametrize("seed", sorted({planted.seed for planted in PLANTED}))
def test_without_a_bug_every_guard_holds_in_the_same_history(seed: int) -> None:
    assert run(seed).broken == ()


def test_every_guard_has_a_planted_bug() -> None:
    assert {planted.guard for planted in PLANTED} == {row.guard for row in GUARDS}
    assert {row.guard for row in GUARDS} >= {f"G{number}" for number in range(1, 17)}


class Careless(MortalStore):
    """A store that lets anybody write, whoever has taken over."""

    def take(self, holder: str) -> int:
        return self._epoch


def test_a_frozen_ticker_that_is_let_write_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = next(seed for seed in range(20) if "frozen-1" in History(seed).nature.used)
    assert run(seed).broken == ()
    monkeypatch.setattr(house, "MortalStore", Careless)
    outcome = run(seed, planner.decide)
    assert any("a ticker is taken that was frozen" in text for text in outcome.broken), outcome.broken
