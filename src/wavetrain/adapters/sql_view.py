"""SQL view: what a transaction on a SQL store reads and writes."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar, cast

import msgspec
import sqlalchemy as sa

from wavetrain.adapters.kinds import Shapes
from wavetrain.adapters.sql_schema import Schema
from wavetrain.adapters.store_rules import checked_journal, stale, trimmed
from wavetrain.errors import RefusedError, StaleError
from wavetrain.model.journal import Entry
from wavetrain.model.ledger import LEDGER, Ledger
from wavetrain.model.record import Record

R = TypeVar("R", bound=Record)

_encode = msgspec.json.Encoder().encode
_key_of = msgspec.json.Decoder(tuple[str, ...])
_entry_body = msgspec.json.Decoder(dict[str, object])


class SqlChange(msgspec.Struct, frozen=True):
    """One record that a commit wrote."""

    sequence: int
    commit: int
    kind: str
    key: tuple[str, ...]
    body: bytes | None


class SqlLayout:
    """What views of one store share: shapes, tables, statements, the clock if it is not the store's own."""

    def __init__(self, shapes: Shapes, dialect: str, clock: Callable[[], float] | None) -> None:
        self.shapes = shapes
        self.schema = Schema(shapes, dialect)
        self.clock = clock
        self.head = self.schema.head(Ledger, LEDGER)


class SqlView:
    """A consistent picture, for as long as its connection's transaction."""

    def __init__(self, layout: SqlLayout, connection: sa.Connection) -> None:
        self._shapes = layout.shapes
        self._schema = layout.schema
        self._connection = connection
        steady, sequence, epoch, holder, ledger = connection.execute(layout.head).one()
        self._sequence, self.epoch, self.holder = sequence, epoch, holder
        self._steady = float(steady) if layout.clock is None else layout.clock()
        self._jumped_s = self._shapes.of(Ledger).decode(ledger).jumped_s if ledger is not None else 0.0

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
        return self._sequence

    def get(self, kind: type[R], *key: str) -> R | None:
        """The record under `key`, or None."""
        shape = self._shapes.of(kind)
        ident = shape.parsed(key)
        if ident is None:
            return None
        table = self._schema.table(kind)
        body = self._connection.execute(table.get, table.at(ident)).scalar()
        return cast(R, shape.decode(body)) if body is not None else None

    def find(self, kind: type[R], **equal: str | int) -> list[R]:
        """Every record whose key or index fields equal the given values, in key order."""
        shape = self._shapes.of(kind)
        shape.checked(equal)
        statement = self._schema.table(kind).find(*sorted(equal))
        return [shape.decode(body) for (body,) in self._connection.execute(statement, _asked(equal))]

    def changes(self, after: int) -> list[SqlChange]:
        """The changes after a number, oldest first; `StaleError` if some of them were trimmed."""
        oldest = self._connection.execute(self._schema.oldest_change).scalar()
        if oldest is not None and after < oldest - 1:
            raise StaleError(trimmed(after, oldest))
        rows = self._connection.execute(self._schema.changes, {"after": after})
        return [
            SqlChange(
                sequence, commit, kind, _key_of.decode(key), body.encode() if body is not None else None
            )
            for sequence, commit, kind, key, body in rows
        ]

    def journal(self, after: int = 0, limit: int = 1000, **equal: str) -> list[Entry]:
        """Entries with `seq` > `after`, oldest first."""
        checked_journal(equal, limit)
        statement = self._schema.page(*sorted(equal))
        rows = self._connection.execute(statement, {"after": after, "most": limit, **_asked(equal)})
        return [_entry(row) for row in rows.mappings()]

    def journal_tail(self, limit: int = 50, **equal: str) -> list[Entry]:
        """The last `limit` entries, oldest first."""
        checked_journal(equal, limit)
        statement = self._schema.tail(*sorted(equal))
        rows = self._connection.execute(statement, {"most": limit, **_asked(equal)})
        return [_entry(row) for row in rows.mappings()][::-1]


class SqlTransaction(SqlView):
    """A view that also writes. Records are written at once; changes and journal entries when it ends."""

    def __init__(self, layout: SqlLayout, connection: sa.Connection) -> None:
        super().__init__(layout, connection)
        self._changes: list[dict[str, object]] = []
        self._entries: list[Entry] = []

    @property
    def writes(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self._changes or self._entries)

    @property
    def last_change(self) -> int:
        """The number of the last change, its own included."""
        return self._sequence + len(self._changes)

    def put(self, record: R) -> R:
        """Insert or replace; the record as stored."""
        kind = type(record)
        shape, table = self._shapes.of(kind), self._schema.table(kind)
        stored = msgspec.structs.replace(record, version=self.last_change + 1)
        body = _encode(stored).decode()
        try:
            shape.decode(body)
        except msgspec.ValidationError as error:
            raise RefusedError(
                f"{kind.__name__} {'/'.join(record.key)} could not be read again once kept ({error}); "
                f"give every field a finite value of its declared type"
            ) from error
        place = table.at(shape.ident(record))
        values: dict[str, object] = {"new_version": stored.version, "new_body": body}
        for column in shape.columns:
            if column not in shape.key:
                values[f"new_{column}"] = getattr(record, column)
        if record.version == 0:
            done = self._connection.execute(table.insert, {**place, **values})
        else:
            done = self._connection.execute(table.update, {**place, **values, "seen": record.version})
        if done.rowcount != 1:
            raise StaleError(stale(record, self._connection.execute(table.version, place).scalar()))
        self._changed(record, body)
        return stored

    def remove(self, record: Record) -> None:
        """Delete the record that was read."""
        kind = type(record)
        shape, table = self._shapes.of(kind), self._schema.table(kind)
        place = table.at(shape.ident(record))
        done = self._connection.execute(table.delete, {**place, "seen": record.version})
        if done.rowcount != 1:
            raise StaleError(stale(record, self._connection.execute(table.version, place).scalar()))
        self._changed(record, None)

    def note(self, entries: Iterable[Entry]) -> None:
        """Append to the journal."""
        self._entries.extend(entries)

    def _changed(self, record: Record, body: str | None) -> None:
        self._changes.append(
            {
                "sequence": self.last_change + 1,
                "commit": self._sequence + 1,
                "kind": type(record).__name__,
                "key": _encode(record.key).decode(),
                "body": body,
            }
        )

    def flush(self) -> None:
        """Write down the changes and entries; the last step before the commit."""
        if self._changes:
            self._connection.execute(self._schema.change.insert(), self._changes)
        if self._entries:
            last = self._connection.execute(self._schema.last_seq).scalar_one()
            rows = [_row(entry, seq) for seq, entry in enumerate(self._entries, last + 1)]
            self._connection.execute(self._schema.journal.insert(), rows)


def _asked(equal: dict[str, Any]) -> dict[str, Any]:
    return {f"is_{field}": value for field, value in equal.items()}


def _row(entry: Entry, seq: int) -> dict[str, object]:
    row = msgspec.structs.asdict(entry)
    return {**row, "seq": seq, "at": entry.at.isoformat(), "body": _encode(entry.body).decode()}


def _entry(row: Any) -> Entry:
    return Entry(**{**row, "at": datetime.fromisoformat(row["at"]), "body": _entry_body.decode(row["body"])})
