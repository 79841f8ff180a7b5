"""SQL session: how does a statement get to the driver, and a transaction to its end?"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import Dialect

DIALECTS: dict[str, Dialect] = {
    "sqlite": sqlite.dialect(paramstyle="qmark"),
    "postgresql": postgresql.dialect(paramstyle="pyformat"),  # type: ignore[no-untyped-call]
}


class Statement:
    """One statement of SQLAlchemy's, compiled once: the engine's own way of running it costs many times the driver's.

    Only text, numbers and null go in and come out, which both drivers hand over as they are.
    """

    def __init__(self, clause: sa.ClauseElement, dialect: str) -> None:
        table = getattr(clause, "table", None)
        self.table: Any = table
        """What it inserts into, where it does."""
        compiled: Any = clause.compile(dialect=DIALECTS[dialect])
        self.text = str(compiled)
        self._fixed: dict[str, Any] = {
            name: bind.value for name, bind in compiled.binds.items() if not bind.required
        }
        positions = compiled.positiontup if compiled.positional else None
        self._order = tuple(positions) if positions is not None else None

    def rows(self, given: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        """The values of an insert in the order of its table's columns, whichever part of a row each is named after."""
        ways = [(f"a_{column.name}", f"at_{column.name}", f"new_{column.name}") for column in self.table.c]
        names = [next(name for name in three if name in given[0]) for three in ways]
        return [[row[name] for name in names] for row in given]

    def values(self, given: Mapping[str, Any]) -> Any:
        """The parameters as the driver takes them."""
        if self._order is None:
            return {**self._fixed, **given}
        fixed = self._fixed
        return tuple([given[name] if name in given else fixed[name] for name in self._order])


def literal(clause: sa.ClauseElement, dialect: str) -> str:
    """A statement of our own words alone, its values written out."""
    return str(clause.compile(dialect=DIALECTS[dialect], compile_kwargs={"literal_binds": True}))


class Write(NamedTuple):
    """Rows that one statement writes."""

    statement: Statement
    rows: Sequence[Mapping[str, Any]]


class Place(Protocol):
    """Where a SQL store is: one file, or one database of a server."""

    name: str
    """For people; never with a password."""
    dialect: str
    engine: sa.Engine

    def begin(self, cursor: Any, head: str, *, writes: bool) -> Any:
        """Open a transaction; the one row of `head`, read in it.

        Writers queue here, before they have read anything: nothing that they read can be outrun.
        """
        ...

    def write(self, cursor: Any, write: "Write") -> int:
        """Write many rows of one statement; how many of them changed anything."""
        ...

    def insert(self, cursor: Any, write: "Write") -> int:
        """Insert many rows where their places are free; how many were."""
        ...

    def finish(self, cursor: Any, last: Sequence["Write"]) -> None:
        """Write the last rows of a transaction, and commit it."""
        ...

    def undo(self, cursor: Any) -> None:
        """Take a transaction back."""
        ...

    def evict(self) -> None:
        """End the transactions of writers that keep the others out and wait for a process that says nothing."""
        ...

    def explained(self) -> Any:
        """A context that says of the driver's errors which place they concern and what to do."""
        ...

    def let_go(self) -> None:
        """Close the connections, and let go of what is locked."""
        ...


class Session:
    """One transaction on one connection."""

    def __init__(self, place: Place, cursor: Any, head: Any) -> None:
        self._place = place
        self._cursor = cursor
        self.head = head
        """The row that was read when it was opened."""
        self.last: list[Write] = []
        """Written in one go with the commit."""

    def write(self, write: Write) -> int:
        """Write many rows of one statement now; how many of them changed anything."""
        return self._place.write(self._cursor, write)

    def insert(self, write: Write) -> int:
        """Insert many rows now; how many of their places were free."""
        return self._place.insert(self._cursor, write)

    def run(self, statement: Statement, given: Mapping[str, Any] = {}) -> Any:
        """Run it; the driver's cursor with the rows and their count, good until the next statement."""
        self._cursor.execute(statement.text, statement.values(given))
        return self._cursor

    @property
    def cursor(self) -> Any:
        """The driver's own, for what only one of them can do."""
        return self._cursor


def write_rows(cursor: Any, write: Write) -> None:
    """One after the other, in one call where there are several."""
    values = [write.statement.values(row) for row in write.rows]
    if len(values) == 1:
        cursor.execute(write.statement.text, values[0])
    else:
        cursor.executemany(write.statement.text, values)


@contextmanager
def session(place: Place, head: str, *, writes: bool) -> Iterator[Session]:
    """A transaction: committed when the context ends without an error, else undone."""
    with place.explained():
        pooled = place.engine.raw_connection()
        is_sound = False
        try:
            cursor: Any = pooled.cursor()
            try:
                opened = Session(place, cursor, place.begin(cursor, head, writes=writes))
                yield opened
                place.finish(cursor, opened.last)
            except BaseException:
                with suppress(Exception):
                    place.undo(cursor)
                    is_sound = True
                raise
            is_sound = True
        finally:
            if not is_sound:
                # what became of the connection is unknown: its transaction must not go on behind a later one
                pooled.invalidate()
            pooled.close()
