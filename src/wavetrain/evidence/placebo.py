"""Placebo: what do trains that changed nothing say of the promise that a verdict gives?

A test with an estimated dispersion, width and offsets has no theorem of its own; what carries its promise is that it
was quiet on trains that changed nothing. A placebo train takes nodes that ran one release all along, pretends that
some of them were upgraded, and keeps the greatest log E that it ever came to. Placebos of one block of time share its
weather, its traffic and mostly its nodes, so a block counts once, by the greatest of its placebos: that is no smaller
than any one of them, so what holds of blocks holds of trains.

Of K independent blocks, none of them over a threshold, the share of clean trains that would come over it is at most
    1 - delta^(1 / K),  about 3 / K for delta = 0.05,
with confidence 1 - delta: were it more, K blocks in a row would have been quiet with probability below delta (Clopper
& Pearson 1934 at no event). That is the smallest alpha that K can certify. For a larger alpha some blocks may come
over it: the (k + 1)-th greatest is an upper tolerance limit of the share 1 - alpha where P(Bin(K, alpha) <= k) <= delta
(Wilks 1941). Where K is too small for that, the tail is extended: what log E exceeds a high level by is taken as
exponential (the generalised Pareto tail of shape 0; Pickands 1975), which is what a valid test has, at scale 1 (Ville
1939); its scale, and the share of blocks above the level, enter by their upper confidence limits. Such a threshold is
marked as extrapolated: it is a guess with its error, not a certificate.
"""

from collections.abc import Sequence
from math import ceil, inf, isfinite, log, log1p
from typing import Final

import numpy as np
from msgspec import Struct
from scipy import special

from wavetrain.errors import RefusedError
from wavetrain.evidence.budget import log_threshold
from wavetrain.evidence.counters import Array

DELTA: Final = 0.05
"""The probability with which a certificate may be wrong."""

BLOCKS_MIN: Final = 5
"""Fewer blocks have no tail that could be extended."""


class Placebo(Struct, frozen=True):
    """One placebo train: the block of time that it ran in, its last log E, and its greatest."""

    block: int
    log_e: float
    log_e_max: float


class Lock(Struct, frozen=True, kw_only=True):
    """What placebo trains say of a promise at `alpha`."""

    alpha: float
    trains: int
    effective: int
    """Independent ones among them: the blocks of time."""
    over: int
    """How many trains came to log(1 / alpha): each would have been a false rollback."""
    certified: float
    """The smallest alpha that so many blocks can certify, with confidence 95 %; 1 for none."""
    needed: int
    """How many blocks would certify `alpha`."""
    threshold: float | None
    """The log E from which a fail keeps the promise, by these trains; None where they are too few to tell."""
    is_extrapolated: bool

    @property
    def holds(self) -> bool:
        """Whether the promise is certified at the threshold that the test uses."""
        if self.threshold is None or self.is_extrapolated:
            return False
        return self.threshold <= log_threshold(self.alpha)


def certifiable(blocks: int) -> float:
    """The smallest alpha that so many independent blocks can certify: 1 - delta^(1 / K)."""
    return float(1 - DELTA ** (1 / blocks)) if blocks > 0 else 1.0


def blocks_needed(alpha: float) -> int:
    """The least number of independent blocks that can certify alpha."""
    log_threshold(alpha)
    return ceil(log(DELTA) / log1p(-alpha) - 1e-9)


def locked(trains: Sequence[Placebo], alpha: float) -> Lock:
    """What these trains say of a promise at alpha."""
    least = log_threshold(alpha)
    for train in trains:
        if not (isfinite(train.log_e_max) and train.log_e_max >= 0 and train.log_e <= train.log_e_max):
            raise RefusedError(
                f"placebo train of block {train.block}: log E {train.log_e} with greatest {train.log_e_max}; a test "
                "starts at 0, so its greatest is finite, not negative and no less than its last"
            )
    greatest: dict[int, float] = {}
    for train in trains:
        greatest[train.block] = max(train.log_e_max, greatest.get(train.block, 0.0))
    values = np.sort(np.array(list(greatest.values())))[::-1]
    count = len(values)
    allowed = _allowed(count, alpha)
    threshold: float | None = None
    if allowed is not None:
        reached = float(values[allowed])
        threshold = least if reached < least else float(np.nextafter(reached, inf))  # at a threshold it fails
    elif count >= BLOCKS_MIN:
        threshold = max(least, _extended(values, alpha))
    return Lock(
        alpha=alpha,
        trains=len(trains),
        effective=count,
        over=sum(train.log_e_max >= least for train in trains),
        certified=certifiable(count),
        needed=blocks_needed(alpha),
        threshold=threshold,
        is_extrapolated=allowed is None and threshold is not None,
    )


def _allowed(count: int, alpha: float) -> int | None:
    """So many blocks may lie at or over a threshold that certifies alpha; None where no block may lie below it."""
    allowed = None
    for over in range(count):
        if special.bdtr(over, count, alpha) > DELTA:
            break
        allowed = over
    return allowed


def _extended(values: Array, alpha: float) -> float:
    """The level that the share alpha of blocks exceeds, by an exponential tail over the median, cautiously.

    For m exponential excesses of sum S, 2 S / scale is chi-square of 2 m degrees: the scale is at most
    S / gammaincinv(m, delta). The share over the level is bounded by Clopper & Pearson.
    """
    count = len(values)
    over = max(1, count // 2)
    level = float(values[over]) if over < count else 0.0
    excess = float((values[:over] - level).sum())
    scale = excess / float(special.gammaincinv(over, DELTA))
    share = float(special.betaincinv(over + 1, count - over, 1 - DELTA)) if over < count else 1.0
    return level + scale * max(0.0, log(share / alpha))
