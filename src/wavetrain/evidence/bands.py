"""Bands: between which bounds does a histogram's quantile lie, however often one looks?

For people only: exceedances decide (`edges`), they see a worse tail that no band ever shows. The whole
distribution function is known, at every look at once, to within
    sup_x |F_n(x) - F(x)| < 0.85 sqrt((log(1 + log n) + C) / n)  for all n >= 1, but for probability alpha
(Howard & Ramdas 2022, theorem 2, in the form of their confseq library, `empirical_process_lil_bound` with t_min = 1).
The error of a given C is
    inf over eta of 4 exp(-g C) (1 + 1 / ((g - 1) log eta)),  g = 2 / eta (0.85 - sqrt(2 (eta - 1) / C))^2,
and C = 0.8 log(1612 / alpha) keeps it at or below alpha for every alpha up to ALPHA_MAX (checked in the tests
against that formula; the least C is 0.2 smaller at 0.05 and 0.5 at 0.001). A quantile q lies above every bound with
F_n + r < q and at or below every bound with F_n - r >= q. With dispersion phi, n / phi takes the place of n: exact
for observations that come phi at a time.

How a running test uses it: the `bucket_sums` of each arm since the start, whenever somebody looks at the verdict.
"""

from itertools import pairwise
from math import inf, isfinite, nan

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from wavetrain.errors import RefusedError
from wavetrain.evidence.counters import Array

LEADING = 0.85
ALPHA_MAX = 0.4


class Band(Struct, frozen=True):
    """A quantile lies above `lower` and at or below `upper`, -inf or inf where no bucket says; the estimate is
    interpolated within its bucket, and NaN in a last one that is open."""

    lower: float
    estimate: float
    upper: float


def radius(observations: ArrayLike, alpha: float, phi: ArrayLike = 1.0) -> Array:
    """How far the distribution function may be from what was counted, at any look; infinite below one observation."""
    if not 0 < alpha <= ALPHA_MAX:
        raise RefusedError(f"band at alpha {alpha}: must lie in (0, {ALPHA_MAX:g}]; 0.05 is usual")
    n = np.asarray(observations, float) / np.asarray(phi, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        wide = LEADING * np.sqrt((np.log1p(np.log(n)) + 0.8 * np.log(1612 / alpha)) / n)
    return np.where(n >= 1, wide, inf)


def band(
    bounds: tuple[float, ...],
    below: Array,
    observations: float,
    quantile: float,
    alpha: float,
    phi: float = 1.0,
) -> Band:
    """The band of one quantile from the cumulative buckets of one arm, in rising order of their bounds."""
    _check(bounds, below, observations, quantile, phi)
    if observations < 1:
        return Band(-inf, nan, inf)
    share = below / observations
    around = float(radius(observations, alpha, phi))
    above, under = np.flatnonzero(share + around < quantile), np.flatnonzero(share - around >= quantile)
    return Band(
        lower=bounds[above[-1]] if len(above) else -inf,
        estimate=_interpolated(bounds, share, quantile),
        upper=bounds[under[0]] if len(under) else inf,
    )


def _interpolated(bounds: tuple[float, ...], share: Array, quantile: float) -> float:
    """As Prometheus' histogram_quantile: linear in its bucket, the first of which begins at 0 where it can."""
    reached = np.flatnonzero(share >= quantile)
    if not len(reached):
        return nan
    place = int(reached[0])
    upper, upto = bounds[place], float(share[place])
    if place:
        lower, before = bounds[place - 1], float(share[place - 1])
    elif upper > 0:
        lower, before = 0.0, 0.0
    else:
        return upper
    return lower + (upper - lower) * (quantile - before) / (upto - before)


def _check(bounds: tuple[float, ...], below: Array, observations: float, quantile: float, phi: float) -> None:
    rising = all(lower < upper for lower, upper in pairwise(bounds))
    if not (bounds and rising and all(map(isfinite, bounds)) and below.shape == (len(bounds),)):
        raise RefusedError(
            f"band over bounds {bounds} with {below.shape} buckets: finite bounds in rising order, a bucket each"
        )
    counted = np.concatenate([[0.0], below, [observations]])
    if not (np.isfinite(counted).all() and (np.diff(counted) >= 0).all()):
        raise RefusedError(
            f"band over buckets {below.tolist()} of {observations}: cumulative counts are finite and never fall; "
            "leave torn scrapes out"
        )
    if not (0 < quantile < 1 and 1 <= phi < inf):
        raise RefusedError(f"band of quantile {quantile}, phi {phi}: 0 < quantile < 1 and phi >= 1")
