"""Pop load: what do a PoP's pre-period and its canaries let each check see there?"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np

from wavetrain.decide import comparison
from wavetrain.decide.comparison import Fits
from wavetrain.decide.evidence_kept import PopWatch
from wavetrain.decide.levels import gauges_of
from wavetrain.decide.rows import rows_of
from wavetrain.evidence.counters import Array
from wavetrain.evidence.gauge_calibration import GaugeCalibration
from wavetrain.evidence.gauge_power import GaugePlan
from wavetrain.evidence.power import Plan
from wavetrain.model.policy import MetricRule, Policy

HALF_AN_EVENT: Final = 0.5
"""What is taken to have happened in a pre-period in which nothing did: a rate of nothing shows no ratio."""


class PopLoad(msgspec.Struct, frozen=True, eq=False):
    """What a PoP's pre-period says of each row of the policy (`decide.rows`); NaN for one never watched there.

    `rates` are events per unit of exposure, `exposures` a node's per second. `gauges`, (gauges, 3), are one node's
    noise in a block and what persists in it, as variances in smallest shifts worth a rollback, and the block's seconds.
    """

    pop: str
    nodes: int
    rates: Array
    exposures: Array
    phis: Array
    taus: Array
    gauges: Array

    @property
    def is_watched(self) -> bool:
        """Whether anything is known of it."""
        return bool(np.isfinite(self.rates).any() or np.isfinite(self.gauges).any())


def load_of(pop: str, nodes: int, watch: PopWatch | None, policy: Policy) -> PopLoad:
    """What is known of a PoP with so many nodes, from its pre-period."""
    return load_by(nodes, comparison.fitted(pop, watch, policy), policy)


def load_by(nodes: int, fits: Fits, policy: Policy) -> PopLoad:
    """The same of a pre-period that is fitted already."""
    rates, exposures, phis, taus = figures = np.full((4, len(fits.pres)), np.nan)
    said: dict[int, tuple[float, float, float, float]] = {}
    for place, (pre, fit) in enumerate(zip(fits.pres, fits.rows, strict=True)):
        if fit is None or pre.seconds <= 0:
            continue
        if id(pre) not in said:  # rows that were watched as one say the same
            exposure = sum(total.exposure for total in pre.totals)
            rate = fit.rate or HALF_AN_EVENT / exposure
            said[id(pre)] = rate, exposure / pre.seconds / len(pre.totals), fit.phi, fit.tau
        figures[:, place] = said[id(pre)]
    return PopLoad(fits.held.pop, nodes, rates, exposures, phis, taus, _gauges_of(fits.gauges, policy))


def _gauges_of(known: GaugeCalibration | None, policy: Policy) -> Array:
    """Means over the nodes that have a baseline."""
    figures = np.full((len(gauges_of(policy)), 3), np.nan)
    if known is None or not known.bins:
        return figures
    based = ~np.isnan(known.baselines[:, 0])
    many = np.maximum(based.sum(axis=1), 1)
    noise = (known.noise * based).sum(axis=1) / many
    error = (known.base_error * based).sum(axis=1) / many
    square = known.rho**2
    figures[:, 0] = np.where(based.any(axis=1), noise / square, np.nan)
    figures[:, 1] = np.where(based.any(axis=1), (known.tau**2 + error) / square, np.nan)
    figures[:, 2] = np.where(based.any(axis=1), known.block_bins * known.seconds / known.bins, np.nan)
    return figures


@lru_cache(maxsize=64)
def rules_of(policy: Policy) -> tuple[MetricRule, ...]:
    """A rule for each row of the policy, with the row's name and its part of the weight; gauges have no row."""
    return tuple(
        msgspec.structs.replace(row.rule, name=row.name, weight=row.rule.weight * row.share)
        for row in rows_of(policy).rows
    )


def plan_of(policy: Policy, loads: Sequence[PopLoad]) -> Plan:
    """What the canaries of these PoPs expose; a check that was not watched in a PoP has no exposure there."""
    rules, canaries = rules_of(policy), policy.bake.canaries
    shape = (len(rules), len(loads))
    rates, exposures, phis, taus = (
        np.array([getattr(load, name) for load in loads]).reshape(shape[::-1]).T
        for name in ("rates", "exposures", "phis", "taus")
    )
    known = np.isfinite(rates)
    rest = np.array([max(0, load.nodes - canaries) for load in loads], dtype=float)
    exposures = np.where(known & (rest > 0), exposures, 0.0)
    floor = policy.verdicts.tau_floor
    return Plan(
        rates=np.where(known, rates, 0.0),
        new=exposures * canaries,
        control=exposures * rest,
        phis=np.where(known, phis, 1.0),
        taus=np.maximum(np.where(known, taus, floor).max(axis=1, initial=floor), floor),
        weights=np.array([rule.weight for rule in rules])
        / sum(rule.weight for rule in policy.verdicts.metrics),
        margins_log=np.log1p([rule.margin_ratio for rule in rules]),
        falls=np.isin(np.arange(len(rules)), rows_of(policy).turned),
    )


def gauge_plan_of(policy: Policy, loads: Sequence[PopLoad]) -> GaugePlan:
    """What the canaries of these PoPs tell of each gauge: D has one part of a node's variance for each in an arm."""
    rules, canaries = gauges_of(policy), policy.bake.canaries
    held = np.array([load.gauges for load in loads]).reshape(len(loads), len(rules), 3)
    rest = np.array([max(0, load.nodes - canaries) for load in loads], dtype=float)
    with np.errstate(divide="ignore"):
        share = np.where(rest > 0, 1 / canaries + 1 / rest, np.nan)[:, None]
    noises, persists, blocks_s = np.where(
        np.isfinite(held * share[..., None]).all(axis=2), np.moveaxis(held, 2, 0), np.nan
    )
    return GaugePlan(
        noises=(noises * share).T,
        taus=np.sqrt(persists * share).T,
        blocks_s=blocks_s.T,
        weights=np.array([rule.weight for rule in rules])
        / sum(rule.weight for rule in policy.verdicts.metrics),
    )
