"""Onset: does the release do harm from some bin on, if not from the first?

A plain e-process sinks while all is well, and has that to climb back when a leak, a timer or the expiry of a cache sets
in. So half of the belief in harm is in "from the first bin", and the other half is spread over every later one. With v
the null law of the log rate ratio, L_t the log likelihood of t bins and w(theta | g) the law of the ratio after a
change from g (always a worse one, by JUMP at least: the prior over harm, cut off there), a bin s > 1 has the part

    B_s(theta) = gamma_s w(theta | g) exp(L_{s-1}(g) + L_t(theta) - L_{s-1}(theta)), summed over g with weights v(g),

and  e_t = [1/2 sum_theta harm(theta) exp L_t(theta) + sum_{s=2..t} sum_theta B_s(theta) + (1 - sum_{s<=t} gamma_s) M_t]
/ M_t,  M_t = sum_g v(g) exp L_t(g). The numerator is what a law with a change point says of the bins, the denominator
what the null says: the ratio of two predictive laws (a likelihood ratio of mixtures; the sum over s is that of an
e-detector: Shin, Ramdas & Rinaldo 2022, arXiv 2203.03532). Kept is late_t(theta) = log sum_s B_s(theta), by

    late_t = l_t + log(exp late_{t-1} + gamma_t u_t),
    u_t(theta) = sum_{g <= theta - JUMP} v(g) exp(L_{t-1}(g)) w(theta | g).

What is promised. A point null at g0 (tau = 0): for every true ratio <= g0 each e_t has mean <= 1, and so has each step
given the past: a part's step is l_t(theta) / l_t(g0) with theta > g0, whose mean is 1 at g0 and less below, by the
monotone likelihood ratio. A null law of width tau: the mean is <= 1 where the ratio is drawn from that law once and
stays; for one single ratio inside it, it may be above. With dispersion phi the likelihood is tempered: no theorem.

gamma_1 = 1/2; of the other half r(t) = 1 / (1 + PACE log2 t) is left after t bins, gamma_t = 1/2 (r(t - 1) - r(t)). It
falls as 1 / (t log^2 t): an onset at the same share of the time costs nearly the same in bins of a second as in bins of
a minute; under 1 / (t (t + 1)) it would not.
"""

from typing import Final

import numpy as np

from wavetrain.evidence.counters import GRID, LOG_2, Array, harm, log_sum_exp

_G: Final[Array] = np.array(GRID)
_HARM: Final[Array] = harm(_G)
JUMP: Final = 0.4
"""A later onset is sought where the rate becomes half as much again at least (log 1.49): nodes drift a little within
hours, which no null law of a difference that stays knows of; smaller harm is found from the first bin on."""

PACE: Final = 0.15
"""Of all paces the one that finds an onset at bin t soonest is 1 / log2 t; this is that of the hundredth bin. An onset
there costs 8.2 nats where 1 / log2 (t + 1) would cost 8.7; one at the tenth bin 5.3 instead of 5.1."""

_REACHED: Final = np.searchsorted(_G, _G - JUMP + 1e-9, side="right")
"""Of each point theta: how many points g a jump to it is large enough from."""
_ABOVE: Final[Array] = np.array(
    [_HARM[g + JUMP - 1e-9 <= _G].sum() if (g + JUMP - 1e-9 <= _G).any() else np.inf for g in GRID]
)
"""w(theta | g) = _HARM[theta] / _ABOVE[g] for theta >= g + JUMP. From the last points there is no such jump: their part
is left out, which can only make e smaller."""
_LOG_ABOVE: Final[Array] = np.log(_ABOVE)


def gamma(bins: Array) -> Array:
    """How much of the belief is in an onset at the bin of this number (1, 2, ...), if it is not the first; else 0."""
    counted = np.maximum(bins, 2.0)
    out: Array = np.where(bins > 1, 0.5 * (_left(counted - 1) - _left(counted)), 0.0)
    return out


def later(late: Array, before: Array, step: Array, null: Array, bins: Array) -> Array:
    """late_t from late_{t-1}, L_{t-1}, the bin's own log likelihood and the log null law, over GRID (last axis).

    `bins` is t: the process's own bins, this one among them; its shape is that of the rest without the last axis.
    """
    reach = before + null - _LOG_ABOVE
    top = np.maximum(reach, late).max(axis=-1, keepdims=True)
    sums = np.zeros((*reach.shape[:-1], reach.shape[-1] + 1))
    np.cumsum(np.exp(reach - top), axis=-1, out=sums[..., 1:])
    begun = sums[..., _REACHED]
    with np.errstate(divide="ignore"):
        out: Array = np.log(np.exp(late - top) + gamma(bins)[..., None] * _HARM * begun)
    out += top
    out += step
    return out


def log_e(loglik: Array, late: Array, law: Array, bins: Array) -> Array:
    """Log e of "worse from the first bin, or from a later one", with the log masses of `counters.laws` in `law`."""
    null = log_sum_exp(loglik + law[0])
    first = log_sum_exp(loglik + law[1]) - LOG_2
    some = late.max(axis=-1)
    began = some > -np.inf
    with np.errstate(divide="ignore"):
        since = np.log(np.exp(late - np.where(began, some, 0.0)[..., None]).sum(axis=-1)) + np.where(
            began, some, 0.0
        )
    out: Array = np.logaddexp(np.logaddexp(first, since) - null, _log_rest(bins))
    return out


def _log_rest(bins: Array) -> Array:
    """Log of what gamma leaves to the bins that have not come; without the first bin's half before that came."""
    out: Array = np.log(0.5 * _left(np.maximum(bins, 1.0)))
    return out


def _left(bins: Array) -> Array:
    """What is left of the belief in a later onset after so many bins, at least one."""
    out: Array = 1 / (1 + PACE * np.log2(bins))
    return out
