"""Counters: do events come faster, per exposure, in the new arm than in the control arm?

Given M = x_N + x_C events in a bin, x_N is Binomial(M, p(g)) with logit p(g) = log(E_N / E_C) + g, g the log
ratio of the rates; a time course that both arms share cancels (Lindon & Malek 2022). The log likelihood over
a fixed grid of g, divided by the dispersion phi, adds up over bins. The mixture over harmful g against the
null law of g is an e-process (Ville 1939; Wald 1945; Howard et al. 2021): exact for phi = 1 and tau = 0,
because the likelihood ratio of any g1 > g0 has mean at most 1 under every g <= g0 (monotone likelihood
ratio).

The null law is a point at g0 (tau = 0) or normal with deviation tau around it. On the grid each part above g0 is
shared by the two grid points around it, in the proportion that keeps its mean, and the part below g0 is moved up to g0.
For this law the test is exact; of a ratio that is drawn from the normal law itself the mean of e is below 1 as well, by
exact sums. (Moving all of a part up to the next point would cost 5 % more time at a doubling, for nothing.)
"""

from functools import lru_cache
from math import log, pi, sqrt
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from wavetrain.errors import RefusedError

Array = NDArray[np.float64]

LOG_2: Final = log(2)
GRID: Final[tuple[float, ...]] = (
    -LOG_2, -0.3, 0.0, 0.03, 0.06, 0.1, 0.15, 0.22, 0.32, 0.47, LOG_2, 0.95,
    1.25, 1.6, 2.0, 2.4, 2.85, 3.3, 3.8, 4.3, 4.9, 5.6, 6.4, 7.5,
)  # fmt: skip
"""Log rate ratios: two improvements, none, and from 3 % more to 1,800-fold; fine near the null."""

MAX_MARGIN_LOG: Final = log(10)
PRIOR_DECAYS: Final = (0.5, 1.5)
"""The prior over harm falls as the sum of decay exp(-decay g): half of it lies below a ratio of two, where evidence is
slow and each nat counts; the tail of the slower part is there for rates a thousand times as high."""

REFUTING: Final = (0.15, 0.25, 0.60)
"""Weights of the grid's first three points, the mixture that argues against a doubling."""

_G: Final[Array] = np.array(GRID)
_RATIOS: Final[Array] = np.exp(_G)
_DOUBLING: Final = GRID.index(LOG_2)
_LOG_REFUTING: Final[Array] = np.log(np.array(REFUTING))
_LAWS_AT_ONCE: Final = 128
_FROM_CENTRES: Final[Array] = _G - _G[:, None]
"""How far each grid point (last axis) lies above each."""


def log_likelihood(
    new_events: ArrayLike,
    control_events: ArrayLike,
    new_exposure: ArrayLike,
    control_exposure: ArrayLike,
    phi: ArrayLike = 1.0,
) -> Array:
    """Tempered binomial log likelihood over GRID (last axis) of bins of any shape; constants left out."""
    new, control = np.asarray(new_events, float), np.asarray(control_events, float)
    odds = np.log(np.asarray(new_exposure, float)) - np.log(np.asarray(control_exposure, float))
    # log p = log odds + g - log(1 + odds exp(g)) and log(1 - p) = -log(1 + odds exp(g)): one logarithm for both.
    tempered: Array = new[..., None] * (odds[..., None] + _G)
    tempered = tempered - (new + control)[..., None] * np.log1p(np.exp(odds)[..., None] * _RATIOS)
    tempered /= np.asarray(phi, float)[..., None]
    return tempered


def log_e(loglik: ArrayLike, *, tau: float, margin_log: float = 0.0) -> Array:
    """Log e of "the rate ratio exceeds exp(margin_log)", from log likelihoods over GRID (last axis)."""
    return log_e_rows(np.asarray(loglik, float), laws(tau, margin_log))


def log_e_rows(loglik: Array, law: Array) -> Array:
    """As `log_e`, with the log masses of the null law (`law[0]`) and of the alternative (`law[1]`) given."""
    return log_sum_exp(loglik + law[1]) - log_sum_exp(loglik + law[0])


