"""Recurrence: on which local days does a rule fall?

The recurrence (RFC 5545) is anchored at 2024-01-01, a Monday, with the rule's own start: nothing falls before that
day, INTERVAL counts from it, and a rule that names no day means Mondays (WEEKLY), the first (MONTHLY) or 1 January
(YEARLY).
"""

import re
from datetime import MAXYEAR, date, datetime
from functools import lru_cache

from dateutil.rrule import rrule, rruleset, rrulestr

from wavetrain.errors import RefusedError

ANCHOR = datetime(2024, 1, 1)  # noqa: DTZ001 - rules are expanded in naive local time
"""DTSTART of every rule: a Monday, the first of a month and of a year."""

_WEEKDAY = "(?:MO|TU|WE|TH|FR|SA|SU)"
_DAY = f"(?:[+-]?[1-9][0-9]?)?{_WEEKDAY}"
_MONTH = "(?:0?[1-9]|1[0-2])"
_MONTHDAY = "[+-]?(?:0?[1-9]|[12][0-9]|3[01])"
_POSITION = "[+-]?[1-9][0-9]{0,2}"
_VALUES = {
    "INTERVAL": "[1-9][0-9]{0,2}",
    "WKST": _WEEKDAY,
    "BYMONTH": f"{_MONTH}(?:,{_MONTH})*",
    "BYMONTHDAY": f"{_MONTHDAY}(?:,{_MONTHDAY})*",
    "BYSETPOS": f"{_POSITION}(?:,{_POSITION})*",
    "BYDAY": f"{_DAY}(?:,{_DAY})*",
}
_PLAIN_DAYS = re.compile(f"{_WEEKDAY}(?:,{_WEEKDAY})*")
_KEYS = {
    "DAILY": ("INTERVAL", "BYMONTH", "BYDAY"),
    "WEEKLY": ("INTERVAL", "WKST", "BYMONTH", "BYDAY"),
    "MONTHLY": ("INTERVAL", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS"),
    "YEARLY": ("INTERVAL", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS"),
}
_ELSEWHERE = {
    **dict.fromkeys(("DTSTART", "COUNT", "UNTIL"), "a window never ends by itself; leave it out"),
    **dict.fromkeys(("BYHOUR", "BYMINUTE", "BYSECOND"), "the time of day belongs in `starts`"),
}


@lru_cache(maxsize=2_048)
def days_of_year(rule: str, year: int) -> tuple[date, ...]:
    """The local days of a year on which the rule falls, in order."""
    if not ANCHOR.year <= year < MAXYEAR:
        return ()
    first, last = ANCHOR.replace(year=year), ANCHOR.replace(year=year, month=12, day=31)
    return tuple(day.date() for day in read_rule(rule).between(first, last, inc=True))


@lru_cache(maxsize=1_024)
def read_rule(rule: str, noun: str = "window rule") -> rrule | rruleset:
    """The rule ready for expansion from `ANCHOR`; RefusedError names the key that is wrong and the way out.

    `noun` is what the rule is called in the text of the refusal.
    """
    called = f"{noun} {rule}"
    text = rule.upper()
    parts = dict(_parts(called, text))
    frequency = parts.pop("FREQ", "")
    keys = _KEYS.get(frequency)
    if keys is None:
        raise RefusedError(f"{called} has FREQ {frequency or 'missing'}; give one of {', '.join(_KEYS)}")
    for key, value in parts.items():
        if key not in keys:
            way = _ELSEWHERE.get(key, f"{frequency} takes {', '.join(keys)}")
            raise RefusedError(f"{called} has {key}, which cannot be used here; {way}")
        if not re.fullmatch(_VALUES[key], value):
            raise RefusedError(f"{called} has {key}={value}, which is no value for it; see RFC 5545, 3.3.10")
    _require_plain(called, frequency, parts)
    try:
        ready = rrulestr(text, dtstart=ANCHOR)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise RefusedError(f"{called} cannot be read: {error}; see RFC 5545, 3.3.10") from None
    if next(iter(ready), None) is None:
        raise RefusedError(f"{called} names no day that ever comes; choose days of the calendar")
    return ready


def _parts(called: str, text: str) -> list[tuple[str, str]]:
    parts = [part.partition("=") for part in text.split(";")]
    for key, equals, value in parts:
        if not (key and equals and value):
            raise RefusedError(f"{called} is not a list of KEY=VALUE; write it as FREQ=WEEKLY;BYDAY=SU")
    names = [key for key, _, _ in parts]
    for name in names:
        if names.count(name) > 1:
            raise RefusedError(f"{called} has {name} twice; keep one")
    return [(key, value) for key, _, value in parts]


def _require_plain(called: str, frequency: str, parts: dict[str, str]) -> None:
    """Refuse what RFC 5545 gives no meaning to, or a meaning that surprises."""
    days = parts.get("BYDAY", "")
    if frequency in ("DAILY", "WEEKLY") and days and not _PLAIN_DAYS.fullmatch(days):
        raise RefusedError(
            f"{called} has BYDAY={days}; numbered days need FREQ=MONTHLY, as in FREQ=MONTHLY;BYDAY=1SU"
        )
    if frequency == "DAILY" and days and parts.get("INTERVAL", "1") != "1":
        raise RefusedError(f"{called} has INTERVAL and BYDAY; every n-th week is FREQ=WEEKLY")
    if "BYSETPOS" in parts and "BYDAY" not in parts and "BYMONTHDAY" not in parts:
        raise RefusedError(f"{called} has BYSETPOS alone; say BYDAY or BYMONTHDAY too")


def days_between(rule: str, first: date, last: date) -> tuple[date, ...]:
    """The local days from `first` to `last`, both included, on which the rule falls, in order."""
    return tuple(
        day
        for year in range(first.year, last.year + 1)
        for day in days_of_year(rule, year)
        if first <= day <= last
    )
