"""Scorecard pre-period: what do many bins, taken together, make of the state that absorbs them one by one?

The same sums as `evidence.preperiod.absorb`, over arrays. Two things differ: a cap holds from the first bin on, as it
stands at the end, and not from the thousandth count on as it stood then; and blocks that are still open are left out.
"""

from collections.abc import Sequence

import numpy as np

from wavetrain.evidence.bins import NodeCount
from wavetrain.evidence.counters import Array
from wavetrain.evidence.preperiod import (
    CAP_MIN_COUNTS,
    EDGES,
    LENGTHS,
    NodeSpread,
    Preperiod,
    Scale,
    count_cap,
)


def preperiods(events: Array, exposure: Array, nodes: Sequence[str], seconds: float) -> list[Preperiod]:
    """One per metric, from events (metrics, nodes, bins) over one exposure (nodes, bins), 0 where not seen."""
    seen = exposure > 0
    histograms = [_histogram(of[seen]) for of in events]
    heights = exposure.sum(axis=1).tolist()
    capped = events
    for metric, histogram in enumerate(histograms):
        state = Preperiod(totals=_counts(nodes, events[metric].sum(axis=1), heights), histogram=histogram)
        cap = count_cap(state) if sum(histogram) >= CAP_MIN_COUNTS else np.inf
        if events[metric].max() > cap:
            capped = capped.copy() if capped is events else capped
            capped[metric] = np.minimum(events[metric], cap)
    scales = [_scales(capped, exposure, nodes, length) for length in LENGTHS]
    return [
        Preperiod(
            bins=events.shape[2],
            seconds=seconds * events.shape[2],
            totals=_counts(nodes, capped[metric].sum(axis=1), heights),
            histogram=histograms[metric],
            scales=tuple(of[metric] for of in scales),
        )
        for metric in range(len(events))
    ]


def _counts(nodes: Sequence[str], events: Array, exposure: Sequence[float]) -> tuple[NodeCount, ...]:
    return tuple(
        NodeCount(node, event, total)
        for node, event, total in zip(nodes, events.tolist(), exposure, strict=True)
        if total > 0
    )


def _histogram(counts: Array) -> tuple[int, ...]:
    many = np.bincount(counts.astype(np.int64))
    places = np.searchsorted(EDGES, np.arange(len(many)))
    return tuple(np.bincount(places, weights=many, minlength=len(EDGES) + 1).astype(int).tolist())


def _scales(events: Array, exposure: Array, nodes: Sequence[str], length: int) -> list[Scale]:
    """With M events in a block and a node's share s of its exposure, e = M s and d = x - e; all are sums over blocks.

    Metrics share their exposure, so all sums but those of x^2 and x M s are products of matrices.
    """
    metrics, many, bins = events.shape
    blocks = bins // length
    block = events[..., : blocks * length].reshape(metrics, many, blocks, length).sum(axis=3)
    weight = exposure[:, : blocks * length].reshape(many, blocks, length).sum(axis=2)
    whole = weight.sum(axis=0)
    share = weight / np.where(whole > 0, whole, 1.0)
    together = block.sum(axis=1)
    squares = (together**2) @ (share**2).T
    joint = np.einsum("mnb,nb,mb->mn", block, share, together)
    sums = np.stack(
        [
            together @ share.T,
            together @ (share**2).T,
            np.einsum("mnb,mnb->mn", block, block) - 2 * joint + squares,
            joint - squares,
            squares,
            (together**2) @ ((share * (1 - share)) ** 2).T,
        ],
        axis=-1,
    ).tolist()
    return [
        Scale(
            length=length,
            blocks=blocks,
            spread=tuple(NodeSpread(node, *row) for node, row in zip(nodes, of, strict=True)),
        )
        for of in sums
    ]
