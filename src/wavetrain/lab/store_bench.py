"""Store bench: how fast is the store's report path beside the bare database driver?"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from wavetrain.control import poll
from wavetrain.control.ports import Store
from wavetrain.decide.permit import Caller
from wavetrain.model.access import Role
from wavetrain.model.fleet import Generation, NodeId, Phase, Pop, PopId, RegionId, Reported
from wavetrain.model.ledger import Ledger
from wavetrain.model.window import WindowRule

NODES = 50
RELEASES = ("1.9.0", "2.0.0")
POP = PopId("bench")


class Cursor(Protocol):
    """What the two drivers have in common; `?` stands for a value in both."""

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> Any: ...


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Reports a second, of the store and of the bare driver, medians of several rounds taken in turn."""

    store_per_s: float
    raw_per_s: float

    @property
    def ratio(self) -> float:
        """The store's share of the bare driver's pace; 1 would be as fast."""
        return self.store_per_s / self.raw_per_s


def measure(store: Store, raw: "RawReports", rounds: int, reports: int) -> Pace:
    """Both write the same reports with the same durability: a node's record, its change, a journal line, a commit.

    The store's side is the whole use case that the agents' door calls, with its checks and its reading view; the
    bare side is the statements that remain when all of that is left out. The rounds alternate, so that a machine
    that gets slower meanwhile slows both.
    """
    furnish(store)
    raw.furnish()
    ours, bare = [], []
    for turn in range(rounds):
        ours.append(reports / _seconds(lambda turn=turn: _hear(store, turn, reports)))  # type: ignore[misc]
        bare.append(reports / _seconds(lambda turn=turn: _write(raw, turn, reports)))  # type: ignore[misc]
    return Pace(store_per_s=statistics.median(ours), raw_per_s=statistics.median(bare))


def furnish(store: Store) -> None:
    """A PoP of fifty nodes, each with a report, as a fleet has."""
    window = WindowRule(rule="FREQ=DAILY", starts="02:00", minutes=240, zone="UTC")
    nodes = tuple(_node(index) for index in range(NODES))
    with store.write() as transaction:
        transaction.put(
            Pop(id=POP, region=RegionId("bench"), place="bench", zone="UTC", nodes=nodes, window=window)
        )
        transaction.put(Ledger(generation=Generation(1, 1_000_000)))
    _hear(store, 0, NODES)


def _hear(store: Store, turn: int, reports: int) -> None:
    for number in range(reports):
        node = _node(number % NODES)
        count = turn * reports + number + 1
        report = poll.Report(
            node=node, generation=Generation(1, count), release=RELEASES[count % 2], phase=Phase.STEADY
        )
        poll.hear(store, Caller(node, (Role.NODE,)), report)


class RawReports:
    """The same writes by hand on a driver's connection, which is in autocommit: transactions are told in SQL."""

    def __init__(self, connection: Cursor, begin: tuple[str, ...], mark: str) -> None:
        """`begin` are the statements that open a transaction as the store does; `mark` is the driver's placeholder."""
        self._cursor = connection
        self._begin = begin
        self._mark = mark
        self._sequence = 0

    def furnish(self) -> None:
        """Tables like the store's own, and a first report of each node."""
        for statement in (
            "CREATE TABLE raw_meta (id integer PRIMARY KEY, epoch integer NOT NULL)",
            "INSERT INTO raw_meta VALUES (1, 1)",
            "CREATE TABLE raw_reported (node text PRIMARY KEY, pop text NOT NULL, version bigint NOT NULL, "
            "body text NOT NULL)",
            "CREATE INDEX raw_reported_by_pop ON raw_reported (pop)",
            "CREATE TABLE raw_change (sequence bigint PRIMARY KEY, commit_at bigint NOT NULL, kind text NOT NULL, "
            "key text NOT NULL, body text)",
            "CREATE TABLE raw_journal (seq bigint PRIMARY KEY, at text NOT NULL, who text NOT NULL, "
            "kind text NOT NULL, subject text NOT NULL, rollout text NOT NULL, text text NOT NULL)",
            "CREATE INDEX raw_journal_by_subject ON raw_journal (subject, seq)",
            "CREATE INDEX raw_journal_by_rollout ON raw_journal (rollout, seq)",
        ):
            self._cursor.execute(statement)
        for index in range(NODES):
            self._run("INSERT INTO raw_reported VALUES (?, ?, ?, ?)", _node(index), POP, 0, "{}")

    def write(self, node: NodeId, body: str, text: str) -> None:
        """One report: read what is known, replace it, number the change, say it in the journal, commit."""
        for statement in self._begin:
            self._cursor.execute(statement)
        known = self._run("SELECT body, version FROM raw_reported WHERE node = ?", node).fetchone()
        self._sequence += 1
        number = self._sequence
        self._run(
            "UPDATE raw_reported SET version = ?, body = ? WHERE node = ? AND version = ?",
            number,
            body,
            node,
            known[1],
        )
        self._run(
            "INSERT INTO raw_change VALUES (?, ?, ?, ?, ?)", number, number, "Reported", f'["{node}"]', body
        )
        at = _moment().isoformat()
        self._run(
            "INSERT INTO raw_journal VALUES (?, ?, ?, ?, ?, ?, ?)", number, at, node, "report", node, "", text
        )
        self._cursor.execute("COMMIT")

    def _run(self, statement: str, *values: Any) -> Any:
        return self._cursor.execute(statement.replace("?", self._mark), values)


def _write(raw: RawReports, turn: int, reports: int) -> None:
    for number in range(reports):
        node, count = _node(number % NODES), turn * reports + number + 1
        said = Reported(
            node=node,
            pop=POP,
            generation=Generation(1, count),
            release=RELEASES[count % 2],
            phase=Phase.STEADY,
            since=_moment(),
        )
        text = f"steady on {said.release}, generation {said.generation}"
        raw.write(node, msgspec.json.encode(said).decode(), text)


def _node(index: int) -> NodeId:
    return NodeId(f"bench-n{index}")


def _moment() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def _seconds(deed: Callable[[], None]) -> float:
    begun = time.perf_counter()
    deed()
    return time.perf_counter() - begun


@contextmanager
def raw_sqlite(file: str) -> Iterator[RawReports]:
    """The bare driver on a file of its own, with the store's own durability."""
    import sqlite3

    from wavetrain.adapters.sqlite_file import PRAGMAS

    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        for pragma in PRAGMAS:
            connection.execute(pragma)
        yield RawReports(connection, ("BEGIN IMMEDIATE", "SELECT epoch FROM raw_meta WHERE id = 1"), "?")
    finally:
        connection.close()


@contextmanager
def raw_postgresql(url: str) -> Iterator[RawReports]:
    """The bare driver on a database, with the store's own locking: the writer's row first."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        lock = "SELECT epoch FROM raw_meta WHERE id = 1 FOR UPDATE"
        yield RawReports(connection, ("BEGIN", lock), "%s")
