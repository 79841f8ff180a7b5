"""Features at hand: one of each kind, and one for each reason, for doors and evaluators to tell."""

from datetime import timedelta

from tests.doors.feature_desk import NOW, FeatureDesk

from wavetrain.decide import cohort
from wavetrain.decide.activation import Standing, bits_of
from wavetrain.model.feature import (
    WHOLE_PPM,
    Early,
    Feature,
    FeatureKey,
    Killed,
    Kind,
    Needs,
    Ramp,
    Step,
    Variant,
)

VALUES = {
    Kind.SWITCH: (True, False),
    Kind.TEXT: ("tiles", "list"),
    Kind.WHOLE: (3, 1),
    Kind.NUMBER: (2.0, 0.5),
    Kind.OBJECT: ({"a": [1, {"b": None}]}, {}),
}


def feature(key: str, percent: float | None = 100, kind: Kind = Kind.SWITCH, **more: object) -> Feature:
    """One that so many percent of the accounts have; None: no ramp has begun."""
    share = round((percent or 0) * 10_000)
    steps = (Step(0, WHOLE_PPM),) if share == WHOLE_PPM else (Step(0, share), Step(100, WHOLE_PPM))
    on, off = VALUES[kind]
    return Feature(
        id=FeatureKey(key),
        kind=kind,
        variants=(Variant("rich", on), Variant("plain", off)),
        on="rich",
        off="plain",
        summary=key,
        owner="console team",
        announced_at=NOW,
        ramp=Ramp(begins=NOW - timedelta(hours=1), steps=steps) if percent is not None else None,
    ).changed(**more)


def killed(key: str) -> Feature:
    """One that is switched off."""
    return feature(key, killed=Killed(at=NOW, by="olga", reason="it blinks"))


def needing(key: str, **needs: object) -> Feature:
    """One that everybody has who has what it needs."""
    return feature(key, needs=Needs(**needs))  # type: ignore[arg-type]


def desk() -> FeatureDesk:
    """Of all of them; `acme` is known and has a standing, `globex` is known and has nothing of its own."""
    made = FeatureDesk(
        *(feature(kind.value, kind=kind) for kind in Kind),
        feature("half", 50),
        feature("nobody", 0),
        feature("announced", None),
        feature("early", 0, early=Early(since=NOW)),
        feature("held"),
        killed("killed"),
        needing("covered", releases={"gateway": "2.0.0"}),
        needing("licensed", licences=("premium",)),
        needing("waits", features=(FeatureKey("nobody"),)),
    )
    sheet = made.sheet()
    made.standings["globex"] = Standing(cohort.unit_key("globex"))
    made.standings["acme"] = Standing(
        cohort.unit_key("acme"),
        early=bits_of(sheet, ["early"]),
        held=bits_of(sheet, ["held"]),
        covered=~bits_of(sheet, ["covered"]),
        licensed=~bits_of(sheet, ["licensed"]),
    )
    return made
