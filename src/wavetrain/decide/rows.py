"""Rows: which counter-like rows does each check of a policy make in the running test, and what is counted for them?

A counter is one row. A histogram is three: observations beyond the bounds nearest the median, the 90th and the 99th
percentile that its PoP had before anything moved. A gauge is none; `decide.levels` has it.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from wavetrain.evidence.counters import Array
from wavetrain.evidence.edges import QUANTILES, WEIGHTS, HistogramBin, at_or_below
from wavetrain.evidence.first_nodes import HISTORY_SHARE
from wavetrain.evidence.judgement import Metric
from wavetrain.model.health import PopCounts, bound_of, observations
from wavetrain.model.policy import Direction, Kind, MetricRule, Policy

Places = NDArray[np.intp]
_NOTHING: Final = np.zeros(0, dtype=np.intp)


class Row(msgspec.Struct, frozen=True):
    """One row: its check, by place in the policy; for a histogram the strand; its share of the check's weight."""

    rule: MetricRule
    check: int
    strand: int
    share: float

    @property
    def name(self) -> str:
        """For people; a check's name alone where it makes one row."""
        if self.rule.kind is not Kind.HISTOGRAM:
            return self.rule.name
        return f"{self.rule.name} over p{QUANTILES[self.strand] * 100:g}"


class Rows(msgspec.Struct, frozen=True):
    """The rows of a policy, with what is asked of them again and again."""

    rows: tuple[Row, ...]
    metrics: tuple[Metric, ...]
    turned: Places
    """The rows of counters that are worse when they fall: there the arms change sides."""
    histories: Places
    """The rows whose counts are also held against the past."""


@lru_cache(maxsize=64)
def rows_of(policy: Policy) -> Rows:
    """In the order of the policy's checks."""
    rows = tuple(
        Row(rule, place, strand, share)
        for place, rule in enumerate(policy.verdicts.metrics)
        for strand, share in enumerate(_shares(rule))
    )
    least = policy.bake.exposure_min
    metrics = tuple(
        Metric(
            name=row.name,
            weight=row.rule.weight * row.share,
            margin_ratio=row.rule.margin_ratio,
            excess_max=row.rule.excess_max,
            exposure_min=least if row.rule.gate else 0.0,
            gate=row.rule.gate,
        )
        for row in rows
    )
    falls = [
        place
        for place, row in enumerate(rows)
        if row.rule.kind is Kind.COUNTER and row.rule.direction is Direction.DOWN
    ]
    past = [place for place, row in enumerate(rows) if row.rule.history]
    return Rows(rows, metrics, np.array(falls, dtype=np.intp), np.array(past, dtype=np.intp))


@lru_cache(maxsize=256)
def gating(policy: Policy, only_watch: tuple[str, ...]) -> tuple[Metric, ...]:
    """The rows' metrics where these only watch."""
    return tuple(
        msgspec.structs.replace(metric, gate=metric.gate and metric.name not in only_watch)
        for metric in rows_of(policy).metrics
    )


def _shares(rule: MetricRule) -> tuple[float, ...]:
    if rule.kind is Kind.GAUGE:
        return ()
    if rule.kind is Kind.HISTOGRAM:
        return WEIGHTS
    return (1 - HISTORY_SHARE if rule.history else 1.0,)


def places_of(counters: Sequence[str], rows: Rows) -> tuple[Places, Places]:
    """Where a bin's counters are, as rows of its table: events and exposure of each row; -1 for none."""
    place = {name: row for row, name in enumerate(counters)}
    events = [place.get(row.rule.events, -1) for row in rows.rows]
    return np.array(events, dtype=np.intp), np.array(
        [place.get(row.rule.exposure, -1) for row in rows.rows], dtype=np.intp
    )


def counted(seen: PopCounts, rows: Rows, places: tuple[Places, Places], bounds: Array) -> tuple[Array, Array]:
    """Events and exposure of each row and node; NaN for what was not seen. `bounds` are the strands' in this PoP."""
    events, exposure = (
        np.where(at[:, None] >= 0, seen.counted[at], np.nan) if (at < 0).any() else seen.counted[at]
        for at in places
    )
    for first, row in enumerate(rows.rows):
        if row.rule.kind is not Kind.HISTOGRAM or row.strand:
            continue
        said, strands = histogram_of(row.rule, seen), slice(first, first + len(WEIGHTS))
        if said is not None:  # a bound that is NaN, where this PoP has no such strand, is in no bucket
            below, count = at_or_below(said, tuple(bounds[strands].tolist()))
            exposure[strands] = count
            events[strands] = below if row.rule.direction is Direction.DOWN else count - below
    return events, exposure


def histogram_of(rule: MetricRule, seen: PopCounts) -> HistogramBin | None:
    """A histogram's increments in a bin; None where no node tells of it."""
    count, at, bounds = _buckets_in(seen.counters, rule.histogram)
    if count < 0 or seen.seconds <= 0:
        return None
    return HistogramBin(seen.seconds, tuple(seen.nodes), bounds, seen.counted[at], seen.counted[count])


@lru_cache(maxsize=256)
def _buckets_in(counters: tuple[str, ...], histogram: str) -> tuple[int, Places, tuple[float, ...]]:
    """Where a histogram's count and buckets are among a bin's counters; -1 for none."""
    name = observations(histogram)
    if name not in counters:
        return -1, _NOTHING, ()
    found = sorted(
        (bound, place)
        for place, item in enumerate(counters)
        if (bound := bound_of(histogram, item)) is not None
    )
    at = np.array([place for _, place in found], dtype=np.intp)
    return counters.index(name), at, tuple(bound for bound, _ in found)
