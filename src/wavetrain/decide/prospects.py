"""Prospects: between which dates does an account get a feature, and what moved them?

From the turn of the account's place in the ramp, from the timetables of the trains that bring what its PoPs lack, from
what it chose, and from the features that this one needs. Earliest: everything goes as planned. Latest: as late as the
planner lets it; open where somebody has to decide first.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from wavetrain.decide import calendar, entitlement, ramp
from wavetrain.decide.entitlement import Facts
from wavetrain.model.feature import Feature, FeatureKey
from wavetrain.model.feature_choice import FeatureChoice

NAMED_MAX = 5


class Status(StrEnum):
    """Of a feature, for one account."""

    AVAILABLE = "available"
    AVAILABLE_EARLY = "available early"
    ROLLING_OUT = "rolling out"
    ANNOUNCED = "announced"
    DEFERRED = "deferred"
    GIVEN_BACK = "given back"
    HELD = "held"
    OFF = "off"


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A PoP that the account uses, what it lacks, and the train that brings it."""

    pop: str
    lacks: str
    rollout: str = ""
    """Empty where none under way does."""
    earliest: datetime | None = None
    latest: datetime | None = None
    open: str = ""
    """Why there is no latest."""


class Dates(msgspec.Struct, frozen=True, kw_only=True):
    """Both None: nobody can say. `latest` alone: the end is open, as `waits` says."""

    earliest: datetime | None = None
    latest: datetime | None = None
    moved: tuple[str, ...] = ()
    """What has moved them away from the ramp as it was announced."""
    waits: tuple[str, ...] = ()
    """What is not there yet."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an account in regard to one feature."""

    feature: Feature
    account_key: int
    choice: FeatureChoice | None
    facts: Facts
    gaps: Sequence[Gap]
    is_on: bool


def status(seen: Seen, now: datetime) -> Status:
    """How it stands now."""
    feature, choice = seen.feature, seen.choice
    if feature.killed is not None:
        return Status.OFF
    if choice is not None and choice.held is not None:
        return Status.HELD
    if choice is not None and choice.given_back is not None:
        return Status.GIVEN_BACK
    if choice is not None and choice.keeps_off(now):
        return Status.DEFERRED
    if seen.is_on:
        return Status.AVAILABLE if has_turn(seen, now) else Status.AVAILABLE_EARLY
    if (
        has_turn(seen, now)
        or _is_early(seen, now)
        or (feature.ramp is not None and now >= feature.ramp.begins)
    ):
        return Status.ROLLING_OUT
    return Status.ANNOUNCED


def dates(seen: Seen, needed: Mapping[FeatureKey, Dates], now: datetime) -> Dates:
    """When it has the feature. `needed`: the dates of those features that this one needs and that are not on."""
    if seen.is_on:
        return Dates(earliest=now, latest=now)
    feature, choice = seen.feature, seen.choice
    moved: list[str] = []
    waits: list[str] = []
    if feature.killed is not None:
        return Dates(waits=(f"it is switched off for everybody: {feature.killed.reason}",))
    if choice is not None and choice.held is not None:
        return Dates(waits=(f"{choice.held.by} holds it back: {choice.held.reason}",))
    if choice is not None and choice.given_back is not None:
        return Dates(waits=("it was given back; take it again to have it",))
    lacks = entitlement.missing(feature.needs, seen.facts)
    waits += [f"the account lacks {what}" for what in lacks]
    earliest, latest = _own(seen, now, moved, waits)
    for gap in seen.gaps:
        earliest, latest = _later(earliest, gap.earliest), _later(latest, gap.latest)
    waits += _of_gaps(seen.gaps)
    if seen.gaps and earliest is not None:
        own = _turn(seen, now)
        if not _is_early(seen, now) and own is not None and earliest > own:
            moved.append(
                f"the train that covers its PoPs: from {calendar.shown(own)} to {calendar.shown(earliest)}"
            )
    if choice is not None and choice.deferred_until is not None and now < choice.deferred_until:
        moved.append(f"put off by the account until {calendar.shown(choice.deferred_until)}")
        earliest, latest = _later(earliest, choice.deferred_until), _later(latest, choice.deferred_until)
    for key, of in needed.items():
        waits.append(f"feature {key} is not on yet")
        earliest, latest = _later(earliest, of.earliest), _later(latest, of.latest)
    if lacks or earliest is None:
        earliest = latest = None
    return Dates(earliest=earliest, latest=latest, moved=tuple(moved), waits=tuple(waits))


def _own(
    seen: Seen, now: datetime, moved: list[str], waits: list[str]
) -> tuple[datetime | None, datetime | None]:
    """By its own turn, or its early wish."""
    feature = seen.feature
    if _is_early(seen, now):
        moved.append("it opted in early")
        return now, now
    if feature.ramp is None:
        waits.append("it has no ramp yet")
        return None, None
    moved += [
        f"paused {calendar.shown(one.since)} to {calendar.shown(one.until or now)} by {one.by}: {one.reason}"
        for one in feature.ramp.pauses
        if (one.until or now) > feature.ramp.begins
    ]
    turn = max(now, ramp.turn(feature.ramp, _place(seen), now))
    if has_turn(seen, now):
        return now, now
    if ramp.is_paused(feature.ramp):
        waits.append("its ramp is paused; nobody knows when persons resume it")
        return turn, None
    waits.append(f"its turn in the ramp comes {calendar.shown(turn)}")
    return turn, turn


def _of_gaps(gaps: Sequence[Gap]) -> list[str]:
    said = []
    for gap in gaps[:NAMED_MAX]:
        if not gap.rollout:
            how = "; no train under way brings it"
        elif gap.open:
            how = f"; {gap.rollout} brings it, not before {calendar.shown(gap.earliest)}: {gap.open}"
        else:
            between = f"{calendar.shown(gap.earliest)} and {calendar.shown(gap.latest)}"
            how = f"; {gap.rollout} brings it between {between}"
        said.append(f"PoP {gap.pop} lacks {gap.lacks}{how}")
    more = len(gaps) - NAMED_MAX
    return [*said, f"and {more} more PoPs"] if more > 0 else said


def has_turn(seen: Seen, now: datetime) -> bool:
    """Whether its turn in the ramp has come."""
    known = seen.feature.ramp
    return known is not None and ramp.share_ppm(known, now) > _place(seen)


def _is_early(seen: Seen, now: datetime) -> bool:
    offered, choice = seen.feature.early, seen.choice
    return offered is not None and offered.since <= now and choice is not None and choice.early is not None


def _turn(seen: Seen, now: datetime) -> datetime | None:
    known = seen.feature.ramp
    return ramp.turn(known, _place(seen), now) if known is not None else None


def _place(seen: Seen) -> int:
    return ramp.bucket(seen.feature.id, seen.account_key)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    """Nobody knows where either is not known."""
    return max(one, other) if one is not None and other is not None else None
