"""Almanac: when do windows open in the days of a train, and which start slots has each opening?

It knows rules and zones alone, no PoP and no release: what it has worked out once stays true, so that it may be kept
from one decision to the next. Instants are whole seconds after its epoch (UTC).
"""

from bisect import bisect_left
from datetime import datetime, timedelta
from typing import NamedTuple

from wavetrain.decide import calendar
from wavetrain.model.window import WindowRule

HOUR, DAY = 3_600, 86_400
AHEAD = 14 * DAY
"""So far beyond what was asked the openings are listed: a train that goes on asks for later days."""


class Slot(NamedTuple):
    """A start slot of a window rule, with the local hours that follow each other from it on.

    `opens` is when the train may use the window first: at its departure, where that comes after the opening.
    """

    start: int
    opens: int
    closes: int
    day: int
    past_hour: int
    """Seconds since the local hour began."""
    hours: tuple[int, ...]


def epoch_of(departs: datetime) -> datetime:
    """The midnight (UTC) from which the instants of a train are counted: before it leaves anywhere."""
    return (departs - timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)


class Almanac:
    """Fills itself as it is asked."""

    def __init__(self, epoch: datetime) -> None:
        """`epoch`: a midnight, UTC."""
        self.epoch = epoch
        self._naive = datetime.combine(epoch.date(), epoch.time())
        self._epoch_day = epoch.date().toordinal()
        self._openings: dict[tuple[str, str, str], tuple[int, int, list[int]]] = {}
        """By rule, first opening and zone: from when, until when, and every opening between."""
        self._offsets: dict[tuple[str, int], int] = {}
        self._slots: dict[tuple[str, int, int], tuple[Slot, ...]] = {}

    def at(self, instant: datetime) -> int:
        """An instant as seconds after the epoch, rounded up."""
        return -((self.epoch - instant) // timedelta(seconds=1))

    def instant(self, at: int) -> datetime:
        """The instant of so many seconds after the epoch."""
        return self.epoch + timedelta(seconds=at)

    def opens(self, rule: WindowRule, first: int, last: int) -> list[int]:
        """When a window opens in [first, last), in order."""
        key = (rule.rule, rule.starts, rule.zone)
        known = self._openings.get(key)
        if known is None or first < known[0] or last > known[1]:
            known = self._openings[key] = self._listed(rule, first, last + AHEAD)
        _, _, opens = known
        return opens[bisect_left(opens, first) : bisect_left(opens, last)]

    def slots(self, zone: str, opens: int, length: int, begin: int) -> tuple[Slot, ...]:
        """The start slots of one opening: its first instant from `begin` on, and every hour after it opened."""
        if opens < begin:
            return self._of_opening(zone, opens, length, begin)
        known = self._slots.get((zone, length, opens))
        if known is None:
            known = self._slots[zone, length, opens] = self._of_opening(zone, opens, length, begin)
        return known

    def _listed(self, rule: WindowRule, first: int, last: int) -> tuple[int, int, list[int]]:
        listed = calendar.openings(rule, self.instant(first), self.instant(last))
        return first, last, [self.at(opening.opens) for opening in listed]

    def _of_opening(self, zone: str, opens: int, length: int, begin: int) -> tuple[Slot, ...]:
        closes = opens + length
        if closes <= begin:
            return ()
        starts = [start for start in range(opens, closes, HOUR) if start >= begin]
        if opens < begin and begin not in starts:
            starts.insert(0, begin)
        opens, ahead = max(opens, begin), self._offset(zone, opens)
        changes = ahead != self._offset(zone, closes)
        made: list[Slot] = []
        for start in starts:
            clock = start + (self._offset(zone, start) if changes else ahead)
            past = clock % HOUR
            marks = range(start - past, closes, HOUR)
            hours = tuple(
                [(mark + (self._offset(zone, mark) if changes else ahead)) % DAY // HOUR for mark in marks]
            )
            made.append(Slot(start, opens, closes, self._epoch_day + clock // DAY, past, hours))
        return tuple(made)

    def _offset(self, zone: str, at: int) -> int:
        """How far the wall clock of a zone is ahead of UTC, in seconds; the calendar is asked once per hour."""
        key = (zone, at // HOUR)
        known = self._offsets.get(key)
        if known is None:
            whole = at // HOUR * HOUR
            clock = calendar.local(self.instant(whole), zone)
            known = self._offsets[key] = int((clock - self._naive).total_seconds()) - whole
        return known
