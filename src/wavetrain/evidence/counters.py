"""Counters: do events come faster, per exposure, in the new arm than in the control arm?

Given M = x_N + x_C events in a bin, x_N is Binomial(M, p(g)) with logit p(g) = log(E_N / E_C) + g, g the log
ratio of the rates; a time course that both arms share cancels (Lindon & Malek 2022). The log likelihood over
a fixed grid of g, divided by the dispersion phi, adds up over bins. The mixture over harmful g against the
null law of g is an e-process (Ville 1939; Wald 1945; Howard et al. 2021): exact for phi = 1 and tau = 0,
because the likelihood ratio of any g1 > g0 has mean at most 1 under every g <= g0 (monotone likelihood
ratio).

The null law is a point at g0 (tau = 0) or Student-t with 5 degrees and scale tau around it. On the grid it is
moved upwards only: each part to the next grid point above, the part below g0 to g0. That makes the null
stochastically larger, so the rounding can delay a verdict but not hasten it.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import isfinite, log
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from wavetrain.errors import RefusedError
from wavetrain.evidence.arms import ArmCounts

Array = NDArray[np.float64]

LOG_2: Final = log(2)
GRID: Final[tuple[float, ...]] = (
    -LOG_2, -0.3, 0.0, 0.03, 0.06, 0.1, 0.15, 0.22, 0.32, 0.47, LOG_2, 0.95,
    1.25, 1.6, 2.0, 2.4, 2.85, 3.3, 3.8, 4.3, 4.9, 5.6, 6.4, 7.5,
)  # fmt: skip
"""Log rate ratios: two improvements, none, and from 3 % more to 1,800-fold; fine near the null."""

MAX_MARGIN_LOG: Final = log(10)
DEGREES: Final = 5
PRIOR_DECAY: Final = 0.5
"""The prior over harm falls as exp(-g / 2)."""

REFUTING: Final = (0.15, 0.25, 0.60)
"""Weights of the grid's first three points, the mixture that argues against a doubling."""

_G: Final[Array] = np.array(GRID)
_WIDTHS: Final[Array] = np.gradient(_G)
_DOUBLING: Final = GRID.index(LOG_2)
_LOG_REFUTING: Final[Array] = np.log(np.array(REFUTING))


class Counter(Struct, frozen=True):
    """The state of one metric in one stratum; starts empty.

    `loglik` is over GRID, tempered. Events are as they happened, exposures offset-weighted; `control_capped`
    are the control events that the caps let through. `tau` is the widest null asked for so far.
    """

    loglik: tuple[float, ...] = (0.0,) * len(GRID)
    new_events: float = 0.0
    control_events: float = 0.0
    control_capped: float = 0.0
    new_exposure: float = 0.0
    control_exposure: float = 0.0
    bins: int = 0
    seconds: float = 0.0
    tau: float = 0.0


def observe(state: Counter, counts: ArmCounts, *, phi: float, tau: float) -> Counter:
    """The state after one bin. Without exposure in both arms the bin changes nothing."""
    return observe_all((state,), (counts,), phis=(phi,), taus=(tau,))[0]


def observe_all(
    states: Sequence[Counter], bins: Sequence[ArmCounts], *, phis: Sequence[float], taus: Sequence[float]
) -> tuple[Counter, ...]:
    """`observe` for several counters at once; the four sequences run in parallel."""
    telling = [
        index
        for index, seen in enumerate(bins)
        if seen.new_exposure > 0 and seen.control_exposure > 0 and seen.new_capped + seen.control_capped > 0
    ]
    logliks: dict[int, tuple[float, ...]] = {}
    if telling:
        table = np.array(
            [
                (b.new_capped, b.control_capped, b.new_exposure, b.control_exposure, phis[index])
                for index, b in ((index, bins[index]) for index in telling)
            ]
        ).T
        held = np.array([states[index].loglik for index in telling])
        rows = (held + log_likelihood(*table)).tolist()
        logliks = {index: tuple(row) for index, row in zip(telling, rows, strict=True)}
    return tuple(
        _moved(state, seen, logliks.get(index, state.loglik), tau)
        for index, (state, seen, tau) in enumerate(zip(states, bins, taus, strict=True))
    )


