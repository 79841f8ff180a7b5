"""Gauges: did a level shift in the new arm, against the control arm and its own past?

D = mean over the new nodes of (level - baseline), less the same of the control nodes: a difference in differences by
block, from which any time course that both arms share is gone. Blocks are long enough to be nearly independent
(`gauge_calibration`), their noise Student-t5 of scale s, so that one wild block says little (Lange, Little & Taylor
1989); s is a standard deviation, which is cautious for Gaussian noise too: f5((D - d) / s) / f5(D / s) has mean at
most 1 under it, for every d > 0. Over a grid of shifts d = u rho the log likelihoods add up, and
    e = sum_u w(u) exp L(u) / sum_u v(u) exp L(u)
is a Bayes factor, an e-process under the placebo law: noise as calibrated, the persistent part of the shift
Student-t5 of scale tau (v; moved upwards on the grid, all below 0 to 0, as in `counters`); w is a half-Cauchy of
scale rho (Jeffreys 1961) widened by v. It replaces the ratio of two densities of the mean D: that has mean 1 at each
look, but is no martingale from look to look. The promise ends where the placebo law does: a persistent difference
that the pre-period never showed fails a healthy release. The placebo lock has to catch that; `betting` needs no law.

The second strand is the slope, for leaks: D less the mean of the blocks before it, against the age of the new nodes
less its mean so far (recursive residuals, Brown, Durbin & Evans 1975). A level that stays, of whatever size, drops
out of it (exactly, while the arms stay as they are); its u is the growth in rho per SLOPE_S, its noise the drift of
the long lengths.

How a running test uses it: states (strata, gauges, STRANDS, WIDTH), the rows of `processes` with its columns, laws
(strata, gauges, STRANDS, 3, POINTS) from `laws_of(tau / rho)`. Each bin goes into `gauge_blocks.absorb`, which
answers with the blocks that closed, (gauges, BLOCK); these go into `moved`, then `weighed`; the check's log e is
`check_log_e`. In a row NEW_EVENTS and CONTROL_EVENTS are sums over blocks of the levels of both arms (the new one's
as its shift from the control), both exposures count blocks, CONTROL_CAPPED sums ages in hours, PHI the squares of
s; LOG_E_DOUBLING argues against a shift of rho or more, EXCESS_UPPER bounds the shift, in the gauge's unit.
"""

from math import log
from typing import Final

import numpy as np

from wavetrain.errors import RefusedError
from wavetrain.evidence.arms import Mask
from wavetrain.evidence.counters import Array, log_e_rows, log_sum_exp
from wavetrain.evidence.gauge_blocks import AGE, LEVEL, SCALE, SECONDS_OF, SHIFT, SLOPE_SCALE, TAU_OF
from wavetrain.evidence.judgement import WAYS
from wavetrain.evidence.processes import (
    BINS,
    CONTROL_CAPPED,
    CONTROL_EVENTS,
    CONTROL_EXPOSURE,
    EXCESS_UPPER,
    LOG_E,
    LOG_E_DOUBLING,
    NEW_EVENTS,
    NEW_EXPOSURE,
    ORDINAL,
    PHI,
    POINTS,
    SECONDS,
    TAU,
    WIDTH,
)
from wavetrain.evidence.student import student_above

GRID: Final[tuple[float, ...]] = (
    0.0, 0.05, 0.1, 0.16, 0.22, 0.3, 0.4, 0.55, 0.75, 1.0, 1.4, 2.0,
    2.8, 4.0, 6.0, 9.0, 13.0, 20.0, 30.0, 50.0, 80.0, 150.0, 300.0, 1000.0,
)  # fmt: skip
"""Shifts in units of rho, the smallest worth a rollback."""

STRANDS: Final = 2
LEVEL_STRAND, SLOPE_STRAND = range(STRANDS)
STRAND_WEIGHTS: Final = (0.7, 0.3)
SLOPE_S: Final = 6 * 3600.0
"""A slope of 1 grows by rho in this time."""

REFUTING: Final = (0.6, 0.0, 0.0, 0.0, 0.25, 0.0, 0.15)
"""Weights of the grid's first points, the mixture that argues against a shift of rho."""

_U: Final[Array] = np.array(GRID)
_RHO: Final = GRID.index(1.0)
_BETWEEN: Final[Array] = np.concatenate([[0.0], (_U[1:-1] + _U[2:]) / 2, [np.inf]])
_PRIOR: Final[Array] = np.concatenate([[0.0], np.diff(np.arctan(_BETWEEN)) * 2 / np.pi])
"""Half a Cauchy, what lies nearest to each shift above 0."""

