"""Gauge pre-period: how did the gauges of a stratum vary from node to node, at which length of time?

A state for all gauges of one stratum that absorbs one bin at a time, in bounded memory. What all nodes share goes
first: a node's deviation is its level less the mean, over the nodes seen, of level less own mean deviation (two-way
effects; a node that is missing shifts nobody else). Deviations are averaged over blocks of 1, 4, 16 ... bins, each
made of four of the ones below, with the sums from which each length's variance follows (Flyvbjerg & Petersen 1989,
blocking), and, where the time of day is known, over the two-hour slots of the day for baselines at the same clock.
"""

from math import isfinite
from typing import Final

import numpy as np
from msgspec import Struct

from wavetrain.errors import RefusedError
from wavetrain.evidence.bins import MAX_NODES
from wavetrain.evidence.counters import Array

STEP: Final = 4
LENGTHS: Final = tuple(STEP**power for power in range(7))
"""Bins per block; the longest is 4,096: 34 h of 30-second bins."""

SLOTS, DAY_S = 12, 86_400.0
SLOT_S: Final = DAY_S / SLOTS
OPEN_SUM, OPEN_SEEN, SUM, SQUARES, BLOCKS = range(5)
"""Columns of `scales`: sum and number of the open block's parts; sum, sum of squares and number of closed blocks."""

SLOT_SUM, SLOT_SEEN = range(2)
_HEAD: Final = 4 + len(LENGTHS) + SLOTS


class GaugeWatch(Struct, frozen=True, eq=False):
    """What was seen. `scales` is (gauges, LENGTHS, nodes, 5), `slots` (gauges, SLOTS, nodes, 2).

    `filled` are the parts in each length's open block, `visits` the days on which each slot was seen. Changes by
    copies only.
    """

    nodes: tuple[str, ...]
    scales: Array
    slots: Array
    filled: tuple[int, ...] = (0,) * len(LENGTHS)
    visits: tuple[int, ...] = (0,) * SLOTS
    last_slot: int = -1
    bins: int = 0
    seconds: float = 0.0

    def of(self, nodes: tuple[str, ...]) -> "GaugeWatch":
        """The same with these nodes too, after those that are known."""
        known = set(self.nodes)
        fresh = tuple(node for node in nodes if node not in known)
        if not fresh:
            return self
        if len(self.nodes) + len(fresh) > MAX_NODES:
            raise RefusedError(
                f"pre-period of more than {MAX_NODES} nodes: the state is bounded; start a new pre-period or split "
                "the stratum"
            )
        scales, slots = (
            np.concatenate([part, np.zeros((*part.shape[:2], len(fresh), part.shape[3]))], axis=2)
            for part in (self.scales, self.slots)
        )
        return GaugeWatch(
            (*self.nodes, *fresh),
            scales,
            slots,
            self.filled,
            self.visits,
            self.last_slot,
            self.bins,
            self.seconds,
        )


def unwatched(gauges: int) -> GaugeWatch:
    """The pre-period of so many gauges before the first bin."""
    return GaugeWatch((), np.zeros((gauges, len(LENGTHS), 0, 5)), np.zeros((gauges, SLOTS, 0, 2)))


def packed(watch: GaugeWatch) -> bytes:
    """All but the names of the nodes as a store keeps it: little-endian doubles."""
    head = (len(watch.scales), watch.bins, watch.seconds, watch.last_slot, *watch.filled, *watch.visits)
    parts = (np.array(head), watch.scales.reshape(-1), watch.slots.reshape(-1))
    return np.concatenate(parts).astype("<f8").tobytes()


def unpacked(kept: bytes, nodes: tuple[str, ...]) -> GaugeWatch:
    """The pre-period that was packed, of these nodes."""
    values = np.frombuffer(kept, dtype="<f8")
    gauges, bins, seconds, last, *rest = values[:_HEAD].tolist()
    scales = _HEAD + int(gauges) * len(LENGTHS) * len(nodes) * 5
    return GaugeWatch(
        nodes,
        values[_HEAD:scales].reshape(int(gauges), len(LENGTHS), len(nodes), 5),
        values[scales:].reshape(int(gauges), SLOTS, len(nodes), 2),
        tuple(map(int, rest[: len(LENGTHS)])),
        tuple(map(int, rest[len(LENGTHS) :])),
        int(last),
        int(bins),
        seconds,
    )


