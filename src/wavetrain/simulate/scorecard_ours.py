"""Scorecard of ours: what does our own test say of many trains, whole, or with a part taken out?

The test is `evidence.strata.Strata`, as the running test uses it: two strata, offsets and caps by `split_all`. Many
trains are run at once as metrics of one test; what each metric says does not depend on the others. What the whole test
says is one reading of it; others take from the same processes less than all that they hold.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

import numpy as np
from msgspec import Struct

from wavetrain.evidence import budget
from wavetrain.evidence.arms import split_all
from wavetrain.evidence.calibration import TAU_FLOOR, Calibrations
from wavetrain.evidence.counters import Array, laws_of, log_e_rows, log_sum_exp
from wavetrain.evidence.judgement import Metric
from wavetrain.evidence.processes import ARMS, ORDINAL, POINTS, TAU, unstarted
from wavetrain.evidence.strata import Strata
from wavetrain.evidence.together import WIDEST, mean_of, shared
from wavetrain.simulate.scorecard_evidence import Streams
from wavetrain.simulate.scorecard_history import PROCESSES, STRAND_WEIGHTS, STRANDS
from wavetrain.simulate.scorecard_worlds import METRICS, NEW, NODES, STRATA

BIN_S: Final = 60.0
SHARE: Final = 1 / METRICS
"""Of the budget, for each metric alike."""


class Parts(Struct, frozen=True, kw_only=True):
    """Which parts of the test are in, of those that change what its processes hold."""

    offset: bool = True
    phi: bool = True
    tau: bool = True
    caps: bool = True


class Reading(Enum):
    """What is read off the processes."""

    WHOLE = "all of it"
    PLAIN = "harm from the first bin alone"
    POOLED = "all PoPs together alone"


def log_es(
    streams: Streams, parts: Parts, readings: Sequence[Reading] = (Reading.WHOLE,), bin_s: float = BIN_S
) -> Array:
    """Log e of each metric of each train after each look, shape (trains, metrics, readings, looks)."""
    looks, trains, processes, _ = streams.events.shape
    known = tuple(_known(streams, stratum, parts) for stratum in range(len(STRATA)))
    many = trains * processes
    names = [f"pop-{number}" for number in range(len(STRATA))]
    floor = TAU_FLOOR if parts.tau else 0.0
    test = Strata([Metric(f"{number}", 1.0, gate=False) for number in range(many)], floor, most=many)
    for name, of in zip(names, known, strict=True):
        phi = of.phis if parts.phi else np.ones(many)
        none = np.zeros(many)
        widths = (of.taus, of.offset_errors) if parts.tau else (none, none)
        test.take(name, unstarted(phi), *widths)
    plain = _Plain(test, names, floor)
    read: dict[Reading, Callable[[], Array]] = {
        Reading.WHOLE: test.log_es,
        Reading.PLAIN: plain.log_es,
        Reading.POOLED: lambda: test.together.log_es()[0],
    }
    out = np.empty((many, len(readings), looks))
    counts = np.empty((len(STRATA), many, ARMS))
    control = np.arange(NODES) >= NEW
    for look in range(looks):
        events, exposure = (
            of[look].reshape(many, NODES).astype(float) for of in (streams.events, streams.exposure)
        )
        for place, stratum in enumerate(STRATA):
            nodes = list(stratum)
            arms = (streams.new[look, nodes], control[nodes])
            counts[place] = split_all(events[:, nodes], exposure[:, nodes], arms, bin_s, known[place])
        test.absorb(names, counts)
        for place, reading in enumerate(readings):
            out[:, place, look] = read[reading]()
    return _by_metric(out.reshape(trains, processes, len(readings), looks), streams.first)


def together(by_metric: Array) -> Array:
    """Log e of trains (trains, looks) from those of all their metrics: the budget's mean, of equal shares."""
    return log_sum_exp(np.moveaxis(by_metric, 1, -1) + np.log(SHARE))


class _Plain:
    """What a test would say that believes in harm from the first bin alone: the same likelihoods, nothing held back."""

    def __init__(self, test: Strata, names: Sequence[str], floor: float) -> None:
        self._test, self._names, self._floor = test, names, floor
        self._laws: dict[int, tuple[Array, Array]] = {}

    def log_es(self) -> Array:
        """Log e by metric, of the pooled process, the strata and the class, by the budget's shares."""
        rows = self._test.together.rows
        pooled, classed = (self._log_e(place, rows[place], WIDEST) for place in (0, 1))
        states = [self._test.state(name) for name in self._names]
        strata = np.array([self._log_e(2 + place, state, TAU) for place, state in enumerate(states)])
        ordinals = np.array([state[:, ORDINAL] for state in states])
        parts = (
            pooled + np.log(budget.POOLED_SHARE),
            mean_of(shared(strata, ordinals), ordinals.max(axis=0)) + np.log(budget.STRATA_SHARE),
            mean_of(shared(classed[None], self._test.together.places), self._test.together.started())
            + np.log(budget.CLASS_SHARE),
        )
        return log_sum_exp(np.stack(parts, axis=-1))

    def _log_e(self, place: int, state: Array, width: int) -> Array:
        """Of processes whose log likelihoods come first; their laws are worked out anew where one has become wider."""
        wide = np.maximum(state[:, width], self._floor)
        held, laws = self._laws.get(place, (np.full(wide.shape, np.nan), np.zeros((len(wide), 2, POINTS))))
        other = wide != held
        if other.any():
            laws[other] = laws_of(wide[other], 0.0)
            self._laws[place] = wide, laws
        return log_e_rows(state[:, :POINTS], np.moveaxis(laws, 1, 0))


def _by_metric(log_e: Array, first: int) -> Array:
    """Strands of a histogram are one metric: the mean of their e, by fixed weights."""
    if first >= STRANDS:
        return log_e
    strands = np.moveaxis(log_e[:, :STRANDS], 1, -1) + np.log(STRAND_WEIGHTS)
    return np.concatenate([log_sum_exp(strands)[:, None], log_e[:, STRANDS:]], axis=1)


def _known(streams: Streams, stratum: int, parts: Parts) -> Calibrations:
    """The calibrations of all trains' processes in one stratum, train by train."""
    last = streams.first + streams.events.shape[2]
    each = [history.strata[stratum] for history in streams.histories]
    weights, phis, taus, caps, rates, usual, errors = (
        np.concatenate([getattr(of, name)[streams.first : min(last, PROCESSES)] for of in each])
        for name in ("weights", "phis", "taus", "caps", "rates", "usual_s", "offset_errors")
    )
    offsets = weights if parts.offset else np.ones_like(weights)
    allowed = caps if parts.caps else np.full_like(caps, np.inf)
    return Calibrations(each[0].nodes, offsets, phis, taus, allowed, rates, usual, errors)