_HOUR: Final = 3600.0
with np.errstate(divide="ignore"):
    _LOG_REFUTING: Final[Array] = np.log(np.array(REFUTING))
    _LOG_BELOW: Final[Array] = np.concatenate([[np.inf], np.log(np.arange(1, POINTS))])


def laws_of(taus: Array) -> Array:
    """Log masses over GRID for null laws of these scales (in rho), shape (*taus, 3, POINTS).

    The null law, the prior over harm widened by it, and the null law around a shift of rho, moved downwards: what
    LOG_E_DOUBLING argues against.
    """
    if not (np.isfinite(taus) & (taus > 0)).all():
        raise RefusedError(
            f"tau {taus.tolist()}: the scale of a gauge's null law is finite and positive; calibrate again"
        )
    wide = taus.reshape(-1)
    out = np.empty((len(wide), 3, POINTS))
    for row, tau in enumerate(wide.tolist()):
        above = student_above((_U - _U[:, None]) / tau)  # (centres, points)
        around = _moved_up(above)
        out[row, 0] = around[0]
        out[row, 1] = _PRIOR @ around
        out[row, 2] = _moved_up(1 - above[_RHO, ::-1])[::-1]
    with np.errstate(divide="ignore"):
        return np.log(out).reshape(*taus.shape, 3, POINTS)


def _moved_up(above: Array) -> Array:
    """The masses of a law with this much above each point of a grid: to the next point, what is beyond to the last."""
    mass = -np.diff(above, axis=-1, prepend=1.0)
    mass[..., -1] += above[..., -1]
    return np.maximum(mass, 0.0)


def unstarted(shape: tuple[int, ...]) -> Array:
    """States without a block, (*shape, STRANDS, WIDTH)."""
    states = np.zeros((*shape, STRANDS, WIDTH))
    states[..., EXCESS_UPPER] = np.nan
    return states


def moved(states: Array, blocks: Array, rho: Array, started: Array) -> Array:
    """The states after one block each, shape (strata, gauges, BLOCK); one that did not close changes nothing.

    `rho` is by gauge. `started`, how many strata each gauge's strands have, (gauges, STRANDS), is raised by those
    that start here, in their order. A slope starts with the second block: one alone has none.
    """
    out = states.copy()
    closed = blocks[..., SECONDS_OF] > 0
    _level(out, blocks, closed, rho)
    _slope(out, blocks, closed, rho)
    fresh = (out[..., BINS] > 0) & (out[..., ORDINAL] == 0)
    if fresh.any():
        out[..., ORDINAL] = np.where(fresh, np.cumsum(fresh, axis=0) + started, out[..., ORDINAL])
        started += fresh.sum(axis=0)
    return out


def _level(out: Array, blocks: Array, closed: Mask, rho: Array) -> None:
    told, seen = out[..., LEVEL_STRAND, :][closed], blocks[closed]
    unit = np.broadcast_to(rho, closed.shape)[closed]
    told[:, :POINTS] += _log_density(seen[:, SHIFT], np.ones(len(seen)), seen[:, SCALE], unit)
    told[:, PHI] += seen[:, SCALE] ** 2
    _summed(told, seen, unit)
    out[..., LEVEL_STRAND, :][closed] = told


def _slope(out: Array, blocks: Array, closed: Mask, rho: Array) -> None:
    """The sums of the slope are those up to its last block: the block before this one's is in them already."""
    told, seen = out[..., SLOPE_STRAND, :][closed], blocks[closed]
    unit = np.broadcast_to(rho, closed.shape)[closed]
    before = told[:, NEW_EXPOSURE]
    n = np.maximum(before, 1)
    residual = seen[:, SHIFT] - (told[:, NEW_EVENTS] - told[:, CONTROL_EVENTS]) / n
    grown = (seen[:, AGE] / _HOUR - told[:, CONTROL_CAPPED] / n) * (_HOUR / SLOPE_S)
    scale = np.sqrt(seen[:, SLOPE_SCALE] ** 2 + told[:, PHI] / n**2)
    telling = (before > 0) & (grown > 0)
    said = _log_density(residual, grown, scale, unit)
    told[:, :POINTS] += np.where(telling[:, None], said, 0.0)
    told[:, PHI] += seen[:, SLOPE_SCALE] ** 2
    _summed(told, seen, unit)
    told[:, BINS] += telling - 1.0
    out[..., SLOPE_STRAND, :][closed] = told


