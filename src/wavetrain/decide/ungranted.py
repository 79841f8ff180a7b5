"""Ungranted: which of an account's wishes does planned work not grant, by which rule, and which window would have?

The timetable lists the dearest broken wishes of a whole train; here each work that touches one account is held against
what that account wishes. The window that would have granted it is the nearest of the PoP's own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from wavetrain.decide import calendar
from wavetrain.model.fleet import Account, Pop, PopId
from wavetrain.model.window import Freeze

LISTED_MAX = 50
BEYOND = timedelta(days=28)
"""So far behind the ring's last window one is looked for that would have granted the wish."""

Span = tuple[datetime, datetime]


class RingSpan(msgspec.Struct, frozen=True, kw_only=True):
    """When the PoPs of a ring are worked on, by its timetable: the first window opens, the last window closes."""

    ring: str
    is_early: bool
    opens: datetime
    closes: datetime
    first_wave: int


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of work to come. `ring` is None where no timetable has it."""

    work: str
    place: Pop
    starts: datetime
    ends: datetime
    is_felt: bool = True
    """Whether the PoP is the account's own, or the primary of one of its sites: elsewhere no plan weighs its wishes."""
    wave: int = 0
    ring: RingSpan | None = None


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What binds a PoP beside its own window."""

    now: datetime
    needed: timedelta
    """What work takes, its undo included."""
    gap: timedelta
    scope: tuple[str, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    mates: tuple[tuple[PopId, Span], ...] = ()
    """Planned work at PoPs of which not all may be out."""
    region: tuple[Span, ...] = ()
    """Planned work at other PoPs of the region."""
    region_max: int = 1
    days: int = 2
    """So many black-out days of a PoP and train are weighed."""


class Ungranted(msgspec.Struct, frozen=True, kw_only=True):
    """A wish that planned work does not grant."""

    kind: str
    """`blackout`, `early` or `pair`."""
    work: str
    pops: tuple[PopId, ...]
    wish: str
    rule: str
    """Why it is not granted."""
    instead: datetime | None
    """When the nearest window opens that would have granted it; None where there is none in sight."""


def of_account(
    account: Account,
    planned: Sequence[Planned],
    pairs: Mapping[tuple[PopId, PopId], int],
    around: Callable[[Planned], Around],
    gap: timedelta,
) -> tuple[Ungranted, ...]:
    """What is not granted, the next work first. `pairs`: how many of its sites use two PoPs, primary first.

    `gap`: so much is to lie between the work at the two. `around` is asked only where a wish is not granted.
    """
    found: list[Ungranted] = []
    for one in planned:
        if len(found) >= LISTED_MAX:
            break
        if one.is_felt:
            found += _blackout(account, one, around)
            found += _early(account, one)
    found += _pairs(planned, pairs, around, gap)
    return tuple(found[:LISTED_MAX])


def _blackout(account: Account, one: Planned, around: Callable[[Planned], Around]) -> Iterator[Ungranted]:
    zone = one.place.window.zone
    day = calendar.local(one.starts, zone).date()
    if not any(span.first <= day <= span.last for span in account.blackouts):
        return

    def grants(opens: datetime) -> bool:
        there = calendar.local(opens, zone).date()
        return not any(span.first <= there <= span.last for span in account.blackouts)

    instead, rule = _instead(one, around(one), grants)
    if one.place.dedicated == account.id:
        rule = "it was announced before you wished so, and stays unless it has to be moved"
    yield Ungranted(
        kind="blackout",
        work=one.work,
        pops=(one.place.id,),
        wish=f"no work on {day}",
        rule=rule,
        instead=instead,
    )


def _early(account: Account, one: Planned) -> Iterator[Ungranted]:
    ring = one.ring
    if not account.early or ring is None or ring.is_early or one.wave <= ring.first_wave:
        return
    yield Ungranted(
        kind="early",
        work=one.work,
        pops=(one.place.id,),
        wish="new releases before others",
        rule=(
            f"an early ring takes PoPs of which most sites wish so; this one goes in wave {one.wave + 1}, and the "
            f"first of ring {ring.ring} is wave {ring.first_wave + 1}"
        ),
        instead=ring.opens if ring.opens < one.starts else None,
    )


def _pairs(
    planned: Sequence[Planned],
    pairs: Mapping[tuple[PopId, PopId], int],
    around: Callable[[Planned], Around],
    gap: timedelta,
) -> Iterator[Ungranted]:
    of: dict[PopId, list[Planned]] = {}
    for one in planned:
        of.setdefault(one.place.id, []).append(one)
    for (primary, secondary), sites in pairs.items():
        for one in of.get(primary, ()):
            for other in of.get(secondary, ()):
                span = one.starts, one.ends
                if not _near(span, (other.starts, other.ends), gap):
                    continue
                about = around(other)
                instead, rule = _instead(other, about, _clear_of(span, about))
                yield Ungranted(
                    kind="pair",
                    work=other.work,
                    pops=(primary, secondary),
                    wish=f"not both PoPs of {sites} site{'s' if sites > 1 else ''} at once",
                    rule=rule,
                    instead=instead,
                )


def _clear_of(span: Span, about: Around) -> Callable[[datetime], bool]:
    return lambda opens: not _near(span, (opens, opens + about.needed), about.gap)


def _near(one: Span, other: Span, gap: timedelta) -> bool:
    return one[0] < other[1] + gap and other[0] < one[1] + gap


def _instead(one: Planned, about: Around, grants: Callable[[datetime], bool]) -> tuple[datetime | None, str]:
    """The nearest window that would grant a wish, and the rule that stands against it."""
    opens, closes = (one.ring.opens, one.ring.closes) if one.ring is not None else (one.starts, one.ends)
    first, last = max(about.now, opens), max(about.now, closes) + BEYOND
    every = calendar.openings(one.place.window, first, last)
    granting = [opening.opens for opening in every if opening.opens != one.starts and grants(opening.opens)]
    if not granting:
        return None, "no window of the PoP in sight would grant it"
    inside = [at for at in granting if at < closes]
    if not inside:
        ring = f"ring {one.ring.ring}" if one.ring is not None else "this train"
        return granting[0], f"{ring} is planned from {calendar.shown(opens)} to {calendar.shown(closes)}"
    refused: list[tuple[datetime, str]] = []
    for at in sorted(inside, key=lambda at: abs(at - one.starts)):
        rule = _against(about, one.place, at)
        if not rule:
            return at, (
                f"the plan weighs the wishes of all sites, and of each PoP and train the {about.days} "
                "black-out days that most sites ask for"
            )
        refused.append((at, rule))
    return refused[0]


def _against(about: Around, place: Pop, at: datetime) -> str:
    """The hard rule that keeps work from starting then; empty where none does."""
    span = at, at + about.needed
    freeze = calendar.frozen_between(about.freezes, *span, about.scope, place.window.zone)
    if freeze is not None:
        return f"freeze {freeze.id} forbids it: {freeze.reason}"
    mate = next((pop for pop, busy in about.mates if _near(span, busy, about.gap)), None)
    if mate is not None:
        return f"{mate} is worked on then, and both are in one redundancy group"
    busy = _overlapping(about.region, span)
    if busy >= about.region_max:
        return f"{busy} PoPs of region {place.region} are worked on then, and {about.region_max} may be"
    return ""


def _overlapping(spans: Iterable[Span], span: Span) -> int:
    return sum(one[0] < span[1] and span[0] < one[1] for one in spans)
