"""Stores under test: both implementations of the port, with a clock that is set by hand."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Protocol

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.adapters.sql_store import SqlStore
from wavetrain.control.ports import Store
from wavetrain.model.fleet import Region, RegionId
from wavetrain.model.journal import Entry
from wavetrain.model.record import Record

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


class Note(Record, frozen=True, kw_only=True):
    """A kind of the tests' own: two key fields, one of them a number, and two index fields."""

    KEY: ClassVar[tuple[str, ...]] = ("book", "page")
    INDEX: ClassVar[tuple[str, ...]] = ("colour", "lines")
    book: str
    page: int
    colour: str = "white"
    lines: int = 0
    share: float = 0.0
    words: dict[str, int] = {}


class HandClock:
    """Seconds since the epoch, as set."""

    def __init__(self, seconds: float = NOON.timestamp()) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


class Opened(Protocol):
    """A store under test."""

    clock: HandClock

    @property
    def store(self) -> Store: ...

    def beside(self) -> Store:
        """A second handle on the same records, as another process would have."""
        ...

    def close(self) -> None: ...


class OpenedMemory:
    """The store in memory."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.store = MemoryStore(self.clock, extra=(Note,))

    def beside(self) -> Store:
        return self.store.beside()

    def close(self) -> None:
        self.store.close()


class OpenedSql:
    """The store in a file, or in a database of a server."""

    def __init__(self, place: str | Path) -> None:
        self.clock = HandClock()
        self._place = place
        self._open: list[SqlStore] = []
        self.store = self._opened()

    def _opened(self) -> SqlStore:
        store = SqlStore(self._place, clock=self.clock, extra=(Note,))
        self._open.append(store)
        return store

    def beside(self) -> Store:
        return self._opened()

    def close(self) -> None:
        for store in self._open:
            store.close()


def region(name: str = "eu", text: str = "Europe") -> Region:
    return Region(id=RegionId(name), name=text)


def entry(subject: str = "fra1", kind: str = "hold", rollout: str = "", who: str = "tick") -> Entry:
    return Entry(at=NOON, who=who, kind=kind, subject=subject, text=f"about {subject}", rollout=rollout)


def until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait for a condition, looking often."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.002)
