"""What only the store in memory can do: planned crashes, forks, and looking back."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from tests.adapters.store_cases import HandClock, Note, entry, region

from wavetrain.adapters.memory_store import MemoryStore, rebuild
from wavetrain.adapters.memory_view import MemoryChange
from wavetrain.control.ports import Change
from wavetrain.errors import RefusedError, StaleError, UnknownError
from wavetrain.model.fleet import Region
from wavetrain.model.ledger import Ledger
from wavetrain.model.record import Record


class Crash(BaseException):
    """A planned crash: not an `Exception`, so that nothing in the house swallows it."""


class CrashAt:
    """Crashes at the commit with this number, counted from 1."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.asked: list[list[tuple[str, tuple[str, ...]]]] = []

    def __call__(self, changes: Sequence[MemoryChange]) -> None:
        self.asked.append([(change.kind, change.key) for change in changes])
        if len(self.asked) == self.number:
            raise Crash


def names(store: MemoryStore) -> list[str]:
    with store.read() as view:
        return [each.name for each in view.find(Region)]


def write(store: MemoryStore, *texts: str) -> None:
    """One commit per text, all on the same record."""
    for text in texts:
        with store.write() as transaction:
            held = transaction.get(Region, "eu") or region()
            transaction.put(held.changed(name=text))


def test_nothing_of_a_commit_that_crashes_is_kept() -> None:
    crash = CrashAt(2)
    store = MemoryStore(HandClock(), crash_at=crash)
    heard: list[int] = []
    store.on_commit(heard.append)
    write(store, "one")
    with pytest.raises(Crash), store.write() as transaction:  # noqa: PT012
        held = transaction.get(Region, "eu")
        assert held is not None
        transaction.remove(held)
        transaction.put(region("us"))
        transaction.put(Ledger())
        transaction.note([entry()])
    assert crash.asked == [
        [("Region", ("eu",))],
        [("Region", ("eu",)), ("Region", ("us",)), ("Ledger", ("ledger",))],
    ]
    with store.read() as view:
        assert view.sequence == len(view.changes(0)) == 1
        assert view.find(Ledger) == []
        assert view.journal() == []
    assert names(store) == ["one"]
    assert heard == [1]
    write(store, "two")
    assert names(store) == ["two"]


def test_a_transaction_that_writes_nothing_is_not_asked_about() -> None:
    crash = CrashAt(1)
    store = MemoryStore(HandClock(), crash_at=crash)
    with store.write() as transaction:
        transaction.find(Region)
    assert crash.asked == []


def test_the_one_who_starts_again_after_a_crash_has_a_handle_without_it() -> None:
    store = MemoryStore(HandClock(), crash_at=CrashAt(1))
    with pytest.raises(Crash):
        write(store, "one")
    again = store.beside()
    write(again, "two")
    assert names(store) == ["two"]


def test_a_fork_and_its_origin_do_not_touch_each_other() -> None:
    store = MemoryStore(HandClock())
    write(store, "one")
    fork = store.fork()
    write(store, "origin")
    write(fork, "fork", "fork again")
    with fork.write() as transaction:
        transaction.put(region("us"))
        transaction.note([entry()])
    assert names(store) == ["origin"]
    assert names(fork) == ["fork again", "Europe"]
    with store.read() as view, fork.read() as other:
        assert (view.sequence, other.sequence) == (2, 4)
        assert (len(view.journal()), len(other.journal())) == (0, 1)
    fork.take("the fork")
    write(store, "its epoch is its own")


def test_the_past_can_be_looked_at_and_gone_on_from() -> None:
    clock = HandClock()
    store = MemoryStore(clock)
    write(store, "one", "two", "three")
    past = store.at(2)
    assert names(past) == ["two"]
    with past.read() as view:
        assert view.sequence == 2
        assert [change.sequence for change in view.changes(0)] == [1, 2]
    write(past, "another three")
    assert names(past) == ["another three"]
    assert names(store) == ["three"]
    assert names(store.at(0)) == []
    then = HandClock(0.0)
    with store.at(1, then).read() as view:
        assert view.steady == 0.0


