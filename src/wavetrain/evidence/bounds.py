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
    target = _checked(events, exposure, beta, phi)
    if exposure == 0:
        return inf
    tempered = events / phi
    terms = _LOG_FALL_WEIGHTS + (tempered * _LOG_FALLEN if tempered else 0.0)  # 0 log 0 is 0
    # Each term alone refutes from (target - term) / fall on: no smaller than the root of the sum, and
    # Newton's steps on a convex rising function stay on that side, so stopping early is cautious.
    mean = _descended(float(np.min((target - terms) / _FALLS)), terms, _FALLS, target)
    return mean * phi / exposure


def rate_lower(events: float, exposure: float, beta: float, phi: float = 1.0) -> float:
    """The rate that the truth falls below at some look with probability at most beta; 0 without exposure."""
    target = _checked(events, exposure, beta, phi)
    if exposure == 0 or events == 0:
        return 0.0
    terms = _LOG_RISE_WEIGHTS + events / phi * _LOG_RISEN
    mean = _descended(float(np.max((terms - target) / _RISES)), terms, -_RISES, target)
    return max(0.0, mean) * phi / exposure


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


def _descended(start: float, terms: Array, slopes: Array, target: float) -> float:
    """The mean at which log sum exp(terms + slopes mean) meets the target, by Newton from its safe side."""
    mean = start
    for _ in range(MAX_STEPS):
        exponents = terms + slopes * mean
        top = float(exponents.max())
        parts = np.exp(exponents - top)
        total = float(parts.sum())
        step = (top + log(total) - target) * total / float(parts @ slopes)
        mean -= step
        if abs(step) <= 1e-10 * (1 + abs(mean)):
            break
    return mean


def _checked(events: float, exposure: float, beta: float, phi: float) -> float:
    if not (0 <= events < inf and 0 <= exposure < inf and 0 < beta < 1 and 1 <= phi < inf):
        raise RefusedError(
            f"bound of {events} events on {exposure} at beta {beta}, phi {phi}: counts are finite and not "
            f"negative, "
            "0 < beta < 1, phi >= 1; check the policy and the calibration"
        )
    return -log(beta)
