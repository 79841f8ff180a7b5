"""SQL store: the records of one control plane in a SQLite file or a PostgreSQL database."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from wavetrain.adapters import store_steps
from wavetrain.adapters.commit_bell import CommitBell
from wavetrain.adapters.kinds import Shapes
from wavetrain.adapters.postgresql_server import unhurried
from wavetrain.adapters.sql_place import open_place
from wavetrain.adapters.sql_schema import REVISION, SCHEMA
from wavetrain.adapters.sql_session import Session, Statement, session
from wavetrain.adapters.sql_view import SqlLayout, SqlTransaction, SqlView
from wavetrain.adapters.sqlite_file import BUSY_S
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
    """The store in a database: optimistic versions, an epoch in every commit, safe under threads.

    `place` is a file, or a url like `postgresql://USER@HOST/DATABASE`. With `exclusive` a file is
    locked for this process (`LockedError` if another has it, named by its `holder`).
    `clock` (seconds since the Unix epoch) takes the place of the database's own where time is rehearsed.
    `busy_s` is how long a transaction waits for another process that writes.
    A process that never called `take` writes under the epoch that it found.
    Raises `UnreachableError` when the file cannot be used, `RefusedError` when its schema is another.
    """

    def __init__(
        self,
        place: str | Path,
        *,
        exclusive: bool = False,
        holder: str = "",
        clock: Callable[[], float] | None = None,
        busy_s: float = BUSY_S,
        extra: Iterable[type[Record]] = (),
    ) -> None:
        self._place = open_place(place, holder=holder, exclusive=exclusive, busy_s=busy_s)
        self._layout = SqlLayout(Shapes(extra), self._place.dialect, clock)
        self._turnstile = Turnstile()
        self._closed = False
        try:
            with self._place.explained(), self._place.engine.begin() as connection:
                self._prepare(connection)
            with self._session(writes=False) as opened:
                head = SqlView(self._layout, opened)
        except BaseException:
            self._let_go()
            raise
        self._epoch = head.epoch
        self._bell = CommitBell(head.sequence)

    @contextmanager
    def read(self) -> Iterator[SqlView]:
        """A consistent picture; neither waits for writers nor makes them wait."""
        with self._session(writes=False) as opened:
            yield SqlView(self._layout, opened)

    @contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        """A transaction under this process's epoch, committed when the context ends without an error."""
        with self._turn():
            with self._session(writes=True) as opened:
                transaction = SqlTransaction(self._layout, opened)
                if transaction.epoch != self._epoch:
                    raise StaleError(stale_epoch(self._epoch, transaction.epoch, transaction.holder))
                yield transaction
                transaction.flush()
            transaction.committed()
        if transaction.writes:
            self._bell.ring(transaction.last_change)

    def take(self, holder: str) -> int:
        """Become the writer: raise the epoch by one, and return it."""
        with self._turn(), self._session(writes=True) as opened:
            epoch = SqlView(self._layout, opened).epoch + 1
            self._write_lease(opened, epoch, holder, 0.0)
        self._epoch = epoch
        return int(epoch)

    def lease(self, holder: str, for_s: float) -> int | None:
        """Become or stay the writer until `for_s` from now, on the store's own clock; the epoch, or None."""
        # Looked at without the writers' lock first: who only asks does not hold up the one that writes.
        with self._session(writes=False) as opened:
            head, expires_at = self._lease_of(opened)
        if (head.holder, head.epoch) != (holder, self._epoch) and expires_at:
            if expires_at > head.steady:
                return None
            self._place.evict()  # its lease is over: it must not keep the lock either
        with self._turn(), self._session(writes=True) as opened:
            head, expires_at = self._lease_of(opened)
            is_mine = head.holder == holder and head.epoch == self._epoch
            if not is_mine and expires_at > head.steady:
                return None
            epoch = head.epoch if is_mine and expires_at else head.epoch + 1
            self._write_lease(opened, epoch, holder, head.steady + for_s)
        self._epoch = epoch
        return epoch

    def release_lease(self) -> None:
        """Let another process become the writer at once; does nothing when one has."""
        with self._turn(), self._session(writes=True) as opened:
            head = SqlView(self._layout, opened)
            if head.epoch == self._epoch:
                self._write_lease(opened, head.epoch, head.holder, 0.0)

    def _lease_of(self, opened: Session) -> tuple[SqlView, float]:
        (expires_at,) = opened.run(self._layout.schema.expires_at).fetchone()
        return SqlView(self._layout, opened), float(expires_at)

    def _write_lease(self, opened: Session, epoch: int, holder: str, expires_at: float) -> None:
        given = {"new_epoch": epoch, "new_holder": holder, "new_expires_at": expires_at}
        opened.run(self._layout.schema.lease, given)

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
        self._place.let_go()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._turnstile.turn(f"store {self._place.name}", WRITE_WAIT_S):
            yield

    @contextmanager
    def _session(self, *, writes: bool) -> Iterator[Session]:
        if self._closed:
            raise UnreachableError(f"store {self._place.name} is closed; open it again")
        with session(self._place, self._layout.head, writes=writes) as opened:
            yield opened

    def _prepare(self, connection: sa.Connection) -> None:
        """Make the tables that are missing; refuse a file of another program or another schema.

        A store that a newer release has expanded, and not contracted, is as good as our own.
        """
        schema = self._layout.schema
        inspector = sa.inspect(connection)
        existing = {
            name: {column["name"] for column in inspector.get_columns(name)}
            for name in inspector.get_table_names()
        }
        if not existing:
            unhurried(connection)
            schema.metadata.create_all(connection)
            connection.execute(
                schema.meta.insert().values(id=1, schema=SCHEMA, epoch=0, holder="", expires_at=0.0)
            )
            connection.execute(schema.revision.insert().values(version_num=REVISION))
            return
        if "meta" not in existing or "schema" not in existing["meta"]:
            raise RefusedError(
                f"{self._place.name} holds another program's tables; name a file of its own for the store"
            )
        found = store_steps.stand(connection)
        why = store_steps.newer(found)
        if not why and (found.schema < 1 or found.revision < REVISION):
            why = (
                f"was written with schema {found.schema}, this version of wavetrain uses schema {SCHEMA}; "
                "run: wavetrain store migrate"
            )
        if why:
            raise RefusedError(f"{self._place.name} {why}")
        misfits = schema.misfits(existing)
        if misfits:
            raise RefusedError(
                f"{self._place.name} has other columns than this version of wavetrain in {', '.join(misfits)}; "
                f"start the version that wrote it, or name another file"
            )
        schema.metadata.create_all(connection)

    def _trim(self, number: sa.Column[int], keep: int) -> int:
        dialect = self._place.dialect
        span = Statement(
            sa.select(sa.select(sa.func.min(number)).scalar_subquery(), sa.func.max(number)), dialect
        )
        old = Statement(sa.delete(number.table).where(number <= sa.bindparam("until")), dialect)
        gone = 0
        while True:
            with self._turn(), self._session(writes=True) as opened:
                first, last = opened.run(span).fetchone()
                until = min(last - keep, first + TRIM_BATCH - 1) if last is not None else 0
                if last is None or until < first:
                    return gone
                gone += opened.run(old, {"until": until}).rowcount
