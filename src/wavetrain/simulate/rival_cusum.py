"""Rival CUSUM: what has a cumulated sum gathered for "twice as many", against history or against the control?

Page (1954); for Poisson counts Lucas (1985): S <- max(0, S + log likelihood ratio), of theta = 2 against 1. Against
history the expected count is the pre-period's rate times the exposure; against the control the count is a binomial
share of both arms' events. A gauge's values are standardised by the pre-period and tested for a shift of one standard
deviation. The threshold is log(metrics x looks / alpha): with it the sum's false alarms over all looks are at most
alpha, as long as counts are Poisson.
"""

from math import log

import numpy as np

from wavetrain.evidence.counters import Array

THETA = 2.0
SHIFT = 1.0


def threshold(metrics: int, looks: int, alpha: float) -> float:
    """Where the sum stops a train."""
    return log(metrics * looks / alpha)


def against_history(events: Array, exposure: Array, rates: Array) -> Array:
    """The sum after each look (last axis), for counts."""
    return _gathered(events * log(THETA) - (THETA - 1) * rates[..., None] * exposure)


def against_control(events: Array, exposure: Array, control_events: Array, control_exposure: Array) -> Array:
    """The sum after each look (last axis), for counts of two arms."""
    seen = (exposure > 0) & (control_exposure > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        was = exposure / (exposure + control_exposure)
        now = THETA * exposure / (THETA * exposure + control_exposure)
        gain = events * np.log(now / was) + control_events * np.log((1 - now) / (1 - was))
    return _gathered(np.where(seen, gain, 0.0))


def of_gauge(values: Array, mean: Array | float, sd: Array) -> Array:
    """The sum after each look (last axis), for a gauge, or for the difference of two."""
    offset = np.asarray(mean, float)
    standard = (values - offset[..., None]) / sd[..., None]
    return _gathered(np.nan_to_num(SHIFT * (standard - SHIFT / 2), nan=0.0))


def _gathered(gains: Array) -> Array:
    total = np.cumsum(gains, axis=-1)
    lowest = np.minimum(np.minimum.accumulate(total, axis=-1), 0.0)
    out: Array = total - np.concatenate([np.zeros((*total.shape[:-1], 1)), lowest[..., :-1]], axis=-1)
    return np.maximum(out, 0.0)
