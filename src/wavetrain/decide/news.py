"""News: what stands in the notes of a week?

A week's notes name what begins in it, what goes on, and what comes in the two weeks after, so that everybody knows two
weeks ahead. Which releases and features they name is settled when the week is over: what is announced later stands in
later notes. What became of them is said as it is now, also in old notes: nobody reads a date there that did not come.
Names of persons, and the reasons that they gave, are the operator's own and stand in no notes.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from wavetrain.decide import ramp, week
from wavetrain.model.feature import WHOLE_PPM, Feature, Needs
from wavetrain.model.release import Release, Tombstone, Urgency
from wavetrain.model.rollout import Rollout, Status

NOTICE = timedelta(days=14)
"""How far beyond its own week a week's notes look."""
ITEMS_MAX = 500
"""In one part of one week's notes."""
_AREAS = {"pop": "Network edge", "content": "Security content", "feature": "Features"}
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""Characters that show nothing and turn what stands around them about."""
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_NO_CHARACTER = 0xFFFE


class State(StrEnum):
    """How far something is, in the customers' words."""

    ANNOUNCED = "announced"
    EARLY = "available early"
    ROLLING = "rolling out"
    PAUSED = "paused"
    RETURNING = "being taken back"
    EVERYWHERE = "available everywhere"
    OFF = "switched off"
    TAKEN_BACK = "taken back"
    STOPPED = "stopped"
    REPLACED = "replaced by a newer release"
    WITHDRAWN = "withdrawn"


_OF_STATUS = {
    Status.PLANNED: State.ANNOUNCED,
    Status.ANNOUNCED: State.ANNOUNCED,
    Status.ROLLING: State.ROLLING,
    Status.PAUSED: State.PAUSED,
    Status.REVERTING: State.RETURNING,
    Status.COMPLETED: State.EVERYWHERE,
    Status.RESIDUE: State.EVERYWHERE,
    Status.REVERTED: State.TAKEN_BACK,
    Status.PARTLY_REVERTED: State.TAKEN_BACK,
    Status.STOPPED: State.STOPPED,
    Status.SUPERSEDED: State.REPLACED,
}
AMISS = frozenset(
    {State.PAUSED, State.RETURNING, State.OFF, State.TAKEN_BACK, State.STOPPED, State.WITHDRAWN}
)
"""States in which it does not go on as it was announced."""


class Part(StrEnum):
    """Where something stands in a week's notes, in this order."""

    CHANGED = "Changed since it was announced"
    BEGINS = "Begins this week"
    GOES_ON = "Goes on this week"
    EARLY = "Available early from this week"
    EVERYWHERE = "Available everywhere since this week"
    COMING = "In the two weeks after"
    ANNOUNCED = "Announced this week, without a date yet"


class Travel(msgspec.Struct, frozen=True, kw_only=True):
    """A release that was announced, with its rollout."""

    release: Release
    rollout: Rollout
    spread: timedelta | None
    """How long its train is planned to take; None where nothing is planned."""
    turned_at: datetime
    """When its rollout came into the status that it has."""
    tombstone: Tombstone | None = None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One release or feature in the notes. Texts are plain, without characters that show nothing."""

    key: str
    """`release:component@number` or `feature:key`."""
    title: str
    area: str
    text: str
    state: State
    since: datetime
    """Since when it is in this state."""
    begins: datetime | None = None
    ends: datetime | None = None
    """When it is planned to be everywhere, or was."""
    remarks: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    updated: datetime
    """When what stands here last came to say something else."""


class Section(msgspec.Struct, frozen=True):
    """A part of a week's notes that is not empty."""

    part: Part
    items: tuple[Item, ...]
    left_off: int = 0


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """The notes of one week."""

    week: str
    starts: datetime
    ends: datetime
    looks_to: datetime
    """Until when what comes after the week is named."""
    sections: tuple[Section, ...]
    updated: datetime

    @property
    def is_empty(self) -> bool:
        """Whether nothing happens in it, or after it, or has changed."""
        return not self.sections


def notes(start: datetime, travels: Iterable[Travel], features: Iterable[Feature], now: datetime) -> Notes:
    """The notes of the week that begins with `start`, as they are now."""
    ends = start + week.LENGTH
    found: dict[Part, list[Item]] = {part: [] for part in Part}
    for travel in travels:
        if travel.rollout.created_at < ends:
            item = _of_release(travel)
            for part in _parts_of_release(travel, item, start):
                found[part].append(item)
    for feature in features:
        if feature.announced_at < ends:
            for part in _parts_of_feature(feature, start, now):
                found[part].append(_of_feature(feature, now, part, start))
    sections = tuple(_section(part, items) for part, items in found.items() if items)
    return Notes(
        week=week.name(start),
        starts=start,
        ends=ends,
        looks_to=ends + NOTICE,
        sections=sections,
        updated=max((item.updated for section in sections for item in section.items), default=start),
    )


