"""Gauge calibration: how far do a stratum's nodes drift apart in a block, and for good, when nothing has changed?

From the variances V(L) of means over L bins (`gauge_preperiod`):

* the block: at least five minutes and three integrated autocorrelation times; at most an hour, as what lasts longer
  is no noise but part of tau. The time is what g(L) = L V(L) / V(1) rises to (batch means, Flyvbjerg & Petersen
  1989): as g(L) = time - c / L, the largest (4 g(4 L) - g(L)) / 3 of the lengths up to a third of an hour.
* noise, the variance of one node's block of B bins: max L V(L) / B over the ladder's lengths around B, which also
  covers that neighbouring blocks agree a little; times the node's own share, shrunken towards the stratum's.
* tau, the Student-t5 scale of what persists in one node: the root of V(L) less what noise leaves, on lengths of four
  blocks and more, less one standard error under no effect; the largest. Seasons of single nodes count as such, with
  or without baselines by the clock: cautious.
* drift: max L V(L) / B over all lengths, the noise that slopes must stand out from.

The assumed calibration (`bins` = 0), where there is no pre-period or too short a one: no baselines, noise and tau as
large as the smallest shift worth a rollback. A live test then bets on pairs instead (`gauge_pairs`). With `bins` = 0 a
statistical `fail` may pause and page, not revert.
"""

from math import ceil, isfinite, prod, sqrt
from typing import Final

import numpy as np
from msgspec import Struct

from wavetrain.errors import RefusedError
from wavetrain.evidence.counters import Array
from wavetrain.evidence.gauge_preperiod import (
    BLOCKS,
    LENGTHS,
    SLOT_SEEN,
    SLOT_SUM,
    SLOTS,
    STEP,
    GaugeWatch,
    mean_deviation,
    node_variances,
    variances,
)

BLOCK_S, BLOCK_MAX_S = 300.0, 3600.0
TIMES: Final = 3.0
"""Integrated autocorrelation times in a block, at least."""

MIN_BLOCKS = 8
"""Blocks that the pre-period must hold, and that each node must have been seen for to have a baseline."""

MIN_SLOT_BLOCKS, MIN_SLOT_DAYS = 4, 2
"""What a node must have been seen for in a slot of the day, on how many days, to have a baseline of its own there."""

MIN_DEGREES = 4.0
NODE_PRIOR = 30.0
"""Pseudo-degrees at the stratum's variance: a node's own is believed as it has more bins than that."""

TAU_FLOOR, NOISE_FLOOR = 1 / 48, 1 / 20
"""In smallest shifts worth a rollback (rho). At a tenth of a budget of 1 / 1,000 one is enough and a third is not; at
a fortieth it takes one and a half, with one new node and a day's pre-period."""

TO_SCALE: Final = sqrt(3 / 5)
"""The scale of a Student-t5 over its standard deviation."""

UNKNOWN_TAU = 0.5
"""In standard deviations of a block, where the pre-period is too short to see what persists."""

_PARTS: Final = ("baselines", "noise", "base_error", "drift", "tau", "block_bins", "rho")
_LENGTHS: Final[Array] = np.array(LENGTHS, float)


