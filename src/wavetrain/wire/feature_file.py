"""Feature file: TOML text to the features that it announces."""

from datetime import datetime
from typing import Any

import msgspec

from wavetrain.decide import ramp
from wavetrain.errors import RefusedError
from wavetrain.model.feature import (
    DEFER_DAYS,
    DEFER_DAYS_MAX,
    FEATURES_MAX,
    NEEDED_MAX,
    STEPS_MAX,
    VALUE_BYTES_MAX,
    VARIANTS_MAX,
    Early,
    Feature,
    FeatureKey,
    Kind,
    Needs,
    Ramp,
    Step,
    Variant,
)
from wavetrain.wire.feature_checks import read_checks, read_consequence
from wavetrain.wire.toml_table import ID, Table, open_table

FEATURE_FILE_BYTES_MAX = 1024 * 1024
_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.SWITCH: (bool,),
    Kind.TEXT: (str,),
    Kind.WHOLE: (int,),
    Kind.NUMBER: (int, float),
    Kind.OBJECT: (dict,),
}
_PLAIN = (Variant("on", True), Variant("off", False))


def read_features(text: str, now: datetime, name: str = "feature file") -> tuple[Feature, ...]:
    """The features that the text says, or one `RefusedError` with every fault, its place and the way out.

    `now` (aware, UTC) is when they are announced. That they fit those that are known already is asked later.
    """
    if len(text.encode()) > FEATURE_FILE_BYTES_MAX:
        raise RefusedError(f"{name} is larger than {FEATURE_FILE_BYTES_MAX} bytes; split it")
    top = open_table(text, name)
    made: dict[FeatureKey, Feature] = {}
    tables = top.tables("feature", FEATURES_MAX)
    if not tables:
        top.fault("feature", "the file announces nothing", "add at least one [[feature]]")
    for table in tables:
        feature = _feature(table, now)
        if feature is None:
            continue
        if feature.id in made:
            table.faults.add(
                table.place, f"feature {feature.id} is there twice", "give each its own key", table.line
            )
        made[feature.id] = feature
    top.end()
    top.faults.refuse()
    return tuple(made.values())


def _feature(table: Table, now: datetime) -> Feature | None:
    before = len(table.faults.found)
    key = FeatureKey(table.name("key"))
    kind = Kind(table.one_of("kind", [one.value for one in Kind], Kind.SWITCH.value) or Kind.SWITCH.value)
    variants = _variants(table, kind)
    names = [one.name for one in variants]
    default_on, default_off = ("on", "off") if variants is _PLAIN else (None, None)
    on = table.one_of("on", names, default_on) if default_on else table.one_of("on", names)
    off = table.one_of("off", names, default_off) if default_off else table.one_of("off", names)
    if on and on == off:
        table.fault("off", f"it is `{off}` with the feature and without it", "give two different variants")
    checks = read_checks(table, key, on, off)
    on_fail, alpha = read_consequence(table, bool(checks))
    feature = Feature(
        id=key,
        kind=kind,
        variants=variants,
        on=on,
        off=off,
        summary=table.text("summary"),
        owner=table.text("owner"),
        domain=table.text("domain", ""),
        needs=_needs(table.table("needs"), key),
        early=_early(table) if table.has("early") else None,
        ramp=_ramp(table) if table.has("ramp") else None,
        defer_days=table.whole("defer_days", 0, DEFER_DAYS_MAX, DEFER_DAYS),
        announced_at=now,
        expires=table.instant("expires", ramp.YEARS) if table.has("expires") else None,
        notes=_links(table),
        checks=checks,
        on_fail=on_fail,
        alpha=alpha,
    )
    table.end()
    return feature if len(table.faults.found) == before else None


