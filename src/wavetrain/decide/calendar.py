"""Calendar: when may a unit be disturbed?

Rules are expanded in naive local time (`recurrence`) and only then placed on the world's clock.

Every datetime that comes in or goes out is aware and UTC. Zones live in this module alone.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from wavetrain.decide.recurrence import ANCHOR, days_of_year, read_rule
from wavetrain.errors import RefusedError
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.window import Freeze, Opening, WindowRule

HORIZON = timedelta(days=731)
"""How far ahead any search goes: two years, one of them a leap year."""
OPENINGS_MAX = 1_000
CADENCE_WEEKS_MAX = 52
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
GRID = ANCHOR.date()
"""The Monday of week 0 of the departure grid; its Sunday is 2024-01-07."""

_INSTANT = datetime.resolution
_MARGIN = timedelta(days=2)
"""More than any zone's offset and any gap together: a local day opens within this of its UTC midnight."""
_EAST, _WEST = timedelta(hours=14), timedelta(hours=12)
"""How far ahead of UTC, and behind it, a zone's clock can be."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether work of a given length may start now, and if not, what stands against it."""

    open: bool
    opening: Opening | None
    """The opening that contains now, even when too little of it is left."""
    freeze: Freeze | None
    """What covers now or would begin before the work is over; of several freezes the one that ends last."""
    opens_again: datetime | None
    """The first instant from now on at which the work may start, now itself if open; None: not in two years."""


def check(rule: WindowRule, now: datetime | None = None) -> None:
    """Refuse a rule that cannot be used, with a `RefusedError` that names the field and the way out.

    With `now` also refuses a rule that yields no opening within two years of it.
    """
    try:
        _zone(rule.zone)
    except RefusedError as error:
        raise RefusedError(f"window rule {rule.rule} in {error}") from None
    read_rule(rule.rule)
    if now is not None and next_opening(rule, now) is None:
        raise RefusedError(
            f"window rule {rule.rule} yields no opening in the two years from {now.isoformat()}; "
            "choose days that the calendar has, or a smaller INTERVAL"
        )


def check_zone(name: str) -> None:
    """Refuse what is no zone of the IANA database, with a `RefusedError` that says the way out."""
    _zone(name)


def opening_at(rule: WindowRule, now: datetime) -> Opening | None:
    """The opening that contains `now`; where openings overlap, the one that closes last."""
    now = _utc(now)
    length = timedelta(minutes=rule.minutes)
    last = None
    for last in _opens_between(rule, now - length + _INSTANT, now + _INSTANT):  # noqa: B007 - the last is wanted
        pass
    return None if last is None else Opening(last, last + length)


def next_opening(rule: WindowRule, after: datetime) -> Opening | None:
    """The first opening that opens at or after `after`, or None when there is none in two years."""
    after = _utc(after)
    first = next(_opens_between(rule, after, after + HORIZON), None)
    return None if first is None else Opening(first, first + timedelta(minutes=rule.minutes))


def openings(
    rule: WindowRule, start: datetime, end: datetime, limit: int = OPENINGS_MAX
) -> tuple[Opening, ...]:
    """The openings that open in [start, end), in order, at most `limit` of them.

    An opening already under way at `start` is not among them; `opening_at` has it. Raises ValueError for a
    span of more than two years or a limit of more than `OPENINGS_MAX`.
    """
    start, end = _utc(start), _utc(end)
    if end - start > HORIZON:
        raise ValueError(
            f"the span from {start} to {end} is over {HORIZON.days} days; ask for less at a time"
        )
    if not 0 < limit <= OPENINGS_MAX:
        raise ValueError(f"limit is {limit}; give 1 to {OPENINGS_MAX}")
    length = timedelta(minutes=rule.minutes)
    opens = zip(range(limit), _opens_between(rule, start, end), strict=False)
    return tuple(Opening(first, first + length) for _, first in opens)


def whole_days(first: date, last: date) -> tuple[datetime, datetime]:
    """The span of UTC in which these days, both included, are under way in some zone: from UTC+14 to UTC-12."""
    midnight = datetime.combine(first, time(), UTC), datetime.combine(last + timedelta(days=1), time(), UTC)
    return midnight[0] - _EAST, midnight[1] + _WEST


