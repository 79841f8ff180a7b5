"""SQL store: the records of one control plane in a SQLite file."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from wavetrain.adapters.commit_bell import CommitBell
from wavetrain.adapters.file_lock import FileLock
from wavetrain.adapters.kinds import Shapes
from wavetrain.adapters.sql_schema import SCHEMA
from wavetrain.adapters.sql_view import SqlLayout, SqlTransaction, SqlView
from wavetrain.adapters.sqlite_file import BUSY_S, explained, open_engine
from wavetrain.adapters.store_rules import (
    CHANGES_KEPT,
    JOURNAL_KEPT,
    WRITE_WAIT_S,
    checked_trim,
    stale_epoch,
)
from wavetrain.adapters.turnstile import Turnstile
from wavetrain.errors import RefusedError, StaleError, UnreachableError
from wavetrain.model.record import Record

TRIM_BATCH = 10_000
"""Rows that one transaction of a trim removes, so that other writers get their turn between."""


class SqlStore:
    """The store in a SQLite file: optimistic versions, an epoch in every commit, safe under threads.

    With `exclusive` the file is locked for this process (`LockedError` if another has it, named by its `holder`).
    `clock` (seconds since the Unix epoch) takes the place of the database's own where time is rehearsed.
    `busy_s` is how long a transaction waits for another process that writes.
    A process that never called `take` writes under the epoch that it found.
    Raises `UnreachableError` when the file cannot be used, `RefusedError` when its schema is another.
    """

    def __init__(
        self,
        file: str | Path,
        *,
        exclusive: bool = False,
        holder: str = "",
        clock: Callable[[], float] | None = None,
        busy_s: float = BUSY_S,
        extra: Iterable[type[Record]] = (),
    ) -> None:
        self._file = Path(file)
        self._layout = SqlLayout(Shapes(extra), "sqlite", clock)
        self._turnstile = Turnstile()
        self._closed = False
        self._lock = FileLock(self._file, holder) if exclusive else None
        self._engine = open_engine(self._file, busy_s)
        try:
            with self._connected(writes=True) as connection:
                self._prepare(connection)
                head = SqlView(self._layout, connection)
        except BaseException:
            self._let_go()
            raise
        self._epoch = head.epoch
        self._bell = CommitBell(head.sequence)

    @contextmanager
    def read(self) -> Iterator[SqlView]:
        """A consistent picture; neither waits for writers nor makes them wait."""
        with self._connected(writes=False) as connection:
            yield SqlView(self._layout, connection)

    @contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        """A transaction under this process's epoch, committed when the context ends without an error."""
        with self._turn(), self._connected(writes=True) as connection:
            transaction = SqlTransaction(self._layout, connection)
            if transaction.epoch != self._epoch:
                raise StaleError(stale_epoch(self._epoch, transaction.epoch, transaction.holder))
            yield transaction
            transaction.flush()
        if transaction.writes:
            self._bell.ring(transaction.last_change)

    def take(self, holder: str) -> int:
        """Become the writer: raise the epoch by one, and return it."""
        meta = self._layout.schema.meta
        with self._turn(), self._connected(writes=True) as connection:
            epoch = connection.execute(sa.select(meta.c.epoch)).scalar_one() + 1
            connection.execute(meta.update().values(epoch=epoch, holder=holder))
        self._epoch = epoch
        return int(epoch)

    def wait_change(self, after: int, timeout_s: float) -> int:
        """Wait for a change after `after` by this process; the number of the last one."""
        return self._bell.wait(after, timeout_s)

    def wake(self) -> int:
        """Let all who wait for a change return now."""
        return self._bell.wake()

    def on_commit(self, listener: Callable[[int], None]) -> Callable[[], None]:
        """Call it after each commit of this process, in the committing thread; returns how to stop that."""
        return self._bell.listen(listener)

    def trim(self, keep_changes: int = CHANGES_KEPT, keep_journal: int = JOURNAL_KEPT) -> tuple[int, int]:
        """Forget all but the last so many changes and journal entries; how many of each went."""
        checked_trim(keep_changes, keep_journal)
        schema = self._layout.schema
        return (
            self._trim(schema.change.c.sequence, keep_changes),
            self._trim(schema.journal.c.seq, keep_journal),
        )

    def close(self) -> None:
        """Let go of the file and its lock; a second call does nothing."""
        if not self._closed:
            self._bell.close()
            self._let_go()

    def _let_go(self) -> None:
        self._closed = True
        self._engine.dispose()
        if self._lock is not None:
            self._lock.release()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._turnstile.turn(f"store {self._file}", WRITE_WAIT_S):
            yield

    @contextmanager
    def _connected(self, *, writes: bool) -> Iterator[sa.Connection]:
        if self._closed:
            raise UnreachableError(f"store {self._file} is closed; open it again")
        with explained(self._file), self._engine.connect() as plain:
            connection = plain.execution_options(writes=writes)
            with connection.begin():
                yield connection

    def _prepare(self, connection: sa.Connection) -> None:
        """Make the tables that are missing; refuse a file of another program or another schema."""
        schema = self._layout.schema
        inspector = sa.inspect(connection)
        existing = {
            name: {column["name"] for column in inspector.get_columns(name)}
            for name in inspector.get_table_names()
        }
        if not existing:
            schema.metadata.create_all(connection)
            connection.execute(schema.meta.insert().values(id=1, schema=SCHEMA, epoch=0, holder=""))
            return
        if "meta" not in existing or "schema" not in existing["meta"]:
            raise RefusedError(
                f"{self._file} holds another program's tables; name a file of its own for the store"
            )
        found = connection.execute(sa.select(schema.meta.c.schema)).scalar_one_or_none()
        if found != SCHEMA:
            raise RefusedError(
                f"{self._file} was written with schema {found}, this version of wavetrain uses schema {SCHEMA}; "
                f"start the version that wrote it, or name another file"
            )
        misfits = schema.misfits(existing)
        if misfits:
            raise RefusedError(
                f"{self._file} has other columns than this version of wavetrain in {', '.join(misfits)}; "
                f"start the version that wrote it, or name another file"
            )
        schema.metadata.create_all(connection)

    def _trim(self, number: sa.Column[int], keep: int) -> int:
        gone = 0
        while True:
            with self._turn(), self._connected(writes=True) as connection:
                first, last = connection.execute(
                    sa.select(sa.select(sa.func.min(number)).scalar_subquery(), sa.func.max(number))
                ).one()
                until = min(last - keep, first + TRIM_BATCH - 1) if last is not None else 0
                if last is None or until < first:
                    return gone
                gone += connection.execute(sa.delete(number.table).where(number <= until)).rowcount
