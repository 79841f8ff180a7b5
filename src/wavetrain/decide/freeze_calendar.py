"""Freeze calendar: which freezes does it stand for, and what do they change among those that are there?"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta

import msgspec

from wavetrain.decide import calendar, public_holidays
from wavetrain.decide.recurrence import days_between, read_rule
from wavetrain.errors import RefusedError
from wavetrain.model.freeze_calendar import (
    LOCAL,
    MARGIN_DAYS_MAX,
    Days,
    FreezeCalendar,
    FreezeEntry,
    PublicHolidays,
    Recurring,
    Span,
)
from wavetrain.model.window import Freeze

AHEAD = calendar.HORIZON
"""How far ahead a calendar is expanded at most, and without a date given: two years."""
ON_END_DAYS_MAX = 62
"""Recurring days that make a longer freeze than this are a mistake, not a calendar."""

ENDS = {
    "month-end": "FREQ=MONTHLY;BYMONTHDAY=-1",
    "quarter-end": "FREQ=MONTHLY;BYMONTH=3,6,9,12;BYMONTHDAY=-1",
    "year-end": "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=31",
}
"""The days that have a name of their own, as rules."""

_BACK = timedelta(days=ON_END_DAYS_MAX + MARGIN_DAYS_MAX + 1)
"""So far back days are looked for that are part of a freeze which is not over."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What an import would do. Freezes of other calendars, and those added by hand, are never touched."""

    added: tuple[Freeze, ...] = ()
    changed: tuple[tuple[Freeze, Freeze], ...] = ()
    """Each as it is, and as it becomes."""
    removed: tuple[Freeze, ...] = ()
    """Those that the calendar has no more and that have not begun."""
    over: tuple[Freeze, ...] = ()
    """Those that are over: they are cleared away."""
    kept: tuple[Freeze, ...] = ()
    """Those that have begun, and that the calendar would take away or shorten: they stay until they end."""
    same: int = 0

    @property
    def thaws(self) -> tuple[Freeze, ...]:
        """The freezes by which less would be frozen than now."""
        return (*self.removed, *(old for old, new in self.changed if not covers(new, old)))


def until_of(until: date | None, now: datetime) -> date:
    """The last day of an expansion; RefusedError for one in the past or too far ahead."""
    furthest = (now + AHEAD).date()
    if until is None:
        return furthest
    if not now.date() <= until <= furthest:
        raise RefusedError(f"--until {until} is not possible; give a day from {now.date()} to {furthest}")
    return until


def freezes_of(whole: FreezeCalendar, by: str, now: datetime, until: date) -> tuple[Freeze, ...]:
    """Every freeze of the calendar that is not over at `now` and begins by `until`, in order."""
    made = [freeze for entry in whole.entries for freeze in of_entry(whole.name, entry, by, now, until)]
    return tuple(sorted(made, key=lambda freeze: (freeze.starts, freeze.id)))


def of_entry(name: str, entry: FreezeEntry, by: str, now: datetime, until: date) -> tuple[Freeze, ...]:
    """The freezes of one entry; RefusedError where its days cannot be."""
    if isinstance(entry.when, Span):
        day = entry.when.starts.date()
        span = (entry.when.starts, entry.when.ends)
        made = [_freeze(name, entry, by, day, span)]
    else:
        made = [_of_days(name, entry, by, first, last) for first, last in _runs(entry, now, until)]
    return tuple(freeze for freeze in made if freeze.ends > now and freeze.starts.date() <= until)


def difference(name: str, there: Sequence[Freeze], wanted: Sequence[Freeze], now: datetime) -> Difference:
    """What importing the calendar changes. A freeze that has begun may grow, but neither shrink nor go."""
    ours = {freeze.id: freeze for freeze in there if freeze.calendar == name}
    strangers = {freeze.id for freeze in there if freeze.calendar != name}
    added, changed, kept, same = [], [], [], 0
    for new in wanted:
        if new.id in strangers:
            raise RefusedError(
                f"freeze {new.id} is there already and is not of calendar {name}; remove it, or rename the entry"
            )
        old = ours.pop(new.id, None)
        if old is None:
            added.append(new)
        elif _is_same(old, new):
            same += 1
        elif old.starts <= now and not covers(new, old):
            kept.append(old)
        else:
            changed.append((old, new.changed(version=old.version)))
    left = list(ours.values())
    return Difference(
        added=tuple(added),
        changed=tuple(changed),
        removed=tuple(item for item in left if item.starts > now),
        over=tuple(item for item in left if item.ends <= now),
        kept=(*kept, *(item for item in left if item.starts <= now < item.ends)),
        same=same,
    )


def covers(new: Freeze, old: Freeze) -> bool:
    """Whether everything that the older freeze binds is bound by the newer one, for as long."""
    if new.first is not None and new.last is not None and old.first is not None and old.last is not None:
        lasts = new.first <= old.first and new.last >= old.last
    elif new.first is None:
        lasts = new.starts <= old.starts and new.ends >= old.ends
    else:
        lasts = False  # days by each zone's clock cover a span of UTC in some zones only
    return lasts and (not new.scope or (bool(old.scope) and set(old.scope) <= set(new.scope)))


def _is_same(old: Freeze, new: Freeze) -> bool:
    return new.changed(version=old.version, by=old.by) == old


def _of_days(name: str, entry: FreezeEntry, by: str, first: date, last: date) -> Freeze:
    if entry.clock == LOCAL:
        made = _freeze(name, entry, by, first, calendar.whole_days(first, last))
        return made.changed(first=first, last=last)
    edges = [datetime.combine(day, time()) for day in (first, last + timedelta(days=1))]
    starts, ends = (calendar.localise(edge, entry.clock) for edge in edges)
    return _freeze(name, entry, by, first, (starts, ends))


def _freeze(name: str, entry: FreezeEntry, by: str, day: date, span: tuple[datetime, datetime]) -> Freeze:
    return Freeze(
        id=f"{name}.{entry.id}.{day:%Y%m%d}",
        starts=span[0],
        ends=span[1],
        reason=entry.reason,
        by=by,
        scope=entry.scope,
        calendar=name,
    )


def _runs(entry: FreezeEntry, now: datetime, until: date) -> list[tuple[date, date]]:
    """The days with their margins, those that touch as one; each run has a beginning that does not depend on `now`."""
    before, after = timedelta(days=entry.days_before), timedelta(days=entry.days_after)
    match entry.when:
        case Days(first=first, last=last):
            return [(first - before, last + after)]
        case Span():
            return []
        case Recurring(rule=rule):
            read_rule(rule, "rule")
            found: Iterable[date] = days_between(rule, now.date() - 2 * _BACK, until + _BACK)
        case PublicHolidays() as wanted:
            found = public_holidays.days(wanted, now.date() - 2 * _BACK, until + _BACK)
    runs: list[tuple[date, date]] = []
    for day in found:
        first, last = day - before, day + after
        if runs and first <= runs[-1][1] + timedelta(days=1):
            runs[-1] = runs[-1][0], max(last, runs[-1][1])
        else:
            runs.append((first, last))
    for first, last in runs:
        length = (last - first).days + 1
        if length > ON_END_DAYS_MAX:
            raise RefusedError(
                f"entry {entry.id} would freeze {length} days on end from {first}, {ON_END_DAYS_MAX} are the most; "
                "choose fewer days, or write `first` and `last`"
            )
    return runs
