"""Histories: how did these histories go, for people and for programs?"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context

import msgspec

from wavetrain.decide import planner
from wavetrain.simulate.cut import Cut
from wavetrain.simulate.history import Decide, Outcome, run
from wavetrain.simulate.shrink import Shrunk

COUNT_MAX = 100_000
JOBS_MAX = 64
TOLD_MAX = 1_000
"""Of more histories than that only those are told one by one in which a guard broke."""
CHUNK = 4


def played(
    seed: int, count: int, *, jobs: int = 1, decide: Decide = planner.decide, cut: Cut | None = None
) -> Iterator[Outcome]:
    """The histories of `count` seeds from `seed` on, in order; ValueError for a count or jobs out of range.

    With several `jobs` each has a process of its own; they end with the iterator.
    """
    if not 1 <= count <= COUNT_MAX:
        raise ValueError(f"count is {count}; give 1 to {COUNT_MAX}")
    if not 1 <= jobs <= JOBS_MAX:
        raise ValueError(f"jobs is {jobs}; give 1 to {JOBS_MAX}")
    seeds = range(seed, seed + count)
    if jobs == 1 or count == 1:
        return (run(one, decide, cut) for one in seeds)
    return _in_processes(seeds, jobs, decide, cut)


def _in_processes(seeds: range, jobs: int, decide: Decide, cut: Cut | None) -> Iterator[Outcome]:
    with get_context("spawn").Pool(min(jobs, len(seeds))) as pool:
        yield from pool.imap(partial(run, decide=decide, cut=cut), seeds, chunksize=CHUNK)


def line(outcome: Outcome) -> str:
    """One history in a line, and a line for each guard that it broke."""
    ends = ", ".join(f"{name} {status}" for name, status in outcome.rollouts.items())
    said = "held" if not outcome.broken else "BROKEN"
    text = f"seed {outcome.seed}: {said}; {outcome.ticks} ticks, {outcome.days:.1f} days; {ends}"
    return "\n".join([text, *(f"  {broken}" for broken in outcome.broken)])


class Tally:
    """What the histories so far add up to; keeps those that are told one by one."""

    def __init__(self) -> None:
        self.histories = self.broken = self._ticks = 0
        self._ends: Counter[str] = Counter()
        self._told: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        """One more."""
        self.histories += 1
        self.broken += bool(outcome.broken)
        self._ticks += outcome.ticks
        self._ends.update(outcome.rollouts.values())
        if outcome.broken or len(self._told) < TOLD_MAX:
            self._told.append(outcome)

    def line(self) -> str:
        """All histories in a line."""
        said = ", ".join(f"{count} {status}" for status, count in self._ends.most_common())
        return f"{self.histories} histories, {self._ticks} ticks, {self.broken} with a broken guard; rollouts: {said}"

    def as_json(self, shortest: Shrunk | None = None, tale: list[str] | None = None) -> bytes:
        """The sums, the histories that are told, and the shortest one in which a guard broke."""
        said = {"histories": self.histories, "broken": self.broken, "ticks": self._ticks}
        ends = dict(self._ends.most_common())
        found = None
        if shortest is not None:
            found = {
                "guard": shortest.guard,
                "seed": shortest.seed,
                "ticks": shortest.cut.ticks,
                "ingredients": shortest.ingredients,
                "command": shortest.command,
                "trace": tale or [],
            }
        return msgspec.json.encode({**said, "rollouts": ends, "outcomes": self._told, "shortest": found})


def total(outcomes: list[Outcome]) -> str:
    """All of these in a line."""
    tally = Tally()
    for outcome in outcomes:
        tally.add(outcome)
    return tally.line()


def as_json(outcomes: list[Outcome]) -> bytes:
    """All of these with what they add up to."""
    tally = Tally()
    for outcome in outcomes:
        tally.add(outcome)
    return tally.as_json()