class GaugeCalibration(Struct, frozen=True, eq=False):
    """All gauges of one stratum. `baselines` are (gauges, 1 + SLOTS, nodes): of the whole pre-period, then by slot.

    A slot without enough days repeats the whole. NaN is a node without a baseline; it is left out of the arms. `noise`
    and `base_error` are variances of one node, (gauges, nodes); `drift` is a factor on noise, `tau` a scale, both by
    gauge. `block_bins` is each gauge's block.
    """

    nodes: tuple[str, ...]
    baselines: Array
    noise: Array
    base_error: Array
    drift: Array
    tau: Array
    block_bins: Array
    rho: Array
    bins: int
    seconds: float

    def of(self, nodes: tuple[str, ...]) -> "GaugeCalibration":
        """The same for these nodes in this order; one that is not known has no baseline, or all have 0 if assumed."""
        if nodes == self.nodes:
            return self
        place = {node: index for index, node in enumerate(self.nodes)}
        columns = [place.get(node, -1) for node in nodes]
        if self.bins == 0:
            columns = [-1] * len(nodes)
        baselines, noise, base_error = (
            np.concatenate([part, np.full((*part.shape[:-1], 1), fill)], axis=-1)[..., columns]
            for part, fill in (
                (self.baselines, 0.0 if self.bins == 0 else np.nan),
                (self.noise, 0.0),
                (self.base_error, 0.0),
            )
        )
        if self.bins == 0:
            noise = np.repeat(self.rho[:, None] ** 2, len(nodes), axis=1)
        return GaugeCalibration(
            nodes,
            baselines,
            noise,
            base_error,
            self.drift,
            self.tau,
            self.block_bins,
            self.rho,
            self.bins,
            self.seconds,
        )


def packed(known: GaugeCalibration) -> bytes:
    """All but the names of the nodes as a store keeps it: little-endian doubles."""
    parts = (
        np.array([len(known.rho), known.bins, known.seconds]),
        *(getattr(known, name) for name in _PARTS),
    )
    return np.concatenate([part.reshape(-1) for part in parts]).astype("<f8").tobytes()


def unpacked(kept: bytes, nodes: tuple[str, ...]) -> GaugeCalibration:
    """The calibration that was packed, of these nodes."""
    values = np.frombuffer(kept, dtype="<f8")
    gauges, bins = int(values[0]), int(values[1])
    by_node = (gauges, len(nodes))
    shapes = (gauges, 1 + SLOTS, len(nodes)), by_node, by_node, *((gauges,),) * 4
    parts, start = {}, 3
    for name, shape in zip(_PARTS, shapes, strict=True):
        end = start + prod(shape)
        parts[name] = values[start:end].reshape(shape)
        start = end
    return GaugeCalibration(nodes=nodes, bins=bins, seconds=float(values[2]), **parts)


def assumed(rho: Array, bin_s: float, block_s: float = BLOCK_S) -> GaugeCalibration:
    """Where there is no pre-period: only shifts many times rho can be told from how nodes may differ anyway."""
    _check(rho, bin_s, block_s)
    gauges = len(rho)
    return GaugeCalibration(
        (),
        np.zeros((gauges, 1 + SLOTS, 0)),
        np.zeros((gauges, 0)),
        np.zeros((gauges, 0)),
        np.ones(gauges),
        rho.astype(float),
        np.full(gauges, float(max(1, ceil(block_s / bin_s)))),
        rho.astype(float),
        0,
        0.0,
    )


