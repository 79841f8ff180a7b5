"""Edges: which bucket bounds of a histogram stand for the quantiles that it used to have?

"p99 got worse" is "the share of observations above the old p99 rose". The bounds nearest the p50, p90 and p99 of the
pre-period are chosen once, from bins before anything moved: they are predictable, so that the exceedances above them
are counters like any other: given the number of observations in both arms the exceedances of the new one are
hypergeometric under the null, which is below the binomial in convex order (Hoeffding 1963), so that the test stays
valid, if conservative, where half of all observations are events. Nearest is meant in the log odds of the share in
the worse tail, with half an observation added to either side (Haldane 1956; Anscombe 1956), so that a bound that
nothing ever passed can stand for p99 as well. The three bounds are distinct and in order, at the least weighted
distance in sum; of equal ones the first in the worse direction's order. Where there are fewer bounds, the quantiles
that fit best are kept and share the weight. A bound that everything already lies beyond sees no worsening: where all
observations lie in the last bucket there is no strand, and the check can say nothing.

How a running test uses it: `absorb` quiet bins into a `HistogramWatch` for each histogram check and stratum; at the
start of the rollout `settled(watch)` gives its strands (at most three) with a `Preperiod` each, for
`calibration.calibrate_class`. Strata may have bounds of their own: the log ratio of exceedances means the same.
"""

from itertools import combinations
from math import inf, isfinite

import numpy as np
from msgspec import Struct

from wavetrain.errors import RefusedError
from wavetrain.evidence import preperiod
from wavetrain.evidence.bins import Bin, NodeCount
from wavetrain.evidence.counters import Array
from wavetrain.evidence.preperiod import Preperiod

QUANTILES = (0.5, 0.9, 0.99)
WEIGHTS = (0.3, 0.3, 0.4)
STRANDS = len(QUANTILES)
MAX_BOUNDS = 512
CHOICE_BINS, CHOICE_OBSERVATIONS = 10, 1000.0
"""What the pre-period must hold before bounds are chosen: ten observations above p99, from more than one moment."""

TORN = 0.01
"""A scrape between two writes may find a bucket ahead of the count by this share and one; more is a contradiction."""


class Tally(Struct, frozen=True):
    """Observations at or below each bound, of all that were counted where this bound was seen. Starts empty."""

    bounds: tuple[float, ...] = ()
    below: tuple[float, ...] = ()
    count: tuple[float, ...] = ()
    bins: int = 0

    @property
    def observations(self) -> float:
        """Of the bound that was seen most."""
        return max(self.count, default=0.0)


class Strand(Struct, frozen=True):
    """One bound, the quantile that it stands for, and its share of the check."""

    bound: float
    quantile: float
    weight: float


class HistogramBin(Struct, frozen=True, eq=False):
    """One histogram's increments in one stratum: cumulative buckets (bounds, nodes), all observations (nodes).

    NaN is what was not seen. +Inf is no bound: its bucket is the count.
    """

    seconds: float
    nodes: tuple[str, ...]
    bounds: tuple[float, ...]
    buckets: Array
    counts: Array

    def __post_init__(self) -> None:
        if self.buckets.shape != (len(self.bounds), len(self.nodes)) or self.counts.shape != (
            len(self.nodes),
        ):
            raise RefusedError(
                f"histogram of {self.buckets.shape} buckets and {self.counts.shape} counts for "
                f"{len(self.bounds)} bounds and {len(self.nodes)} nodes: one row a bound, one column a node"
            )
        if not all(map(isfinite, self.bounds)) or len(set(self.bounds)) != len(self.bounds):
            raise RefusedError(
                f"histogram bounds {self.bounds}: must be finite and distinct; leave +Inf out, it is the count"
            )
        if len(self.bounds) > MAX_BOUNDS:
            raise RefusedError(
                f"histogram of {len(self.bounds)} bounds: at most {MAX_BOUNDS}; scrape fewer buckets"
            )
        for said in (self.buckets, self.counts):
            if (said < 0).any() or np.isinf(said).any():
                raise RefusedError(
                    "a histogram counts infinitely or negatively: increments must be finite and not negative; "
                    "treat a counter reset as a missing node"
                )


class HistogramWatch(Struct, frozen=True):
    """The pre-period of one histogram in one stratum. `pres` begin when `strands` are chosen; starts empty."""

    tally: Tally = Tally()
    strands: tuple[Strand, ...] = ()
    pres: tuple[Preperiod, ...] = ()


def absorb(watch: HistogramWatch, seen: HistogramBin, *, falls: bool = False) -> HistogramWatch:
    """The pre-period with one more bin; `falls` where smaller observations are the worse ones."""
    strands = watch.strands
    pres = tuple(
        preperiod.absorb(pre, strand_bin)
        for pre, strand_bin in zip(watch.pres, bins_of(seen, strands, falls=falls), strict=True)
    )
    if strands:  # chosen for good: what came before and what comes after must not be mixed
        return HistogramWatch(watch.tally, strands, pres)
    tally = tallied(watch.tally, seen)
    if tally.bins >= CHOICE_BINS and tally.observations >= CHOICE_OBSERVATIONS:
        strands = strands_of(tally, falls=falls)
    return HistogramWatch(tally, strands, (Preperiod(),) * len(strands))


