"""Feature checks: the part of a feature file that names counters, to the checks that it means."""

import re
from collections.abc import Sequence

from wavetrain.model.feature_check import (
    ALPHA,
    CHECKS_MAX,
    FEATURE_LABEL,
    VARIANT_LABEL,
    FeatureCheck,
    OnFail,
    Side,
)
from wavetrain.model.health import labelled, selected
from wavetrain.model.policy import Direction
from wavetrain.wire.toml_table import Table

MARGIN_MAX, WEIGHT_MAX, SPREAD_MAX, EXPOSURE_MAX = 9.0, 1_000.0, 10.0, 1e15
ALPHA_LEAST, ALPHA_MOST = 1e-9, 0.1
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]{0,199}")


def read_checks(table: Table, key: str, on: str, off: str) -> tuple[FeatureCheck, ...]:
    """The list `check` of a feature whose variants are called so with it and without it."""
    made: list[FeatureCheck] = []
    for one in table.tables("check", CHECKS_MAX):
        sides = _sides(one, key, (on, off))
        made.append(
            FeatureCheck(
                name=one.name("name"),
                on=sides[0],
                off=sides[1],
                direction=Direction(one.one_of("direction", [way.value for way in Direction], "up") or "up"),
                margin_ratio=one.number("margin_ratio", 0.0, MARGIN_MAX, 0.0),
                weight=one.number("weight", 1e-6, WEIGHT_MAX, 1.0),
                spread=one.number("spread", 0.1, SPREAD_MAX, 1.0),
                exposure_min=one.number("exposure_min", 1.0, EXPOSURE_MAX, 1_000.0),
            )
        )
        one.end()
    names = [check.name for check in made]
    for name in sorted({name for name in names if names.count(name) > 1}):
        table.fault("check", f"check {name} is there twice", "give each its own name")
    return tuple(made)


def read_consequence(table: Table, is_checked: bool) -> tuple[OnFail, float]:
    """What a fail leads to, and how seldom a harmless feature comes to it."""
    for name in ("on_fail", "alpha"):
        if table.has(name) and not is_checked:
            table.fault(name, "it is there without a [[feature.check]]", "add one, or leave it out")
    way = table.one_of("on_fail", [way.value for way in OnFail], OnFail.PAUSE.value)
    return OnFail(way or OnFail.PAUSE.value), table.number("alpha", ALPHA_LEAST, ALPHA_MOST, ALPHA)


def _sides(table: Table, key: str, variants: tuple[str, str]) -> Sequence[Side]:
    """By one pair of counters with labels for the feature and its variant, or by a pair for each side."""
    if not (table.has("on") or table.has("off")):
        events, exposure = (_counter(table, name) for name in ("events", "exposure"))
        return [
            Side(events=_of(events, key, variant), exposure=_of(exposure, key, variant))
            for variant in variants
        ]
    if table.has("events") or table.has("exposure"):
        table.fault("events", "there are `on` and `off` beside it", "give events and exposure in them alone")
        table.drop("events")
        table.drop("exposure")
    sides = []
    for name in ("on", "off"):
        inner = table.table(name, required=True)
        sides.append(Side(events=_counter(inner, "events"), exposure=_counter(inner, "exposure")))
        inner.end()
    if sides[0] == sides[1]:
        table.fault(
            "off", "it counts the same as `on`", "name the counters of the accounts without the feature"
        )
    return sides


def _of(counter: str, key: str, variant: str) -> str:
    base, labels = selected(counter)
    return labelled(base, {**labels, FEATURE_LABEL: key, VARIANT_LABEL: variant})


def _counter(table: Table, name: str) -> str:
    text = table.text(name)
    base, labels = selected(text)
    if text and not _NAME.fullmatch(base):
        table.fault(
            name,
            f"`{text[:80]}` is no counter",
            'give a metric\'s name, or one with plain labels: requests_total{side="on"}; rates are not taken',
        )
    return labelled(base, labels)
