"""Window: the spans in which disturbance may start, or in which nothing new may move."""

import re
from datetime import date, datetime, timedelta
from typing import ClassVar

import msgspec

from wavetrain.model.record import Record

MINUTES_MAX = 7 * 1440
RULE_LENGTH_MAX = 200
ZONE_LENGTH_MAX = 64
REASON_LENGTH_MAX = 500
SCOPE_MAX = 1_000

_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_NO_OFFSET = timedelta(0)


class WindowRule(msgspec.Struct, frozen=True, gc=False):
    """When disturbance may start, again and again: an RFC 5545 rule, a local start, a duration and a zone.

    Whether the rule can be read, the zone exists and openings ever come is `decide.calendar.check`'s to say.
    """

    rule: str
    """The body of an RRULE, e.g. `FREQ=DAILY` or `FREQ=WEEKLY;BYDAY=SU`."""
    starts: str
    """The wall clock of the zone at the start, `HH:MM`."""
    minutes: int
    """Elapsed minutes from opening to closing, whatever the wall clock does meanwhile; 1 to 10,080."""
    zone: str
    """An IANA name, e.g. `Europe/Lisbon`."""

    def __post_init__(self) -> None:
        if not 0 < len(self.rule) <= RULE_LENGTH_MAX:
            raise ValueError(
                f"window rule has {len(self.rule)} characters in `rule`; "
                f"give an RRULE body of 1 to {RULE_LENGTH_MAX}, e.g. FREQ=DAILY"
            )
        if not _CLOCK.fullmatch(self.starts):
            raise ValueError(f"window rule {self.rule} has starts {self.starts!r}; give HH:MM, e.g. 02:00")
        if not 1 <= self.minutes <= MINUTES_MAX:
            raise ValueError(f"window rule {self.rule} has minutes {self.minutes}; give 1 to {MINUTES_MAX}")
        if not 0 < len(self.zone) <= ZONE_LENGTH_MAX:
            raise ValueError(f"window rule {self.rule} has zone {self.zone!r}; give an IANA name")


class Opening(msgspec.Struct, frozen=True, gc=False):
    """One span of a window, UTC, half-open: `opens` belongs to it and `closes` does not."""

    opens: datetime
    closes: datetime

    def __post_init__(self) -> None:
        _require_span("opening", "opens", self.opens, "closes", self.closes)


class Freeze(Record, frozen=True, kw_only=True):
    """A span (UTC, half-open) in which nothing new moves.

    With `first` and `last` it is those whole days, both included, on the clock of each PoP's own zone; `starts` and
    `ends` are then the first instant of them in any zone and the last: `decide.calendar.span_of` says the rest.
    """

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    starts: datetime
    ends: datetime
    reason: str
    by: str
    scope: tuple[str, ...] = ()
    """The region ids, PoP ids and lane names that it binds; empty binds everything."""
    first: date | None = None
    last: date | None = None
    calendar: str = ""
    """The freeze calendar that brought it; empty for one that a person added by hand."""

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("freeze has an empty id; give it a name of its own")
        _require_span(f"freeze {self.id}", "starts", self.starts, "ends", self.ends)
        if not 0 < len(self.reason) <= REASON_LENGTH_MAX:
            raise ValueError(
                f"freeze {self.id} has {len(self.reason)} characters in `reason`; "
                f"say in 1 to {REASON_LENGTH_MAX} why nothing may move"
            )
        if not self.by:
            raise ValueError(f"freeze {self.id} has an empty `by`; name who asked for it")
        if len(self.scope) > SCOPE_MAX:
            raise ValueError(
                f"freeze {self.id} has {len(self.scope)} names in scope; give {SCOPE_MAX} at most"
            )
        if (self.first is None) != (self.last is None):
            raise ValueError(f"freeze {self.id} has one of first and last; give both days, or neither")
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ValueError(
                f"freeze {self.id} has last {self.last}, before first {self.first}; give a later last"
            )
        if not all(self.scope):
            raise ValueError(f"freeze {self.id} has an empty name in scope; leave scope empty for everything")


def _require_span(thing: str, first: str, start: datetime, second: str, end: datetime) -> None:
    for name, value in ((first, start), (second, end)):
        if value.utcoffset() != _NO_OFFSET:
            raise ValueError(
                f"{thing} has {name} {value.isoformat()}, which is not UTC; give an aware datetime in UTC"
            )
    if end <= start:
        raise ValueError(
            f"{thing} has {second} {end.isoformat()}, not after {first} {start.isoformat()}; "
            f"give a later {second}"
        )
