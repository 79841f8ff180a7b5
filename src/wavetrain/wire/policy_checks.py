"""Policy checks: the `[[verdicts.metric]]` tables of a policy file, taken from the catalogue or an operator's own."""

from typing import Any, Final

from wavetrain.evidence.judgement import MAX_MARGIN_RATIO
from wavetrain.model.check_catalogue import CATALOGUE, NAMES
from wavetrain.model.policy import METRICS_MAX, Direction, Kind, MetricRule
from wavetrain.wire.toml_table import Table

_SERIES: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.COUNTER: ("events", "exposure"),
    Kind.HISTOGRAM: ("histogram",),
    Kind.GAUGE: ("gauge",),
}
_EVERY: Final = ("events", "exposure", "histogram", "gauge")


def read_checks(verdicts: Table) -> tuple[MetricRule, ...]:
    """The checks of the section; every fault of theirs is remembered there."""
    rules: list[MetricRule] = []
    for item in verdicts.tables("metric", METRICS_MAX):
        rule = _check(item)
        item.end()
        if rule is None:
            continue
        if rule.name in {known.name for known in rules}:
            item.fault("name", f"metric {rule.name} is there twice", "give each metric its own name")
        rules.append(rule)
    if rules and all(rule.kind is Kind.GAUGE for rule in rules):
        verdicts.fault(
            "metric",
            "all checks are gauges, which say nothing before their first block",
            'add a counter or a histogram, such as `use = "errors"`',
        )
    elif rules and not any(rule.gate for rule in rules):
        verdicts.fault(
            "metric",
            "no check is a gate, so that a PoP would go on by no evidence",
            "leave out `gate = false` of one",
        )
    return tuple(rules)


def _check(item: Table) -> MetricRule | None:
    """One check; None where it cannot be told what it looks at."""
    taken = _taken_over(item)
    if item.has("kind") or taken is None:
        kind_name = item.one_of("kind", [kind.value for kind in Kind]) if item.has("kind") else "counter"
        if not kind_name:
            return None
        kind = Kind(kind_name)
        if taken is not None and kind is not taken.kind:
            item.fault(
                "kind",
                f"check {taken.name} of the catalogue is a {taken.kind.value}, not a {kind.value}",
                "leave `kind` out, or write the check without `use`",
            )
            return None
    else:
        kind = taken.kind
    values: dict[str, Any] = {"kind": kind}
    values["name"] = item.text("name", taken.name) if taken is not None else item.text("name")
    values |= _series(item, kind, taken)
    default = taken or MetricRule(name="default", events="e", exposure="e", weight=1.0)
    direction = (
        item.one_of("direction", [way.value for way in Direction])
        if item.has("direction")
        else default.direction.value
    )
    values["direction"] = Direction(direction) if direction else Direction.UP
    values["weight"] = item.number("weight", 1e-6, 1e6, default.weight)
    values["margin_ratio"] = item.number("margin_ratio", 0.0, MAX_MARGIN_RATIO, default.margin_ratio)
    values["excess_max"] = item.number("excess_max", 1e-9, 1e15, default.excess_max)
    values["gate"] = item.flag("gate", default.gate)
    values["history"] = item.flag("history", default.history)
    if values["history"] and (kind is not Kind.COUNTER or values["direction"] is Direction.DOWN):
        item.fault(
            "history",
            "only a counter that is worse when it rises is held against the past",
            "remove `history`",
        )
        return None
    if not all(values[field] for field in (*_SERIES[kind], "name")):
        return None
    return MetricRule(**values)


def _taken_over(item: Table) -> MetricRule | None:
    """The check of the catalogue that `use` names."""
    if not item.has("use"):
        return None
    name = item.one_of("use", NAMES)
    return next((rule for rule in CATALOGUE if rule.name == name), None)


def _series(item: Table, kind: Kind, taken: MetricRule | None) -> dict[str, str]:
    """The names of what nodes serve. Each kind has its own; another kind's is a check of the wrong kind."""
    names: dict[str, str] = {}
    for field in _EVERY:
        if field in _SERIES[kind]:
            names[field] = item.text(field, getattr(taken, field)) if taken is not None else item.text(field)
        elif item.has(field):
            item.fault(
                field,
                f"a {kind.value} has no `{field}`",
                f"give {' and '.join(_SERIES[kind])}, or another `kind`",
            )
            item.text(field)
    return names
