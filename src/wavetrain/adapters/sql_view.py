"""SQL view: what a transaction on a SQL store reads and writes."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from wavetrain.adapters.kinds import Shape, Shapes
from wavetrain.adapters.known import ABSENT_BYTES, Known, Moment, Read, What
from wavetrain.adapters.sql_schema import KindTable, Schema
from wavetrain.adapters.sql_session import Session, Write
from wavetrain.adapters.store_rules import checked_journal, stale, trimmed
from wavetrain.errors import StaleError
from wavetrain.model.journal import Entry
from wavetrain.model.ledger import LEDGER, Ledger
from wavetrain.model.record import Record

R = TypeVar("R", bound=Record)

BATCH = 5_000
SEQ_MAX = 2**63 - 1
"""Records of a bulk that are written at a time: PostgreSQL ends a writer that says nothing for long."""

_encode = msgspec.json.Encoder().encode
_key_of = msgspec.json.Decoder(tuple[str, ...])
_entry_body = msgspec.json.Decoder(dict[str, object])


class SqlChange(msgspec.Struct, frozen=True):
    """One record that a commit wrote."""

    sequence: int
    commit: int
    kind: str
    key: tuple[str, ...]
    text: str | None
    shape: Shape
    known: Record | None = None
    """The record where this process still has what it wrote: then the body is not read a second time."""

    @property
    def body(self) -> bytes | None:
        """The record as JSON."""
        return self.text.encode() if self.text is not None else None

    @property
    def record(self) -> Any:
        """The record, or None where it was removed."""
        if self.known is not None:
            return self.known
        return self.shape.decode(self.text) if self.text is not None else None


class SqlLayout:
    """What views of one store share: shapes, statements, the clock if not the store's own, what is known."""

    def __init__(self, shapes: Shapes, dialect: str, clock: Callable[[], float] | None) -> None:
        self.shapes = shapes
        self.schema = Schema(shapes, dialect)
        self.clock = clock
        self.head = self.schema.head(Ledger, LEDGER)
        self.known = Known()


