"""Scorecard of ours: what does our own test say of many trains, whole, or with a part taken out?

The test is `evidence.strata.Strata`, as the running test uses it: two strata, offsets and caps by `split_all`. Many
trains are run at once as metrics of one test; what each metric says does not depend on the others.
"""

from typing import Final

import numpy as np
from msgspec import Struct

from wavetrain.evidence.arms import split_all
from wavetrain.evidence.calibration import TAU_FLOOR, Calibrations
from wavetrain.evidence.counters import Array, log_sum_exp
from wavetrain.evidence.judgement import Metric
from wavetrain.evidence.processes import ARMS, unstarted
from wavetrain.evidence.strata import Strata
from wavetrain.simulate.scorecard_evidence import Streams
from wavetrain.simulate.scorecard_history import PROCESSES, STRAND_WEIGHTS, STRANDS
from wavetrain.simulate.scorecard_worlds import METRICS, NEW, NODES, STRATA

BIN_S: Final = 60.0
SHARE: Final = 1 / METRICS
"""Of the budget, for each metric alike."""


class Parts(Struct, frozen=True, kw_only=True):
    """Which parts of the test are in."""

    offset: bool = True
    phi: bool = True
    tau: bool = True


def log_es(streams: Streams, parts: Parts) -> Array:
    """Log e of each metric of each train after each look, shape (trains, metrics, looks)."""
    looks, trains, processes, _ = streams.events.shape
    known = tuple(_known(streams, stratum, parts) for stratum in range(len(STRATA)))
    many = trains * processes
    names = [f"pop-{number}" for number in range(len(STRATA))]
    test = Strata(
        [Metric(f"{number}", 1.0, gate=False) for number in range(many)],
        TAU_FLOOR if parts.tau else 0.0,
        most=many,
    )
    for name, of in zip(names, known, strict=True):
        phi = of.phis if parts.phi else np.ones(many)
        test.take(name, unstarted(phi), of.taus if parts.tau else np.zeros(many))
    out = np.empty((many, looks))
    counts = np.empty((len(STRATA), many, ARMS))
    control = np.arange(NODES) >= NEW
    for look in range(looks):
        events, exposure = (
            of[look].reshape(many, NODES).astype(float) for of in (streams.events, streams.exposure)
        )
        for place, stratum in enumerate(STRATA):
            nodes = list(stratum)
            arms = (streams.new[look, nodes], control[nodes])
            counts[place] = split_all(events[:, nodes], exposure[:, nodes], arms, BIN_S, known[place])
        test.absorb(names, counts)
        out[:, look] = test.log_es()
    return _by_metric(out.reshape(trains, processes, looks), streams.first)


def together(by_metric: Array) -> Array:
    """Log e of trains (trains, looks) from those of all their metrics: the budget's mean, of equal shares."""
    return log_sum_exp(np.moveaxis(by_metric, 1, -1) + np.log(SHARE))


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
    weights, phis, taus, caps, rates, usual = (
        np.concatenate([getattr(of, name)[streams.first : min(last, PROCESSES)] for of in each])
        for name in ("weights", "phis", "taus", "caps", "rates", "usual_s")
    )
    return Calibrations(
        each[0].nodes, weights if parts.offset else np.ones_like(weights), phis, taus, caps, rates, usual
    )
