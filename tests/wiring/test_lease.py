"""A standby waits for the lease through whatever happens, and a writer that lost it hears so once."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.adapters.store_cases import HandClock, until

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.errors import UnreachableError
from wavetrain.wiring.lease import LEASE_S, LeaseKeeper


class Failing(MemoryStore):
    """A store whose leases fail as told, one error after the other."""

    def __init__(self, beside: MemoryStore, errors: Iterator[Exception | None]) -> None:
        super().__init__(beside._clock, on=beside._memory)
        self._errors = errors

    def lease(self, holder: str, for_s: float) -> int | None:
        error = next(self._errors, None)
        if error is not None:
            raise error
        return super().lease(holder, for_s)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def first(clock: HandClock) -> Iterator[MemoryStore]:
    with closing(MemoryStore(clock)) as store:
        yield store


def never() -> bool:
    return False


def away() -> UnreachableError:
    return UnreachableError("the database is away")


def test_a_standby_outlives_a_database_that_is_away_and_says_once_that_it_waits(
    first: MemoryStore, clock: HandClock
) -> None:
    assert first.lease("one", LEASE_S) is not None
    said: list[str] = []
    second = Failing(first, iter([None, away()]))

    def waits() -> None:
        said.append("waits")
        clock.seconds += LEASE_S + 1

    keeper = LeaseKeeper(second, "two", said.append)
    assert keeper.take(waits, never)
    assert keeper.held
    keeper.end()
    assert said == ["waits"]
    assert first.lease("one", LEASE_S) is not None, "given up at the end, not left to run out"


def test_a_store_that_cannot_be_reached_at_the_start_is_an_error(first: MemoryStore) -> None:
    keeper = LeaseKeeper(Failing(first, iter([away()])), "two", lambda _: None)
    with pytest.raises(UnreachableError):
        keeper.take(lambda: None, never)


def test_a_standby_that_is_told_to_stop_stops_without_the_lease(first: MemoryStore) -> None:
    first.lease("one", LEASE_S)
    told = threading.Event()
    keeper = LeaseKeeper(first.beside(), "two", lambda _: None)
    assert not keeper.take(told.set, told.is_set)
    assert first.lease("one", LEASE_S) is not None


def test_who_lost_the_lease_hears_so_once_and_a_renewal_that_failed_is_no_loss(
    first: MemoryStore, clock: HandClock
) -> None:
    said: list[str] = []
    keeper = LeaseKeeper(Failing(first, iter([None, away()])), "one", said.append)
    assert keeper.take(lambda: None, never)
    other = first.beside()
    assert other.lease("two", LEASE_S) is None
    clock.seconds += LEASE_S + 1
    assert other.lease("two", LEASE_S) is not None
    until(lambda: bool(said))
    keeper.end()
    assert said == ["another control plane took the lease over"]
    assert first.lease("three", LEASE_S) is None, "another's lease is not given up"


def test_a_fault_in_the_renewal_is_not_silent(first: MemoryStore) -> None:
    said: list[str] = []
    keeper = LeaseKeeper(Failing(first, iter([None, ZeroDivisionError("x")])), "one", said.append)
    assert keeper.take(lambda: None, never)
    until(lambda: bool(said))
    assert "ZeroDivisionError" in said[0]
    keeper.end()