def first_week(travels: Sequence[Travel], features: Sequence[Feature], now: datetime) -> datetime:
    """The first week that anything could stand in."""
    known = [one.rollout.created_at for one in travels] + [one.announced_at for one in features]
    return week.start_of(min((*known, now)))


def plain(text: str) -> str:
    """Without control characters and those that turn others about; lines stay lines."""
    return "".join(" " if _is_hidden(one) else one for one in text).strip()


def _is_hidden(one: str) -> bool:
    if one == "\n" or " " <= one <= "~":
        return False
    return (
        one in _TURNING
        or unicodedata.category(one) in _CONTROLS
        or ord(one) & _NO_CHARACTER == _NO_CHARACTER
        or "\ufdd0" <= one <= "\ufdef"
    )


def _section(part: Part, items: list[Item]) -> Section:
    ordered = sorted(items, key=lambda item: (item.begins or item.updated, item.key))
    return Section(part, tuple(ordered[:ITEMS_MAX]), max(0, len(ordered) - ITEMS_MAX))


def _parts_of_release(travel: Travel, item: Item, start: datetime) -> Iterator[Part]:
    departs, ends = travel.rollout.departs, start + week.LENGTH
    over = item.since if item.state in AMISS else travel.rollout.over_at
    if item.state in AMISS and start <= item.since < ends:
        yield Part.CHANGED
    if over is not None and over < start:
        return
    if start <= departs < ends:
        yield Part.BEGINS
    elif departs < start:
        yield Part.GOES_ON
    elif departs < ends + NOTICE:
        yield Part.COMING
    if item.state is State.EVERYWHERE and start <= item.since < ends:
        yield Part.EVERYWHERE


def _of_release(travel: Travel) -> Item:
    release, rollout, tombstone = travel.release, travel.rollout, travel.tombstone
    state, since = _OF_STATUS[rollout.status], travel.turned_at
    if tombstone is not None:
        state, since = State.WITHDRAWN, tombstone.at
    is_fix = f"Repairs {release.component} {release.fixes}." if release.fixes else ""
    is_urgent = "Security update." if release.urgency is Urgency.SECURITY else ""
    gone = "It is not offered again." if tombstone is not None else ""
    planned = rollout.departs + travel.spread if travel.spread is not None else None
    ends = rollout.over_at if state is State.EVERYWHERE else planned
    return Item(
        key=f"release:{release.id}",
        title=f"{release.component} {release.number}",
        area=_AREAS[release.lane],
        text=plain(release.news),
        state=state,
        since=since,
        begins=rollout.departs,
        ends=None if state in AMISS or state is State.REPLACED else ends,
        remarks=tuple(filter(None, (is_urgent, is_fix, gone))),
        updated=since,
    )


def _parts_of_feature(feature: Feature, start: datetime, now: datetime) -> Iterator[Part]:
    ends, known, killed = start + week.LENGTH, feature.ramp, feature.killed
    if _events(feature, start, ends):
        yield Part.CHANGED
    if killed is not None and killed.at < start:
        return
    begins = known.begins if known is not None else None
    given_up = [move.was for move in feature.moves if move.what == "ramp" and move.at >= start]
    if _any_in((begins, *given_up), start, ends):
        yield Part.BEGINS
    elif known is not None and known.begins < start and ramp.share_ppm(known, min(start, now)) < WHOLE_PPM:
        yield Part.GOES_ON
    if _any_in((begins, *given_up), ends, ends + NOTICE):
        yield Part.COMING
    early = [move.was for move in feature.moves if move.what == "early" and move.at >= start]
    if _any_in((feature.early.since if feature.early is not None else None, *early), start, ends):
        yield Part.EARLY
    whole = _whole_at(feature, now)
    if whole is not None and whole <= now and start <= whole < ends:
        yield Part.EVERYWHERE
    if start <= feature.announced_at < ends and begins is None:
        yield Part.ANNOUNCED


