"""Freeze calendar: quarter ends, holidays and other days on which nothing new shall move, as data."""

from datetime import date, datetime

import msgspec

ENTRIES_MAX = 200
MARGIN_DAYS_MAX = 31
"""Of `days_before` and of `days_after`."""
CALENDAR_NAME_MAX = 24
ENTRY_NAME_MAX = 28
"""So that the id of a freeze, `CALENDAR.ENTRY.YYYYMMDD`, stays within its 63 characters."""

LOCAL = "local"
"""The clock of each PoP's own zone."""


class Days(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whole days, both included."""

    first: date
    last: date


class Span(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """From one instant (UTC) to just before another."""

    starts: datetime
    ends: datetime


class Recurring(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The days on which a rule (the body of an RRULE) falls."""

    rule: str


class PublicHolidays(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The public holidays of a country, or of a part of it."""

    country: str
    """ISO 3166-1 alpha-2, e.g. `PT`."""
    subdivision: str = ""
    """The part after the dash in ISO 3166-2, e.g. `BY` of `DE-BY`."""
    only: tuple[str, ...] = ()
    """The names of the holidays that count, in English where the library knows English; empty: all."""


When = Days | Span | Recurring | PublicHolidays


class FreezeEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of a freeze calendar, which stands for one freeze or many."""

    id: str
    reason: str
    when: When
    scope: tuple[str, ...] = ()
    clock: str = LOCAL
    """Whose days: `local`, or an IANA zone for all alike."""
    days_before: int = 0
    days_after: int = 0


class FreezeCalendar(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A named set of freezes that are brought, changed and taken away together."""

    name: str
    entries: tuple[FreezeEntry, ...] = ()
