"""PostgreSQL server: how is a database of it opened, with which promises, and what do its errors mean?"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from wavetrain.adapters.sql_session import Write, write_rows
from wavetrain.adapters.sqlite_file import CONNECTION_WAIT_S, CONNECTIONS_KEPT
from wavetrain.errors import RefusedError, UnreachableError

SCHEMES = ("postgresql", "postgres")
CONNECTIONS_MAX = 32
CONNECT_S = 5
WRITER_IDLE_MS = 3_000
"""The server ends a writer that says nothing for so long: a frozen process must not keep the others out."""
READER_IDLE_MS = 60_000
STATEMENT_MS = 60_000
META_LOCK = 7_261_873
"""The advisory lock under which the tables are made."""

COPY_FROM = 100
"""Rows from which on COPY is worth its own round trip."""

_PASSWORD = re.compile(r"(?<=://)(?P<user>[^:/@]*):.*@", re.DOTALL)

_PICTURE = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
    f"SET LOCAL idle_in_transaction_session_timeout = {READER_IDLE_MS}"
)
_BEGIN_READ = f"{_PICTURE}; EXECUTE wavetrain_head"
# The row is locked before anything is read, in a statement of its own: what the next statement reads is then newer
# than the commit of whoever held the row before.
_LOCK = "SELECT 1 FROM meta WHERE id = 1 FOR UPDATE"
_BEGIN_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED; EXECUTE wavetrain_lock; EXECUTE wavetrain_head"

# Neither timeout ends a writer that was frozen in the middle of a COPY or of a pipeline: the server counts it as busy
# while it waits for the rest. Only a backend that waits for its client, inside a writer's transaction, is ended.
_EVICT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_locks USING (pid) "
    "WHERE relation = 'meta'::regclass AND mode = 'RowShareLock' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND wait_event_type = 'Client' AND pid <> pg_backend_pid()"
)

_WAYS_OUT = (
    ("lock timeout", "another process has been writing for too long; stop it"),
    (
        "idle-in-transaction timeout",
        "this process was silent for too long inside a transaction, and lost its turn",
    ),
    ("disk", "the server's disk is full; free some space"),
    ("no space left", "the server's disk is full; free some space"),
    ("too many connections", "raise max_connections of the server, or end what else connects"),
    ("password authentication failed", "correct the user or the password (PGPASSWORD, or a .pgpass file)"),
    ("does not exist", "make the database: createdb NAME"),
    ("permission denied", "give the user the rights to make and write tables in this database"),
    ("read-only transaction", "this server is a replica; name the primary"),
    ("connection refused", "start the server, or correct its address"),
    ("no such file or directory", "start the server, or correct its address"),
    ("terminating connection", "the server ended the connection; it is opened again with the next try"),
    ("closed the connection", "the server ended the connection; it is opened again with the next try"),
)


class PostgresqlServer:
    """A `Place` on a server. `url` is `postgresql://USER@HOST/DATABASE`, or with `?host=/folder` for a unix socket."""

    dialect = "postgresql"

    def __init__(self, url: str, busy_s: float) -> None:
        try:
            given = sa.make_url(url)
        except (sa.exc.ArgumentError, ValueError):
            raise RefusedError("the store's url is no url; give postgresql://USER@HOST/DATABASE") from None
        if given.drivername not in SCHEMES:
            raise RefusedError(
                f"the store's url begins with {given.drivername}://; give postgresql://USER@HOST/DATABASE"
            )
        if "@" in (given.host or ""):
            raise RefusedError("the store's url has more than one @; write the one in the password as %40")
        parsed = given.set(drivername="postgresql+psycopg")
        if not parsed.database:
            raise RefusedError(f"{shown(url)} names no database; give postgresql://USER@HOST/DATABASE")
        self.name = shown(url)
        settings = {
            "synchronous_commit": "on",
            "timezone": "UTC",
            "idle_in_transaction_session_timeout": WRITER_IDLE_MS,
            "lock_timeout": round(busy_s * 1000),
            "statement_timeout": STATEMENT_MS,
        }
        self.engine = sa.create_engine(
            parsed,
            poolclass=QueuePool,
            pool_size=CONNECTIONS_KEPT,
            max_overflow=CONNECTIONS_MAX - CONNECTIONS_KEPT,
            pool_timeout=CONNECTION_WAIT_S,
            pool_reset_on_return=None,
            connect_args={
                "connect_timeout": CONNECT_S,
                "application_name": "wavetrain",
                "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
            },
        )
        self._prepared: WeakSet[Any] = WeakSet()  # the connections that know the statements of `begin`
        event.listen(self.engine, "connect", _by_hand)
        event.listen(self.engine, "begin", _begin)

    def begin(self, cursor: Any, head: str, *, writes: bool) -> Any:
        """Open a transaction and read its head, in one round trip.

        A connection prepares both statements once: to plan them takes the server longer than all the rest.
        """
        if cursor.connection not in self._prepared:
            cursor.execute(f"PREPARE wavetrain_lock AS {_LOCK}; PREPARE wavetrain_head AS {head}")
            self._prepared.add(cursor.connection)
        cursor.execute(_BEGIN_WRITE if writes else _BEGIN_READ)
        cursor.set_result(-1)
        return cursor.fetchone()

    def write(self, cursor: Any, write: Write) -> int:
        """Write many rows of one statement, in one pipeline; how many of them changed anything."""
        write_rows(cursor, write)
        return int(cursor.rowcount)

    def insert(self, cursor: Any, write: Write) -> int:
        """Insert many rows where their places are free; how many were. By COPY beside the table, then into it."""
        table = write.statement.table
        cursor.execute(
            f'CREATE TEMP TABLE IF NOT EXISTS "bulk_{table.name}" (LIKE "{table.name}") ON COMMIT DROP'
        )
        copy_rows(cursor, table, write.statement.rows(write.rows), into=f"bulk_{table.name}")
        cursor.execute(
            f'INSERT INTO "{table.name}" SELECT * FROM "bulk_{table.name}" ON CONFLICT DO NOTHING'  # noqa: S608
        )
        count = int(cursor.rowcount)
        cursor.execute(f'TRUNCATE "bulk_{table.name}"')
        return count

    def finish(self, cursor: Any, last: Sequence[Write]) -> None:
        """Write the last rows and commit, in one round trip; many rows by COPY."""
        if not last:
            cursor.execute("COMMIT")
            return
        many = [write for write in last if len(write.rows) >= COPY_FROM]
        for write in many:
            copy_rows(cursor, write.statement.table, write.statement.rows(write.rows))
        with cursor.connection.pipeline():
            for write in last:
                if write not in many:
                    write_rows(cursor, write)
            cursor.execute("COMMIT")

    def undo(self, cursor: Any) -> None:
        """Take a transaction back, with all that was prepared: the driver drops it at a ROLLBACK anyway."""
        self._prepared.discard(cursor.connection)
        cursor.execute("ROLLBACK; DEALLOCATE ALL")

    def evict(self) -> None:
        """End the transactions of writers that keep the others out and wait for a process that says nothing."""
        with self.explained():
            pooled = self.engine.raw_connection()
            try:
                pooled.cursor().execute(_EVICT)
            finally:
                pooled.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Say of the server's errors which database they concern and what to do."""
        import psycopg

        try:
            yield
        except PoolTimeoutError as error:
            raise UnreachableError(
                f"store {self.name}: {CONNECTIONS_MAX} transactions have been open for {CONNECTION_WAIT_S:g} s; "
                f"keep slow work out of them"
            ) from error
        except (DBAPIError, psycopg.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            said = " ".join(str(cause).split())
            if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
                self.engine.dispose()  # the other connections are as dead as this one
            if isinstance(cause, psycopg.DataError):
                raise RefusedError(f"store {self.name} cannot keep this text ({said}); correct it") from error
            way_out = next(
                (text for sign, text in _WAYS_OUT if sign in said.lower()),
                "see PostgreSQL's own words and its log",
            )
            raise UnreachableError(
                f"store {self.name}: {way_out} ({said}). Nothing of this transaction was kept; then try again"
            ) from error

    def let_go(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def unhurried(connection: sa.Connection) -> None:
    """Let this transaction be as silent as one that only reads: who fills or alters a whole store thinks for longer
    between two statements than a writer may, and nobody else works on it meanwhile.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"SET LOCAL idle_in_transaction_session_timeout = {READER_IDLE_MS}"))


def copy_rows(cursor: Any, table: sa.Table, rows: Sequence[Sequence[Any]], into: str = "") -> None:
    """COPY rows, in the order of the table's columns, into it, or into another one of the same columns."""
    names = ", ".join(f'"{column.name}"' for column in table.c)
    with cursor.copy(f'COPY "{into or table.name}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)


def shown(url: str) -> str:
    """The url without its password, in which any letter may stand, whether it should or not."""
    if sa.make_url(url).password is not None:
        return _PASSWORD.sub(r"\g<user>:***@", url).partition("?")[0]
    return url.partition("?")[0] if "password=" in url.lower() else url


def _by_hand(connection: Any, _record: object) -> None:
    connection.autocommit = True  # the driver opens no transactions of its own; we do


def _begin(connection: sa.Connection) -> None:
    """For making tables one process at a time; with the option `reads` for one consistent picture."""
    if connection.get_execution_options().get("reads", False):
        connection.exec_driver_sql(_PICTURE)
        return
    connection.exec_driver_sql("BEGIN")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({META_LOCK})")
