"""Arms: how much of a bin speaks for the new release, how much for the old one?"""

from collections.abc import Collection, Sequence
from math import isfinite
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from wavetrain.errors import RefusedError
from wavetrain.evidence.bins import Bin
from wavetrain.evidence.calibration import Calibration, Calibrations, together
from wavetrain.evidence.counters import Array
from wavetrain.evidence.preperiod import CAP_RATIO

SURPLUS_PRIOR: Final = 10.0
"""Pseudo-events at the usual rate, as many as temper a dispersion: three events instead of none are no busy time."""
SURPLUS_MOST: Final = 3.0
"""A greater one counts as this: a fault raises both arms' sum too, and is made at most four times as slow by it."""

Mask = NDArray[np.bool_]


class ArmCounts(Struct, frozen=True):
    """One metric's bin, split. Exposures are offset-weighted.

    `new_events` and `control_events` are what happened; `new_capped` and `control_capped` what one node is
    allowed to say (capped per node); only the latter enter the likelihood.
    """

    metric: str
    seconds: float
    new_events: float
    new_capped: float
    new_exposure: float
    control_events: float
    control_capped: float
    control_exposure: float
    surplus: float = 0.0
    """By what share both arms counted more than usual."""
    evened: float = 0.0
    """What share of one node's offset error the arms' many nodes even out."""

    def __post_init__(self) -> None:
        for field in self.__struct_fields__[1:]:
            value = getattr(self, field)
            if not (isfinite(value) and value >= 0):
                raise RefusedError(
                    f"metric {self.metric}: {field} is {value}; counts are finite and not negative; leave "
                    f"the bin out"
                )


def split_all(
    events: Array, exposure: Array, arms: tuple[Mask, Mask], seconds: float, known: Calibrations
) -> Array:
    """`split_each` of a single pair of arms, shape (metrics, ARMS)."""
    out: Array = split_each(events, exposure, (arms,), seconds, known)[0]
    return out


def split_each(
    events: Array, exposure: Array, pairs: Sequence[tuple[Mask, Mask]], seconds: float, known: Calibrations
) -> Array:
    """Both arms of a bin of all metrics, with offsets and caps applied, for each of some pairs: (pairs, metrics, ARMS).

    Events and exposure have the shape (metrics, nodes), with the nodes of `known` in its order, and NaN for what was
    not seen. Arms mark the new nodes and the control's; nodes in neither are left out. The cap grows with the bin's
    length over the usual one, and never hides a tenfold of the expected count. The surplus is the share that both arms
    counted together beyond the pre-period's rate, as if SURPLUS_PRIOR events more had come at that rate. Evened is 1
    less the variance of the arms' difference over that of one node and the rest, of n nodes with errors of their own:
    (1 / n_N + 1 / n_C) / (1 + 1 / (n - 1)), an arm's n being (sum w)^2 / sum w^2 of its exposures (Kish 1965),
    rounded down. Raises RefusedError for counts that are infinite or negative.
    """
    seen = (exposure > 0) & (events == events)  # NaN is not itself
    said = np.zeros((len(events), 4, events.shape[1]))
    counted, capped, weighted = said[:, 0], said[:, 1], said[:, 2]
    np.copyto(counted, events, where=seen)
    np.multiply(exposure, known.weights, out=weighted, where=seen)
    usual = np.where(known.usual_s > 0, known.usual_s, seconds)
    caps = np.ceil(known.caps * np.maximum(1.0, seconds / usual))
    np.multiply(weighted, CAP_RATIO * known.rates[:, None], out=capped)
    np.maximum(capped, caps[:, None], out=capped)
    np.minimum(capped, counted, out=capped)
    np.square(weighted, out=said[:, 3])
    masks = np.stack([mask for arms in pairs for mask in arms], axis=-1).astype(float)
    sums = (said.reshape(-1, events.shape[1]) @ masks).reshape(len(events), 4, -1)  # what, pair and arm
    if (counted < 0).any() or (exposure < 0).any() or not np.isfinite(sums).all():
        raise RefusedError(
            "a bin counts infinitely or negatively: events and exposure must be finite and not negative; treat a "
            "counter reset as a missing node"
        )
    out = np.empty((len(pairs), len(events), 9))
    mine, theirs = np.moveaxis(sums[..., ::2], -1, 0), np.moveaxis(sums[..., 1::2], -1, 0)
    out[..., :3], out[..., 3:6] = mine[..., :3], theirs[..., :3]
    out[..., 6] = seconds
    expected = known.rates * (out[..., 2] + out[..., 5])
    more = out[..., 1] + out[..., 4] - expected
    surplus = np.clip(more / (expected + SURPLUS_PRIOR), 0.0, SURPLUS_MOST)
    out[..., 7] = np.where(known.rates > 0, surplus, 0.0)
    out[..., 8] = _evened(_effective(mine), _effective(theirs))
    return out


def _effective(sums: Array) -> Array:
    """How many nodes of like exposure an arm amounts to; 0 without any."""
    out: Array = np.floor(sums[..., 2] ** 2 / np.where(sums[..., 3] > 0, sums[..., 3], np.inf) + 1e-9)
    return out


def _evened(new: Array, control: Array) -> Array:
    """Of one node's offset error, the share that so many nodes in each arm even out."""
    both = (new > 0) & (control > 0)
    mine, theirs = np.where(both, new, 1.0), np.where(both, control, 1.0)
    nodes = mine + theirs
    out: Array = np.maximum(0.0, 1 - (1 / mine + 1 / theirs) * (nodes - 1) / nodes)
    return out


def split(
    metric: str, seen: Bin, new: Collection[str], control: Collection[str], calibration: Calibration
) -> ArmCounts:
    """Both arms of a bin of one metric. Raises RefusedError where a node is in both arms."""
    both = set(new) & set(control)
    if both:
        raise RefusedError(
            f"metric {metric}: node {min(both)} is in both arms; a node runs one release, name it once"
        )
    names = tuple(count.node for count in seen.nodes)
    counts = split_all(
        np.array([[count.events for count in seen.nodes]], dtype=float).reshape(1, -1),
        np.array([[count.exposure for count in seen.nodes]], dtype=float).reshape(1, -1),
        (
            np.array([name in new for name in names], bool),
            np.array([name in control for name in names], bool),
        ),
        seen.seconds,
        together((calibration,), names),
    )
    sums = counts[0].tolist()
    return ArmCounts(metric, sums[6], *sums[:6], *sums[7:])
