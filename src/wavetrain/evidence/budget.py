"""Budget: how do many e-values share one promise?

E = sum_m w_m e_m with weights fixed before the first look is an e-process whatever the dependence between the
metrics, so P(E ever reaches 1/alpha) <= alpha on a clean train (Ville 1939; Wang & Ramdas 2022). Arithmetic
means only: a maximum or a product of dependent e-values promises nothing.
"""

from collections.abc import Sequence
from math import exp, isfinite, log

from wavetrain.errors import RefusedError

POOLED_SHARE, STRATA_SHARE, CLASS_SHARE = 0.5, 0.25, 0.25
"""Pooled evidence sees a fault that is everywhere, a stratum a local one, a class one of some hardware."""


def normalised(weights: Sequence[float]) -> tuple[float, ...]:
    """The weights, summing to 1. Raises RefusedError where they cannot."""
    total = sum(weights)
    if not all(isfinite(weight) and weight >= 0 for weight in weights) or not total > 0:
        raise RefusedError(
            f"metric weights {tuple(weights)}: must be finite, not negative and not all 0; name the "
            f"shares in the policy"
        )
    return tuple(weight / total for weight in weights)


def log_mean(log_es: Sequence[float], weights: Sequence[float]) -> float:
    """Log of sum w_i e_i, without leaving log space. Weights of 0 are skipped."""
    terms = [value + log(weight) for value, weight in zip(log_es, weights, strict=True) if weight > 0]
    top = max(terms)
    return top + log(sum(exp(term - top) for term in terms))


def stratum_shares(started: int) -> tuple[float, ...]:
    """Shares of the strata, or classes, in the order in which they started: the k-th gets 1 / (k (k + 1)).

    They sum to less than 1 for any number of strata; what is left belongs to those that have not started. A
    plain mean over the started ones is no e-process: a new stratum, at e = 1, would lift a mean that had
    sunk.
    """
    return tuple(1 / (k * (k + 1)) for k in range(1, started + 1))


def metric_log_e(pooled: float, strata: Sequence[float], classes: Sequence[float]) -> float:
    """Log e of one metric from its pooled log e and those of its strata and hardware classes in starting order.

    Half pooled, a quarter strata, a quarter classes; a stratum or class that has not started has e = 1.
    """
    return log_mean(
        (pooled, *strata, 0.0, *classes, 0.0),
        (POOLED_SHARE, *_of_started(STRATA_SHARE, len(strata)), *_of_started(CLASS_SHARE, len(classes))),
    )


def _of_started(share: float, started: int) -> tuple[float, ...]:
    """The share as it falls to those that have started, and to those that have not."""
    return (*(share * part for part in stratum_shares(started)), share / (started + 1))


def log_threshold(alpha: float) -> float:
    """log(1 / alpha): where a train's log e means roll back."""
    if not 0 < alpha < 1:
        raise RefusedError(
            f"alpha {alpha}: a share of clean trains in (0, 1); 0.001 is one false rollback in 1,000"
        )
    return -log(alpha)


def fails(log_e: float, alpha: float) -> bool:
    """True when the train's evidence has reached 1 / alpha."""
    return log_e >= log_threshold(alpha)


def spent(log_e: float, alpha: float) -> float:
    """How far the evidence is on its way from 1 to 1 / alpha, 0..1, on the log scale; for people to watch."""
    return min(1.0, max(0.0, log_e / log_threshold(alpha)))
