"""First nodes: do events come faster, on few nodes and in few minutes, than they ever did in the past?

The fleet's own history is an upper bound on the rate: x ~ Poisson(mu theta), no harm is theta <= 1, and mu is the
most that history lets one expect of this exposure. Over a fixed grid of theta
    e = sum_k p_k theta_k^X exp(-(theta_k - 1) mu)
is an e-process, as E[theta^x] <= exp((theta - 1) m) for counts of mean m <= mu, Poisson or Bernoulli, theta > 1
(Wald 1945; the same inequality as in `bounds`). With dispersion X / phi and mu / phi take the place of X and mu.

History is not control: what is seasonal, or happens to everybody, looks like harm to it. Only checks of crash-like
events use it, with half of the check's weight; the other half is the comparison with control nodes (`counters`):
e = (e_control + e_history) / 2. Two crashes on the first node then stop a train with no rule written for it.

mu is exposure times the time-uniform upper bound of the historic rate at 95 % (`bounds.rates_upper`), so history may
grow and be read again; it is wider than the exact bound for one look (Garwood 1936), by a factor of 1.5 for no
event, less for more. Where the truth is above its bound (probability 5 %), the promise of 1 / alpha is not kept.

How a running test uses it: states (strata, checks, WIDTH), or (checks, WIDTH) for a whole rollout, which is the
better: few nodes are few anywhere. `ceilings` of the pre-period once, at the start, then `moved` with each bin's new
arm (events as capped, so that one crash loop is not a hundred crashes), and `combined` with the counters' log e.
"""

from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wavetrain.errors import RefusedError
from wavetrain.evidence.bounds import rates_upper
from wavetrain.evidence.counters import Array, log_sum_exp

EVENTS, EXPECTED = range(2)
"""Columns of a state: tempered events, and the most of them that history lets expect."""
WIDTH: Final = 2
POINTS: Final = 24
RATIO_MIN, RATIO_MAX = 1.5, 1e5
BETA: Final = 0.05
HISTORY_SHARE: Final = 0.5
_LOG_RATIOS: Final[Array] = np.linspace(log(RATIO_MIN), log(RATIO_MAX), POINTS)
_RISES: Final[Array] = np.expm1(_LOG_RATIOS)


def ceilings(events: Array, exposure: Array, phi: Array) -> Array:
    """The rates that history does not exceed, but for probability BETA; infinite where there is no history."""
    return rates_upper(events, exposure, phi, BETA)


def unstarted(shape: tuple[int, ...]) -> Array:
    """States before the first bin, (*shape, WIDTH)."""
    return np.zeros((*shape, WIDTH))


def moved(states: Array, events: Array, exposure: Array, ceiling: Array, phi: Array) -> Array:
    """The states after one bin of the new arm each. One without exposure, or without history, is left as it was."""
    possible = (events >= 0) & (events < np.inf) & (exposure >= 0) & (exposure < np.inf)
    if not (possible.all() and (ceiling > 0).all() and ((phi >= 1) & (phi < np.inf)).all()):
        raise RefusedError(
            "a bin counts infinitely or negatively, or history's ceiling is not positive: counts are finite and not "
            "negative, phi >= 1; treat a counter reset as a missing node, and calibrate again"
        )
    telling = (exposure > 0) & (ceiling < np.inf)
    out = states.copy()
    out[..., EVENTS] += np.where(telling, events / phi, 0.0)
    out[..., EXPECTED] += np.where(telling, exposure, 0.0) * np.where(telling, ceiling, 0.0) / phi
    return out


def log_e(states: Array) -> Array:
    """Log e of "events come faster than history's ceiling"; 0 before the first bin."""
    exponents = states[..., EVENTS, None] * _LOG_RATIOS - states[..., EXPECTED, None] * _RISES
    out: Array = log_sum_exp(exponents) - log(POINTS)
    return out


def combined(control: Array, history: Array, crash_like: NDArray[np.bool_]) -> Array:
    """Log e of checks: half control, half history where the check is crash-like, else control alone."""
    both = np.logaddexp(control + log(1 - HISTORY_SHARE), history + log(HISTORY_SHARE))
    return np.where(crash_like, both, control)
