"""Run rehearsal: what comes of a plan when it is played, once for the release as it is, once for each of its faults?"""

import gc
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic, process_time

import msgspec

from wavetrain.decide import planner
from wavetrain.decide.facts import Choice, Facts
from wavetrain.simulate.mishaps import Fault
from wavetrain.simulate.outcome import FaultLine, Outcome, outcome
from wavetrain.simulate.rehearsal import Plan, Rehearsal, Stand
from wavetrain.simulate.train_picture import picture

Told = Callable[[Stand], None]
Decide = Callable[[Facts], Choice]


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a plan: the run of the release as it should be, and one for each fault."""

    said: Outcome
    svg: str
    faulty: tuple[Outcome, ...] = ()

    @property
    def violated(self) -> int:
        """Guards violated in any of the runs."""
        return sum(one.guards_violated for one in (self.said, *self.faulty))

    @property
    def faults(self) -> list[FaultLine]:
        """What each fault exposed."""
        return [one.fault for one in self.faulty if one.fault is not None]


def play(
    plan: Plan,
    faults: Sequence[Fault] = (),
    *,
    told: Told = lambda _: None,
    with_picture: bool = False,
    decide: Decide = planner.decide,
) -> Played:
    """Rehearse a plan, then again with each of the faults; `told` hears after every tick how far it has come.

    Raises RefusedError where the plan cannot be rehearsed.
    """
    said, svg = _one(plan, told, with_picture, decide)
    faulty = [_one(msgspec.structs.replace(plan, fault=fault), told, False, decide)[0] for fault in faults]
    return Played(said=said, svg=svg, faulty=tuple(faulty))


def _one(plan: Plan, told: Told, with_picture: bool, decide: Decide) -> tuple[Outcome, str]:
    began, cpu = monotonic(), process_time()
    run = Rehearsal(plan, decide)
    with settled():
        for stand in run.play():
            told(stand)
    said = outcome(run, monotonic() - began, process_time() - cpu, peak_rss_mb())
    return said, picture(run) if with_picture else ""


@contextmanager
def settled() -> Iterator[None]:
    """What was furnished stays to the end: looking for rubbish in it again and again would cost a third of the time."""
    gc.collect()
    gc.freeze()
    before = gc.get_threshold()
    gc.set_threshold(100_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def peak_rss_mb() -> int:
    """The most memory that this process has had so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024))
