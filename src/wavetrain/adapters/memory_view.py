"""Memory view: what a transaction on a memory store reads and writes."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar, cast

import msgspec

from wavetrain.adapters.kinds import Ident, Shapes
from wavetrain.adapters.memory_table import MemoryTable
from wavetrain.adapters.store_rules import checked_journal, stale, trimmed
from wavetrain.errors import StaleError
from wavetrain.model.journal import Entry
from wavetrain.model.ledger import LEDGER, Ledger
from wavetrain.model.record import Record

R = TypeVar("R", bound=Record)

_encode = msgspec.json.Encoder().encode

SCRUTINY_FIRST = 100
"""So many records of each kind are checked in any case."""


class MemoryChange(msgspec.Struct, frozen=True, gc=False):
    """One record that a commit wrote; `record` is None when it removed it."""

    sequence: int
    commit: int
    kind: str
    key: tuple[str, ...]
    ident: Ident
    record: Record | None

    @property
    def body(self) -> bytes | None:
        """The record as JSON."""
        return _encode(self.record) if self.record is not None else None


class Scrutiny:
    """Which records are checked for whether a disk could give them back: of each kind the first ones, then each n-th.

    `each` = 1 checks all. A rehearsal writes millions of records of a few kinds, all made by the same few lines.
    """

    def __init__(self, each: int = 1) -> None:
        self._each = each
        self._seen: dict[type[Record], int] = {}

    def wants(self, kind: type[Record]) -> bool:
        """Whether the record of this kind that is written now is to be checked."""
        if self._each == 1:
            return True
        count = self._seen.get(kind, 0)
        self._seen[kind] = count + 1
        return count < SCRUTINY_FIRST or count % self._each == 0


class MemoryState:
    """All that a store holds after some commit.

    Commits change it in place while nobody looks; when a view is open, they go on with a successor, which
    copies a table before it first changes it. So a view costs nothing, and sees one moment.
    """

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self.views = 0
        self.tables: dict[type[Record], MemoryTable] = {
            shape.kind: MemoryTable(shape, self) for shape in shapes
        }
        self.changes: list[MemoryChange] = []
        self.entries: list[Entry] = []
        self.sequence = 0
        self.seq = 0

    def successor(self) -> "MemoryState":
        """The same content, to be changed without touching this state."""
        other = MemoryState.__new__(MemoryState)
        other.shapes = self.shapes
        other.views = 0
        other.tables = dict(self.tables)
        other.changes = self.changes.copy()
        other.entries = self.entries.copy()
        other.sequence, other.seq = self.sequence, self.seq
        return other

    def apply(self, kind: type[Record], written: dict[Ident, Record | None]) -> None:
        """Write records of one kind."""
        table = self.tables[kind]
        if table.owner is not self:
            table = self.tables[kind] = table.copy(self)
        table.apply(written)


class MemoryView:
    """A consistent picture."""

    def __init__(self, state: MemoryState, steady: float) -> None:
        self._state = state
        self._steady = steady
        ledger = state.tables[Ledger].records.get(LEDGER)
        self._jumped_s = cast(Ledger, ledger).jumped_s if ledger is not None else 0.0
        self._written: dict[type[Record], dict[Ident, Record | None]] = {}

    @property
    def steady(self) -> float:
        """The store's own clock in seconds since the Unix epoch."""
        return self._steady

    @cached_property
    def now(self) -> datetime:
        """Train time (aware, UTC)."""
        return datetime.fromtimestamp(self._steady + self._jumped_s, UTC)

    @property
    def sequence(self) -> int:
        """The number of the last change committed before this view was opened."""
        return self._state.sequence

    def get(self, kind: type[R], *key: str) -> R | None:
        """The record under `key`, or None."""
        table = self._table(kind)
        return cast("R | None", self._held(table, table.shape.parsed(key)))

    def find(self, kind: type[R], /, **equal: str | int) -> list[R]:
        """Every record whose key or index fields equal the given values, in key order."""
        table = self._table(kind)
        if equal:
            table.shape.checked(equal)
        return table.find(equal, self._written.get(kind))

    def changes(self, after: int) -> list[MemoryChange]:
        """The changes after a number, oldest first; `StaleError` if some of them were trimmed."""
        kept = self._state.changes
        if not kept:
            return []
        oldest = kept[0].sequence
        if after < oldest - 1:
            raise StaleError(trimmed(after, oldest))
        return kept[after - oldest + 1 :]  # numbers have no gaps

    def journal(self, after: int = 0, limit: int = 1000, **equal: str) -> list[Entry]:
        """Entries with `seq` > `after`, oldest first."""
        checked_journal(equal, limit)
        entries = self._state.entries
        first = max(after - entries[0].seq + 1, 0) if entries else 0
        return list(islice((entry for entry in islice(entries, first, None) if _is(entry, equal)), limit))

    def journal_tail(self, limit: int = 50, before: int | None = None, **equal: str) -> list[Entry]:
        """The last `limit` entries, oldest first; with `before` the last of those with a smaller `seq`."""
        checked_journal(equal, limit)
        newest = (
            entry
            for entry in reversed(self._state.entries)
            if (before is None or entry.seq < before) and _is(entry, equal)
        )
        return list(islice(newest, limit))[::-1]

    def _table(self, kind: type[Record]) -> MemoryTable:
        table = self._state.tables.get(kind)
        if table is None:
            self._state.shapes.of(kind)  # says what is wrong
            raise AssertionError(kind)
        return table

    def _held(self, table: MemoryTable, ident: Ident) -> Record | None:
        written = self._written.get(table.shape.kind)
        if written is not None and ident in written:
            return written[ident]
        return table.records.get(ident)