def test_the_past_includes_removed_records_and_their_versions() -> None:
    store = MemoryStore(HandClock())
    with store.write() as transaction:
        stored = transaction.put(region())
    with store.write() as transaction:
        transaction.remove(stored)
    with store.at(1).read() as view:
        assert view.find(Region) == [stored]
    with store.at(2).read() as view:
        assert view.find(Region) == []


def test_what_was_trimmed_or_has_not_happened_cannot_be_looked_at() -> None:
    store = MemoryStore(HandClock())
    write(store, "one", "two", "three", "four")
    store.trim(keep_changes=2)
    assert names(store.at(2)) == ["two"], "the state just before the oldest change that is kept"
    assert names(store.at(3)) == ["three"]
    with pytest.raises(StaleError, match="trimmed"):
        store.at(1)
    with pytest.raises(UnknownError, match="has not happened"):
        store.at(5)
    write(store, "five")
    store.trim(keep_changes=1)
    assert names(store.at(4)) == ["four"]
    assert names(store.at(4).fork().at(4)) == ["four"]


def test_a_rebuilt_store_goes_on_with_the_numbers() -> None:
    store = MemoryStore(HandClock(), extra=(Note,))
    write(store, "one", "two")
    with store.write() as transaction:
        transaction.put(Note(book="a", page=-3, colour="red"))
    with store.read() as view:
        again = rebuild(view.changes(0), HandClock(), (Note,))
    assert again.wait_change(0, 0.0) == 3
    write(again, "three")
    with again.read() as view:
        assert view.sequence == 4
        assert view.find(Note, colour="red")[0].page == -3
    assert names(again.at(1)) == ["one"]


@pytest.mark.parametrize("missing", [0, 1])
def test_a_rebuild_from_changes_with_a_gap_is_refused(missing: int) -> None:
    store = MemoryStore(HandClock())
    write(store, "one", "two", "three")
    with store.read() as view:
        changes: list[Change] = list(view.changes(0))
    del changes[missing]
    with pytest.raises(StaleError, match=f"change {missing + 1} is missing"):
        rebuild(changes, HandClock())


class Odd(Record, frozen=True, kw_only=True):
    """A record that could not be read again: its field holds what its type does not allow."""

    KEY: ClassVar[tuple[str, ...]] = ("name",)
    name: str
    share: float = 0.0


def test_a_store_for_rehearsals_checks_the_first_records_of_a_kind_and_then_each_so_manieth() -> None:
    store = MemoryStore(HandClock(), extra=(Odd,), check_each=10)
    odd: Any = "much"
    with pytest.raises(RefusedError), store.write() as transaction:
        transaction.put(Odd(name="first", share=odd))
    refused = 0
    for number in range(400):
        try:
            with store.write() as transaction:
                transaction.put(Odd(name=f"n{number}", share=odd))
        except RefusedError:
            refused += 1
    assert 100 <= refused < 140


def test_a_store_that_keeps_no_past_says_so_when_it_is_asked_for_it() -> None:
    store = MemoryStore(HandClock(), keeps_past=False)
    write(store, "one", "two", "three")
    assert names(store.at(2)) == ["two"]
    store.trim(keep_changes=1)
    assert names(store) == ["three"]
    with pytest.raises(StaleError, match="trimmed"):
        store.at(3)
    write(store, "four")
    assert names(store) == ["four"]


def test_a_trim_leaves_a_view_that_is_open_what_it_has_seen() -> None:
    store = MemoryStore(HandClock(), keeps_past=False)
    write(store, "one", "two", "three")
    with store.read() as view:
        store.trim(keep_changes=1)
        assert [change.sequence for change in view.changes(0)] == [1, 2, 3]
    with store.read() as view, pytest.raises(StaleError):
        view.changes(0)
