"""Power: what can so much exposure decide?

The running test's own arithmetic, fed with the counts that a plan expects. A count that comes out as expected is
reached by half of all runs only; so the counts are moved to the unlucky side by Z standard deviations, along the most
likely way to be that unlucky, and what is decided by then is decided in about POWER of the runs. The variance of a log
ratio is phi over the binomial information m p (1 - p), summed over strata (McCullagh & Nelder 1989), and tau squared
for what persists between nodes; that of a rate is phi rate / exposure. The information limits of `evidence.limit` say
what any test could do; these figures say what ours does, its mixtures, its shares of the budget and its bounds paid.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from wavetrain.errors import RefusedError
from wavetrain.evidence.bounds import rates_lower, rates_upper
from wavetrain.evidence.budget import POOLED_SHARE
from wavetrain.evidence.counters import (
    GRID,
    Array,
    laws_of,
    log_e_doubling,
    log_e_rows,
    log_likelihood,
)
from wavetrain.evidence.judgement import WAYS

POWER: Final = 0.8
"""The share of runs by which a time is told: so many have decided by then."""

Z: Final = 0.8416212335729143
"""The standard normal quantile of POWER."""

FIRST_SHARE: Final = 0.5
"""Of the belief in harm, what is in harm from the first bin on (`evidence.onset`); the rest can only hasten a fail."""

FIRST_S: Final = 1.0
DOUBLINGS: Final = 26
HALVINGS: Final = 20
"""Times are looked for from a second to two years, then to a relative 1e-6."""


class Plan(Struct, frozen=True, eq=False):
    """What a plan exposes, by check (row) and stratum (column).

    `rates` are the old release's events per unit of exposure; `new` and `control` the arms' exposures per second.
    `taus`, `weights` (shares of the budget) and `margins_log` are by check.
    """

    rates: Array
    new: Array
    control: Array
    phis: Array
    taus: Array
    weights: Array
    margins_log: Array
    falls: NDArray[np.bool_]
    """By check, whether it is worse when it falls: then the arms change sides, as in the running test."""

    def __post_init__(self) -> None:
        shape = self.rates.shape
        for name in ("rates", "new", "control", "phis"):
            held = getattr(self, name)
            if held.shape != shape or not (np.isfinite(held) & (held >= (name == "phis"))).all():
                raise RefusedError(
                    f"plan: {name} must be finite, by check and stratum, and not negative (phi at least 1); "
                    "leave out a PoP that was not watched"
                )
        if not ((self.weights >= 0) & (self.weights <= 1)).all():
            raise RefusedError(
                f"plan: weights {self.weights.tolist()} must be shares in [0, 1]; check the policy"
            )

    def arms(self, seconds: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
        """The exposures that are held to be worse and better after these times, and where there are both."""
        new, control = self.new * seconds, self.control * seconds
        told = (new > 0) & (control > 0)
        new, control = np.where(told, new, 1.0), np.where(told, control, 1.0)
        turned = self.falls[:, None]
        return np.where(turned, control, new), np.where(turned, new, control), told


def laws_by_check(plan: Plan) -> Array:
    """Each check's null law and prior over harm, shape (2, checks, points)."""
    law = np.empty((2, len(plan.taus), len(GRID)))
    for margin in set(plan.margins_log.tolist()):
        of_it = plan.margins_log == margin
        law[:, of_it] = np.moveaxis(laws_of(plan.taus[of_it], margin), 1, 0)
    return law


def log_e_planned(plan: Plan, ratios: Array, seconds: Array) -> Array:
    """Log e, by check, that POWER of the runs reach of a release that is worse by these ratios, all strata as one."""
    return _log_e(plan, laws_by_check(plan), ratios, seconds)


def seconds_to_fail(plan: Plan, ratios: Array, alpha: float) -> Array:
    """By check, when POWER of the releases that are worse by these ratios have failed; infinite where never.

    By what all strata say as one, with that part of the check's share of the budget.
    """
    law, least = laws_by_check(plan), _threshold(plan, alpha)
    return first_time(lambda at: _log_e(plan, law, ratios, at) >= least, plan.taus.shape)


def is_failed(plan: Plan, ratios: Array, seconds: Array, alpha: float) -> NDArray[np.bool_]:
    """By check, whether POWER of the releases that are worse by these ratios have failed by these times."""
    out: NDArray[np.bool_] = log_e_planned(plan, ratios, seconds) >= _threshold(plan, alpha)
    return out


def least_ratios(plan: Plan, seconds: Array, alpha: float) -> Array:
    """By check, the least ratio of the rates that fails in so many seconds, in POWER of the runs; else infinite."""
    law, least = laws_by_check(plan), _threshold(plan, alpha)
    low, high = plan.margins_log.copy(), np.full(plan.taus.shape, GRID[-1])
    seen = _log_e(plan, law, np.exp(high), seconds) >= least
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        is_seen = _log_e(plan, law, np.exp(middle), seconds) >= least
        high, low = np.where(is_seen, middle, high), np.where(is_seen, low, middle)
    return np.where(seen, np.exp(high), np.inf)


