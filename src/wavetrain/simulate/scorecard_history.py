"""Scorecard history: what do the methods know of a train before its first wave?"""

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from wavetrain.evidence.calibration import TAU_FLOOR, Calibrations, assumed, calibrate_class, together
from wavetrain.evidence.counters import Array
from wavetrain.evidence.placebo import Lock
from wavetrain.simulate.scorecard_latency import p99
from wavetrain.simulate.scorecard_preperiod import preperiods
from wavetrain.simulate.scorecard_worlds import COUNTERS, NEW, NODES, STRATA, Mask

STRANDS: Final = 3
QUANTILES: Final = (0.5, 0.9, 0.99)
STRAND_WEIGHTS: Final = (0.3, 0.3, 0.4)
PROCESSES: Final = STRANDS + COUNTERS
"""Of our own test: the latency's strands, then the counters."""


class Before(Struct, frozen=True, eq=False):
    """One train's pre-period: events (counters, nodes, bins), observations over each edge (nodes, bins, edges)."""

    events: Array
    exposure: Array
    over: Array
    requests: Array
    fine_over: Array
    """Of its last 300 minutes by the minute, for those who look at a gauge: (looks, nodes, edges)."""
    fine_requests: Array


class History(Struct, frozen=True, eq=False):
    """What is left of a pre-period: our calibrations by stratum, and what the other methods go by."""

    edges: NDArray[np.intp]
    """The places of the edges that stand for the quantiles."""
    strata: tuple[Calibrations, ...]
    rates: Array
    """Events per exposure of each counter, over all nodes."""
    gauge_mean: float
    gauge_sd: float
    """Of the p99 that as many nodes as the last wave makes new have shown by the minute."""
    difference_sd: float
    """Of that gauge less the control's."""
    lock: Lock | None = None
    """What placebo trains of the pre-period say, where they were asked."""


def known_from(before: Before, new: Mask, seconds: float) -> History:
    """What a pre-period in bins of so many seconds tells; `new` are the nodes that the waves will make new."""
    edges = _edges(before)
    exceeded = np.moveaxis(before.over[..., edges], 2, 0)
    parts = ((exceeded, before.requests), (before.events, before.exposure))
    mine, theirs = (_gauge(before, nodes) for nodes in (new, np.arange(NODES) >= NEW))
    return History(
        edges=edges,
        strata=tuple(_calibrated(parts, stratum, seconds) for stratum in STRATA),
        rates=before.events.sum(axis=(1, 2)) / before.exposure.sum(),
        gauge_mean=float(np.nanmean(mine)),
        gauge_sd=float(np.nanstd(mine)),
        difference_sd=float(np.nanstd(mine - theirs)),
    )


def _gauge(before: Before, nodes: Mask) -> Array:
    return p99(before.fine_over[:, nodes].sum(axis=1), before.fine_requests[:, nodes].sum(axis=1))


def _edges(before: Before) -> NDArray[np.intp]:
    """The edges nearest the quantiles that the control nodes had, in the log odds of what lies above."""
    control = slice(NEW, None)
    over = before.over[control].sum(axis=(0, 1)) + 0.5
    under = before.requests[control].sum() + 1 - over
    aims = np.log([(1 - quantile) / quantile for quantile in QUANTILES])
    places: NDArray[np.intp] = np.abs(np.log(over / under) - aims[:, None]).argmin(axis=1)
    return places


def _calibrated(
    parts: tuple[tuple[Array, Array], ...], stratum: tuple[int, ...], seconds: float
) -> Calibrations:
    names = tuple(f"n{node}" for node in stratum)
    places = list(stratum)
    pres = [
        pre
        for events, exposure in parts
        for pre in preperiods(events[:, places], exposure[places], names, seconds)
    ]
    return together([fit or assumed() for fit in calibrate_class(pres, TAU_FLOOR)], names)
