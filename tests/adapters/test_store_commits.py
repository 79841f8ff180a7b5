"""What every Store promises of time, epochs, retention and threads, on every implementation."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.adapters.store_cases import NOON, Note, Opened, entry, region, until

from wavetrain.control.ports import Store
from wavetrain.errors import RefusedError, StaleError, UnreachableError
from wavetrain.model.fleet import Region
from wavetrain.model.ledger import Ledger
from wavetrain.model.record import Record


def put(store: Store, *records: Record) -> list[Record]:
    with store.write() as transaction:
        return [transaction.put(record) for record in records]


def found(store: Store, kind: type[Record], **equal: str | int) -> list[Any]:
    with store.read() as view:
        return list(view.find(kind, **equal))


class StopError(Exception):
    """Raised in the middle of a transaction."""


def test_train_time_is_the_stores_clock_plus_the_jump(opened: Opened) -> None:
    with opened.store.write() as transaction:
        assert transaction.now == NOON
        ledger = transaction.put(Ledger(jumped_s=3600.0))
        assert transaction.now == NOON, "fixed when the view was opened"
    opened.clock.seconds += 1.5
    with opened.store.read() as view:
        assert view.steady == NOON.timestamp() + 1.5
        assert view.now == NOON + timedelta(hours=1, seconds=1.5)
        assert view.now.tzinfo is UTC
        opened.clock.seconds += 60
        assert view.steady == NOON.timestamp() + 1.5
    put(opened.store, ledger.changed(jumped_s=0.0))
    with opened.store.read() as view:
        assert view.now == datetime(2025, 6, 1, 12, 1, 1, 500000, tzinfo=UTC)


def test_a_late_writer_with_an_old_epoch_is_refused(opened: Opened) -> None:
    late = opened.store
    first = late.take("one")
    put(late, region())
    new = opened.beside()
    put(new, region("us"))  # found the epoch, so may write
    assert new.take("two") == first + 1
    with pytest.raises(StaleError, match=r"epoch .*two"), late.write() as transaction:
        transaction.put(region("ap"))
    put(new, region("af"))
    assert [each.id for each in found(late, Region)] == ["af", "eu", "us"]
    assert late.take("one again") == first + 2
    with pytest.raises(StaleError, match="one again"), new.write():
        pass
    put(late, region("ap"))


def test_an_epoch_taken_before_the_commit_of_an_open_transaction_waits_for_it(opened: Opened) -> None:
    done = threading.Event()

    def take() -> None:
        other.take("two")
        done.set()

    other = opened.beside()
    with opened.store.write() as transaction:
        thread = threading.Thread(target=take)
        thread.start()
        transaction.put(region())
        assert not done.is_set()
    thread.join(10)
    assert done.is_set()
    with pytest.raises(StaleError), opened.store.write():
        pass


def test_a_trim_keeps_the_last_ones_and_says_so_to_a_reader_behind(opened: Opened) -> None:
    for number in range(10):
        with opened.store.write() as transaction:
            transaction.put(region(str(number)))
            transaction.note([entry(str(number))])
    assert opened.store.trim(keep_changes=3, keep_journal=2) == (7, 8)
    assert opened.store.trim(keep_changes=3, keep_journal=2) == (0, 0)
    with opened.store.read() as view:
        assert [change.sequence for change in view.changes(7)] == [8, 9, 10]
        assert [change.sequence for change in view.changes(9)] == [10]
        with pytest.raises(StaleError, match="trimmed"):
            view.changes(6)
        assert [item.seq for item in view.journal()] == [9, 10]
        assert [item.seq for item in view.journal(after=9)] == [10]
        assert len(view.find(Region)) == 10
    with opened.store.write() as transaction:
        stored = transaction.put(region("next"))
        transaction.note([entry()])
    assert stored.version == 11
    with opened.store.read() as view:
        assert view.journal_tail(1)[0].seq == 11


@pytest.mark.parametrize("keep", [(0, 1), (1, 0)])
def test_a_trim_leaves_at_least_one_of_each(opened: Opened, keep: tuple[int, int]) -> None:
    with pytest.raises(RefusedError, match="at least one"):
        opened.store.trim(*keep)


def test_listeners_hear_of_each_commit_until_they_stop(opened: Opened) -> None:
    heard: list[int] = []
    stop = opened.store.on_commit(heard.append)
    put(opened.store, region(), region("us"))
    with opened.store.write() as transaction:
        transaction.note([entry()])
    with opened.store.write():
        pass
    with pytest.raises(StopError), opened.store.write() as transaction:  # noqa: PT012
        transaction.put(region("ap"))
        raise StopError
    assert heard == [2, 2]
    stop()
    put(opened.store, region("ap"))
    assert heard == [2, 2]


def test_a_failing_listener_harms_neither_the_commit_nor_the_others(opened: Opened) -> None:
    heard: list[int] = []

    def fail(_: int) -> None:
        raise StopError

    opened.store.on_commit(fail)
    opened.store.on_commit(heard.append)
    put(opened.store, region())
    assert heard == [1]
    assert len(found(opened.store, Region)) == 1


def test_one_who_waits_for_a_change_is_woken_by_the_commit(opened: Opened) -> None:
    assert opened.store.wait_change(after=0, timeout_s=0.0) == 0
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.append(opened.store.wait_change(0, 30.0)))
    thread.start()
    put(opened.store, region())
    thread.join(10)
    assert got == [1]
    assert opened.store.wait_change(after=0, timeout_s=30.0) == 1


def test_wake_and_close_let_those_who_wait_return(opened: Opened) -> None:
    for act in (opened.store.wake, opened.store.close):
        thread = threading.Thread(target=opened.store.wait_change, args=(0, 60.0))
        thread.start()

        def woken(act: Callable[[], object] = act, thread: threading.Thread = thread) -> bool:
            act()
            thread.join(0.01)
            return not thread.is_alive()

        until(woken)


def test_a_closed_store_says_so(opened: Opened) -> None:
    opened.store.close()
    opened.store.close()
    with pytest.raises(UnreachableError, match="closed"), opened.store.read():
        pass
    with pytest.raises(UnreachableError, match="closed"), opened.store.write():
        pass


def test_a_transaction_within_a_transaction_is_refused_instead_of_waiting_for_itself(opened: Opened) -> None:
    with (
        opened.store.write(),
        pytest.raises(UnreachableError, match="already"),
        opened.store.write(),
    ):
        pass
    put(opened.store, region())


def test_threads_that_count_together_lose_no_count(opened: Opened) -> None:
    put(opened.store, Note(book="a", page=1))

    def count() -> None:
        for _ in range(50):
            with opened.store.write() as transaction:
                note = transaction.get(Note, "a", "1")
                assert note is not None
                transaction.put(note.changed(lines=note.lines + 1))
            with opened.store.read() as view:
                seen = view.get(Note, "a", "1")
                assert seen is not None
                assert view.find(Note, lines=seen.lines) == [seen]
                assert view.sequence == seen.version == seen.lines + 1

    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            count()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert found(opened.store, Note)[0].lines == 300
