"""SQL schema: the tables of a store with the statements on them."""

import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from wavetrain.adapters.kinds import Ident, Shape
from wavetrain.adapters.sql_session import Statement, literal

SCHEMA = 11
"""The number of the last migration. A store that is contracted to a higher one does not fit any more."""

REVISION = "0011"
"""The last migration: a store that is expanded less far does not fit yet."""

CLOCKS = {
    "sqlite": "(julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "extract(epoch from clock_timestamp())",
}
"""The store's own clock in seconds since the Unix epoch, by dialect."""

_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TYPES: dict[type, Any] = {str: _TEXT, int: _BIG}
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
CHANGE_COLUMNS = ("sequence", "commit", "kind", "key", "body")


class KindTable:
    """The table of one kind: key columns, index columns, version, body (JSON text)."""

    def __init__(self, shape: Shape, metadata: sa.MetaData, dialect: str) -> None:
        self.shape = shape
        name = _WORD_START.sub("_", shape.name).lower()
        columns = [
            sa.Column(
                column, _TYPES[held], primary_key=column in shape.key, autoincrement=False, nullable=False
            )
            for column, held in shape.columns.items()
        ]
        self.table = table = sa.Table(
            name,
            metadata,
            *columns,
            sa.Column("version", _BIG, nullable=False),
            sa.Column("body", _TEXT, nullable=False),
            *(
                sa.Index(f"{name}_by_{column}", column)
                for column in shape.columns
                if column != shape.key[0]  # the primary key's own index begins with it
            ),
        )
        self._at_key = [table.c[column] == sa.bindparam(f"at_{column}") for column in shape.key]
        self._at_names = tuple(f"at_{column}" for column in shape.key)
        self.further = tuple((f"new_{column}", column) for column in shape.columns if column not in shape.key)
        """The parameters of the index columns, each with the field that it is taken from."""
        self._seen = table.c.version == sa.bindparam("seen")
        self._written: dict[str, Any] = {
            column.name: sa.bindparam(f"new_{column.name}")
            for column in table.c
            if column.name not in shape.key
        }
        self._dialect = dialect
        self.find = cache(self._find)

    # Compiled when they are first asked for: most openings of a store use few kinds.

    @cached_property
    def insert(self) -> Statement:
        """Into an empty place; no row where it is taken."""
        keyed: dict[str, Any] = {column: sa.bindparam(f"at_{column}") for column in self.shape.key}
        insert: Any = _INSERTS[self._dialect](self.table)
        return Statement(insert.values(**keyed, **self._written).on_conflict_do_nothing(), self._dialect)

    @cached_property
    def update(self) -> Statement:
        """The version that was seen; no row where it is another."""
        changed = self.table.update().where(*self._at_key, self._seen).values(**self._written)
        return Statement(changed, self._dialect)

    @cached_property
    def delete(self) -> Statement:
        """The version that was seen; no row where it is another."""
        return Statement(self.table.delete().where(*self._at_key, self._seen), self._dialect)

    @cached_property
    def get(self) -> Statement:
        """The body under a key."""
        return Statement(sa.select(self.table.c.body).where(*self._at_key), self._dialect)

    @cached_property
    def version(self) -> Statement:
        """The version under a key."""
        return Statement(sa.select(self.table.c.version).where(*self._at_key), self._dialect)

    def at(self, ident: Ident) -> dict[str, Any]:
        """The parameters that name one record."""
        names = self._at_names
        return {names[0]: ident} if len(names) == 1 else dict(zip(names, ident, strict=True))

    def _find(self, *fields: str) -> Statement:
        """Bodies in key order; the given fields must equal the parameters `is_<field>`."""
        table = self.table
        chosen = (
            sa.select(table.c.body)
            .where(*(table.c[field] == sa.bindparam(f"is_{field}") for field in fields))
            .order_by(*(table.c[column] for column in self.shape.key))
        )
        return Statement(chosen, self._dialect)


def _insert(table: sa.Table) -> sa.Insert:
    """One row, its values under the names of its columns."""
    return table.insert().values({column.name: sa.bindparam(f"a_{column.name}") for column in table.c})


