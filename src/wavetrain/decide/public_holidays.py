"""Public holidays: on which days is a country closed?

The tables are those of the PyPI package `holidays`, as the zones are those of `tzdata`: data that come with the
program, and stay the same as long as it does.
"""

import difflib
from datetime import date
from functools import lru_cache

from wavetrain.errors import RefusedError
from wavetrain.model.freeze_calendar import PublicHolidays

_ENGLISH = ("en_US", "en_GB", "en")


def check(wanted: PublicHolidays, first: date, last: date) -> None:
    """Refuse a country, a part of it or a holiday that is not known, with a `RefusedError` that says the way out."""
    named = _named(wanted.country, wanted.subdivision, first.year, last.year)
    known = sorted({name for names in named.values() for name in names})
    for name in wanted.only:
        if not any(_is_called(name, (other,)) for other in known):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(known[:40]) or 'none'}"
            raise RefusedError(
                f"{_where(wanted)} has no holiday {name[:80]!r} from {first.year} to {last.year}; {hint}"
            )


def days(wanted: PublicHolidays, first: date, last: date) -> tuple[date, ...]:
    """The days from `first` to `last`, both included, in order."""
    named = _named(wanted.country, wanted.subdivision, first.year, last.year)
    return tuple(
        day
        for day, names in sorted(named.items())
        if first <= day <= last and (not wanted.only or any(_is_called(name, names) for name in wanted.only))
    )


def _is_called(name: str, names: tuple[str, ...]) -> bool:
    """A holiday that is kept on another day than its own has a remark in brackets behind its name."""
    wanted = name.casefold()
    return any(wanted in (other.casefold(), other.partition(" (")[0].casefold()) for other in names)


def _where(wanted: PublicHolidays) -> str:
    return f"{wanted.country}-{wanted.subdivision}" if wanted.subdivision else wanted.country


@lru_cache(maxsize=256)
def _named(country: str, subdivision: str, first: int, last: int) -> dict[date, tuple[str, ...]]:
    """The names of the holidays by day, for the years from `first` to `last`."""
    import holidays

    parts = holidays.list_supported_countries().get(country)
    if parts is None or len(country) != 2:
        known = [name for name in holidays.list_supported_countries() if len(name) == 2]
        near = ", ".join(name for name in known if name[:1] == country[:1].upper()) or ", ".join(known[:20])
        raise RefusedError(
            f"country {country[:20]!r} is not known; give two capital letters (ISO 3166-1), e.g. {near}"
        )
    if subdivision and subdivision not in parts:
        raise RefusedError(
            f"{country} has no part {subdivision[:20]!r}; give one of: {', '.join(parts) or 'none, leave it out'}"
        )
    made = holidays.country_holidays(country, subdiv=subdivision or None, years=range(first, last + 1))
    english = next((name for name in _ENGLISH if name in made.supported_languages), None)
    if english is not None:
        made = holidays.country_holidays(
            country, subdiv=subdivision or None, years=range(first, last + 1), language=english
        )
    return {day: tuple(made.get_list(day)) for day in made}
