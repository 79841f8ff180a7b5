"""Scorecard evidence: what do the counts of many trains give to each method to look at?"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from wavetrain.evidence.counters import Array
from wavetrain.simulate.scorecard_history import STRANDS, History
from wavetrain.simulate.scorecard_latency import p99
from wavetrain.simulate.scorecard_recording import Counts, Recording
from wavetrain.simulate.scorecard_worlds import BAD, NEW, NODES, Mask

Kind = TypeVar("Kind", "Arms", "Gauge")


class Arms(Struct, frozen=True, eq=False):
    """Counters as tools see them that add up arms: (trains, counters, looks)."""

    new_events: Array
    new_exposure: Array
    control_events: Array
    control_exposure: Array
    rates: Array
    """(trains, counters): events per exposure in the pre-period."""


class Gauge(Struct, frozen=True, eq=False):
    """The p99 by the minute: (trains, looks) by arm, NaN where nothing was seen; the rest (trains,)."""

    new: Array
    control: Array
    mean: Array
    sd: Array
    difference_sd: Array


class Streams(Struct, frozen=True, eq=False):
    """What our own test looks at, node by node: events and exposure (looks, trains, processes, nodes).

    The processes are some of a train's: the latency's three strands, then the counters; `first` is the first of them.
    """

    events: NDArray[np.int32] | Array
    exposure: NDArray[np.float32]
    first: int
    new: Mask
    """(looks, nodes)"""
    histories: tuple[History, ...]
    """By train."""


class Evidence(Struct, frozen=True, eq=False):
    """Some metrics of some trains: those of the counters, the latency, or both."""

    arms: Arms | None
    gauge: Gauge | None
    streams: Streams


def healthy(whole: Recording, new: Mask) -> Evidence:
    """All metrics of clean trains."""
    looks, trains, counters, nodes = whole.events.shape
    events = np.empty((looks, trains, STRANDS + counters, nodes), dtype=np.int32)
    events[:, :, :STRANDS] = _strands(whole.over, whole.histories)
    events[:, :, STRANDS:] = whole.events
    exposure: NDArray[np.float32] = np.empty(events.shape, dtype=np.float32)
    exposure[:, :, :STRANDS] = whole.requests[:, :, None]
    exposure[:, :, STRANDS:] = whole.exposure[:, :, None]
    return Evidence(
        _arms(whole.events, whole, new, slice(None)),
        _gauge(whole.over, whole, new),
        Streams(events, exposure, 0, new, whole.histories),
    )


def with_counter(whole: Recording, events: Counts, new: Mask) -> Evidence:
    """The counter that goes bad, with these events (looks, trains, nodes)."""
    return Evidence(
        _arms(events[:, :, None], whole, new, slice(BAD - 1, BAD)),
        None,
        Streams(
            events[:, :, None],
            whole.exposure[:, :, None].astype(np.float32),
            STRANDS + BAD - 1,
            new,
            whole.histories,
        ),
    )


def with_latency(whole: Recording, over: Array, new: Mask) -> Evidence:
    """The latency, with so many requests slower than each edge (looks, trains, nodes, edges)."""
    events = _strands(over, whole.histories)
    exposure = np.broadcast_to(whole.requests[:, :, None], events.shape).astype(np.float32)
    return Evidence(None, _gauge(over, whole, new), Streams(events, exposure, 0, new, whole.histories))


def _strands(over: Array, histories: tuple[History, ...]) -> Array:
    picked = [over[:, train][..., history.edges] for train, history in enumerate(histories)]
    return np.moveaxis(np.stack(picked, axis=1), 3, 2)


def _arms(events: Counts, whole: Recording, new: Mask, which: slice) -> Arms:
    def summed(mask: Mask) -> tuple[Array, Array]:
        weight = mask.astype(float)
        counted = np.einsum("ltmn,ln->tml", events, weight)
        height = np.einsum("ltn,ln->tl", whole.exposure, weight)
        return counted, np.broadcast_to(height[:, None], counted.shape)

    control = np.broadcast_to(np.arange(NODES) >= NEW, new.shape)
    rates = np.stack([history.rates[which] for history in whole.histories])
    return Arms(*summed(new), *summed(control), rates)


def _gauge(over: Array, whole: Recording, new: Mask) -> Gauge:
    control = np.broadcast_to(np.arange(NODES) >= NEW, new.shape)
    sides = [
        p99(
            np.einsum("ltnb,ln->tlb", over, mask.astype(float)),
            np.einsum("ltn,ln->tl", whole.requests, mask.astype(float)),
        )
        for mask in (new, control)
    ]
    known = (
        [getattr(h, name) for h in whole.histories] for name in ("gauge_mean", "gauge_sd", "difference_sd")
    )
    return Gauge(*sides, *(np.array(values) for values in known))


def put_in(all_metrics: Array, place: int, scores: Array) -> Array:
    """The scores of all metrics (trains, metrics, looks), with those of one (trains, looks) in its place."""
    out = all_metrics.copy()
    out[:, place] = scores
    return out


def stacked(parts: Sequence[Evidence]) -> Evidence:
    """The same metrics of more trains: one part's after the other's."""
    arms = [part.arms for part in parts if part.arms is not None]
    gauges = [part.gauge for part in parts if part.gauge is not None]
    streams = [part.streams for part in parts]
    return Evidence(
        _joined(Arms, arms) if arms else None,
        _joined(Gauge, gauges) if gauges else None,
        Streams(
            np.concatenate([of.events for of in streams], axis=1),
            np.concatenate([of.exposure for of in streams], axis=1),
            streams[0].first,
            streams[0].new,
            tuple(history for of in streams for history in of.histories),
        ),
    )


def _joined(kind: type[Kind], parts: Sequence[Kind]) -> Kind:
    return kind(*(np.concatenate([getattr(part, name) for part in parts]) for name in kind.__struct_fields__))
