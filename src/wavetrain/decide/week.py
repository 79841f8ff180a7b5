"""Week: which week of the trains does an instant, or a name, belong to? Trains depart on Sundays, 00:00 UTC."""

import re
from datetime import UTC, date, datetime, timedelta

from wavetrain.errors import RefusedError

LENGTH = timedelta(days=7)
NAME_CHARACTERS_MAX = 40
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_ISO = re.compile(r"(\d{4})-?W(\d\d)")
_YEARS = range(2000, 2101)


def start_of(moment: datetime) -> datetime:
    """The Sunday that the week of an instant begins with."""
    day = moment.astimezone(UTC).date()
    return _midnight(day - timedelta(days=day.isoweekday() % 7))


def name(start: datetime) -> str:
    """What a week is called: the day of its Sunday."""
    return f"{start:%Y-%m-%d}"


def read(said: str) -> datetime:
    """The beginning of the week that somebody names by any of its days, or as ISO 8601 numbers it.

    An ISO week begins on Monday; it stands for the week of the trains that six of its days are in. `RefusedError` for
    what is neither.
    """
    try:
        if _DAY.fullmatch(said):
            return start_of(_midnight(date.fromisoformat(said)))
        iso = _ISO.fullmatch(said)
        if iso is not None:
            return start_of(_midnight(date.fromisocalendar(int(iso[1]), int(iso[2]), 1)))
    except ValueError:
        pass
    raise RefusedError(
        f"`{said[:NAME_CHARACTERS_MAX]}` is no week; give one of its days, e.g. 2026-01-18, or its number, e.g. "
        "2026-W04"
    )


def _midnight(day: date) -> datetime:
    if day.year not in _YEARS:
        raise ValueError
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
