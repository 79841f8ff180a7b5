"""Interval: between which ratios does the truth lie, however often one looks?

For each grid point g0 the likelihood ratio of a fixed mixture over the grid against g0 has mean at most 1 if the log
rate ratio is g0 (Ville 1939; Robbins 1970), so the points that it does not refute at 1 / beta form a confidence
sequence. The true ratio may lie between grid points: the interval reaches to the refuted neighbours of the outermost
points that are left. With dispersion it is as good as the tempering.
"""

from math import exp, inf, log
from typing import Final

import numpy as np

from wavetrain.errors import RefusedError
from wavetrain.evidence.counters import GRID, Array, log_sum_exp

_LOG_SHARE: Final = -log(len(GRID))


def ratio_interval(loglik: Array, beta: float = 0.05) -> tuple[float, float]:
    """The least and greatest rate ratio that are not refuted, from the log likelihood over GRID.

    0 and infinite where nothing bounds them. Raises RefusedError for a beta that is no share.
    """
    if not 0 < beta < 1:
        raise RefusedError(f"interval at beta {beta}: a share in (0, 1); 0.05 is wrong once in twenty")
    mixture = float(log_sum_exp(loglik[None, :])[0]) + _LOG_SHARE
    left = np.flatnonzero(mixture - loglik < -log(beta))
    if len(left) == 0:  # between two grid points that are both refuted: the likeliest point's neighbours
        left = np.array([int(np.argmax(loglik))])
    first, last = int(left[0]), int(left[-1])
    low = exp(GRID[first - 1]) if first > 0 else 0.0
    high = exp(GRID[last + 1]) if last + 1 < len(GRID) else inf
    return low, high
