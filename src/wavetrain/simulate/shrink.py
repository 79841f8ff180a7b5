"""Shrink: which is the shortest history in which the same guard still breaks?"""

from collections.abc import Iterable

import msgspec

from wavetrain.decide import planner
from wavetrain.simulate.cut import Cut
from wavetrain.simulate.history import TICKS_MAX, Decide, History, Outcome

TRIALS_MAX = 400
"""Histories that one search plays."""


class Shrunk(msgspec.Struct, frozen=True, kw_only=True):
    """The shortest history found in which the guard breaks, and how it is played again."""

    guard: str
    seed: int
    cut: Cut
    outcome: Outcome
    ingredients: tuple[str, ...]
    """What is left of the course of events."""
    trials: int

    @property
    def command(self) -> str:
        """Plays it again, and tells it."""
        return f"wavetrain simulate --seed {self.seed} {self.cut.options()} --trace"


def guard_of(text: str) -> str:
    """The guard that a line of `Outcome.broken` names: `tick 3, Mon 01-05: G4: what` gives G4."""
    return text.split(": ", 2)[1] if text.count(": ") > 1 else text


def breaks(outcome: Outcome, guard: str) -> bool:
    """Whether this guard is the first that broke."""
    return bool(outcome.broken) and guard_of(outcome.broken[0]) == guard


def shrink(outcome: Outcome, decide: Decide = planner.decide, cut: Cut | None = None) -> Shrunk:
    """Cut a broken history down: ticks first, then ingredients in halves, quarters and one after the other.

    ValueError for a history in which every guard held.
    """
    if not outcome.broken:
        raise ValueError(
            f"every guard holds in the history of seed {outcome.seed}; there is nothing to shrink"
        )
    search = _Search(outcome, decide, cut or Cut())
    search.all_of_it()
    return search.found()


class _Search:
    def __init__(self, outcome: Outcome, decide: Decide, cut: Cut) -> None:
        self._guard = guard_of(outcome.broken[0])
        self._decide = decide
        self._outcome = outcome
        self._trials = 0
        self._cut = _to_the_break(cut, outcome)
        self._left = [name for name in outcome.ingredients if cut.takes(name)]

    def all_of_it(self) -> None:
        """Until no single ingredient can be left out any more."""
        if not self._is_found(self._cut, self._left):
            return  # the break hangs on what came after it: leave the history whole
        size = max(1, len(self._left) // 2)
        while self._trials < TRIALS_MAX:
            if self._drop(size) and size > 1:
                size = min(size, max(1, len(self._left) // 2))
            elif size > 1:
                size //= 2
            elif not self._drop(1):
                return

    def found(self) -> Shrunk:
        """The best so far."""
        return Shrunk(
            guard=self._guard,
            seed=self._outcome.seed,
            cut=self._cut,
            outcome=self._outcome,
            ingredients=tuple(self._left),
            trials=self._trials,
        )

    def _drop(self, size: int) -> bool:
        """Try to leave out so many ingredients in a row, the last ones first; whether any could be."""
        before = len(self._left)
        end = before
        while end > 0 and self._trials < TRIALS_MAX:
            begin = max(0, end - size)
            rest = self._left[:begin] + self._left[end:]
            if len(rest) < len(self._left):
                self._is_found(self._cut, rest)
            end = begin
        return len(self._left) < before

    def _is_found(self, cut: Cut, names: Iterable[str]) -> bool:
        """Play with these ingredients alone; when the guard breaks still, that is the best history so far."""
        only = frozenset(names)
        tried = msgspec.structs.replace(cut, only=only, without=frozenset())
        self._trials += 1
        outcome = History(self._outcome.seed, self._decide, tried).play()
        if not breaks(outcome, self._guard):
            return False
        self._outcome = outcome
        self._cut = _to_the_break(tried, outcome)
        self._left = [name for name in outcome.ingredients if name in only]
        self._cut = msgspec.structs.replace(self._cut, only=frozenset(self._left))
        return True


def _to_the_break(cut: Cut, outcome: Outcome) -> Cut:
    """No further than the tick in which the first guard broke."""
    tick = int(outcome.broken[0].split(",", 1)[0].removeprefix("tick "))
    return msgspec.structs.replace(cut, ticks=tick + 1 if tick < TICKS_MAX else 0)