class MemoryTransaction(MemoryView):
    """A view that also writes, beside the state until the commit."""

    def __init__(self, state: MemoryState, steady: float, scrutiny: Scrutiny | None = None) -> None:
        super().__init__(state, steady)
        self._scrutiny = scrutiny or Scrutiny()
        self.pending: list[MemoryChange] = []
        self._entries: list[Entry] = []

    @property
    def writes(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self.pending or self._entries)

    @property
    def last_change(self) -> int:
        """The number of the last change, its own included."""
        return self._state.sequence + len(self.pending)

    def put(self, record: R) -> R:
        """Insert or replace; the record as stored."""
        stored = msgspec.structs.replace(record, version=self.last_change + 1)
        if self._scrutiny.wants(type(record)):
            self._table(type(record)).shape.kept(stored)  # what no disk could keep is refused here too
        self._write(record, stored)
        return stored

    def put_many(self, records: Iterable[Record]) -> int:
        """Insert or replace very many; their number."""
        count = 0
        for count, record in enumerate(records, start=1):  # noqa: B007 - the last is wanted
            self.put(record)
        return count

    def remove(self, record: Record) -> None:
        """Delete the record that was read."""
        self._write(record, None)

    def note(self, entries: Iterable[Entry]) -> None:
        """Append to the journal."""
        self._entries.extend(_settled(entry) for entry in entries)

    def _write(self, record: Record, stored: Record | None) -> None:
        kind = type(record)
        table = self._table(kind)
        ident = table.shape.ident(record)
        held = self._held(table, ident)
        if held is None:
            if record.version != 0 or stored is None:
                raise StaleError(stale(record, None))
        elif held.version != record.version:
            raise StaleError(stale(record, held.version))
        self._written.setdefault(kind, {})[ident] = stored
        self.pending.append(
            MemoryChange(
                self.last_change + 1, self._state.sequence + 1, kind.__name__, record.key, ident, stored
            )
        )

    def commit(self, state: MemoryState) -> None:
        """Write everything down in a state that no view looks at."""
        for kind, written in self._written.items():
            state.apply(kind, written)
        state.changes += self.pending
        state.sequence += len(self.pending)
        for entry in self._entries:
            state.seq += 1
            state.entries.append(msgspec.structs.replace(entry, seq=state.seq))


def _is(entry: Entry, equal: dict[str, Any]) -> bool:
    return all(getattr(entry, name) == value for name, value in equal.items())


def _settled(entry: Entry) -> Entry:
    """The entry with a body of its own, of the types that JSON has."""
    if not entry.body:
        return entry
    return msgspec.structs.replace(entry, body=msgspec.json.decode(_encode(entry.body)))