def span_of(freeze: Freeze, zone: str) -> Freeze | None:
    """The freeze as it binds where the clock is that of `zone`; None where its days were left out there."""
    if freeze.first is None or freeze.last is None:
        return freeze
    starts, ends = _days_in(freeze.first, freeze.last, zone)
    return msgspec.structs.replace(freeze, starts=starts, ends=ends) if starts < ends else None


def frozen(
    freezes: Sequence[Freeze], now: datetime, scope_ids: Collection[str] = (), zone: str = "UTC"
) -> Freeze | None:
    """The freeze in force at `now` for a unit in `zone`; of several the one that ends last.

    `scope_ids` are the names that the unit goes by: its region, its PoP, its lane.
    """
    return frozen_between(freezes, now, now, scope_ids, zone)


def frozen_between(
    freezes: Sequence[Freeze],
    start: datetime,
    end: datetime,
    scope_ids: Collection[str] = (),
    zone: str = "UTC",
) -> Freeze | None:
    """The freeze that covers part of [start, end), or `start` itself; of several the one that ends last."""
    return _against(_binding(freezes, scope_ids, zone), _utc(start), _utc(end))


def may_start(
    rule: WindowRule,
    freezes: Sequence[Freeze],
    now: datetime,
    needed: timedelta,
    scope_ids: Collection[str] = (),
) -> Answer:
    """Whether work may start now that takes `needed`: its predicted duration and its undo together.

    All of [now, now + needed) must lie in one opening and clear of every freeze that binds the unit.
    """
    if needed < timedelta(0):
        raise ValueError(
            f"needed is {needed}; give the predicted duration and its undo, not less than nothing"
        )
    now = _utc(now)
    binding = _binding(freezes, scope_ids, rule.zone)
    start = _first_start(rule, binding, now, needed)
    return Answer(
        open=start == now,
        opening=opening_at(rule, now),
        freeze=_against(binding, now, now + needed),
        opens_again=start,
    )


def hold(answer: Answer) -> Hold | None:
    """Why the work may not start, as people are told it: freezes first (deny wins), then the window; None: it may."""
    if answer.open:
        return None
    if answer.freeze is not None:
        detail = f"{answer.freeze.id}: {answer.freeze.reason}"
        return Hold(Reason.FROZEN, until=answer.opens_again, detail=detail)
    if answer.opens_again is None:
        return Hold(Reason.NO_WINDOW, asks=True)
    return Hold(Reason.OUTSIDE_WINDOW, until=answer.opens_again)


