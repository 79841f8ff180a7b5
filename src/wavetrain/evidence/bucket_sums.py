"""Bucket sums: how many observations of each arm lay at or below each bound, since the comparison began?

For `bands` alone. Only bounds that every bin so far has had are kept, as of an older bin nobody knows what lay below
another one. A node of which a bin does not tell all of them is left out of that bin. A bucket that is a little ahead of
a higher one was written between two reads: then the higher one holds as many.
"""

from math import inf

import numpy as np
from msgspec import Struct

from wavetrain.evidence.arms import Mask
from wavetrain.evidence.counters import Array
from wavetrain.evidence.edges import HistogramBin, at_or_below, reconciled


class BucketSums(Struct, frozen=True, eq=False):
    """`sums`, (bounds + 1, 2), are of the new nodes and of the control; the last row counts all observations.

    `bounds` is None before the first bin.
    """

    bounds: tuple[float, ...] | None
    sums: Array


class KeptSums(Struct, frozen=True):
    """The same as a store keeps it: little-endian doubles."""

    bounds: tuple[float, ...]
    sums: bytes


NOTHING = BucketSums(None, np.zeros((1, 2)))


def packed(held: BucketSums) -> KeptSums:
    """As a store keeps it."""
    return KeptSums(held.bounds or (), held.sums.astype("<f8").tobytes())


def unpacked(kept: KeptSums) -> BucketSums:
    """The sums that were packed."""
    return BucketSums(kept.bounds, np.frombuffer(kept.sums, dtype="<f8").reshape(-1, 2))


def added(held: BucketSums, seen: HistogramBin, arms: tuple[Mask, Mask]) -> BucketSums:
    """The sums with one more bin; `arms` mark the new nodes of it and the control's."""
    before, bounds = held.sums, seen.bounds if held.bounds is None else held.bounds
    if held.bounds is None:
        before = np.zeros((len(bounds) + 1, 2))
    if bounds == seen.bounds:
        below, counts = reconciled(seen.buckets, seen.counts)
    else:
        also = {*seen.bounds, inf}
        before = before[[bound in also for bound in (*bounds, inf)]]
        bounds = tuple(bound for bound in bounds if bound in also)
        below, counts = at_or_below(seen, bounds)
    if not bounds:
        return BucketSums((), before)
    rising = np.maximum.accumulate(below, axis=0)  # NaN from where one was not told
    whole = ~np.isnan(rising[-1])
    told = np.vstack([rising, counts.max(axis=0)])[:, whole]
    return BucketSums(bounds, before + told @ np.stack(arms, axis=1)[whole].astype(float))
