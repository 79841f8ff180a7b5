"""From scratch: the test of a rollout over all its bins, one after the other, in plain sums; an oracle."""

from collections.abc import Mapping, Sequence
from math import log, log2

import numpy as np
from scipy.special import log_expit, ndtr

from wavetrain.evidence.counters import GRID, Array

G = np.array(GRID)
FIRST = GRID.index(0.0)
LEAP = 0.4 - 1e-9
"""Of the log ratio, at a later onset."""
HARM = np.gradient(G) * (0.5 * np.exp(-0.5 * G) + 1.5 * np.exp(-1.5 * G))
Told = tuple[str, Sequence[Sequence[float]]]
"""A stratum, and one row per metric as `practice.in_arms` gives it."""
Said = list[tuple[Array, float]]
"""What each bin of a process said over the grid, and how wide its null was then."""


def log_es(
    bins: Sequence[Told],
    phi: Mapping[str, Array],
    tau: Mapping[str, Array],
    floor: float,
    classes: Mapping[str, str] | None = None,
) -> Array:
    """Log e by metric after all bins, each a look of its own; phi and tau are by stratum and metric."""
    metrics = len(bins[0][1])
    return np.array([_log_e(metric, bins, phi, tau, floor, classes or {}) for metric in range(metrics)])


def _log_e(
    metric: int,
    bins: Sequence[Told],
    phi: Mapping[str, Array],
    tau: Mapping[str, Array],
    floor: float,
    classes: Mapping[str, str],
) -> float:
    pooled: Said = []
    by_stratum: dict[str, Said] = {}
    by_class: dict[str, Said] = {}
    for stratum, rows in bins:
        _, new, e_new, _, control, e_control, _, surplus, _ = rows[metric]
        if e_new > 0 and e_control > 0:
            at = log(e_new / e_control) + G
            spread = 1 + (phi[stratum][metric] - 1) * (1 + surplus)
            step = (new * log_expit(at) + control * log_expit(-at)) / spread
            of_class = by_class.setdefault(classes.get(stratum, ""), [])
            for said in (pooled, by_stratum.setdefault(stratum, []), of_class):
                widest = max((width for _, width in said), default=floor)
                said.append((step, max(widest, tau[stratum][metric])))
    parts = [
        sum(e_of(said) / (k * (k + 1)) for k, said in enumerate(some.values(), 1)) + 1 / (len(some) + 1)
        for some in (by_stratum, by_class)
    ]
    return log(0.5 * e_of(pooled) + 0.25 * parts[0] + 0.25 * parts[1])


def e_of(said: Said) -> float:
    """One process: the first bin's half, each later bin's share, and what is left for those to come; no recursion."""
    if not said:
        return 1.0
    steps = np.array([step for step, _ in said])
    null, harm = law(said[-1][1])
    whole = steps.sum(axis=0)
    top = whole.max()
    m = float(np.exp(whole - top) @ null)
    e = 0.5 * float(np.exp(whole - top) @ harm) / m + 0.5 * left(len(said))
    for s in range(2, len(said) + 1):
        before, since = steps[: s - 1].sum(axis=0), steps[s - 1 :].sum(axis=0)
        at = np.log(law(said[s - 1][1])[0], where=law(said[s - 1][1])[0] > 0, out=np.full(len(G), -np.inf))
        share = 0.5 * (left(s - 1) - left(s))
        e += share * float((AFTER * np.exp((before + at)[:, None] + since[None] - top)).sum()) / m
    return e


def left(bins: int) -> float:
    """What is left of a later onset's half."""
    return 1 / (1 + 0.15 * log2(bins))


def plain(loglik: Array, tau: float) -> float:
    """The mixture of a harm from the first bin alone."""
    null, harm = law(tau)
    top = loglik.max()
    return float(np.exp(loglik - top) @ harm / (np.exp(loglik - top) @ null))


def law(tau: float) -> tuple[Array, Array]:
    """The null law over the grid, and the prior over harm widened by it."""
    prior = np.where(np.arange(len(G)) > FIRST, HARM, 0.0)
    prior /= prior.sum()
    null = np.eye(len(G))[FIRST] if tau == 0 else _around(0.0, tau)
    return null, prior if tau == 0 else prior @ np.array([_around(centre, tau) for centre in G])


def _around(centre: float, tau: float) -> Array:
    """Each part of a normal law goes to the grid points around it, the nearer the more; below the first to it."""
    z = (G - centre) / tau
    under, over, density = ndtr(z), ndtr(-z), np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    mass = np.zeros(len(G))
    mass[FIRST], mass[-1] = under[FIRST], over[-1]
    for low in range(FIRST, len(G) - 1):
        part = over[low] - over[low + 1] if z[low] > 0 else under[low + 1] - under[low]
        beyond = tau * (
            density[low] - density[low + 1] - z[low] * part
        )  # of G[low], in the mean, times the mass
        to_upper = beyond / (G[low + 1] - G[low])
        mass[low] += part - to_upper
        mass[low + 1] += to_upper
    return np.maximum(mass, 0.0)


AFTER = np.array(
    [
        [HARM[to] / HARM[G[at] + LEAP <= G].sum() if G[to] >= G[at] + LEAP else 0.0 for to in range(len(G))]
        for at in range(len(G))
    ]
)
"""By row the law of the ratio after a change from there; of the last point none."""