def departure(day: str, cadence_weeks: int, zone: str, after: datetime) -> datetime:
    """The first departure at or after `after`: local 00:00 of a `day` in every `cadence_weeks`-th week.

    `day` is one of `WEEKDAYS`. Weeks are counted from that of Monday 2024-01-01, so fortnightly Sunday trains
    leave on 2024-01-07, 2024-01-21 and so on, in each zone at its own midnight (or the first instant after a gap).
    """
    if day not in WEEKDAYS:
        raise RefusedError(f"departure day {day!r} is not a weekday; give one of {', '.join(WEEKDAYS)}")
    if not 1 <= cadence_weeks <= CADENCE_WEEKS_MAX:
        raise RefusedError(
            f"a cadence of {cadence_weeks} weeks is not possible; give 1 to {CADENCE_WEEKS_MAX}"
        )
    after = _utc(after)
    first = GRID + timedelta(days=WEEKDAYS.index(day))
    stride = timedelta(weeks=cadence_weeks)
    leaves = first + stride * ((after.astimezone(_zone(zone)).date() - first) // stride)
    while True:
        instant = localise(datetime.combine(leaves, time()), zone)
        if instant >= after:
            return instant
        leaves += stride


def localise(local: datetime, zone: str) -> datetime:
    """The first instant (UTC) at which the wall clock of `zone` reads the naive `local`, or anything later.

    In a fold that is the first occurrence, in a gap the end of the gap. PEP 495: for a time in a gap, fold=0
    gives the offset before the transition and fold=1 the offset after it.
    """
    place = _zone(zone)
    aware = local.replace(tzinfo=place, fold=0)
    instant = aware.astimezone(UTC)
    if instant.astimezone(place).replace(tzinfo=None) == local:
        return instant
    before = aware.utcoffset()
    earlier, later = aware.replace(fold=1).astimezone(UTC), instant
    while later - earlier > timedelta(seconds=1):
        middle = earlier + timedelta(seconds=(later - earlier) // timedelta(seconds=2))
        if middle.astimezone(place).utcoffset() == before:
            earlier = middle
        else:
            later = middle
    return later


def local(instant: datetime, zone: str) -> datetime:
    """What the wall clock of `zone` reads at an instant, naive."""
    return _utc(instant).astimezone(_zone(zone)).replace(tzinfo=None)


def _first_start(
    rule: WindowRule, binding: Sequence[Freeze], now: datetime, needed: timedelta
) -> datetime | None:
    """The least instant from `now` on from which `needed` lies in one opening, clear of every freeze."""
    if needed > timedelta(minutes=rule.minutes):
        return None
    start, horizon = now, now + HORIZON
    while start < horizon:
        opening = opening_at(rule, start)
        if opening is None or start + needed > opening.closes:
            opening = next_opening(rule, start)
            if opening is None:
                return None
            start = opening.opens
            continue
        freeze = _against(binding, start, start + needed)
        if freeze is None:
            return start
        start = freeze.ends
    return None


def _binding(freezes: Sequence[Freeze], scope_ids: Collection[str], zone: str) -> list[Freeze]:
    ours = (f for f in freezes if not f.scope or any(name in scope_ids for name in f.scope))
    return [here for freeze in ours if (here := span_of(freeze, zone)) is not None]


@lru_cache(maxsize=16_384)
def _days_in(first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    """From the first instant of the first day to that of the day after the last, by the clock of a zone."""
    after = datetime.combine(last + timedelta(days=1), time())
    return localise(datetime.combine(first, time()), zone), localise(after, zone)


def _against(binding: Sequence[Freeze], start: datetime, end: datetime) -> Freeze | None:
    against = [
        freeze
        for freeze in binding
        if start < freeze.ends and (freeze.starts <= start or freeze.starts < end)
    ]
    return max(against, key=lambda freeze: (freeze.ends, freeze.id), default=None)


def _opens_between(rule: WindowRule, start: datetime, end: datetime) -> Iterator[datetime]:
    """The instants in [start, end) at which the window opens, in order."""
    first, last = (start - _MARGIN), (end + _MARGIN)
    before = None
    for month in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        opens = _opens_of_month(rule.rule, rule.starts, rule.zone, month)
        for index in range(bisect_left(opens, start), len(opens)):
            instant = opens[index]
            if instant >= end:
                return
            if instant != before:  # two local days may share an instant where a zone skipped a day
                yield instant
            before = instant


@lru_cache(maxsize=16_384)
def _opens_of_month(rule: str, starts: str, zone: str, month: int) -> tuple[datetime, ...]:
    """The instants at which the window opens on the local days of a month (12 x year + month - 1)."""
    year, index = divmod(month, 12)
    if year + 1 >= MAXYEAR:
        return ()
    days = days_of_year(rule, year)
    low = bisect_left(days, date(year, index + 1, 1))
    high = bisect_left(days, date(year + (index == 11), (index + 1) % 12 + 1, 1))
    clock = time.fromisoformat(starts)
    return tuple(localise(datetime.combine(day, clock), zone) for day in days[low:high])


@lru_cache(maxsize=1_024)
def _zone(name: str) -> ZoneInfo:
    try:
        if name.partition("/")[0] in ("posix", "right", "localtime", "posixrules", "Factory"):
            raise KeyError(name)  # files beside the database: leap-second clocks, and the machine's own zone
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise RefusedError(
            f"zone {name!r} is not in the IANA database; give a name such as Europe/Lisbon, or update tzdata"
        ) from None


def _utc(at: datetime) -> datetime:
    if at.tzinfo is UTC:
        return at
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} is naive; give an aware datetime in UTC")
    return at.astimezone(UTC)


def shown(instant: datetime | None) -> str:
    """An instant as persons read it, in UTC; a dash for none."""
    return f"{instant:%a %Y-%m-%d %H:%M} UTC" if instant is not None else "-"
