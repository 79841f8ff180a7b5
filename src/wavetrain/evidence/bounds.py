"""Bounds: between which rates does a count lie, however often one looks?

For events X on exposure n at rate at least r, E[theta^X] <= exp(-(1 - theta) r n) for every theta < 1, for
Poisson and for Bernoulli counts (1 + u <= e^u); likewise at rate at most r for theta > 1. So
    e(r) = sum_k w_k theta_k^X exp((1 - theta_k) r n)
over a fixed grid of theta is an e-process against "rate >= r" (theta < 1) or "rate <= r" (theta > 1), and the
rates it does not refute at 1/beta form a confidence sequence (Ville 1939; Howard et al. 2021). With
dispersion, X/phi and n/phi take the place of X and n: exact for events that come phi at a time.
"""

from math import inf, log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wavetrain.errors import RefusedError

Array = NDArray[np.float64]

_FALLS: Final[Array] = np.array(
    [1, 0.92, 0.84, 0.72, 0.58, 0.45, 0.34, 0.25, 0.18, 0.12, 0.08, 0.05, 0.03, 0.015]
)
_RISES: Final[Array] = np.array([0.015, 0.03, 0.06, 0.1, 0.17, 0.3, 0.5, 0.9, 1.7, 3, 6, 15, 50, 200.0])
_FALL_WEIGHTS: Final[Array] = np.array([0.24, *[0.09] * 5, *[0.05] * 5, *[0.02] * 3])
_RISE_WEIGHTS: Final[Array] = np.full(len(_RISES), 1 / len(_RISES))
_LOG_FALL_WEIGHTS: Final[Array] = np.log(_FALL_WEIGHTS / _FALL_WEIGHTS.sum())
_LOG_RISE_WEIGHTS: Final[Array] = np.log(_RISE_WEIGHTS)
with np.errstate(divide="ignore"):  # the first fall is to nothing
    _LOG_FALLEN: Final[Array] = np.log(1 - _FALLS)
_LOG_RISEN: Final[Array] = np.log(1 + _RISES)
MAX_STEPS: Final = 60


def rate_upper(events: float, exposure: float, beta: float, phi: float = 1.0) -> float:
    """The rate, per unit of exposure, that the truth exceeds at some look with probability at most beta.

    Infinite without exposure.
    """
    return float(rates_upper(*_one(events, exposure, phi), beta)[0])


def rate_lower(events: float, exposure: float, beta: float, phi: float = 1.0) -> float:
    """The rate that the truth falls below at some look with probability at most beta; 0 without exposure."""
    return float(rates_lower(*_one(events, exposure, phi), beta)[0])


def rates_upper(events: Array, exposure: Array, phi: Array, beta: float) -> Array:
    """`rate_upper` of many counts at once, of one shape."""
    target = _checked(events, exposure, phi, beta)
    tempered = (events / phi)[..., None]
    fallen = tempered * np.where(tempered > 0, _LOG_FALLEN, 0.0)  # 0 log 0 is 0
    terms = _LOG_FALL_WEIGHTS + fallen
    # Each term alone refutes from (target - term) / fall on: no smaller than the root of the sum, and
    # Newton's steps on a convex rising function stay on that side, so stopping early is cautious.
    mean = _descended(((target - terms) / _FALLS).min(axis=-1), terms, _FALLS, target)
    with np.errstate(divide="ignore"):
        return np.where(exposure > 0, mean * phi / exposure, inf)


def rates_lower(events: Array, exposure: Array, phi: Array, beta: float) -> Array:
    """`rate_lower` of many counts at once, of one shape."""
    target = _checked(events, exposure, phi, beta)
    terms = _LOG_RISE_WEIGHTS + (events / phi)[..., None] * _LOG_RISEN
    mean = _descended(((terms - target) / _RISES).max(axis=-1), terms, -_RISES, target)
    known = (exposure > 0) & (events > 0)
    return np.where(known, np.maximum(0.0, mean) * phi / np.where(known, exposure, 1.0), 0.0)


def excess_upper(
    *,
    new_events: float,
    new_exposure: float,
    control_events: float,
    control_exposure: float,
    beta: float,
    phi: float = 1.0,
) -> float:
    """Upper bound of r_new - r_control, per unit of exposure; beta is split evenly over the two bounds."""
    return rate_upper(new_events, new_exposure, beta / 2, phi) - rate_lower(
        control_events, control_exposure, beta / 2, phi
    )


def _descended(start: Array, terms: Array, slopes: Array, target: float) -> Array:
    """The means at which log sum exp(terms + slopes mean) meets the target, by Newton from its safe side."""
    mean = start
    for _ in range(MAX_STEPS):
        exponents = terms + slopes * mean[..., None]
        top = exponents.max(axis=-1)
        parts = np.exp(exponents - top[..., None])
        total = parts.sum(axis=-1)
        step = (top + np.log(total) - target) * total / (parts @ slopes)
        mean = mean - step
        if (np.abs(step) <= 1e-10 * (1 + np.abs(mean))).all():
            break
    return mean


def _one(events: float, exposure: float, phi: float) -> tuple[Array, Array, Array]:
    return np.array([events], float), np.array([exposure], float), np.array([phi], float)


def _checked(events: Array, exposure: Array, phi: Array, beta: float) -> float:
    counted = (events >= 0) & (events < inf) & (exposure >= 0) & (exposure < inf) & (phi >= 1) & (phi < inf)
    if not (counted.all() and 0 < beta < 1):
        raise RefusedError(
            f"bound of {events.tolist()} events on {exposure.tolist()} at beta {beta}, phi {phi.tolist()}: counts "
            "are finite and not negative, 0 < beta < 1, phi >= 1; check the policy and the calibration"
        )
    return -log(beta)