@lru_cache(maxsize=4096)
def laws(tau: float, margin_log: float) -> Array:
    """Log masses over GRID, shape (2, len(GRID)): the null law, and the prior over harm widened by it."""
    out: Array = laws_of(np.array([tau]), margin_log)[0]
    out.flags.writeable = False
    return out


def laws_of(taus: Array, margin_log: float) -> Array:
    """`laws` for many widths, shape (len(taus), 2, len(GRID)). Raises RefusedError for impossible ones."""
    if not (np.isfinite(taus) & (taus >= 0)).all():
        raise RefusedError(
            f"tau {taus.tolist()}: the scale of a null law is finite and not negative; calibrate again"
        )
    if not 0 <= margin_log <= MAX_MARGIN_LOG:
        raise RefusedError(
            f"margin of ratio {margin_log:.3f} (log): must lie in 0..{MAX_MARGIN_LOG:.2f}; name a smaller "
            f"margin"
        )
    first = int(np.searchsorted(_G, margin_log - 1e-12))
    prior = np.where(np.arange(len(GRID)) > first, harm(_G - _G[first]), 0.0)
    prior /= prior.sum()
    out = np.zeros((len(taus), 2, len(GRID)))
    out[:, 0, first] = 1.0
    out[:, 1] = prior
    wide = np.flatnonzero(taus > 0)
    for start in range(0, len(wide), _LAWS_AT_ONCE):
        some = wide[start : start + _LAWS_AT_ONCE]
        masses = _shared(_beyond(_FROM_CENTRES, taus[some, None, None]), first)
        out[some, 1] = prior @ masses
        if margin_log == GRID[first]:
            out[some, 0] = masses[:, first]
        else:
            out[some, 0] = _shared(_beyond(_G - margin_log, taus[some, None]), first)
    with np.errstate(divide="ignore"):
        return np.log(out)


def harm(g: Array) -> Array:
    """The prior's mass at the points of GRID, moved by what it counts from; not normalised."""
    return np.asarray(sum(decay * np.exp(-decay * g) for decay in PRIOR_DECAYS) * np.gradient(_G))


def _shared(beyond: Array, first: int) -> Array:
    """The masses over GRID (last axis) of laws that lie so far beyond each grid point in the mean, E (X - x)+.

    E (X - x)+ falls over an interval by the probability of lying above it, in the mean over the interval; each grid
    point has what that falls by from the interval before to the one after.
    """
    slopes = (beyond[..., first:-1] - beyond[..., first + 1 :]) / np.diff(_G[first:])
    mass = np.zeros(beyond.shape)
    mass[..., first] = 1.0
    mass[..., first:-1] -= slopes
    mass[..., first + 1 :] += slopes
    return np.maximum(mass, 0.0)


def _beyond(distance: Array, tau: Array) -> Array:
    """E (X - x)+ of a normal law of deviation tau, x so far above its centre; a normal tail, also far out.

    A Student-t with 5 degrees has so much of its mass far out that no count of events could tell a doubling from it:
    with tau = 0.03 and a weight of 1/40 the e-value of a ratio of 2 is bounded below 1/alpha = 1,000.
    """
    z = distance / tau
    out: Array = tau * (np.exp(-(z**2) / 2) / sqrt(2 * pi) - z * ndtr(-z))
    return np.maximum(out, 0.0)


def log_e_doubling(loglik: ArrayLike) -> Array:
    """Log e against "at least twice the control's rate" (the opposite e-process, by the same monotone ratio)."""
    values = np.asarray(loglik, float)
    out: Array = log_sum_exp(values[..., : len(REFUTING)] + _LOG_REFUTING) - values[..., _DOUBLING]
    return out


def doubling_refuted(loglik: ArrayLike, beta: float) -> bool:
    """True when a doubled rate is refuted at 1/beta; wrong with probability at most beta (Ville 1939)."""
    return bool(log_e_doubling(loglik) >= -log(beta))


def log_sum_exp(values: Array) -> Array:
    """Log of the sum of exponentials over the last axis, without leaving log space."""
    top = values.max(axis=-1, keepdims=True)
    out: Array = np.log(np.exp(values - top).sum(axis=-1)) + top[..., 0]
    return out
