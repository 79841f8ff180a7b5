"""Freeze file: TOML text to a freeze calendar."""

from datetime import date, datetime, timedelta

from wavetrain.decide import calendar, public_holidays
from wavetrain.decide.freeze_calendar import AHEAD, ENDS, of_entry
from wavetrain.decide.recurrence import read_rule
from wavetrain.errors import RefusedError
from wavetrain.model.freeze_calendar import (
    CALENDAR_NAME_MAX,
    ENTRIES_MAX,
    ENTRY_NAME_MAX,
    LOCAL,
    MARGIN_DAYS_MAX,
    Days,
    FreezeCalendar,
    FreezeEntry,
    PublicHolidays,
    Recurring,
    Span,
    When,
)
from wavetrain.model.window import REASON_LENGTH_MAX, SCOPE_MAX
from wavetrain.wire.toml_table import Table, open_table

FREEZE_FILE_BYTES_MAX = 256 * 1024
WAYS = ("first", "from", "every", "holidays")
"""How an entry says its days: exactly one of these keys."""
_YEARS = range(2000, 2101)


def read_freezes(text: str, now: datetime, name: str = "freeze file") -> FreezeCalendar:
    """The calendar that the text says, or one `RefusedError` with every fault, its place and the way out.

    `now` (aware, UTC): the days of rules and holidays are looked at for two years from it.
    """
    if len(text.encode()) > FREEZE_FILE_BYTES_MAX:
        raise RefusedError(
            f"{name} is larger than {FREEZE_FILE_BYTES_MAX} bytes; split it into two calendars"
        )
    top = open_table(text, name)
    called = _short_name(top, "name", CALENDAR_NAME_MAX)
    entries: dict[str, FreezeEntry] = {}
    names: set[str] = set()
    for table in top.tables("freeze", ENTRIES_MAX):
        entry = _entry(table, names, called or "x", now)
        if entry is not None:
            entries[entry.id] = entry
    top.end()
    top.faults.refuse()
    return FreezeCalendar(name=called, entries=tuple(entries.values()))


def _short_name(table: Table, key: str, longest: int) -> str:
    value = table.name(key)
    if len(value) > longest:
        table.fault(key, f"it has {len(value)} characters", f"give at most {longest}")
    return value


def _entry(table: Table, names: set[str], called: str, now: datetime) -> FreezeEntry | None:
    before = len(table.faults.found)
    entry_id = _short_name(table, "id", ENTRY_NAME_MAX)
    if entry_id in names:
        table.fault("id", f"entry {entry_id} is there twice", "give each its own id, or remove one")
    names.add(entry_id)
    reason = table.text("reason")
    if len(reason) > REASON_LENGTH_MAX:
        table.fault("reason", f"it has {len(reason)} characters", f"give at most {REASON_LENGTH_MAX}")
    scope = table.names("scope", ())
    if len(scope) > SCOPE_MAX:
        table.fault("scope", f"it has {len(scope)} names", f"give at most {SCOPE_MAX}")
    for item in scope:
        table.check_name("scope", item)
    given = [key for key in WAYS if table.has(key)]
    if len(given) != 1:
        table.fault(
            "id",
            f"it has {', '.join(given) or 'nothing'} to say its days",
            f"give exactly one of {', '.join(WAYS)}",
        )
    when = _when(table, given[0] if len(given) == 1 else "")
    clock = LOCAL if given == ["from"] else _clock(table)
    margins = [
        0 if given == ["from"] else table.whole(key, 0, MARGIN_DAYS_MAX, 0)
        for key in ("days_before", "days_after")
    ]
    for key in WAYS:
        table.drop(key)
    table.end()
    if when is None or len(table.faults.found) > before:
        return None
    entry = FreezeEntry(
        id=entry_id,
        reason=reason,
        when=when,
        scope=tuple(dict.fromkeys(scope)),
        clock=clock,
        days_before=margins[0],
        days_after=margins[1],
    )
    return entry if _is_possible(table, entry, called, now) else None


def _is_possible(table: Table, entry: FreezeEntry, called: str, now: datetime) -> bool:
    """Whether its days can be worked out for the time that an import may look ahead."""
    horizon = (now + AHEAD).date()
    try:
        if isinstance(entry.when, PublicHolidays):
            public_holidays.check(entry.when, now.date(), horizon)
        if isinstance(entry.when, Recurring):
            read_rule(entry.when.rule, "rule")
        made = of_entry(called, entry, "check", now, horizon)
    except (RefusedError, ValueError) as error:
        text, _, way_out = str(error).partition("; ")
        table.faults.add(table.place, text, way_out or "correct the entry")
        return False
    if not made and isinstance(entry.when, Recurring | PublicHolidays):
        table.faults.add(
            table.place,
            f"it falls on no day in the two years from {now.date()}",
            "choose days that the calendar has",
        )
        return False
    return True


def _clock(table: Table) -> str:
    clock = table.text("clock", LOCAL)
    if clock.casefold() == "utc":
        return "UTC"
    if clock and clock != LOCAL:
        try:
            calendar.check_zone(clock)
        except RefusedError as error:
            text, _, way_out = str(error).partition("; ")
            table.fault("clock", text, f"give {LOCAL}, UTC or a zone: {way_out}")
    return clock


def _when(table: Table, way: str) -> When | None:
    match way:
        case "first":
            return _days(table)
        case "from":
            return _span(table)
        case "every":
            said = table.text("every")
            return Recurring(rule=ENDS.get(said, said)) if said else None
        case "holidays":
            return _holidays(table)
    return None


def _days(table: Table) -> Days | None:
    first = _day(table, "first")
    last = _day(table, "last") if table.has("last") else first
    if first is None or last is None:
        return None
    if last < first:
        table.fault("last", f"{last} is before first, {first}", "give a later last")
        return None
    if (last - first).days > AHEAD.days:
        table.fault("last", f"it freezes {(last - first).days + 1} days", f"give at most {AHEAD.days}")
        return None
    return Days(first=first, last=last)


def _day(table: Table, key: str) -> date | None:
    value = table.moment(key)
    if isinstance(value, datetime):
        table.fault(key, "it is a time of a day", "give a day like 2026-12-24; for times: `from` and `to`")
        return None
    if value is not None and value.year not in _YEARS:
        table.fault(key, f"{value} is out of range", f"give a year from {_YEARS[0]} to {_YEARS[-1]}")
        return None
    return value


def _span(table: Table) -> Span | None:
    starts, ends = (table.instant(key, _YEARS) for key in ("from", "to"))
    if starts is None or ends is None:
        return None
    if ends <= starts:
        table.fault("to", f"{ends.isoformat()} is not after from, {starts.isoformat()}", "give a later to")
        return None
    if ends - starts > AHEAD + timedelta(days=1):
        table.fault("to", f"it freezes {(ends - starts).days} days", f"give at most {AHEAD.days}")
        return None
    return Span(starts=starts, ends=ends)


def _holidays(table: Table) -> PublicHolidays | None:
    country, _, subdivision = table.text("holidays").partition("-")
    only = table.names("only", ())
    if not country:
        return None
    return PublicHolidays(country=country, subdivision=subdivision, only=only)