def seconds_to_pass(plan: Plan, excess_max: Array, exposure_min: Array, beta: float) -> Array:
    """By check and stratum, when POWER of the releases that are as good as the old one have passed its gate.

    Infinite where never. `excess_max` and `exposure_min` are by check; a gate is asked in each stratum by itself.
    """
    return first_time(lambda at: passed(plan, excess_max, exposure_min, beta, at), plan.rates.shape)


def passed(
    plan: Plan, excess_max: Array, exposure_min: Array, beta: float, seconds: Array
) -> NDArray[np.bool_]:
    """Whether the gates let a release that is no worse go on at these times, both by check and stratum."""
    new, control, told = plan.arms(seconds)
    of_new = plan.phis * plan.rates / new + (plan.rates * plan.taus[:, None]) ** 2
    of_control = plan.phis * plan.rates / control
    spread = np.sqrt(np.maximum(of_new + of_control, 1e-300))
    more = np.maximum(0.0, plan.rates + Z * of_new / spread) * new
    fewer = np.maximum(0.0, plan.rates - Z * of_control / spread) * control
    share = beta / WAYS
    upper = rates_upper(more, new, plan.phis, share / 2) - rates_lower(fewer, control, plan.phis, share / 2)
    information = _information(plan, np.ones(len(plan.taus)), new, control)
    with np.errstate(divide="ignore"):
        moved = np.sqrt(1 / information + plan.taus[:, None] ** 2)
    doubling = log_e_doubling(_expected(plan, np.ones(len(plan.taus)), Z * moved, new, control))
    refuted = (information > 0) & (doubling >= -np.log(share))
    enough = told & (plan.new * seconds >= exposure_min[:, None])
    out: NDArray[np.bool_] = enough & ((upper < excess_max[:, None]) | refuted)
    return out


def _log_e(plan: Plan, law: Array, ratios: Array, seconds: Array) -> Array:
    new, control, told = plan.arms(seconds[:, None])
    information = np.where(told, _information(plan, ratios, new, control), 0.0).sum(axis=1)
    with np.errstate(divide="ignore"):
        moved = np.sqrt(1 / information + plan.taus**2)
    loglik = np.where(told[..., None], _expected(plan, ratios, -Z * moved[:, None], new, control), 0.0).sum(
        axis=1
    )
    return np.where(information > 0, log_e_rows(loglik, law), 0.0)


def _threshold(plan: Plan, alpha: float) -> Array:
    if not 0 < alpha < 1:
        raise RefusedError(f"plan at alpha {alpha}: a share of clean trains in (0, 1); check the policy")
    with np.errstate(divide="ignore"):  # what has no share of the budget never fails a train
        return -np.log(alpha * plan.weights * POOLED_SHARE * FIRST_SHARE)


def _better(plan: Plan, ratios: Array) -> Array:
    """The rate of the arm that is better: the old one's, or, where worse is less, that of the new one."""
    return np.where(plan.falls[:, None], plan.rates / ratios[:, None], plan.rates)


def _information(plan: Plan, ratios: Array, new: Array, control: Array) -> Array:
    """Of the log ratio, by check and stratum: events times p (1 - p) over the dispersion."""
    worse = ratios[:, None] * new
    return _better(plan, ratios) * worse * control / (worse + control) / plan.phis


def _expected(plan: Plan, ratios: Array, moved: Array, new: Array, control: Array) -> Array:
    """Log likelihood of the expected number of events, split as if the log ratio were moved by so much."""
    events = _better(plan, ratios) * (ratios[:, None] * new + control)
    with np.errstate(over="ignore", invalid="ignore"):
        odds = np.exp(np.clip(np.log(ratios)[:, None] + moved, -700, 700)) * new / control
    said = events * np.where(np.isfinite(odds), odds / (1 + odds), 1.0)
    return log_likelihood(said, events - said, new, control, plan.phis)


def first_time(decided: Callable[[Array], NDArray[np.bool_]], shape: tuple[int, ...]) -> Array:
    """The first time at which each is decided; infinite where none of the times that are looked at is enough."""
    high = np.full(shape, np.inf)
    for step in range(DOUBLINGS + 1):
        at = np.full(shape, FIRST_S * 2.0**step)
        high = np.where(np.isinf(high) & decided(at), at, high)
        if np.isfinite(high).all():
            break
    found = np.isfinite(high)
    high = np.where(found, high, FIRST_S)
    low = np.where(high > FIRST_S, high / 2, 0.0)
    for _ in range(HALVINGS):
        middle = np.maximum((low + high) / 2, 1e-9)
        is_enough = decided(middle)
        high, low = np.where(is_enough, middle, high), np.where(is_enough, low, middle)
    return np.where(found, high, np.inf)
