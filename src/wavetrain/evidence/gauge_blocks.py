"""Gauge blocks: what did both arms' levels come to, over a block of bins?

Bins add up until a gauge's block is full. A node speaks for an arm in a block if it was in that arm whenever it was
seen, in at least half of the bins, and has a baseline; others are left out. A block needs a node in each arm.

How a running test uses it: an `OpenBlocks` for each stratum under comparison, beside its states; it is small, and may
be dropped at a restart at the cost of the open block. `absorb` answers with the next one and with what closed, shape
(gauges, BLOCK), for `gauges.moved`.
"""

from math import isfinite
from typing import Final

import numpy as np
from msgspec import Struct

from wavetrain.errors import RefusedError
from wavetrain.evidence.arms import Mask
from wavetrain.evidence.counters import Array
from wavetrain.evidence.gauge_calibration import NOISE_FLOOR, GaugeCalibration
from wavetrain.evidence.gauge_preperiod import check, slot_of

SHIFT, SCALE, SLOPE_SCALE, TAU_OF, LEVEL, AGE, SECONDS_OF = range(7)
"""Columns of a closed block: D; its noise for level and slope; the scale of what may persist in it; the control's mean
level; the new nodes' mean age; its length. D and the level change sign where less is worse. All 0 where none closed."""
BLOCK: Final = 7


class OpenBlocks(Struct, frozen=True, eq=False):
    """Sums over the bins of the open blocks: (gauges, nodes), from `filled` on by gauge. Changes by copies only.

    `sums` are, in this order: levels, bins in which a node was seen, those of them in the new arm, in the control's.
    """

    nodes: tuple[str, ...]
    sums: tuple[Array, Array, Array, Array]
    filled: Array
    seconds: Array
    ages: Array

    def of(self, nodes: tuple[str, ...]) -> "OpenBlocks":
        """The same with these nodes too, after those that are known."""
        known = set(self.nodes)
        fresh = tuple(node for node in nodes if node not in known)
        if not fresh:
            return self
        levels, seen, new, control = (np.pad(part, ((0, 0), (0, len(fresh)))) for part in self.sums)
        return OpenBlocks(
            (*self.nodes, *fresh), (levels, seen, new, control), self.filled, self.seconds, self.ages
        )


def opened(gauges: int) -> OpenBlocks:
    """Before the first bin."""
    none = np.zeros((gauges, 0))
    return OpenBlocks((), (none,) * 4, np.zeros(gauges), np.zeros(gauges), np.zeros(gauges))


def absorb(
    held: OpenBlocks,
    nodes: tuple[str, ...],
    levels: Array,
    arms: tuple[Mask, Mask],
    seconds: float,
    age_s: float,
    known: GaugeCalibration,
    falls: Mask,
    clock_s: float | None = None,
) -> tuple[OpenBlocks, Array]:
    """One more bin of levels (gauges, nodes), NaN for what was not seen; and the blocks that it closes.

    `arms` mark the new nodes and the control's, `age_s` is the new nodes' mean age since their upgrade, `falls` marks
    the gauges of which less is worse. Raises RefusedError for what cannot be a bin.
    """
    check(nodes, levels, seconds)
    if len(levels) != len(held.filled) or len(levels) != len(known.rho) or falls.shape != (len(levels),):
        raise RefusedError(
            f"bin of {len(levels)} gauges for a test of {len(held.filled)}, calibrated for {len(known.rho)}: name "
            "the same gauges in order"
        )
    if not (isfinite(age_s) and age_s >= 0):
        raise RefusedError(f"age of {age_s} s: the new nodes' time since upgrade is finite and not negative")
    if (arms[0] & arms[1]).any():
        raise RefusedError("a node is in both arms; a node runs one release, name it once")
    held = held.of(nodes)
    place = {node: index for index, node in enumerate(held.nodes)}
    columns = [place[node] for node in nodes]
    told = ~np.isnan(levels)
    a, b, c, d = held.sums
    sums = a.copy(), b.copy(), c.copy(), d.copy()
    more = np.where(told, levels, 0.0), told, told & arms[0], told & arms[1]
    for part, added in zip(sums, more, strict=True):
        part[:, columns] += added
    filled, lasted, ages = held.filled + 1, held.seconds + seconds, held.ages + age_s
    full = filled >= known.block_bins
    if not full.any():
        return OpenBlocks(held.nodes, sums, filled, lasted, ages), np.zeros((len(levels), BLOCK))
    closed = _closed(sums, filled, ages / filled, known.of(held.nodes), falls, clock_s)
    closed[:, SECONDS_OF] = np.where(closed[:, SCALE] > 0, lasted, 0.0)
    closed[~full] = 0.0
    for part in (*sums, filled, lasted, ages):
        part[full] = 0.0
    return OpenBlocks(held.nodes, sums, filled, lasted, ages), closed


def tau_of(known: GaugeCalibration, nodes: tuple[str, ...], arms: tuple[Mask, Mask]) -> Array:
    """The scale, in rho, of what may persist between these arms, by gauge: what a stratum's laws begin with."""
    spread = known.of(nodes)
    weights = _weights(~np.isnan(spread.baselines[:, 0]), arms)
    out: Array = _tau(spread, weights) / known.rho
    return out


def _closed(
    sums: tuple[Array, Array, Array, Array],
    filled: Array,
    age: Array,
    known: GaugeCalibration,
    falls: Mask,
    clock_s: float | None,
) -> Array:
    levels, seen, as_new, as_control = sums
    base = known.baselines[:, 0 if clock_s is None else 1 + slot_of(clock_s)]
    usable = (seen * 2 >= filled[:, None]) & (seen > 0) & ~np.isnan(base)
    arms = usable & (as_new == seen), usable & (as_control == seen)
    weights = _weights(np.ones_like(usable), arms)
    both = arms[0].any(axis=1) & arms[1].any(axis=1)
    mean = levels / np.maximum(seen, 1)
    off = mean - np.nan_to_num(base)
    shift = (off * weights).sum(axis=1)
    noise = (known.noise * weights**2).sum(axis=1)
    out = np.zeros((len(levels), BLOCK))
    out[:, SHIFT] = np.where(falls, -shift, shift)
    out[:, SCALE] = np.maximum(np.sqrt(noise), NOISE_FLOOR * known.rho)
    out[:, SLOPE_SCALE] = np.maximum(np.sqrt(noise * known.drift), NOISE_FLOOR * known.rho)
    out[:, TAU_OF] = _tau(known, weights)
    out[:, LEVEL] = np.where(falls, -1.0, 1.0) * (mean * np.where(weights < 0, -weights, 0.0)).sum(axis=1)
    out[:, AGE] = age
    out[~both] = 0.0
    return out


def _weights(usable: Mask, arms: tuple[Mask, Mask]) -> Array:
    """Of each node in D: 1 / a in the new arm, -1 / c in the control, 0 elsewhere."""
    new, control = usable & arms[0], usable & arms[1]
    mine, theirs = (part.sum(axis=1, keepdims=True) for part in (new, control))
    out: Array = new / np.maximum(mine, 1) - control / np.maximum(theirs, 1)
    return out


def _tau(known: GaugeCalibration, weights: Array) -> Array:
    squares = (known.tau[:, None] ** 2 + known.base_error) * weights**2
    out: Array = np.sqrt(squares.sum(axis=1))
    return out
