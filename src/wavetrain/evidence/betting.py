"""Betting: are new nodes worse than their likes, if all that is known is that chance drew them?

Needs no law of noise, no pre-period and no independence: only that the draw was by chance. Two e-values:

* Matched pairs. Each pair of like nodes, of which chance made one new, bets once: u is the sign of "new worse than
  control" in {-1, 0, 1}. Under exchangeability u has mean 0 given all other pairs, so K <- K (1 + b u) is a
  martingale for any b in [0, 1) fixed before; b is from the pairs before, by the approximate growth rate
  (aGRAPA, Waudby-Smith & Ramdas 2024): mean / mean square, with one hopeful pair at u = 1/2 before the first,
  truncated to [0, 0.8]. A pair must not bet again in a later block: a node that differs for good would be counted as
  often as one looks. K grows by at most 1.8 a pair: safe and slow, 18 pairs for 1 / 40,000.
* The wave's own draw, at its gate: T is the standardised difference of the arms' means, Z the draw that was made,
      e = f(Z) / mean of f over all draws,  f = mean over b of exp(b T),
  with the mean over all choices of as many nodes where there are at most DRAWS of them (then e has mean exactly 1),
  else over the real one and DRAWS simulated ones, (B + 1) f(Z) / (f(Z) + sum f(Z_b)) (Ramdas & Manole 2023;
  Phipson & Smyth 2010). It never exceeds the number of choices: one new of four nodes says at most 4. E-values of
  several waves with draws of their own may be multiplied.

Chance is a stable hash: draws come from SplitMix64 (Steele, Lea & Flood 2014) of an argument, nothing else.

How a running test uses it: states (strata, checks, WIDTH) of pairs that have bet, `bet` for each pair when its block
or its bake is over; or `draw_log_e` once at a wave's gate, over nodes' values (checks, nodes), such as mean level
less baseline. A check without calibration (`bins` = 0) can fail by these without an assumption.
"""

from itertools import combinations
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wavetrain.errors import RefusedError
from wavetrain.evidence.arms import Mask
from wavetrain.evidence.counters import Array, log_sum_exp

LOG_K, PAIRS, SUM, SQUARES = range(4)
WIDTH: Final = 4
BET_MAX: Final = 0.8
HOPE: Final = 0.5
"""The sign of a pair that is imagined before the first, so that the first one bets."""

DRAWS: Final = 2000
TILTS: Final = (0.5, 1.0, 2.0, 4.0)
MAX_SEED: Final = 2**64
_AT_ONCE: Final = 256
_LOG_TILTS: Final = np.log(len(TILTS))


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


def signs_of(new: Array, control: Array, *, falls: bool = False) -> Array:
    """Which of each pair is worse: 1 the new one, -1 the control; NaN where either was not seen."""
    out: Array = np.sign(control - new if falls else new - control)
    return out


def matched(levels: Array, new: Mask) -> tuple[tuple[int, int], ...]:
    """Pairs (new, control) of places, each node in at most one, the likest by their levels before anything moved.

    Deterministic: new nodes in the order of their levels, each takes the nearest control that is left. Where chance
    drew the new ones from all nodes, `draw_log_e` is the exact one; pairs drawn first and then split are exact here.
    """
    if levels.shape != new.shape or levels.ndim != 1 or np.isnan(levels).any():
        raise RefusedError("pairs are matched by one known level for each node; leave out who has none")
    left = [int(place) for place in np.flatnonzero(~new)]
    pairs = []
    for place in sorted(np.flatnonzero(new).tolist(), key=lambda at: (levels[at], at)):
        if left:
            nearest = min(left, key=lambda at: (abs(levels[at] - levels[place]), at))
            left.remove(nearest)
            pairs.append((place, nearest))
    return tuple(pairs)


def draw_log_e(values: Array, new: Mask, seed: int) -> Array:
    """Log e of "the new nodes' values are larger than chance's draw explains", by check (rows of `values`).

    NaN is a node that was not seen; it is left out of its check. `seed` is a stable hash that names the wave; it
    must not be tried until it pleases. A check without a node in both arms, or without any spread, has e = 1.
    """
    if values.ndim != 2 or new.shape != values.shape[1:] or np.isinf(values).any():
        raise RefusedError(
            f"values of shape {values.shape} for a draw among {new.shape} nodes: finite, one row a check, one "
            "column a node"
        )
    if not 0 <= seed < MAX_SEED:
        raise RefusedError(f"seed {seed}: a stable hash in 0..2^64 - 1")
    out = np.zeros(len(values))
    seen = ~np.isnan(values)
    patterns, of = np.unique(seen, axis=0, return_inverse=True)
    for number, among in enumerate(patterns):
        checks = np.flatnonzero(of.reshape(-1) == number)
        if new[among].any() and (~new[among]).any():
            out[checks] = _log_e_among(values[checks][:, among], new[among], seed)
    return out


def _log_e_among(values: Array, new: Mask, seed: int) -> Array:
    nodes, drawn = len(new), int(new.sum())
    spread = values.std(axis=1, keepdims=True)
    alike = spread[:, 0] <= 1e-12 * np.abs(values).max(axis=1)
    centred = (values - values.mean(axis=1, keepdims=True)) / np.where(alike[:, None], 1.0, spread)
    # With mean 0 and spread 1, the difference of means over its standard error is the arm's sum times this.
    factor = np.sqrt((nodes - 1) / (drawn * (nodes - drawn)))
    real = _log_f(new[None].astype(float), centred, factor)[0]
    choices = comb(nodes, drawn)
    if choices <= DRAWS:
        others = _log_f(_every_choice(nodes, drawn), centred, factor)
        log_mean = log_sum_exp(others.T) - np.log(choices)
    else:
        others = np.concatenate([real[None], _log_f(_draws(nodes, drawn, seed), centred, factor)])
        log_mean = log_sum_exp(others.T) - np.log(DRAWS + 1)
    return np.where(alike, 0.0, real - log_mean)


def _log_f(chosen: Array, centred: Array, factor: float) -> Array:
    """Log of the mean of exp(b T) over the tilts b, shape (draws, checks)."""
    t = chosen @ centred.T * factor
    out: Array = log_sum_exp(t[..., None] * np.array(TILTS)) - _LOG_TILTS
    return out


def _every_choice(nodes: int, drawn: int) -> Array:
    picked = np.array(list(combinations(range(nodes), drawn)))
    out = np.zeros((len(picked), nodes))
    out[np.arange(len(picked))[:, None], picked] = 1.0
    return out


def _draws(nodes: int, drawn: int, seed: int) -> Array:
    """DRAWS simulated draws: the nodes with the smallest hashes of the draw and the node."""
    out = np.zeros((DRAWS, nodes))
    for start in range(0, DRAWS, _AT_ONCE):
        count = min(_AT_ONCE, DRAWS - start)
        places = np.arange(start * nodes, (start + count) * nodes, dtype=np.uint64)
        hashes = split_mix(seed, places).reshape(count, nodes)
        picked = np.argsort(hashes, axis=1, kind="stable")[:, :drawn]
        out[np.arange(start, start + count)[:, None], picked] = 1.0
    return out


def split_mix(seed: int, places: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The numbers at these places of SplitMix64's sequence from a seed."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    z = np.uint64(seed) + (places + np.uint64(1)) * golden
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    out: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return out