class SqlView:
    """A consistent picture, for as long as its connection's transaction."""

    def __init__(self, layout: SqlLayout, session: Session) -> None:
        self._shapes = layout.shapes
        self._schema = layout.schema
        self._session = session
        self._known = self._shared = layout.known
        self._seen: dict[What, Record | None] = {}
        """What was read by key: nobody else writes what a transaction sees, so it stays true until it ends."""
        steady, sequence, self._last_seq, epoch, holder, ledger = session.head
        self._sequence, self.epoch, self.holder = int(sequence), int(epoch), str(holder)
        self._steady = float(steady) if layout.clock is None else layout.clock()
        kept = self._shapes.of(Ledger).decode(ledger) if ledger is not None else None
        self._seen[Ledger, LEDGER] = kept
        self._jumped_s = kept.jumped_s if kept is not None else 0.0

    @property
    def steady(self) -> float:
        """The store's own clock in seconds since the Unix epoch."""
        return self._steady

    @property
    def moment(self) -> Moment:
        """Where the store stood when this view was opened."""
        return self.epoch, self._sequence

    @cached_property
    def now(self) -> datetime:
        """Train time (aware, UTC)."""
        return datetime.fromtimestamp(self._steady + self._jumped_s, UTC)

    @property
    def sequence(self) -> int:
        """The number of the last change committed before this view was opened."""
        return self._sequence

    def get(self, kind: type[R], *key: str) -> R | None:
        """The record under `key`, or None."""
        shape = self._shapes.of(kind)
        ident = shape.parsed(key)
        if ident is None:
            return None
        what = kind, ident
        if what not in self._seen:
            read = self._known.get(self.moment, what)
            if read is None:
                read = self._read(shape, what)
                self._known.keep(self.moment, what, read)
            self._seen[what] = read.record
        return cast("R | None", self._seen[what])

    def _read(self, shape: Shape, what: What) -> Read:
        table = self._schema.table(shape.kind)
        row = self._session.run(table.get, table.at(what[1])).fetchone()
        return Read(shape.decode(row[0]), len(row[0])) if row is not None else Read(None, ABSENT_BYTES)

    def find(self, kind: type[R], /, **equal: str | int) -> list[R]:
        """Every record whose key or index fields equal the given values, in key order."""
        shape = self._shapes.of(kind)
        shape.checked(equal)
        statement = self._schema.table(kind).find(*sorted(equal))
        decode = shape.decode
        return [decode(body) for (body,) in self._session.run(statement, _asked(equal))]

    def changes(self, after: int) -> list[SqlChange]:
        """The changes after a number, oldest first; `StaleError` if some of them were trimmed."""
        (oldest,) = self._session.run(self._schema.oldest_change).fetchone()
        if oldest is not None and after < oldest - 1:
            raise StaleError(trimmed(after, oldest))
        rows = self._session.run(self._schema.changes, {"after": after}).fetchall()
        return [self._change(*row) for row in rows]

    def _change(self, sequence: int, commit: int, kind: str, text: str, body: str | None) -> SqlChange:
        shape, key = self._shapes.named(kind), _key_of.decode(text)
        read = self._shared.get(self.moment, (shape.kind, shape.parsed(key)))
        held = read.record if read is not None else None
        is_same = held is not None and held.version == sequence  # a version is the number of its change
        return SqlChange(sequence, commit, kind, key, body, shape, held if is_same else None)

    def journal(self, after: int = 0, limit: int = 1000, **equal: str) -> list[Entry]:
        """Entries with `seq` > `after`, oldest first."""
        checked_journal(equal, limit)
        statement = self._schema.page(*sorted(equal))
        rows = self._session.run(statement, {"after": after, "most": limit, **_asked(equal)}).fetchall()
        return self._entries_of(rows)

    def journal_tail(self, limit: int = 50, before: int | None = None, **equal: str) -> list[Entry]:
        """The last `limit` entries, oldest first; with `before` the last of those with a smaller `seq`."""
        checked_journal(equal, limit)
        statement = self._schema.tail(*sorted(equal))
        most = {"most": limit, "before": SEQ_MAX if before is None else before}
        rows = self._session.run(statement, {**most, **_asked(equal)}).fetchall()
        return self._entries_of(rows)[::-1]

    def _entries_of(self, rows: Iterable[Sequence[Any]]) -> list[Entry]:
        names = [column.name for column in self._schema.journal.c]
        return [_entry(dict(zip(names, row, strict=True))) for row in rows]


class Made(NamedTuple):
    """A record as it will be stored and read, its body, and the parameters of the statement that writes it."""

    stored: Record
    again: Record
    body: str
    row: dict[str, Any]


