"""Calibration: how noisy are a stratum's nodes when nothing has changed?

An anytime-valid test of the wrong null rolls back healthy releases (in simulations nearly all of them, under ordinary
differences between nodes). Three numbers from the pre-period repair the null:

* offsets w_j: a node's own rate over the stratum's, shrunken (gamma-Poisson empirical Bayes, Clayton & Kaldor
  1987); the exposure of node j counts as w_j times its traffic.
* phi, the dispersion: Pearson's sum of squares of "this node against the rest" over its binomial variance
  (McCullagh & Nelder 1989, quasi-likelihood), the larger of blocks of 1 and 8 bins, never below 1.
* tau, the scale of what persists: moments on blocks of 64 and 256 bins, pooled over a class of metrics,
  because one rare metric alone is far too noisy.
"""

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from wavetrain.evidence.preperiod import CAP_FLOOR, Preperiod, Scale, count_cap

Array = NDArray[np.float64]

PHI_PRIOR = 10.0
"""Pseudo-information at phi = 1, in units of events: a handful of events cannot make a dispersion."""

PHI_LENGTHS, PHI_MIN_BLOCKS = (1, 8), 5
TAU_LENGTHS, TAU_MIN_BLOCKS = (64, 256), 4
OFFSET_MIN_EVENTS = 8.0
"""Effective events (over phi) per node below which no offsets are fitted: a pattern in so few is chance."""

OFFSET_Z, TAU_Z = 2.0, 1.0
"""Standard errors that a moment estimate must exceed zero by; the part above is believed."""

TAU_FLOOR = 0.03
ASSUMED_PHI, ASSUMED_TAU = 3.0, 0.2


class Calibration(Struct, frozen=True):
    """What the pre-period says of one metric in one stratum.

    `weights` are pairs (node, offset); a node not named weighs 1. `cap_per_bin` is in events per node and
    usual bin, `seconds` the length of the whole pre-period, `rate` in events per unit of exposure.
    `bins` = 0 marks an assumed calibration: its statistical `fail` may pause and page, not revert.
    """

    weights: tuple[tuple[str, float], ...]
    phi: float
    tau: float
    cap_per_bin: int
    bins: int
    seconds: float
    rate: float
    offset_error: float = 0.0
    """The variance of a log rate ratio that estimating one node's offset leaves; it is in `tau`."""


class Calibrations(Struct, frozen=True, eq=False):
    """The calibrations of all metrics of one stratum as arrays, by metric and node.

    `usual_s` is the length of the usual bin; 0 where there was none.
    """

    nodes: tuple[str, ...]
    weights: Array
    phis: Array
    taus: Array
    caps: Array
    rates: Array
    usual_s: Array
    offset_errors: Array

    def of(self, nodes: tuple[str, ...]) -> "Calibrations":
        """The same for these nodes in this order; one that is not known weighs 1."""
        if nodes == self.nodes:
            return self
        place = {node: index for index, node in enumerate(self.nodes)}
        padded = np.concatenate([self.weights, np.ones((len(self.weights), 1))], axis=1)
        return replace(self, nodes=nodes, weights=padded[:, [place.get(node, -1) for node in nodes]])


def together(known: Sequence[Calibration], nodes: tuple[str, ...]) -> Calibrations:
    """Calibrations side by side, for these nodes."""
    alike = {id(each): each for each in known}
    places = {name: place for place, name in enumerate(alike)}
    held = [dict(each.weights) for each in alike.values()]
    weights = np.array([[each.get(node, 1.0) for node in nodes] for each in held]).reshape(len(held), -1)
    return Calibrations(
        nodes=nodes,
        weights=weights[[places[id(each)] for each in known]],
        phis=np.array([each.phi for each in known]),
        taus=np.array([each.tau for each in known]),
        caps=np.array([float(each.cap_per_bin) for each in known]),
        rates=np.array([each.rate for each in known]),
        usual_s=np.array([each.seconds / each.bins if each.bins else 0.0 for each in known]),
        offset_errors=np.array([each.offset_error for each in known]),
    )


def assumed(tau_floor: float = TAU_FLOOR) -> Calibration:
    """A cautious stand-in where there is no pre-period: no offsets, wide dispersion, wide null."""
    return Calibration(
        weights=(),
        phi=ASSUMED_PHI,
        tau=max(ASSUMED_TAU, tau_floor),
        cap_per_bin=CAP_FLOOR,
        bins=0,
        seconds=0.0,
        rate=0.0,
    )


def calibrate(pre: Preperiod, tau_floor: float = TAU_FLOOR) -> Calibration | None:
    """The calibration of one metric by itself, or None where nothing was observed."""
    return calibrate_class((pre,), tau_floor)[0]


def calibrate_class(
    pres: Sequence[Preperiod], tau_floor: float = TAU_FLOOR
) -> tuple[Calibration | None, ...]:
    """Calibrations of the metrics (and strata) of one class, in order; they share the pooled part of tau."""
    alike = {id(pre): pre for pre in pres}  # metrics that were watched as one are fitted once
    found = {
        name: _fit(pre) if any(total.exposure > 0 for total in pre.totals) else None
        for name, pre in alike.items()
    }
    fits = [found[id(pre)] for pre in pres]
    pooled = _pooled_tau_squared([(pre, fit) for pre, fit in zip(pres, fits, strict=True) if fit is not None])
    said = {
        name: None
        if fit is None
        else _said(alike[name], fit, max(tau_floor, sqrt(pooled + fit.offset_error)))
        for name, fit in found.items()
    }
    return tuple(said[id(pre)] for pre in pres)


