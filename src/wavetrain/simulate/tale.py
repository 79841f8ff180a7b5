"""Tale: what happened in a history, in lines that a person can read?"""

from datetime import datetime

import msgspec

from wavetrain.control.ports import Store
from wavetrain.model.journal import Entry

LINES_MAX = 1_000


class Event(msgspec.Struct, frozen=True):
    """Something that the journal does not know: a fault, an act, a broken guard. `after`: the journal's last entry."""

    after: int
    tick: int
    at: datetime
    text: str


class Tale:
    """The events of one history, to be told between the lines of its journal."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def happen(self, store: Store, tick: int, text: str) -> None:
        """Remember that this happened now."""
        with store.read() as view:
            last = view.journal_tail(1)
            self._events.append(Event(last[-1].seq if last else 0, tick, view.now, text))

    @property
    def texts(self) -> list[str]:
        """What happened, without its time."""
        return [event.text for event in self._events]

    def lines(self, store: Store, last: int) -> list[str]:
        """The last so many lines: entries of the journal as they are, events behind an arrow."""
        with store.read() as view:
            entries = view.journal_tail(min(last, LINES_MAX))
        told = [(entry.seq, 0, _entry(entry)) for entry in entries]
        told += [
            (event.after, 1, f"{event.at:%a %m-%d %H:%M:%S}  >> tick {event.tick}: {event.text}")
            for event in self._events
        ]
        return [text for _, _, text in sorted(told, key=lambda item: item[:2])][-last:]


def _entry(entry: Entry) -> str:
    return f"{entry.at:%a %m-%d %H:%M:%S}  {entry.who:<10} {entry.subject}: {entry.text}"
