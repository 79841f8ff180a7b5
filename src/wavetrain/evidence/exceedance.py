"""Exceedance: do more observations lie beyond what used to be a histogram's quantiles?

Events are the observations beyond a bound that the pre-period chose (`edges`), exposure is all observations. Each
bound is a strand, tested as a counter (`counters`): given the number of observations in both arms the exceedances
of the new arm are hypergeometric under the null, which is below the binomial in convex order (Hoeffding 1963), so
that the test stays valid, if conservative, where half of all observations are events. The check's e is the weighted
mean of its strands', with weights that were fixed before the first look (Wang & Ramdas 2022).

How a running test uses it: a histogram check takes STRANDS rows of `processes`, states (strata, checks, STRANDS,
WIDTH) or flat, and is moved and weighed like counters. `counted`, or `counted_at` for all histograms of a PoP at
once, gives each bin's events and exposure by strand and node for `arms.split_all`, with the calibration of
`edges.settled(...).pres`; `check_log_e` folds the strands' log e. As the train's E is a sum, rows of weight w_m times
the strand's are the same thing; a strand without a bound has no exposure, so its e stays 1, and weight 0.
"""

import numpy as np
from numpy.typing import ArrayLike

from wavetrain.errors import RefusedError
from wavetrain.evidence.arms import Mask
from wavetrain.evidence.counters import Array, log_sum_exp
from wavetrain.evidence.edges import STRANDS, HistogramBin, Strand, at_or_below, reconciled


def counted(seen: HistogramBin, strands: tuple[Strand, ...], *, falls: bool = False) -> tuple[Array, Array]:
    """Events and exposure of each strand and node, shape (STRANDS, nodes) each, NaN for what was not seen.

    A bound that a node does not have (any more) is missing exposure, never zero; so are strands that do not exist.
    """
    events = np.full((STRANDS, len(seen.nodes)), np.nan)
    exposure = events.copy()
    below, count = at_or_below(seen, tuple(strand.bound for strand in strands))
    events[: len(strands)] = below if falls else count - below
    exposure[: len(strands)] = count
    return events, exposure


def counted_at(below: Array, counts: Array, *, falls: Mask | bool = False) -> tuple[Array, Array]:
    """As `counted`, from the rows of a table: the bucket and the count of every strand of a bin, (strands, nodes).

    Rows that do not exist are NaN; `falls` may be a column. All histograms of a PoP cost one call.
    """
    below, exposure = reconciled(below, counts)
    return np.where(falls, below, exposure - below), exposure


def cumulated(parts: ArrayLike) -> Array:
    """Cumulative buckets from single ones, shape (bounds in rising order, nodes), as of a native histogram.

    What was not seen makes everything above it unknown.
    """
    out: Array = np.cumsum(np.asarray(parts, float), axis=0)
    return out


def weights_of(strands: tuple[Strand, ...]) -> Array:
    """Shares of the check, shape (STRANDS,); 0 for a strand that does not exist."""
    shares = [strand.weight for strand in strands]
    return np.array(shares + [0.0] * (STRANDS - len(shares)))


def check_log_e(log_es: Array, weights: Array) -> Array:
    """Log e of checks from those of their strands (last axis). A check without a strand has e = 1.

    Raises RefusedError for weights that are neither shares nor all 0.
    """
    total = weights.sum(axis=-1)
    if not ((weights >= 0).all() and (np.isclose(total, 1.0) | (total == 0)).all()):
        raise RefusedError(
            f"strand weights {weights.tolist()}: not negative, and 1 in sum; take those of `edges.strands_of`"
        )
    with np.errstate(divide="ignore"):
        shares = np.log(weights)
    silent = total == 0
    shares = np.where(silent[..., None], -np.log(weights.shape[-1]), shares)
    out: Array = log_sum_exp(np.where(silent[..., None], 0.0, log_es) + shares)
    return out