class SqlTransaction(SqlView):
    """A view that also writes. Records are written at once; changes and journal entries when it ends."""

    def __init__(self, layout: SqlLayout, session: Session) -> None:
        super().__init__(layout, session)
        self._shared.start(self.moment)
        self._changes: list[dict[str, object]] = []
        self._flushed = 0
        """Changes that are written already."""
        self._entries: list[Entry] = []
        self._written: dict[What, Read] = {}

    @property
    def writes(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self._flushed or self._changes or self._entries)

    @property
    def last_change(self) -> int:
        """The number of the last change, its own included."""
        return self._sequence + self._flushed + len(self._changes)

    def put(self, record: R) -> R:
        """Insert or replace; the record as stored."""
        kind = type(record)
        table, what = self._schema.table(kind), (kind, self._shapes.of(kind).ident(record))
        made = self._row(record)
        done = self._session.run(table.insert if record.version == 0 else table.update, made.row)
        if done.rowcount != 1:
            raise StaleError(stale(record, self._version(table, table.at(what[1]))))
        self._changed(record, made.body)
        self._seen[what], self._written[what] = made.stored, Read(made.again, len(made.body))
        return cast("R", made.stored)

    def put_many(self, records: Iterable[Record]) -> int:
        """Insert or replace very many; their number."""
        self._known = Known()  # what others know of these records is not so any more in here
        left = iter(records)
        count = 0
        while batch := list(islice(left, BATCH)):
            count += len(batch)
            together: dict[tuple[type[Record], bool], list[tuple[Record, dict[str, Any]]]] = {}
            for record in batch:
                made = self._row(record)
                self._changed(record, made.body)
                together.setdefault((type(record), record.version == 0), []).append((record, made.row))
            for (kind, is_new), rows in together.items():
                self._put_batch(kind, rows, is_new=is_new)
            self._session.insert(Write(self._schema.add_change, self._changes))
            self._flushed += len(self._changes)
            self._changes = []
        return count

    def _put_batch(
        self, kind: type[Record], rows: list[tuple[Record, dict[str, Any]]], *, is_new: bool
    ) -> None:
        table, shape = self._schema.table(kind), self._shapes.of(kind)
        for record, _ in rows:
            self._seen.pop((kind, shape.ident(record)), None)
            self._written.pop((kind, shape.ident(record)), None)
        parameters = [row for _, row in rows]
        if is_new:
            done = self._session.insert(Write(table.insert, parameters))
        else:
            done = self._session.write(Write(table.update, parameters))
        if done == len(rows):
            return
        for record, row in rows:
            found = self._version(table, table.at(shape.ident(record)))
            if found != row["new_version"]:
                raise StaleError(stale(record, found))
        raise StaleError(f"a {kind.__name__} is given twice; put each once")

    def _row(self, record: Record) -> "Made":
        kind = type(record)
        shape, table = self._shapes.of(kind), self._schema.table(kind)
        stored = msgspec.structs.replace(record, version=self.last_change + 1)
        encoded, again = shape.kept(stored)
        body = encoded.decode()
        row = table.at(shape.ident(record))
        row["new_version"], row["new_body"] = stored.version, body
        for name, field in table.further:
            row[name] = getattr(record, field)
        if record.version:
            row["seen"] = record.version
        return Made(stored, again, body, row)

    def remove(self, record: Record) -> None:
        """Delete the record that was read."""
        kind = type(record)
        shape, table = self._shapes.of(kind), self._schema.table(kind)
        place = table.at(shape.ident(record))
        done = self._session.run(table.delete, {**place, "seen": record.version})
        if done.rowcount != 1:
            raise StaleError(stale(record, self._version(table, place)))
        self._changed(record, None)
        what = kind, shape.ident(record)
        self._seen[what], self._written[what] = None, Read(None, ABSENT_BYTES)

    def _version(self, table: KindTable, place: dict[str, Any]) -> int | None:
        row = self._session.run(table.version, place).fetchone()
        return row[0] if row is not None else None

    def committed(self) -> None:
        """It stands: what it wrote is known from now on."""
        after = self.epoch, self.last_change
        if self._flushed:
            self._shared.start(after)  # so many records that none of what was known before is worth keeping
        else:
            self._shared.follow(self.moment, after, self._written)

    def note(self, entries: Iterable[Entry]) -> None:
        """Append to the journal."""
        self._entries.extend(entries)

    def _changed(self, record: Record, body: str | None) -> None:
        self._changes.append(
            {
                "a_sequence": self.last_change + 1,
                "a_commit": self._sequence + 1,
                "a_kind": type(record).__name__,
                "a_key": _encode(record.key).decode(),
                "a_body": body,
            }
        )

    def flush(self) -> None:
        """Have the changes and entries written with the commit."""
        if self._changes:
            self._session.last.append(Write(self._schema.add_change, self._changes))
        if self._entries:
            rows = [_row(entry, seq) for seq, entry in enumerate(self._entries, self._last_seq + 1)]
            self._session.last.append(Write(self._schema.add_entry, rows))


def _asked(equal: dict[str, Any]) -> dict[str, Any]:
    return {f"is_{field}": value for field, value in equal.items()}


def _row(entry: Entry, seq: int) -> dict[str, object]:
    row = msgspec.structs.asdict(entry)
    row |= {"seq": seq, "at": entry.at.isoformat(), "body": _encode(entry.body).decode()}
    return {f"a_{name}": value for name, value in row.items()}


def _entry(row: Any) -> Entry:
    return Entry(**{**row, "at": datetime.fromisoformat(row["at"]), "body": _entry_body.decode(row["body"])})
