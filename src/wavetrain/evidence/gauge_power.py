"""Gauge power: what can so long a comparison of levels decide?

As `power` for counters: the running test's own arithmetic (`gauges`), fed with the blocks that a plan expects. A
block's D is Normal(m, s^2), s as calibrated; its expected log likelihood over the grid of shifts is an integral over
that law, by Gauss-Hermite quadrature (Abramowitz & Stegun 1964, 25.4.46). After n blocks the mean is off
by no more than Z sqrt(s^2 / n + tau^2 5 / 3), on the unlucky side, in POWER of the runs: the standard error of a mean,
and the standard deviation of what persists, a Student-t5 of scale tau. Blocks are whole ones; all is in rho, the
smallest shift worth a rollback. The slope can only hasten a fail and is left out.
"""

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray

from wavetrain.errors import RefusedError
from wavetrain.evidence.counters import Array
from wavetrain.evidence.gauge_calibration import NOISE_FLOOR, TAU_FLOOR, TO_SCALE
from wavetrain.evidence.gauge_strata import POOLED_SHARE
from wavetrain.evidence.gauges import GRID, LEVEL_STRAND, STRAND_WEIGHTS, laws_of, log_e_of, refuted
from wavetrain.evidence.power import HALVINGS, Z, first_time

LEAST: Final = 1e-3
"""Shifts are looked for from here on, in rho."""

_POINTS, _WEIGHTS = hermegauss(32)
_SHARES: Final[Array] = _WEIGHTS / _WEIGHTS.sum()
_U: Final[Array] = np.array(GRID)


class GaugePlan(Struct, frozen=True, eq=False):
    """What a plan compares, by gauge (row) and stratum (column); NaN where a stratum knows nothing of a gauge.

    `noises` are the variances of D in a block and `taus` the scale of what persists in it, both in rho; `blocks_s` how
    long a block lasts. `weights` are shares of the budget, by gauge.
    """

    noises: Array
    taus: Array
    blocks_s: Array
    weights: Array

    def __post_init__(self) -> None:
        known = np.isfinite(self.noises)
        for name in ("noises", "taus", "blocks_s"):
            held = getattr(self, name)
            if held.shape != known.shape or not (np.isfinite(held) == known).all() or (held[known] < 0).any():
                raise RefusedError(
                    f"plan: {name} must be by gauge and stratum, not negative, and known where the noise is; leave out "
                    "a PoP that was not watched"
                )

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where anything is known, by gauge and stratum."""
        return np.isfinite(self.noises)

    def scales(self) -> Array:
        """The standard deviation of D in a block, never below its floor."""
        out: Array = np.maximum(np.sqrt(np.where(self.known, self.noises, 1.0)), NOISE_FLOOR)
        return out

    def widths(self) -> Array:
        """The scale of what persists in D, never below its floor."""
        out: Array = np.where(self.known, np.maximum(self.taus, TAU_FLOOR), TAU_FLOOR)
        return out

    def blocks(self, seconds: Array) -> Array:
        """How many whole blocks fit into these times; none where nothing is known."""
        out: Array = np.floor(seconds / np.where(self.known, np.maximum(self.blocks_s, 1e-9), 1.0))
        return np.where(self.known, out, 0.0)


def seconds_to_pass(plan: GaugePlan, beta: float) -> Array:
    """By gauge and stratum, when POWER of the releases that shift nothing have passed; infinite where never."""
    laws = laws_of(plan.widths())
    return first_time(lambda at: _passed(plan, laws, beta, at), plan.noises.shape)


def passed(plan: GaugePlan, beta: float, seconds: Array) -> NDArray[np.bool_]:
    """Whether a release that shifts nothing has passed the gates by these times, both by gauge and stratum."""
    if not plan.noises.size:
        return np.zeros(plan.noises.shape, dtype=bool)
    return _passed(plan, laws_of(plan.widths()), beta, seconds)


def seconds_to_fail(plan: GaugePlan, shifts: Array, alpha: float) -> Array:
    """By gauge, when POWER of the releases with these shifts (in rho) have failed; infinite where never.

    By what all strata say as one, with that part of the check's share of the budget.
    """
    laws, least = _pooled_laws(plan), _threshold(plan, alpha)
    return first_time(lambda at: _log_e(plan, laws, shifts, at) >= least, plan.weights.shape)


def is_failed(plan: GaugePlan, shifts: Array, seconds: Array, alpha: float) -> NDArray[np.bool_]:
    """By gauge, whether POWER of the releases with these shifts (in rho) have failed by these times."""
    out: NDArray[np.bool_] = _log_e(plan, _pooled_laws(plan), shifts, seconds) >= _threshold(plan, alpha)
    return out


def least_shifts(plan: GaugePlan, seconds: Array, alpha: float) -> Array:
    """By gauge, the least shift (in rho) that fails in so many seconds, in POWER of the runs; else infinite."""
    laws, least = _pooled_laws(plan), _threshold(plan, alpha)
    low, high = np.full(plan.weights.shape, np.log(LEAST)), np.full(plan.weights.shape, np.log(GRID[-1]))
    seen = _log_e(plan, laws, np.exp(high), seconds) >= least
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        is_seen = _log_e(plan, laws, np.exp(middle), seconds) >= least
        high, low = np.where(is_seen, middle, high), np.where(is_seen, low, middle)
    return np.where(seen, np.exp(high), np.inf)


def _passed(plan: GaugePlan, laws: Array, beta: float, seconds: Array) -> NDArray[np.bool_]:
    blocks, scales = plan.blocks(seconds), plan.scales()
    off = Z * np.sqrt(scales**2 / np.maximum(blocks, 1) + (plan.widths() / TO_SCALE) ** 2)
    out: NDArray[np.bool_] = (blocks > 0) & refuted(_expected(off, scales, blocks), laws, beta)
    return out


def _log_e(plan: GaugePlan, laws: Array, shifts: Array, seconds: Array) -> Array:
    blocks, scales = plan.blocks(seconds[:, None]), plan.scales()
    information = (blocks / scales**2).sum(axis=1)
    wide = plan.widths().max(axis=1, initial=TAU_FLOOR) / TO_SCALE
    with np.errstate(divide="ignore"):
        off = shifts - Z * np.sqrt(1 / information + wide**2)
    means = np.broadcast_to(np.where(information > 0, off, 0.0)[:, None], scales.shape)
    return np.where(information > 0, log_e_of(_expected(means, scales, blocks).sum(axis=1), laws), 0.0)


def _expected(means: Array, scales: Array, blocks: Array) -> Array:
    """Log likelihood over the grid of shifts that so many blocks come to on the average, shape (*means, points)."""
    out = np.zeros((*means.shape, len(_U)))
    for place, share in zip(_POINTS.tolist(), _SHARES.tolist(), strict=True):
        seen = means / scales + place
        off = seen[..., None] - _U / scales[..., None]
        out += share * 3.0 * (np.log1p(seen * seen / 5)[..., None] - np.log1p(off * off / 5))
    return out * blocks[..., None]


def _pooled_laws(plan: GaugePlan) -> Array:
    return laws_of(plan.widths().max(axis=1, initial=TAU_FLOOR))


def _threshold(plan: GaugePlan, alpha: float) -> Array:
    if not 0 < alpha < 1:
        raise RefusedError(f"plan at alpha {alpha}: a share of clean trains in (0, 1); check the policy")
    with np.errstate(divide="ignore"):  # what has no share of the budget never fails a train
        return -np.log(alpha * plan.weights * STRAND_WEIGHTS[LEVEL_STRAND] * POOLED_SHARE)
