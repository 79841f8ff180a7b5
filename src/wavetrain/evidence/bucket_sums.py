"""Bucket sums: how many observations of each arm lay at or below each bound, since the comparison began?

For `bands` alone. Only bounds that every bin so far has had are kept, as of an older bin nobody knows what lay below
another one. A node of which a bin does not tell all of them is left out of that bin. A bucket that is a little ahead of
a higher one was written between two reads: then the higher one holds as many.
"""

import numpy as np
from msgspec import Struct

from wavetrain.evidence.arms import Mask
from wavetrain.evidence.counters import Array
from wavetrain.evidence.edges import HistogramBin, at_or_below


class BucketSums(Struct, frozen=True):
    """`sums` are little-endian doubles of the shape (2, bounds + 1): the new nodes, then the control's; the last column
    counts all observations."""

    bounds: tuple[float, ...] | None = None
    """None before the first bin."""
    sums: bytes = b""

    def arrays(self) -> Array:
        """The sums, (2, bounds + 1)."""
        width = len(self.bounds or ()) + 1
        return np.frombuffer(self.sums, dtype="<f8").reshape(2, width) if self.sums else np.zeros((2, width))


def added(held: BucketSums, seen: HistogramBin, arms: tuple[Mask, Mask]) -> BucketSums:
    """The sums with one more bin; `arms` mark the new nodes of it and the control's."""
    known = seen.bounds if held.bounds is None else held.bounds
    also = set(seen.bounds)
    bounds = tuple(bound for bound in known if bound in also)
    before = BucketSums(known, held.sums).arrays()
    kept = [place for place, bound in enumerate(known) if bound in also]
    sums = before[:, [*kept, len(known)]]
    if bounds:
        below, counts = at_or_below(seen, bounds)
        whole = ~np.isnan(below).any(axis=0)
        rising, every = np.maximum.accumulate(below, axis=0), counts.max(axis=0)
        for side, arm in zip(sums, arms, strict=True):
            side[:-1] += rising[:, arm & whole].sum(axis=1)
            side[-1] += every[arm & whole].sum()
    return BucketSums(bounds, sums.astype("<f8").tobytes())
