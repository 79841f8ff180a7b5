"""From scratch: the test of a rollout over all its bins, one after the other, in plain sums; an oracle."""

from collections.abc import Mapping, Sequence
from math import log

import numpy as np
from scipy.special import log_expit, stdtr

from wavetrain.evidence.counters import DEGREES, GRID, PRIOR_DECAY, Array

G = np.array(GRID)
Told = tuple[str, Sequence[Sequence[float]]]
"""A stratum, and one row per metric as `practice.in_arms` gives it."""


def log_es(bins: Sequence[Told], phi: Mapping[str, Array], tau: Mapping[str, Array], floor: float) -> Array:
    """Log e by metric after all bins; phi and tau are by stratum and metric."""
    metrics = len(bins[0][1])
    return np.array([_log_e(metric, bins, phi, tau, floor) for metric in range(metrics)])


def _log_e(
    metric: int, bins: Sequence[Told], phi: Mapping[str, Array], tau: Mapping[str, Array], floor: float
) -> float:
    logliks: dict[str, Array] = {}
    for stratum, rows in bins:
        _, new, e_new, _, control, e_control, _ = rows[metric]
        if e_new > 0 and e_control > 0:
            at = log(e_new / e_control) + G
            said = (new * log_expit(at) + control * log_expit(-at)) / phi[stratum][metric]
            logliks[stratum] = logliks.get(stratum, np.zeros(len(G))) + said
    if not logliks:
        return 0.0
    widths = {stratum: max(floor, tau[stratum][metric]) for stratum in logliks}
    pooled = _of(sum(logliks.values(), np.zeros(len(G))), max(widths.values()))
    strata = sum(
        _of(loglik, widths[stratum]) / (place * (place + 1))
        for place, (stratum, loglik) in enumerate(logliks.items(), start=1)
    )
    return log(0.5 * pooled + 0.5 * (strata + 1 / (len(logliks) + 1)))


def _of(loglik: Array, tau: float) -> float:
    first = GRID.index(0.0)
    prior = np.where(np.arange(len(G)) > first, np.gradient(G) * np.exp(-PRIOR_DECAY * G), 0.0)
    prior /= prior.sum()
    null = np.eye(len(G))[first] if tau == 0 else _around(0.0, tau, first)
    harm = prior if tau == 0 else prior @ np.array([_around(centre, tau, first) for centre in G])
    top = loglik.max()
    return float(np.exp(loglik - top) @ harm / (np.exp(loglik - top) @ null))


def _around(centre: float, tau: float, first: int) -> Array:
    above = stdtr(DEGREES, -(G - centre) / tau)
    above[-1] = 0.0
    mass = np.zeros(len(G))
    mass[first] = 1 - above[first]
    mass[first + 1 :] = above[first:-1] - above[first + 1 :]
    return mass