def settled(watch: HistogramWatch, *, falls: bool = False) -> HistogramWatch:
    """As the pre-period ends: with bounds chosen from whatever there is; without strands where there is nothing."""
    if watch.strands:
        return watch
    strands = strands_of(watch.tally, falls=falls)
    return HistogramWatch(watch.tally, strands, (Preperiod(),) * len(strands))


def tallied(tally: Tally, seen: HistogramBin) -> Tally:
    """The tally with one more bin over all its nodes. A bound counts where both it and the count were seen."""
    both = at_or_below(seen, seen.bounds)
    below, count = (np.where(np.isnan(part), 0.0, part).sum(axis=1).tolist() for part in both)
    sums = {bound: held for bound, *held in zip(tally.bounds, tally.below, tally.count, strict=True)}
    for bound, *more in zip(seen.bounds, below, count, strict=True):
        if more[1] > 0:
            old = sums.get(bound, [0.0, 0.0])
            sums[bound] = [old[0] + more[0], old[1] + more[1]]
    if len(sums) > MAX_BOUNDS:
        raise RefusedError(
            f"pre-period of more than {MAX_BOUNDS} bucket bounds: they keep changing; fix the histogram's buckets "
            "and start a new pre-period"
        )
    if sum(count) == 0:
        return tally
    bounds = tuple(sorted(sums))
    return Tally(
        bounds,
        tuple(sums[bound][0] for bound in bounds),
        tuple(sums[bound][1] for bound in bounds),
        tally.bins + 1,
    )


def strands_of(tally: Tally, *, falls: bool = False) -> tuple[Strand, ...]:
    """At most three strands, by bound from the middle outwards; their weights sum to 1. None where nothing helps."""
    bounds, below, count = (np.array(part, float) for part in (tally.bounds, tally.below, tally.count))
    if falls:
        bounds, below = bounds[::-1], (count - below)[::-1]
        count = count[::-1]
    can_worsen = below > 0  # in what follows, beyond a bound is the worse side
    bounds, below, count = bounds[can_worsen], below[can_worsen], count[can_worsen]
    if not len(bounds):
        return ()
    odds = np.log(count - below + 0.5) - np.log(below + 0.5)
    targets = [np.log((1 - quantile) / quantile) for quantile in QUANTILES]
    distances = np.array(
        [weight * np.abs(odds - target) for weight, target in zip(WEIGHTS, targets, strict=True)]
    )
    best = inf
    found: tuple[tuple[int, ...], list[int]] = ((), [])
    for kept in combinations(range(STRANDS), min(STRANDS, len(bounds))):
        cost, places = _in_order(distances[list(kept)])
        if cost < best:
            best, found = cost, (kept, places)
    total = sum(WEIGHTS[index] for index in found[0])
    return tuple(
        Strand(float(bounds[place]), QUANTILES[index], WEIGHTS[index] / total)
        for index, place in zip(*found, strict=True)
    )


def _in_order(distances: Array) -> tuple[float, list[int]]:
    """The least sum of one distance from each row at places that rise from row to row, and these places."""
    rows, width = distances.shape
    cost = np.full((rows, width), inf)
    cost[0] = distances[0]
    for row in range(1, rows):
        cost[row, 1:] = distances[row, 1:] + np.minimum.accumulate(cost[row - 1])[:-1]
    places = [int(np.argmin(cost[-1]))]
    for row in range(rows - 2, -1, -1):
        places.append(int(np.argmin(cost[row, : places[-1]])))
    return float(cost[-1].min()), places[::-1]


def at_or_below(seen: HistogramBin, bounds: tuple[float, ...]) -> tuple[Array, Array]:
    """Observations at or below each of these bounds, and all of them, by node; NaN where either was not seen."""
    row = {bound: index for index, bound in enumerate(seen.bounds)}
    rows = np.array([row.get(bound, -1) for bound in bounds], dtype=np.intp)
    padded = np.vstack([seen.buckets, np.full((1, len(seen.nodes)), np.nan)])
    return reconciled(padded[rows], seen.counts)


def reconciled(below: Array, counts: Array) -> tuple[Array, Array]:
    """Cumulative buckets and their counts, of any shape, such that none contradicts the other; NaN for what does.

    A bucket that is a little ahead of its count was written between the two reads, and is all there was; one that is
    far ahead contradicts it, and counts as not seen.
    """
    possible = below <= counts * (1 + TORN) + 1  # NaN is not
    return np.where(possible, below, np.nan), np.where(possible, np.maximum(below, counts), np.nan)


def bins_of(seen: HistogramBin, strands: tuple[Strand, ...], *, falls: bool = False) -> tuple[Bin, ...]:
    """What each strand counts in this bin: events beyond its bound, on all observations."""
    below, count = at_or_below(seen, tuple(strand.bound for strand in strands))
    events = below if falls else count - below
    return tuple(
        Bin(
            seen.seconds,
            tuple(
                NodeCount(node, event, total)
                for node, event, total in zip(seen.nodes, row.tolist(), totals.tolist(), strict=True)
                if total > 0  # NaN is not
            ),
        )
        for row, totals in zip(events, count, strict=True)
    )