class Schema:
    """All tables of a store in one SQL dialect."""

    def __init__(self, shapes: Iterable[Shape], dialect: str) -> None:
        self.dialect = dialect
        self.metadata = metadata = sa.MetaData()
        self.meta = sa.Table(
            "meta",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("schema", sa.Integer, nullable=False),
            sa.Column("epoch", _BIG, nullable=False),
            sa.Column("holder", _TEXT, nullable=False),
            sa.Column("expires_at", sa.Double(), nullable=False),
        )
        """One row: who writes, under which epoch, and until when nobody else may take that over (0: no lease)."""
        self.revision = sa.Table(
            "alembic_version",
            metadata,
            sa.Column("version_num", sa.String(32), primary_key=True),
        )
        self.change = sa.Table(
            "change",
            metadata,
            sa.Column("sequence", _BIG, primary_key=True, autoincrement=False),
            sa.Column("commit", _BIG, nullable=False),
            sa.Column("kind", _TEXT, nullable=False),
            sa.Column("key", _TEXT, nullable=False),
            sa.Column("body", _TEXT),
        )
        self.journal = sa.Table(
            "journal",
            metadata,
            sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
            sa.Column("at", _TEXT, nullable=False),
            *(
                sa.Column(name, _TEXT, nullable=False)
                for name in ("who", "kind", "subject", "rollout", "facts", "decider", "text", "body")
            ),
            sa.Index("journal_by_subject", "subject", "seq"),
            sa.Index("journal_by_rollout", "rollout", "seq"),
        )
        self._tables = {shape.kind: KindTable(shape, metadata, dialect) for shape in shapes}
        self.clock: sa.ColumnElement[float] = sa.literal_column(CLOCKS[dialect], sa.Float())
        self.oldest_change = Statement(sa.select(sa.func.min(self.change.c.sequence)), dialect)
        changes = (
            sa.select(*(self.change.c[name] for name in CHANGE_COLUMNS))
            .where(self.change.c.sequence > sa.bindparam("after"))
            .order_by(self.change.c.sequence)
        )
        self.changes = Statement(changes, dialect)
        self.add_change = Statement(_insert(self.change), dialect)
        self.add_entry = Statement(_insert(self.journal), dialect)
        lease: dict[str, Any] = {
            name: sa.bindparam(f"new_{name}") for name in ("epoch", "holder", "expires_at")
        }
        self.lease = Statement(self.meta.update().values(lease), dialect)
        self.expires_at = Statement(sa.select(self.meta.c.expires_at).where(self.meta.c.id == 1), dialect)
        self.page = cache(self._page)
        self.tail = cache(self._tail)

    def table(self, kind: type) -> KindTable:
        """The table of a kind that the store keeps."""
        return self._tables[kind]

    def head(self, ledger: type, key: str) -> str:
        """In one statement: the clock, the last change and journal entry, the epoch with its holder, the ledger."""
        kept = self._tables[ledger].table
        chosen = sa.select(
            self.clock,
            sa.select(sa.func.coalesce(sa.func.max(self.change.c.sequence), 0)).scalar_subquery(),
            sa.select(sa.func.coalesce(sa.func.max(self.journal.c.seq), 0)).scalar_subquery(),
            self.meta.c.epoch,
            self.meta.c.holder,
            sa.select(kept.c.body).where(kept.c.name == key).scalar_subquery(),
        ).where(self.meta.c.id == 1)
        return literal(chosen, self.dialect)

    def _page(self, *fields: str) -> Statement:
        table = self.journal
        chosen = (
            sa.select(table)
            .where(table.c.seq > sa.bindparam("after"), *self._entries(fields))
            .order_by(table.c.seq)
            .limit(sa.bindparam("most"))
        )
        return Statement(chosen, self.dialect)

    def _tail(self, *fields: str) -> Statement:
        table = self.journal
        chosen = (
            sa.select(table)
            .where(table.c.seq < sa.bindparam("before"), *self._entries(fields))
            .order_by(table.c.seq.desc())
            .limit(sa.bindparam("most"))
        )
        return Statement(chosen, self.dialect)

    def _entries(self, fields: Iterable[str]) -> list[sa.ColumnElement[bool]]:
        return [self.journal.c[field] == sa.bindparam(f"is_{field}") for field in fields]

    def misfits(self, existing: Mapping[str, set[str]]) -> list[str]:
        """The tables, among those that exist with these columns, that lack some of this schema's."""
        return [
            table.name
            for table in self.metadata.sorted_tables
            if table.name in existing and not existing[table.name] >= {column.name for column in table.c}
        ]