def _moved(state: Counter, seen: ArmCounts, loglik: tuple[float, ...], tau: float) -> Counter:
    if seen.new_exposure <= 0 or seen.control_exposure <= 0:
        return state
    return Counter(
        loglik=loglik,
        new_events=state.new_events + seen.new_events,
        control_events=state.control_events + seen.control_events,
        control_capped=state.control_capped + seen.control_capped,
        new_exposure=state.new_exposure + seen.new_exposure,
        control_exposure=state.control_exposure + seen.control_exposure,
        bins=state.bins + 1,
        seconds=state.seconds + seen.seconds,
        tau=max(state.tau, tau),
    )


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
    at = odds[..., None] + _G
    summed: Array = -new[..., None] * np.logaddexp(0.0, -at) - control[..., None] * np.logaddexp(0.0, at)
    tempered: Array = summed / np.asarray(phi, float)[..., None]
    return tempered


def log_e(loglik: ArrayLike, *, tau: float, margin_log: float = 0.0) -> Array:
    """Log e of "the rate ratio exceeds exp(margin_log)", from log likelihoods over GRID (last axis)."""
    return log_e_rows(np.asarray(loglik, float), laws(tau, margin_log))


def log_e_rows(loglik: Array, law: Array) -> Array:
    """As `log_e`, with the log masses of the null law (`law[0]`) and of the alternative (`law[1]`) given."""
    return _logsumexp(loglik + law[1]) - _logsumexp(loglik + law[0])


@lru_cache(maxsize=4096)
def laws(tau: float, margin_log: float) -> Array:
    """Log masses over GRID, shape (2, len(GRID)): the null law, and the prior over harm widened by it."""
    if not (isfinite(tau) and tau >= 0):
        raise RefusedError(f"tau {tau}: the scale of a null law is finite and not negative; calibrate again")
    if not 0 <= margin_log <= MAX_MARGIN_LOG:
        raise RefusedError(
            f"margin of ratio {margin_log:.3f} (log): must lie in 0..{MAX_MARGIN_LOG:.2f}; name a smaller "
            f"margin"
        )
    first = int(np.searchsorted(_G, margin_log - 1e-12))
    prior = np.where(np.arange(len(GRID)) > first, _WIDTHS * np.exp(-PRIOR_DECAY * (_G - _G[first])), 0.0)
    prior /= prior.sum()
    if tau == 0:
        null = np.zeros(len(GRID))
        null[first] = 1.0
        harm = prior
    else:
        around = np.array([_student(centre, tau, first) for centre in _G])
        null = _student(margin_log, tau, first)
        harm = prior @ around
    with np.errstate(divide="ignore"):
        out: Array = np.log(np.stack([null, harm]))
    out.flags.writeable = False
    return out


def _student(centre: float, tau: float, first: int) -> Array:
    """Student-t5 around `centre`, each part moved up to the next grid point, all below `first` to `first`."""
    from scipy.special import stdtr  # late: a fifth of a second, which no start of a program should wait for

    above = stdtr(DEGREES, -(_G - centre) / tau)  # the mass above each grid point; precise far out
    above[-1] = 0.0
    mass = np.zeros(len(GRID))
    mass[first] = 1 - above[first]
    mass[first + 1 :] = above[first:-1] - above[first + 1 :]
    return mass


def log_e_doubling(loglik: ArrayLike) -> Array:
    """Log e against "at least twice the control's rate" (the opposite e-process, by the same monotone ratio)."""
    values = np.asarray(loglik, float)
    out: Array = _logsumexp(values[..., : len(REFUTING)] + _LOG_REFUTING) - values[..., _DOUBLING]
    return out


def doubling_refuted(loglik: ArrayLike, beta: float) -> bool:
    """True when a doubled rate is refuted at 1/beta; wrong with probability at most beta (Ville 1939)."""
    return bool(log_e_doubling(loglik) >= -log(beta))


def _logsumexp(values: Array) -> Array:
    top = values.max(axis=-1, keepdims=True)
    out: Array = np.log(np.exp(values - top).sum(axis=-1)) + top[..., 0]
    return out