def _said(pre: Preperiod, fit: "_Fit", tau: float) -> Calibration:
    return Calibration(
        weights=tuple(fit.weights.items()),
        phi=fit.phi,
        tau=tau,
        cap_per_bin=count_cap(pre),
        bins=pre.bins,
        seconds=pre.seconds,
        rate=sum(total.events for total in pre.totals) / sum(total.exposure for total in pre.totals),
        offset_error=fit.offset_error,
    )


class _Fit(Struct, frozen=True):
    weights: Mapping[str, float]
    offset_error: float  # variance of a log offset contrast that estimation leaves
    phi: float


def _fit(pre: Preperiod) -> _Fit:
    """Offsets need phi and phi needs offsets; two rounds settle it."""
    ones = dict.fromkeys((total.node for total in pre.totals), 1.0)
    weights, error = _offsets(pre, _phi(pre, ones))
    phi = _phi(pre, weights)
    weights, error = _offsets(pre, phi)
    return _Fit(weights=weights, offset_error=error, phi=phi)


def _offsets(pre: Preperiod, phi: float) -> tuple[dict[str, float], float]:
    """Shrunken w_j = (x_j/phi + k) / (mu_j/phi + k), k = 1 / (variance of effects); and the error left."""
    events = sum(total.events for total in pre.totals)
    exposure = sum(total.exposure for total in pre.totals)
    ones = dict.fromkeys((total.node for total in pre.totals), 1.0)
    nodes = [total for total in pre.totals if total.exposure > 0]
    if len(nodes) < 2 or events / phi < OFFSET_MIN_EVENTS * len(nodes):
        return ones, 0.0
    shares = [total.exposure / exposure for total in nodes]
    variances = [events * share * (1 - share) for share in shares]
    squares = sum((total.events - events * share) ** 2 for total, share in zip(nodes, shares, strict=True))
    effect = _believed(
        squares / phi, variances=sum(variances), squared=sum(v * v for v in variances) / phi, z=OFFSET_Z
    )
    if effect == 0.0:
        return ones, 0.0
    k = 1 / effect
    for total, share in zip(nodes, shares, strict=True):
        ones[total.node] = (total.events / phi + k) / (events * share / phi + k)
    left = sum(1 / (total.events / phi + k) for total in nodes) / len(nodes)
    return ones, left * (1 + 1 / (len(nodes) - 1))


def _phi(pre: Preperiod, weights: Mapping[str, float]) -> float:
    worst = 1.0
    for scale in pre.scales:
        if scale.length in PHI_LENGTHS and scale.blocks >= PHI_MIN_BLOCKS:
            residual, variance = _residuals(scale, _factors(pre, weights))
            worst = max(worst, (residual + PHI_PRIOR) / (variance + PHI_PRIOR))
    return worst


def _pooled_tau_squared(fits: Sequence[tuple[Preperiod, _Fit]]) -> float:
    """sum[(r^2 - phi v)/phi] / sum[v^2/phi] over the class, larger of the block lengths."""
    worst = 0.0
    for index, length in enumerate(fits[0][0].scales if fits else ()):
        if length.length not in TAU_LENGTHS:
            continue
        squares = variances = squared = 0.0
        for pre, fit in fits:
            scale = pre.scales[index]
            if scale.blocks < TAU_MIN_BLOCKS:
                continue
            residual, variance = _residuals(scale, _factors(pre, fit.weights))
            squares += residual / fit.phi
            variances += variance
            squared += sum(spread.information_squares for spread in scale.spread) / fit.phi
        worst = max(worst, _believed(squares, variances=variances, squared=squared, z=TAU_Z))
    return worst


def _believed(squares: float, *, variances: float, squared: float, z: float) -> float:
    """A variance of log ratios by moments, less z standard errors of itself under no effect, not below 0.

    Under no effect a squared residual of a count has mean v and variance about 2 v^2 + v.
    """
    if squared <= 0:
        return 0.0
    return max(0.0, (squares - variances - z * sqrt(2 * squared + variances)) / squared)


def _factors(pre: Preperiod, weights: Mapping[str, float]) -> dict[str, float]:
    """1 + c_j: an offset relative to the stratum's exposure-weighted mean offset."""
    exposure = sum(total.exposure for total in pre.totals)
    mean = sum(weights[total.node] * total.exposure for total in pre.totals) / exposure
    return {node: weight / mean for node, weight in weights.items()}


def _residuals(scale: Scale, factors: Mapping[str, float]) -> tuple[float, float]:
    """Sum of squared residuals of "node against the rest", and the binomial variance they should have."""
    residual = variance = 0.0
    for spread in scale.spread:
        factor = factors[spread.node]
        c = factor - 1
        residual += max(0.0, spread.squares - 2 * c * spread.cross + c * c * spread.expected_squares)
        variance += max(0.0, factor * spread.expected - factor * factor * spread.thinned)
    return residual, variance
