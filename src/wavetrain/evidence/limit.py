"""Limit: how soon could any test decide?

Data processing: any rule that stops a clean train with probability at most alpha, ever, needs on a bad one an
expected information of at least log(1/alpha) nats (Wald 1945), so the expected delay is at least
log(1/alpha) / D, with D the nats per second that the plan yields. With dispersion phi a nat is worth 1/phi.
"""

from math import exp, inf, log

from wavetrain.errors import RefusedError
from wavetrain.evidence.counters import GRID, laws


def two_arm_information(
    *, control_rate: float, new_exposure: float, control_exposure: float, ratio: float
) -> float:
    """Nats about "the ratio is 1" from one arm each, in the time that yields these exposures.

    m [p1 log(p1/p0) + (1-p1) log((1-p1)/(1-p0))] with m = rate (ratio E_N + E_C) expected events.
    """
    if min(control_rate, new_exposure, control_exposure, ratio) <= 0:
        return 0.0
    p0 = new_exposure / (new_exposure + control_exposure)
    p1 = ratio * new_exposure / (ratio * new_exposure + control_exposure)
    events = control_rate * (ratio * new_exposure + control_exposure)
    return events * (p1 * log(p1 / p0) + (1 - p1) * log((1 - p1) / (1 - p0)))


def known_rate_information(*, control_rate: float, new_exposure: float, ratio: float) -> float:
    """Nats if the old rate were known exactly: the most that any number of control nodes can give."""
    return new_exposure * control_rate * (ratio * log(ratio) - ratio + 1)


def time_to_fail(information: float, *, alpha: float, weight: float = 1.0, phi: float = 1.0) -> float:
    """Least expected time to roll back, in the unit of time that `information` is per; infinite without any.

    `weight` = 1 is the oracle who knows which metric is bad; a metric's share gives the limit with search.
    """
    if not (0 < alpha < 1 and 0 < weight <= 1):
        raise RefusedError(
            f"limit at alpha {alpha}, weight {weight}: both are shares in (0, 1]; check the policy"
        )
    return log(1 / (alpha * weight)) * phi / information if information > 0 else inf


def exposure_to_pass(*, rate: float, excess_max: float, beta: float, phi: float = 1.0) -> float:
    """Least expected exposure of the new arm that can refute "the rate is excess_max above `rate`".

    KL of Poisson counts at rate r from r1 = r + excess_max: r1 - r - r log(r1 / r) nats per unit. A metric
    whose planned exposure is below this cannot gate; it can only watch.
    """
    if not (excess_max > 0 and rate >= 0 and 0 < beta < 1):
        raise RefusedError(
            f"limit at rate {rate}, excess {excess_max}, beta {beta}: rate >= 0, excess > 0, 0 < beta < "
            f"1; check the policy"
        )
    worse = rate + excess_max
    information = excess_max - (rate * log(worse / rate) if rate > 0 else 0.0)
    return log(1 / beta) * phi / information


def least_ratio(*, alpha: float, weight: float, tau: float, margin_log: float = 0.0) -> float:
    """The smallest rate ratio, of the grid's, that can ever fail a train, with whatever exposure; else infinite.

    A null of width tau explains small ratios as chance between nodes: with all the data there is, e at the log
    ratio g is the mass of harm over the mass of the null at g.
    """
    null, harm = laws(tau, margin_log)
    for g, at_null, at_harm in zip(GRID, null, harm, strict=True):
        if at_harm > -inf and g > margin_log and at_harm - at_null >= log(1 / (alpha * weight)):
            return exp(g)
    return inf