def calibrate(watch: GaugeWatch, rho: Array, block_s: float = BLOCK_S) -> GaugeCalibration:
    """What the pre-period says; `rho` is by gauge the smallest shift worth a rollback.

    Assumed for all gauges where it holds fewer than MIN_BLOCKS blocks of any: a stratum's checks stand or fall
    together.
    """
    bin_s = watch.seconds / watch.bins if watch.bins else block_s
    _check(rho, bin_s, block_s)
    if len(rho) != len(watch.scales):
        raise RefusedError(f"{len(rho)} smallest shifts for {len(watch.scales)} gauges: name one for each")
    least = max(1, ceil(block_s / bin_s))
    v, degrees = variances(watch)
    known = degrees >= MIN_DEGREES
    per_bin = np.where(known, _LENGTHS * np.nan_to_num(v), 0.0)  # L V(L); 0 where the length is unknown
    most = max(least, int(BLOCK_MAX_S / block_s * least))
    block = np.clip(np.ceil(TIMES * _times(per_bin, most / TIMES)), least, most)
    if not watch.bins or (watch.bins < MIN_BLOCKS * block).any() or not known[:, 0].all():
        return assumed(rho, bin_s, block_s)
    around = (block[:, None] / 4 < _LENGTHS) & (block[:, None] * 4 >= _LENGTHS)
    noise = np.where(around | (_LENGTHS == 1), per_bin, 0.0).max(axis=1) / block
    noise = np.maximum(noise, (NOISE_FLOOR * rho) ** 2)
    own, own_degrees = node_variances(watch)
    pooled = (own * own_degrees).sum(axis=1, where=own_degrees > 0) / own_degrees.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(own_degrees > 0, own / pooled[:, None], 1.0)
    share = np.where(pooled[:, None] > 0, share, 1.0)
    share = (share * own_degrees + NODE_PRIOR) / (own_degrees + NODE_PRIOR)
    by_node = noise[:, None] * share
    seen = watch.scales[:, 0, :, BLOCKS]
    return GaugeCalibration(
        nodes=watch.nodes,
        baselines=_baselines(watch, block),
        noise=by_node,
        base_error=by_node * (block[:, None] / np.maximum(seen, 1)),
        drift=np.maximum(1.0, per_bin.max(axis=1) / (noise * block)),
        tau=np.maximum(_tau(v, degrees, noise, block), TAU_FLOOR * rho),
        block_bins=block,
        rho=rho.astype(float),
        bins=watch.bins,
        seconds=watch.seconds,
    )


def _times(per_bin: Array, longest: float) -> Array:
    """Integrated autocorrelation times in bins, from L V(L) of the lengths up to the longest."""
    with np.errstate(divide="ignore", invalid="ignore"):
        g = np.where(max(1, longest) >= _LENGTHS, per_bin / per_bin[:, :1], 0.0)
    risen = (STEP * g[:, 1:] - g[:, :-1]) / (STEP - 1)
    out: Array = np.nan_to_num(np.maximum(g, np.pad(risen, ((0, 0), (0, 1))))).max(axis=1)
    return out


def _baselines(watch: GaugeWatch, block: Array) -> Array:
    whole = np.where(
        watch.scales[:, 0, :, BLOCKS] >= MIN_BLOCKS * block[:, None], mean_deviation(watch), np.nan
    )
    out = np.repeat(whole[:, None], 1 + SLOTS, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_slot = watch.slots[..., SLOT_SUM] / watch.slots[..., SLOT_SEEN]
    enough = watch.slots[..., SLOT_SEEN] >= MIN_SLOT_BLOCKS * block[:, None, None]
    enough &= (np.array(watch.visits) >= MIN_SLOT_DAYS)[None, :, None] & ~np.isnan(whole)[:, None]
    out[:, 1:][enough] = of_slot[enough]
    return out


def _tau(v: Array, degrees: Array, noise: Array, block: Array) -> Array:
    """What persists in one node, beyond what its blocks' noise leaves in longer means."""
    long = (block[:, None] * 4 <= _LENGTHS) & (degrees >= MIN_DEGREES)
    left = noise[:, None] * block[:, None] / _LENGTHS
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = np.where(long, v - left * (1 + np.sqrt(2 / degrees)), 0.0)
    believed = TO_SCALE * np.sqrt(np.maximum(beyond, 0.0).max(axis=1))
    return np.where(long.any(axis=1), believed, UNKNOWN_TAU * np.sqrt(noise))


def _check(rho: Array, bin_s: float, block_s: float) -> None:
    if not (rho.ndim == 1 and np.isfinite(rho).all() and (rho > 0).all()):
        raise RefusedError(
            f"smallest shifts worth a rollback {rho.tolist()}: positive and finite, in the gauge's unit; set "
            "excess_max"
        )
    if not (isfinite(bin_s) and bin_s > 0 and isfinite(block_s) and block_s > 0):
        raise RefusedError(f"blocks of {block_s} s of bins of {bin_s} s: both must be positive and finite")
