"""Betting: are new nodes worse than their likes, if all that is known is that chance drew them?

Needs no law of noise, no pre-period and no independence: only that the draw was by chance. Each pair of like nodes, of
which chance made one new, bets once: u is the sign of "new worse than control" in {-1, 0, 1}. Under exchangeability u
has mean 0 given all other pairs, so K <- K (1 + b u) is a martingale for any b in [0, 1) fixed before; b is from the
pairs before, by the approximate growth rate (aGRAPA, Waudby-Smith & Ramdas 2024): mean / mean square, with one hopeful
pair at u = 1/2 before the first, truncated to [0, 0.8]. A pair must not bet again in a later block: a node that differs
for good would be counted as often as one looks. K grows by at most 1.8 a pair: safe and slow, 18 pairs for 1 / 40,000.

How a running test uses it: states (..., WIDTH) of what has bet, `bet` for each pair when its block is over
(`gauge_pairs`).
"""

from math import ceil, log, log1p
from typing import Final

import numpy as np

from wavetrain.errors import RefusedError
from wavetrain.evidence.counters import Array

LOG_K, PAIRS, SUM, SQUARES = range(4)
WIDTH: Final = 4
BET_MAX: Final = 0.8
HOPE: Final = 0.5
"""The sign of a pair that is imagined before the first, so that the first one bets."""


def unstarted(shape: tuple[int, ...]) -> Array:
    """States before the first pair, (*shape, WIDTH)."""
    return np.zeros((*shape, WIDTH))


def stake(states: Array) -> Array:
    """What the next pair bets, from the pairs before it alone."""
    mean = states[..., SUM] + HOPE
    square = states[..., SQUARES] + HOPE * HOPE
    return np.clip(mean / square, 0.0, BET_MAX)


def bet(states: Array, signs: Array) -> Array:
    """The states after one pair each; NaN is a pair that was not seen, and changes nothing."""
    seen = ~np.isnan(signs)
    if not np.isin(signs[seen], (-1.0, 0.0, 1.0)).all():
        raise RefusedError(
            "a pair bets -1, 0 or 1: new better, alike or new worse; take the sign of the difference"
        )
    u = np.where(seen, signs, 0.0)
    out = states.copy()
    out[..., LOG_K] += np.log1p(stake(states) * u)
    out[..., PAIRS] += seen
    out[..., SUM] += u
    out[..., SQUARES] += u * u
    return out


def least_pairs(share: float) -> int:
    """How many pairs it takes at least until K has reached 1 / share."""
    return ceil(log(1 / share) / log1p(BET_MAX))