def slot_of(clock_s: float) -> int:
    """The slot of the day at so many seconds of train time (UTC, since any midnight)."""
    return int(clock_s % DAY_S // SLOT_S)


def absorb(
    watch: GaugeWatch, nodes: tuple[str, ...], levels: Array, seconds: float, clock_s: float | None = None
) -> GaugeWatch:
    """The pre-period with one more quiet bin of levels, shape (gauges, nodes), NaN for what was not seen.

    A gauge that fewer than two nodes have says nothing. Raises RefusedError for what cannot be a bin.
    """
    check(nodes, levels, seconds)
    if len(levels) != len(watch.scales):
        raise RefusedError(
            f"bin of {len(levels)} gauges for a pre-period of {len(watch.scales)}: name the same gauges in order"
        )
    watch = watch.of(nodes)
    place = {node: index for index, node in enumerate(watch.nodes)}
    seen = np.full((len(levels), len(watch.nodes)), np.nan)
    seen[:, [place[node] for node in nodes]] = levels
    seen[(~np.isnan(seen)).sum(axis=1) < 2] = np.nan
    if np.isnan(seen).all():
        return watch
    block = _deviations(watch, seen)
    slots, visits, last = watch.slots.copy(), list(watch.visits), watch.last_slot
    if clock_s is not None:
        slot = slot_of(clock_s)
        slots[:, slot, :, SLOT_SUM] += np.nan_to_num(block)
        slots[:, slot, :, SLOT_SEEN] += ~np.isnan(block)
        visits[slot] += slot != last
        last = slot
    scales, filled = _climbed(watch.scales.copy(), list(watch.filled), block)
    return GaugeWatch(
        watch.nodes, scales, slots, filled, tuple(visits), last, watch.bins + 1, watch.seconds + seconds
    )


def mean_deviation(watch: GaugeWatch) -> Array:
    """Each node's mean deviation over the whole pre-period, shape (gauges, nodes); NaN where it was never seen."""
    shortest = watch.scales[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        out: Array = shortest[..., SUM] / shortest[..., BLOCKS]
    return out


def variances(watch: GaugeWatch) -> tuple[Array, Array]:
    """The variance of block means about their node's mean, by gauge and length, and its degrees of freedom.

    Pooled over nodes; NaN without degrees. The mean over all nodes is in each deviation: N / (N - 1) takes it out.
    """
    squares, degrees = (part.sum(axis=2) for part in _about_means(watch))
    active = (watch.scales[:, 0, :, BLOCKS] > 0).sum(axis=1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        out = squares / degrees * active / (active - 1)
    return out, degrees


def node_variances(watch: GaugeWatch) -> tuple[Array, Array]:
    """The variance of single bins by gauge and node, and its degrees of freedom."""
    squares, degrees = (part[:, 0] for part in _about_means(watch))
    with np.errstate(divide="ignore", invalid="ignore"):
        return squares / degrees, degrees


def check(nodes: tuple[str, ...], levels: Array, seconds: float) -> None:
    """Raises RefusedError where these cannot be a bin of gauges."""
    if levels.ndim != 2 or levels.shape[1] != len(nodes) or len(set(nodes)) != len(nodes):
        raise RefusedError(
            f"gauges of shape {levels.shape} for {len(nodes)} nodes: one row a gauge, one column a node, each named "
            "once"
        )
    if not (isfinite(seconds) and seconds > 0):
        raise RefusedError(f"bin of {seconds} s: a bin needs a positive length; leave empty ones out")
    if np.isinf(levels).any():
        raise RefusedError("a gauge is infinite: levels must be finite; leave the node out, as NaN")


def _deviations(watch: GaugeWatch, seen: Array) -> Array:
    base = mean_deviation(watch)
    both = ~(np.isnan(seen) | np.isnan(base))
    without = ~both.any(axis=1)  # as at the beginning: nobody is known, all are
    both[without] = ~np.isnan(seen[without])
    offset = np.where(both, np.nan_to_num(seen) - np.nan_to_num(base), 0.0)
    shared = offset.sum(axis=1) / np.maximum(both.sum(axis=1), 1)
    out: Array = seen - shared[:, None]
    return out


def _climbed(scales: Array, filled: list[int], block: Array) -> tuple[Array, tuple[int, ...]]:
    """The block enters the shortest length; each that is full hands its mean up to the next."""
    for length in range(len(LENGTHS)):
        of = scales[:, length]
        if length:
            known = ~np.isnan(block)
            of[..., OPEN_SUM] += np.where(known, block, 0.0)
            of[..., OPEN_SEEN] += known
            filled[length] += 1
            if filled[length] < STEP:
                break
            enough = of[..., OPEN_SEEN] * 2 >= STEP
            block = np.where(enough, of[..., OPEN_SUM] / np.maximum(of[..., OPEN_SEEN], 1), np.nan)
            of[..., [OPEN_SUM, OPEN_SEEN]] = 0.0
            filled[length] = 0
        known = ~np.isnan(block)
        value = np.where(known, block, 0.0)
        of[..., SUM] += value
        of[..., SQUARES] += value * value
        of[..., BLOCKS] += known
    return scales, tuple(filled)


def _about_means(watch: GaugeWatch) -> tuple[Array, Array]:
    """Sums of squares about each node's mean, and their degrees, shape (gauges, LENGTHS, nodes)."""
    total, blocks = watch.scales[..., SUM], watch.scales[..., BLOCKS]
    squares = np.maximum(watch.scales[..., SQUARES] - total * total / np.maximum(blocks, 1), 0.0)
    return squares, np.maximum(blocks - 1, 0.0)
