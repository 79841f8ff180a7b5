"""Known: which records are still as they were read?"""

from threading import Lock

import msgspec

from wavetrain.adapters.kinds import Ident
from wavetrain.model.record import Record

Moment = tuple[int, int]
"""The epoch with the number of the last change: as long as both stay, no record of the store is another."""

What = tuple[type[Record], Ident]

BODY_BYTES_MAX = 64 * 1024
"""A larger record is read anew each time."""
BYTES_MAX = 16 * 1024 * 1024
"""Of bodies since all was last forgotten. Records that were replaced count too, so it is reached now and then."""
ABSENT_BYTES = 128
"""What a key counts under which there is no record."""


class Read(msgspec.Struct, frozen=True, gc=False):
    """A record as it was read, or None where there is none, with the length of its body."""

    record: Record | None
    size: int


class Known:
    """What this process has read or written by key, all of it at one moment of the store; safe under threads.

    The moment moves only with a transaction that writes: there nobody else commits, and the store itself has just
    said how far it is. A view at another moment, older or newer, gets nothing from here and adds nothing.
    """

    def __init__(self) -> None:
        self._guard = Lock()
        self._at: Moment | None = None
        self._read: dict[type[Record], dict[Ident, Read]] = {}
        self._bytes = 0

    def get(self, at: Moment, what: What) -> Read | None:
        """What is known under a key at this moment; None where it has to be read."""
        with self._guard:
            if self._at != at:
                return None
            held = self._read.get(what[0])
            return held.get(what[1]) if held is not None else None

    def keep(self, at: Moment, what: What, read: Read) -> None:
        """Remember what a view at this moment has read."""
        with self._guard:
            if self._at == at:
                self._add(what, read)

    def start(self, at: Moment) -> None:
        """A transaction that writes begins; what is known of another moment is forgotten."""
        with self._guard:
            if self._at != at:
                self._at = at
                self._forget()

    def follow(self, before: Moment, after: Moment, written: dict[What, Read]) -> None:
        """It was committed, and wrote these records and no others."""
        with self._guard:
            if self._at != before:
                return
            self._at = after
            for what, read in written.items():
                self._add(what, read)

    def _add(self, what: What, read: Read) -> None:
        self._bytes += read.size
        if self._bytes > BYTES_MAX:
            self._forget()
        kind, ident = what
        held = self._read.setdefault(kind, {})
        if read.size <= BODY_BYTES_MAX:
            held[ident] = read
        else:
            held.pop(ident, None)

    def _forget(self) -> None:
        self._read.clear()
        self._bytes = 0
