"""Levels: which gauges does a policy look at, and what were they on each node?"""

from collections.abc import Sequence

import numpy as np

from wavetrain.evidence.arms import Mask
from wavetrain.evidence.counters import Array
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import Direction, Kind, MetricRule, Policy


def gauges_of(policy: Policy) -> tuple[MetricRule, ...]:
    """The policy's gauges, in its order."""
    return tuple(rule for rule in policy.verdicts.metrics if rule.kind is Kind.GAUGE)


def falls_of(rules: Sequence[MetricRule]) -> Mask:
    """The gauges of which less is worse."""
    return np.array([rule.direction is Direction.DOWN for rule in rules], bool)


def shifts_of(rules: Sequence[MetricRule]) -> Array:
    """The smallest shift worth a rollback, by gauge and in its own unit."""
    return np.array([rule.excess_max for rule in rules], float)


def levels_in(rules: Sequence[MetricRule], seen: PopCounts) -> Array:
    """The level of each gauge on each node at the bin's end, NaN for none; of a counter its growth per second."""
    out = np.full((len(rules), len(seen.nodes)), np.nan)
    for place, rule in enumerate(rules):
        if rule.gauge in seen.gauges and seen.levels is not None:
            out[place] = seen.levels[seen.gauges.index(rule.gauge)]
        elif rule.gauge in seen.counters and seen.seconds > 0:
            out[place] = seen.counted[seen.counters.index(rule.gauge)] / seen.seconds
    return out