def _summed(told: Array, seen: Array, unit: Array) -> None:
    told[:, NEW_EVENTS] += seen[:, LEVEL] + seen[:, SHIFT]
    told[:, CONTROL_EVENTS] += seen[:, LEVEL]
    told[:, CONTROL_CAPPED] += seen[:, AGE] / _HOUR
    told[:, NEW_EXPOSURE] += 1
    told[:, CONTROL_EXPOSURE] += 1
    told[:, BINS] += 1
    told[:, SECONDS] += seen[:, SECONDS_OF]
    told[:, TAU] = np.maximum(told[:, TAU], seen[:, TAU_OF] / unit)


def _log_density(shift: Array, per_unit: Array, scale: Array, unit: Array) -> Array:
    """Student-t5 log density of each shift over the grid, less that of no shift at all."""
    off = (shift[:, None] - (per_unit * unit)[:, None] * _U) / scale[:, None]
    none = shift / scale
    out: Array = 3.0 * (np.log1p(none * none / 5)[:, None] - np.log1p(off * off / 5))
    return out


def weighed(states: Array, laws: Array, rho: Array, beta: float) -> None:
    """Work out what the states say, under laws of the shape (strata, gauges, STRANDS, 3, POINTS)."""
    _check_beta(beta)
    logliks = states[..., :POINTS]
    states[..., LOG_E] = log_e_of(logliks, laws)
    states[..., LOG_E_DOUBLING] = _log_e_against(logliks, laws)
    upper = shift_upper(logliks, beta / 2) * rho[:, None]
    states[..., EXCESS_UPPER] = np.where(states[..., BINS] > 0, upper, np.nan)


def log_e_of(logliks: Array, laws: Array) -> Array:
    """Log e of rows of log likelihoods, (any, POINTS), under laws (any, 3, POINTS)."""
    return log_e_rows(logliks, np.moveaxis(laws[..., :2, :], -2, 0))


def refuted(logliks: Array, laws: Array, beta: float) -> Mask:
    """Whether a shift of rho or more is refuted, either way, at beta / WAYS each; shapes as of `log_e_of`."""
    _check_beta(beta)
    share = beta / WAYS
    out: Mask = (_log_e_against(logliks, laws) >= -log(share)) | (shift_upper(logliks, share / 2) < 1.0)
    return out


def _log_e_against(logliks: Array, laws: Array) -> Array:
    """Log e against a shift of rho or more."""
    kinder = log_sum_exp(logliks[..., : len(REFUTING)] + _LOG_REFUTING)
    out: Array = kinder - log_sum_exp(logliks + laws[..., 2, :])
    return out


def _check_beta(beta: float) -> None:
    if not 0 < beta < 1:
        raise RefusedError(f"beta {beta}: a share of bad releases in (0, 1); 0.05 is usual")


def shift_upper(logliks: Array, beta: float) -> Array:
    """The least shift of the grid (in rho) that is refuted with all above it, by the mean over those below it.

    The true shift is below it but for probability beta, at any look; infinite where nothing is refuted. Counts what
    is there, not whether it is the release's: as counters' bounds do.
    """
    refuted = _sums_below(logliks) - _LOG_BELOW - logliks >= -log(beta)
    all_above = np.minimum.accumulate(refuted[..., ::-1], axis=-1)[..., ::-1]
    found = all_above.any(axis=-1)
    return np.where(found, _U[np.argmax(all_above, axis=-1)], np.inf)


def shift_lower(logliks: Array, beta: float) -> Array:
    """The greatest shift of the grid (in rho) that is refuted with all below it, by the mean over those above it.

    -inf where nothing is; for people, beside `shift_upper`.
    """
    turned = logliks[..., ::-1]
    refuted = (_sums_below(turned) - _LOG_BELOW - turned >= -log(beta))[..., ::-1]
    all_below = np.minimum.accumulate(refuted, axis=-1)
    return np.where(all_below.any(axis=-1), _U[np.maximum(all_below.sum(axis=-1) - 1, 0)], -np.inf)


def _sums_below(logliks: Array) -> Array:
    """Log of the summed likelihoods of the points before each point; -inf for the first."""
    top = logliks.max(axis=-1, keepdims=True)
    sums = np.cumsum(np.exp(logliks - top), axis=-1)
    out = np.full(logliks.shape, -np.inf)
    with np.errstate(divide="ignore"):
        out[..., 1:] = np.log(sums[..., :-1]) + top
    return out


def check_log_e(log_es: Array) -> Array:
    """Log e of gauge checks from those of level and slope (last axis): their weighted mean."""
    out: Array = log_sum_exp(log_es + np.log(np.array(STRAND_WEIGHTS)))
    return out
