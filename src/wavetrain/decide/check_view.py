"""Check view: what does a check see of live nodes, and what keeps it from seeing more?

A check that sees nothing can neither stop a release nor let one through. Whoever writes one learns here, before a
train does, that its metric does not exist, is of another kind, or never moves.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from wavetrain.decide.levels import levels_in
from wavetrain.evidence.counters import Array
from wavetrain.model.health import PopCounts, bound_of, observations
from wavetrain.model.policy import Kind, MetricRule

NODES_NAMED_MAX = 5
QUANTILE = 0.99


class ReleaseView(msgspec.Struct, frozen=True, kw_only=True):
    """What a check sees of the nodes on one release.

    Of a counter `value` are events and `rate` events per unit of exposure; of a histogram `value` are observations and
    `rate` is the least bound that 99 % of them do not exceed (None: beyond the greatest); of a gauge both are the mean
    level.
    """

    release: str
    nodes: int
    value: float
    exposure: float
    rate: float | None


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """What one check sees. `faults` are in plain words, each with its way out; empty where it can judge."""

    name: str
    kind: str
    seconds: float
    nodes: int
    nodes_asked: int
    releases: tuple[ReleaseView, ...]
    faults: tuple[str, ...]


def seen_by(rule: MetricRule, bins: Sequence[PopCounts], asked: Sequence[str]) -> CheckView:
    """What a check sees of these bins; `asked` are all nodes that were asked to tell."""
    said: dict[str, list[tuple[str, float, float]]] = {}
    for seen in bins:
        value, exposure = _figures(rule, seen)
        known = ~(np.isnan(value) | np.isnan(exposure))
        for place in np.flatnonzero(known).tolist():
            said.setdefault(str(seen.nodes[place]), []).append(
                (seen.releases[place], float(value[place]), float(exposure[place]))
            )
    by_release: dict[str, list[tuple[str, float, float]]] = {}
    for node, figures in said.items():
        for release, counted, exposed in figures:
            by_release.setdefault(release, []).append((node, counted, exposed))
    releases = tuple(_release(rule, release, by_release[release], bins) for release in sorted(by_release))
    return CheckView(
        name=rule.name,
        kind=rule.kind.value,
        seconds=max(
            (
                sum(seen.seconds for seen in bins if seen.pop == pop)
                for pop in dict.fromkeys(seen.pop for seen in bins)
            ),
            default=0.0,
        ),
        nodes=len(said),
        nodes_asked=len(asked),
        releases=releases,
        faults=tuple(_faults(rule, bins, asked, set(said), releases)),
    )


def _figures(rule: MetricRule, seen: PopCounts) -> tuple[Array, Array]:
    """Value and exposure by node; NaN where the check sees nothing."""
    nothing = np.full(len(seen.nodes), np.nan)
    rows = {name: seen.counted[row] for row, name in enumerate(seen.counters)}
    if rule.kind is Kind.COUNTER:
        return rows.get(rule.events, nothing), rows.get(rule.exposure, nothing)
    if rule.kind is Kind.HISTOGRAM:
        count = rows.get(observations(rule.histogram), nothing)
        has_buckets = any(bound_of(rule.histogram, name) is not None for name in rows)
        return (count, count) if has_buckets else (nothing, nothing)
    return levels_in((rule,), seen)[0], np.full(len(seen.nodes), seen.seconds)


def _release(
    rule: MetricRule, release: str, said: Sequence[tuple[str, float, float]], bins: Sequence[PopCounts]
) -> ReleaseView:
    value, exposure = sum(figure for _, figure, _ in said), sum(exposed for _, _, exposed in said)
    rate: float | None = None
    if rule.kind is Kind.GAUGE:
        value = rate = value / len(said)
    elif rule.kind is Kind.HISTOGRAM:
        rate = _quantile(rule.histogram, release, bins)
    elif exposure > 0:
        rate = value / exposure
    return ReleaseView(
        release=release, nodes=len({node for node, _, _ in said}), value=value, exposure=exposure, rate=rate
    )


def _quantile(histogram: str, release: str, bins: Sequence[PopCounts]) -> float | None:
    """The least bound that most observations of the nodes on a release do not exceed."""
    sums: dict[float, float] = {}
    count = 0.0
    for seen in bins:
        of_it = np.array([said == release for said in seen.releases], bool)
        for row, name in enumerate(seen.counters):
            if name == observations(histogram):
                count += float(np.nansum(seen.counted[row, of_it]))
            elif (bound := bound_of(histogram, name)) is not None:
                sums[bound] = sums.get(bound, 0.0) + float(np.nansum(seen.counted[row, of_it]))
    return next((bound for bound in sorted(sums) if count and sums[bound] >= QUANTILE * count), None)


def _faults(
    rule: MetricRule,
    bins: Sequence[PopCounts],
    asked: Sequence[str],
    told: set[str],
    releases: Sequence[ReleaseView],
) -> list[str]:
    if not bins:
        return ["no node was measured at all; see `wavetrain doctor`, and that the agents name their metrics"]
    names = {name for seen in bins for name in (*seen.counters, *seen.gauges)}
    faults = []
    if rule.kind is Kind.COUNTER:
        wanted = [rule.events, rule.exposure]
    elif rule.kind is Kind.HISTOGRAM:
        wanted = [observations(rule.histogram)]
    else:
        wanted = [rule.gauge]
    missing = [name for name in wanted if name not in names]
    faults += [
        f"no node serves the {rule.kind.value} `{name}`; correct the name or the kind, or let nodes serve it"
        for name in missing
    ]
    has_buckets = any(bound_of(rule.histogram, name) is not None for name in names)
    if rule.kind is Kind.HISTOGRAM and not missing and not has_buckets:
        faults.append(f"`{rule.histogram}` has no buckets; let nodes serve it as a histogram, not a summary")
    if faults:
        return faults
    silent = sorted(set(map(str, asked)) - told)
    if silent:
        more = f" and {len(silent) - NODES_NAMED_MAX} more" if len(silent) > NODES_NAMED_MAX else ""
        shown = ", ".join(silent[:NODES_NAMED_MAX])
        faults.append(
            f"{len(silent)} of {len(asked)} nodes told nothing of it: {shown}{more}; look at their metrics"
        )
    if rule.kind is not Kind.GAUGE and releases and not any(view.exposure for view in releases):
        faults.append("its exposure never grew; name a counter of what nodes do all the time")
    return faults
