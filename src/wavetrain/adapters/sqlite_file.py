"""SQLite file: how is it opened, with which durability, and what do its errors mean?"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from wavetrain.adapters.file_lock import FileLock
from wavetrain.adapters.sql_session import Write, write_rows
from wavetrain.errors import UnreachableError

CONNECTIONS_MAX = 64
"""Transactions open at once; each has a connection of its own."""

CONNECTIONS_KEPT = 8
CONNECTION_WAIT_S = 10.0
BUSY_S = 5.0
"""How long a transaction waits for another *process* that writes; threads of this one queue at the turnstile."""

WAL_BYTES_KEPT = 64 * 1024 * 1024

PRAGMAS = (
    # FULL, not NORMAL: with NORMAL a power cut takes back the last commits, and a generation that a node was
    # already told would be given out a second time with another release. FULL costs one fsync per commit.
    "PRAGMA synchronous = FULL",
    f"PRAGMA journal_size_limit = {WAL_BYTES_KEPT}",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
)

_WAYS_OUT = (
    ("disk is full", "the disk is full; free some space"),
    ("disk i/o error", "the file could not be written; check the disk's space, quota and health"),
    ("readonly", "the file may not be written; give this user write access to it and its folder"),
    ("locked", "another process has been writing for too long; stop it"),
    ("unable to open", "the file cannot be opened; make its folder exist and writable"),
    ("not a database", "this is no SQLite file; name another, or restore a backup"),
    ("malformed", "the file is damaged; restore a backup"),
)


class SqliteFile:
    """A `Place` in a file: a connection per transaction, BEGIN by hand, write-ahead log.

    With a `holder` the file is locked for this process; `LockedError` if another has it.
    """

    dialect = "sqlite"

    def __init__(self, file: Path, busy_s: float, holder: str | None) -> None:
        self.file = file
        self.name = str(file)
        self._lock = FileLock(file, holder) if holder is not None else None
        self.engine = _engine(file, busy_s)

    def begin(self, cursor: Any, head: str, *, writes: bool) -> Any:
        """Open a transaction and read its head."""
        cursor.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        return cursor.execute(head).fetchone()

    def write(self, cursor: Any, write: Write) -> int:
        """Write many rows of one statement; how many of them changed anything."""
        write_rows(cursor, write)
        return int(cursor.rowcount)

    insert = write

    def finish(self, cursor: Any, last: Sequence[Write]) -> None:
        """Write the last rows and commit."""
        for write in last:
            write_rows(cursor, write)
        cursor.execute("COMMIT")

    def undo(self, cursor: Any) -> None:
        """Take a transaction back."""
        cursor.execute("ROLLBACK")

    def evict(self) -> None:
        """Nothing to do: the operating system keeps a file's lock for as long as its process lives."""

    def explained(self) -> AbstractContextManager[None]:
        """Say of SQLite's errors which file they concern and what to do."""
        return explained(self.file)

    def let_go(self) -> None:
        """Close the connections and let go of the lock."""
        self.engine.dispose()
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _engine(file: Path, busy_s: float) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=str(file)),
        poolclass=QueuePool,
        pool_size=CONNECTIONS_KEPT,
        max_overflow=CONNECTIONS_MAX - CONNECTIONS_KEPT,
        pool_timeout=CONNECTION_WAIT_S,
        pool_reset_on_return=None,
        connect_args={"timeout": busy_s, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver opens no transactions of its own; `_begin` does
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != ("wal",):
        raise UnreachableError(
            f"the file system offers no write-ahead log (journal mode {mode}); put the store on a local disk"
        )
    for pragma in PRAGMAS:
        connection.execute(pragma)


def _begin(connection: sa.Connection) -> None:
    """For making tables one process at a time; with the option `reads` for one consistent picture."""
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Say of SQLite's errors which file they concern and what to do."""
    try:
        yield
    except PoolTimeoutError as error:
        raise UnreachableError(
            f"store {file}: {CONNECTIONS_MAX} transactions have been open for {CONNECTION_WAIT_S:g} s; "
            f"keep slow work out of them"
        ) from error
    except (DBAPIError, sqlite3.Error) as error:
        said = str(error.orig if isinstance(error, DBAPIError) else error)
        way_out = next(
            (text for sign, text in _WAYS_OUT if sign in said.lower()), "see SQLite's own words, and the disk"
        )
        raise UnreachableError(
            f"store {file}: {way_out} ({said}). Nothing of this transaction was kept; then try again"
        ) from error
