"""Pre-period: how did one metric of one stratum vary from node to node before anything moved?

A state that absorbs one bin at a time in O(nodes) and bounded memory, so that it may run for days. It keeps
totals per node, a fixed histogram of counts per node and bin, and, for blocks of 1, 8, 64 and 256 bins, the
sums from which dispersion can be computed later for *any* node offsets. For a block with M events, exposure
share s of a node, e = M s and d = x - e, an offset (1 + c) leaves the residual d - c e, whose squares sum to
    sum d^2 - 2 c sum d e + c^2 sum e^2.
"""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise
from math import ceil

from msgspec import Struct
from msgspec.structs import replace

from wavetrain.errors import RefusedError
from wavetrain.evidence.bins import MAX_NODES, Bin, NodeCount

LENGTHS = (1, 8, 64, 256)
"""Bins per block. Each is a multiple of the one before: a closed block is handed up."""

CAP_FLOOR = 3
CAP_QUANTILE = 0.999
CAP_RATIO = 10.0
"""A cap never hides a worsening below this many times the usual count."""

CAP_MIN_COUNTS = 1000
"""Node-bins before the pre-period caps its own counts; a 99.9 % quantile of fewer is only their maximum."""

EDGES: tuple[int, ...] = (*range(17), *(round(16 * 2 ** (k / 4)) for k in range(1, 65)))
"""Upper edges of the histogram of counts per node and bin: exact to 16, then four to an octave, to 1e6."""


class NodeSpread(Struct, frozen=True):
    """Sums over the closed blocks of one length for one node; names as in the module's docstring."""

    node: str
    expected: float = 0.0  # sum of e = M s
    thinned: float = 0.0  # sum of M s^2
    squares: float = 0.0  # sum of d^2
    cross: float = 0.0  # sum of d e
    expected_squares: float = 0.0  # sum of e^2
    information_squares: float = 0.0  # sum of (M s (1 - s))^2


class Scale(Struct, frozen=True):
    """Blocks of one length: `filled` of the open one's parts are in, `blocks` are closed and compared."""

    length: int
    filled: int = 0
    blocks: int = 0
    open: tuple[NodeCount, ...] = ()
    spread: tuple[NodeSpread, ...] = ()


class Preperiod(Struct, frozen=True):
    """What was seen of one metric in one stratum; starts empty. `totals` hold capped counts."""

    bins: int = 0
    seconds: float = 0.0
    totals: tuple[NodeCount, ...] = ()
    histogram: tuple[int, ...] = (0,) * (len(EDGES) + 1)
    scales: tuple[Scale, ...] = tuple(Scale(length) for length in LENGTHS)


def absorb(pre: Preperiod, seen: Bin) -> Preperiod:
    """The pre-period with one more bin. A bin without exposure changes nothing."""
    observed = [count for count in seen.nodes if count.exposure > 0]
    if not observed:
        return pre
    cap = count_cap(pre) if sum(pre.histogram) >= CAP_MIN_COUNTS else None
    histogram = list(pre.histogram)
    for count in observed:
        histogram[bisect_left(EDGES, count.events)] += 1
    capped = tuple(
        count if cap is None or count.events <= cap else replace(count, events=float(cap))
        for count in observed
    )
    totals = _added(pre.totals, capped)
    if len(totals) > MAX_NODES:
        raise RefusedError(
            f"pre-period of more than {MAX_NODES} nodes: the state is bounded; start a new pre-period or "
            f"split the stratum"
        )
    return Preperiod(
        bins=pre.bins + 1,
        seconds=pre.seconds + seen.seconds,
        totals=totals,
        histogram=tuple(histogram),
        scales=_climbed(pre.scales, capped),
    )


def count_cap(pre: Preperiod) -> int:
    """Most events one node may contribute in one bin: one crash loop is not 100 independent events.

    The 99.9 % quantile of the counts per node and bin, at least 3 and at least 10 times their mean.
    """
    counts = sum(pre.histogram)
    if counts == 0:
        return CAP_FLOOR
    mean = sum(total.events for total in pre.totals) / counts
    rank, below, quantile = ceil(CAP_QUANTILE * counts), 0, EDGES[-1]
    for edge, held in zip(EDGES, pre.histogram, strict=False):
        below += held
        if below >= rank:
            quantile = edge
            break
    return max(CAP_FLOOR, quantile, ceil(CAP_RATIO * mean))


def _climbed(scales: tuple[Scale, ...], block: tuple[NodeCount, ...]) -> tuple[Scale, ...]:
    """The block enters the shortest scale; each scale whose block closes hands it up to the next."""
    out = list(scales)
    out[0] = _closed(scales[0], block)
    for index, (lower, upper) in enumerate(pairwise(scales), start=1):
        filled, joined = upper.filled + 1, _added(upper.open, block)
        if filled * lower.length < upper.length:
            out[index] = replace(upper, filled=filled, open=joined)
            break
        out[index] = _closed(upper, joined)
        block = joined
    return tuple(out)


def _closed(scale: Scale, block: tuple[NodeCount, ...]) -> Scale:
    events = sum(count.events for count in block)
    exposure = sum(count.exposure for count in block)
    emptied = replace(scale, filled=0, open=())
    if len(block) < 2:
        return emptied
    if events == 0:
        return replace(emptied, blocks=scale.blocks + 1)
    spread = {old.node: old for old in scale.spread}
    for count in block:
        share = count.exposure / exposure
        expected = events * share
        off = count.events - expected
        old = spread.get(count.node) or NodeSpread(count.node)
        spread[count.node] = NodeSpread(
            node=count.node,
            expected=old.expected + expected,
            thinned=old.thinned + expected * share,
            squares=old.squares + off * off,
            cross=old.cross + off * expected,
            expected_squares=old.expected_squares + expected * expected,
            information_squares=old.information_squares + (expected * (1 - share)) ** 2,
        )
    return replace(emptied, blocks=scale.blocks + 1, spread=tuple(spread[node] for node in sorted(spread)))


def _added(held: tuple[NodeCount, ...], more: Iterable[NodeCount]) -> tuple[NodeCount, ...]:
    sums = {count.node: count for count in held}
    for count in more:
        old = sums.get(count.node)
        sums[count.node] = (
            count
            if old is None
            else NodeCount(count.node, old.events + count.events, old.exposure + count.exposure)
        )
    return tuple(sums[node] for node in sorted(sums))