def _variants(table: Table, kind: Kind) -> tuple[Variant, ...]:
    if kind is Kind.SWITCH and not table.has("variants"):
        return _PLAIN
    inner = table.table("variants", required=True)
    made: list[Variant] = []
    for name in inner.keys():  # noqa: SIM118 (no mapping)
        value = inner.value(name)
        if not ID.fullmatch(name):
            inner.fault(name, f"`{name[:80]}` is no name of a variant", "use letters, digits, dots, dashes")
        is_flag = isinstance(value, bool)
        if not isinstance(value, _TYPES[kind]) or (is_flag and kind is not Kind.SWITCH):
            inner.fault(name, f"it is no value of a feature of kind {kind.value}", f"give {_wanted(kind)}")
        elif (size := _size(value)) is None:
            inner.fault(
                name,
                "it holds something that JSON does not know",
                "give texts, numbers, flags, lists, tables",
            )
        elif size > VALUE_BYTES_MAX:
            inner.fault(name, f"it takes {size} bytes", f"give a value of at most {VALUE_BYTES_MAX}")
        made.append(Variant(name, value))
    if not 2 <= len(made) <= VARIANTS_MAX:
        table.fault("variants", f"there are {len(made)} of them", f"give 2 to {VARIANTS_MAX}")
    return tuple(made)


def _size(value: Any) -> int | None:
    """The bytes of a value as JSON; None for one that is none, such as a date or an infinite number."""
    try:
        written = msgspec.json.encode(value)
        return len(written) if _holds_no_date(value) and msgspec.json.decode(written) == value else None
    except (msgspec.EncodeError, msgspec.DecodeError, TypeError, OverflowError, RecursionError):
        return None


def _holds_no_date(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_holds_no_date(item) for item in value.values())
    if isinstance(value, list):
        return all(_holds_no_date(item) for item in value)
    return isinstance(value, bool | int | float | str)


def _wanted(kind: Kind) -> str:
    return {
        Kind.SWITCH: "true or false",
        Kind.TEXT: "text in quotes",
        Kind.WHOLE: "a whole number",
        Kind.NUMBER: "a number",
        Kind.OBJECT: "a table",
    }[kind]


def _needs(table: Table, key: str) -> Needs:
    releases = table.texts("releases", NEEDED_MAX)
    features = tuple(dict.fromkeys(table.names("features", ())))
    licences = table.names("licences", ())
    for name, items in (("features", features), ("licences", licences)):
        if len(items) > NEEDED_MAX:
            table.fault(name, f"there are {len(items)} of them", f"give at most {NEEDED_MAX}")
        for item in items:
            table.check_name(name, item)
    if key in features:
        table.fault("features", f"{key} needs itself", "leave it out")
    made = Needs(
        releases=releases,
        appliance=table.text("appliance", ""),
        client=table.text("client", ""),
        licences=licences,
        features=tuple(FeatureKey(item) for item in features),
    )
    table.end()
    return made


def _early(table: Table) -> Early | None:
    inner = table.table("early")
    since, terms = inner.instant("since", ramp.YEARS), inner.text("terms", "")
    inner.end()
    return Early(since=since, terms=terms) if since is not None else None


def _ramp(table: Table) -> Ramp | None:
    inner = table.table("ramp")
    begins = inner.instant("begins", ramp.YEARS)
    if inner.has("days") and inner.has("steps"):
        inner.fault("days", "it is there beside `steps`", "give one of them")
    steps = (
        read_steps(inner) if inner.has("steps") else ramp.even(inner.whole("days", 1, STEPS_MAX, ramp.DAYS))
    )
    inner.drop("days")
    inner.end()
    return Ramp(begins=begins, steps=steps) if begins is not None else None


def read_steps(table: Table) -> tuple[Step, ...]:
    """The list `steps` of a ramp: pairs of hours and percent."""
    found: list[Step] = []
    for one in table.tables("steps", STEPS_MAX):
        hours, share = one.number("hours", 0, ramp.HOURS_MAX), one.number("percent", 0, 100)
        one.end()
        found.append(ramp.step(hours, share))
    try:
        ramp.check(found)
    except RefusedError as error:
        rule, _, way_out = str(error).partition("; ")
        table.fault("steps", rule, way_out)
    return tuple(found)


def _links(table: Table) -> tuple[str, ...]:
    links = table.names("notes", ())
    for link in links:
        if not link.startswith(("https://", "http://")) or len(link) > 2_000:
            table.fault("notes", f"`{link[:80]}` is no link", "give addresses that begin with https://")
    return links