def _of_feature(feature: Feature, now: datetime, part: Part, start: datetime) -> Item:
    state, since = _standing(feature, now)
    known = feature.ramp
    whole = _whole_at(feature, now)
    early = feature.early
    remarks = list(
        _events(feature, start, start + week.LENGTH) if part is Part.CHANGED else _moved(feature, start)
    )
    if early is not None and state in (State.ANNOUNCED, State.EARLY):
        terms = f": {plain(early.terms).rstrip('.')}" if early.terms else ""
        remarks.append(f"Early availability from {early.since:%Y-%m-%d} on{terms}.")
    turned = [one for one in (since, feature.told_at, feature.announced_at) if one is not None and one <= now]
    return Item(
        key=f"feature:{feature.id}",
        title=plain(feature.summary),
        area=plain(feature.domain) or _AREAS["feature"],
        text="",
        state=state,
        since=since,
        begins=known.begins if known is not None else None,
        ends=None if state in AMISS else whole,
        remarks=tuple(remarks),
        needs=tuple(_needs(feature.needs)),
        links=tuple(link for link in map(plain, feature.notes) if link.startswith(("https://", "http://"))),
        updated=max(turned),
    )


def _standing(feature: Feature, now: datetime) -> tuple[State, datetime]:
    """How far a feature is, and since when."""
    known, killed = feature.ramp, feature.killed
    if killed is not None:
        return State.OFF, killed.at
    if known is not None and known.begins <= now:
        whole = _whole_at(feature, now)
        if whole is not None and whole <= now:
            return State.EVERYWHERE, whole
        if ramp.is_paused(known):
            return State.PAUSED, max(known.begins, known.pauses[-1].since)
        grown = [pause.until for pause in known.pauses if pause.until is not None]
        return State.ROLLING, max(known.begins, *grown) if grown else known.begins
    if feature.early is not None and feature.early.since <= now:
        return State.EARLY, max(feature.early.since, feature.announced_at)
    return State.ANNOUNCED, feature.announced_at


def _whole_at(feature: Feature, now: datetime) -> datetime | None:
    """When its ramp reaches everybody; None without one, and for one that stands still before it has."""
    known = feature.ramp
    if known is None or (ramp.is_paused(known) and ramp.share_ppm(known, now) < WHOLE_PPM):
        return None
    return ramp.turn(known, WHOLE_PPM - 1, now)


def _events(feature: Feature, start: datetime, ends: datetime) -> list[str]:
    """What has changed in a week, each in a sentence."""
    told = [
        text
        for move, text in zip(feature.moves, _told_moves(feature), strict=True)
        if start <= move.at < ends
    ]
    for pause in feature.ramp.pauses if feature.ramp is not None else ():
        if feature.killed is not None and pause.since == feature.killed.at:
            continue
        if start <= pause.since < ends:
            until = f", until {pause.until:%Y-%m-%d}" if pause.until is not None else ""
            told.append(f"Paused on {pause.since:%Y-%m-%d}{until}.")
    if feature.killed is not None and start <= feature.killed.at < ends:
        told.append(f"Switched off on {feature.killed.at:%Y-%m-%d}.")
    return told


def _moved(feature: Feature, start: datetime) -> Iterator[str]:
    """What notes of a week have to say of dates that they announced and that did not come."""
    for move, text in zip(feature.moves, _told_moves(feature), strict=True):
        if move.at >= start:
            yield text


def _told_moves(feature: Feature) -> Iterator[str]:
    for place, move in enumerate(feature.moves):
        later = [one.was for one in feature.moves[place + 1 :] if one.what == move.what]
        if move.what == "early":
            last, what = feature.early.since if feature.early is not None else None, "early availability"
        else:
            last, what = feature.ramp.begins if feature.ramp is not None else None, "its rollout"
        becomes = later[0] if later else last
        if becomes is None:
            yield f"Postponed: {what} was to begin on {move.was:%Y-%m-%d}; there is no new date yet."
        else:
            how = "Postponed" if becomes > move.was else "Brought forward"
            yield f"{how}: {what} was to begin on {move.was:%Y-%m-%d}, and is now planned from {becomes:%Y-%m-%d}."


def _needs(needs: Needs) -> Iterator[str]:
    for component, number in sorted(needs.releases.items()):
        yield plain(f"{component} {number}")
    if needs.appliance:
        yield plain(f"appliance {needs.appliance}")
    if needs.client:
        yield plain(f"client {needs.client}")
    if needs.licences:
        yield plain(f"licence {' or '.join(needs.licences)}")


def _any_in(moments: Iterable[datetime | None], since: datetime, until: datetime) -> bool:
    return any(moment is not None and since <= moment < until for moment in moments)
