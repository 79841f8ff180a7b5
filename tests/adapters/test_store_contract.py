"""What every Store promises of records and journal, on every implementation."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.adapters.kind_samples import SAMPLES
from tests.adapters.store_cases import NOON, Note, Opened, entry, region

from wavetrain.adapters.kinds import KINDS
from wavetrain.control.ports import Store, View
from wavetrain.errors import RefusedError, StaleError, UnknownError
from wavetrain.model.fleet import Region
from wavetrain.model.journal import Entry
from wavetrain.model.record import Record


def put(store: Store, *records: Record) -> list[Record]:
    with store.write() as transaction:
        return [transaction.put(record) for record in records]


def found(store: Store, kind: type[Record], **equal: str | int) -> list[Any]:
    with store.read() as view:
        return list(view.find(kind, **equal))


class StopError(Exception):
    """Raised in the middle of a transaction."""


def test_every_kind_has_a_sample() -> None:
    assert {type(record) for record in SAMPLES} == set(KINDS)


@pytest.mark.parametrize("record", SAMPLES, ids=lambda record: type(record).__name__)
def test_a_record_of_every_kind_reads_back_as_it_was_written(opened: Opened, record: Record) -> None:
    (stored,) = put(opened.store, record)
    with opened.store.read() as view:
        assert view.get(type(record), *record.key) == stored
        for name in (*record.KEY, *record.INDEX):
            assert view.find(type(record), **{name: getattr(record, name)}) == [stored]
        (change,) = view.changes(0)
    with opened.beside().read() as view:
        assert view.get(type(record), *record.key) == stored, "by one that has not written it"
    assert stored.changed(version=0) == record
    assert (change.sequence, change.kind, change.key) == (1, type(record).__name__, record.key)
    assert change.body is not None
    assert msgspec.json.decode(change.body, type=type(record)) == stored


@pytest.mark.parametrize("share", [float("inf"), float("-inf"), float("nan"), "a half"])
def test_a_record_that_could_not_be_read_again_is_refused(opened: Opened, share: Any) -> None:
    with pytest.raises(RefusedError, match=r"Note a/1 .*finite"):
        put(opened.store, Note(book="a", page=1, share=share))
    assert found(opened.store, Note) == []


def test_an_empty_store_has_nothing(opened: Opened) -> None:
    with opened.store.read() as view:
        assert view.get(Region, "eu") is None
        assert view.find(Region) == []
        assert view.changes(0) == []
        assert view.journal() == view.journal_tail() == []
        assert view.sequence == 0


def test_records_come_in_key_order_with_numbers_as_numbers(opened: Opened) -> None:
    pages = [Note(book=book, page=page) for book in ("b", "B", "é", "a") for page in (10, 9, 100, -1)]
    put(opened.store, *pages)
    expected = [(book, page) for book in ("B", "a", "b", "é") for page in (-1, 9, 10, 100)]
    assert [(note.book, note.page) for note in found(opened.store, Note)] == expected
    assert [note.page for note in found(opened.store, Note, book="b")] == [-1, 9, 10, 100]


def test_find_takes_key_and_index_fields_together(opened: Opened) -> None:
    put(
        opened.store,
        Note(book="a", page=1, colour="red", lines=3),
        Note(book="a", page=2, colour="red", lines=4),
        Note(book="b", page=1, colour="red", lines=3),
    )
    assert [note.book for note in found(opened.store, Note, colour="red", lines=3)] == ["a", "b"]
    assert [note.page for note in found(opened.store, Note, book="a", colour="red", lines=4)] == [2]
    assert found(opened.store, Note, colour="blue") == []


def test_find_follows_a_change_of_an_index_field(opened: Opened) -> None:
    put(opened.store, Note(book="a", page=1, colour="red"))
    (note,) = found(opened.store, Note, colour="red")
    put(opened.store, note.changed(colour="blue"))
    assert found(opened.store, Note, colour="red") == []
    assert [each.page for each in found(opened.store, Note, colour="blue")] == [1]


@pytest.mark.parametrize("key", [("a", "01"), ("a", "one"), ("a", "1.0"), ("", "1"), ("a", "+1")])
def test_a_key_must_be_written_exactly(opened: Opened, key: tuple[str, str]) -> None:
    put(opened.store, Note(book="a", page=1))
    with opened.store.read() as view:
        assert view.get(Note, *key) is None
        assert view.get(Note, "a", "1") is not None


UNKNOWN: dict[str, Callable[[View], object]] = {
    "a field that is no index": lambda view: view.find(Region, name="Europe"),
    "text for a number": lambda view: view.find(Note, page="1"),
    "a number for text": lambda view: view.find(Note, book=1),
    "too short a key": lambda view: view.get(Note, "a"),
    "a kind that is not kept": lambda view: view.find(Record),
    "a journal field that is no index": lambda view: view.journal(text="x"),
    "a tail by a field that is no index": lambda view: view.journal_tail(at="x"),
}


@pytest.mark.parametrize("ask", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_question_that_the_store_cannot_answer_is_refused(
    opened: Opened, ask: Callable[[View], object]
) -> None:
    with opened.store.read() as view, pytest.raises(UnknownError):
        ask(view)


def test_versions_grow_and_never_come_twice(opened: Opened) -> None:
    (first,) = put(opened.store, region())
    (second,) = put(opened.store, first.changed(name="E"))
    with opened.store.write() as transaction:
        transaction.remove(second)
    (third,) = put(opened.store, region())
    assert 0 < first.version < second.version < third.version


def test_one_who_read_a_removed_record_cannot_overwrite_its_successor(opened: Opened) -> None:
    (first,) = put(opened.store, region())
    with opened.store.write() as transaction:
        transaction.remove(first)
        transaction.put(region(text="another"))
    with pytest.raises(StaleError), opened.store.write() as transaction:
        transaction.remove(first)
    assert [each.name for each in found(opened.store, Region)] == ["another"]


STALE: dict[str, Callable[[Any, Any], None]] = {
    "put as new": lambda transaction, _: transaction.put(region()),
    "put with an old version": lambda transaction, old: transaction.put(old),
    "put with a version to come": lambda transaction, old: transaction.put(old.changed(version=99)),
    "remove with an old version": lambda transaction, old: transaction.remove(old),
    "remove as new": lambda transaction, _: transaction.remove(region()),
}


@pytest.mark.parametrize("act", STALE.values(), ids=STALE.keys())
def test_a_stale_write_names_the_record_and_changes_nothing(
    opened: Opened, act: Callable[[Any, Any], None]
) -> None:
    (old,) = put(opened.store, region())
    (kept,) = put(opened.store, old.changed(name="E"))
    with pytest.raises(StaleError, match=r"Region eu .*load"), opened.store.write() as transaction:  # noqa: PT012
        transaction.put(region("us"))
        transaction.note([entry()])
        act(transaction, old)
    with opened.store.read() as view:
        assert view.find(Region) == [kept]
        assert view.journal() == []
        assert view.sequence == 2


def test_a_write_to_a_removed_record_is_stale(opened: Opened) -> None:
    (old,) = put(opened.store, region())
    with opened.store.write() as transaction:
        transaction.remove(old)
    for act in ("put", "remove"):
        with pytest.raises(StaleError, match="removed"), opened.store.write() as transaction:
            getattr(transaction, act)(old)


def test_a_caught_stale_write_leaves_the_rest_of_the_transaction(opened: Opened) -> None:
    put(opened.store, region())
    with opened.store.write() as transaction:
        with pytest.raises(StaleError):
            transaction.put(region())
        transaction.put(region("us"))
    assert [each.id for each in found(opened.store, Region)] == ["eu", "us"]


def test_a_transaction_sees_its_own_writes_and_nobody_else_does(opened: Opened) -> None:
    (old,) = put(opened.store, Note(book="a", page=1, colour="red"))
    with opened.store.write() as transaction:
        transaction.put(Note(book="a", page=2, colour="red"))
        stored = transaction.put(old.changed(colour="blue"))
        assert transaction.get(Note, "a", "1") == stored
        assert [note.page for note in transaction.find(Note)] == [1, 2]
        assert [note.page for note in transaction.find(Note, colour="red")] == [2]
        transaction.remove(stored)
        assert transaction.get(Note, "a", "1") is None
        assert [note.page for note in transaction.find(Note)] == [2]
        again = transaction.put(Note(book="a", page=1, colour="green"))
        transaction.put(again.changed(lines=7))
        transaction.note([entry()])
        assert transaction.sequence == 1
        assert transaction.journal() == []
        assert len(transaction.changes(0)) == 1
        assert found(opened.store, Note) == [old]
    notes = found(opened.store, Note)
    assert [(note.page, note.colour, note.lines) for note in notes] == [(1, "green", 7), (2, "red", 0)]


def test_a_view_stays_as_it_was_opened(opened: Opened) -> None:
    (old,) = put(opened.store, region())
    with opened.store.read() as view:
        with opened.store.write() as transaction:
            transaction.put(old.changed(name="E"))
            transaction.put(region("us"))
            transaction.note([entry()])
        assert view.find(Region) == [old]
        assert view.get(Region, "us") is None
        assert view.sequence == 1
        assert len(view.changes(0)) == 1
        assert view.journal() == []
    assert len(found(opened.store, Region)) == 2


def test_a_view_finds_by_the_index_as_it_was_opened(opened: Opened) -> None:
    old = put(opened.store, *(Note(book="a", page=page, colour="red") for page in range(3)))
    with opened.store.read() as view:
        with opened.store.write() as transaction:
            transaction.remove(old[0])
            transaction.put(old[1].changed(colour="blue"))
            transaction.put(Note(book="a", page=9, colour="red"))
        assert view.find(Note, colour="red") == old
        assert view.find(Note, colour="blue") == []
    assert [note.page for note in found(opened.store, Note, colour="red")] == [2, 9]


def test_an_error_in_a_transaction_undoes_all_of_it(opened: Opened) -> None:
    (old,) = put(opened.store, region())
    with pytest.raises(StopError), opened.store.write() as transaction:  # noqa: PT012
        transaction.remove(old)
        transaction.put(region("us"))
        transaction.note([entry()])
        raise StopError
    with opened.store.read() as view:
        assert view.find(Region) == [old]
        assert (view.sequence, view.journal()) == (1, [])
    put(opened.store, region("us"))
    with opened.store.read() as view:
        assert [change.sequence for change in view.changes(0)] == [1, 2]


def test_changes_are_numbered_without_gaps_and_hold_each_body(opened: Opened) -> None:
    (old,) = put(opened.store, region())
    with opened.store.write() as transaction:
        transaction.put(region("us"))
        transaction.remove(old)
    with opened.store.read() as view:
        changes = view.changes(0)
        assert [(change.sequence, change.key) for change in changes] == [
            (1, ("eu",)),
            (2, ("us",)),
            (3, ("eu",)),
        ]
        assert changes[2].body is None
        assert [change.sequence for change in view.changes(2)] == [3]
        assert view.changes(3) == view.changes(99) == []
        assert view.sequence == 3


def test_the_journal_is_numbered_and_found_by_its_fields(opened: Opened) -> None:
    lines = [
        entry("fra1", rollout="r1"),
        entry("ams1", kind="verdict", rollout="r1"),
        entry("fra1", who="ada"),
    ]
    with opened.store.write() as transaction:
        transaction.note(lines[:2])
        transaction.note(lines[2:])
    with opened.store.read() as view:
        assert [item.seq for item in view.journal()] == [1, 2, 3]
        assert [msgspec.structs.replace(item, seq=0) for item in view.journal()] == lines
        assert [item.seq for item in view.journal(after=1, limit=1)] == [2]
        assert [item.seq for item in view.journal(subject="fra1")] == [1, 3]
        assert [item.seq for item in view.journal(rollout="r1", kind="verdict")] == [2]
        assert [item.seq for item in view.journal_tail(limit=2)] == [2, 3]
        assert [item.seq for item in view.journal_tail(limit=1, rollout="r1")] == [2]
        assert [item.seq for item in view.journal(who="ada")] == [3]


def test_a_journal_body_is_kept_as_json_has_it(opened: Opened) -> None:
    body: dict[str, object] = {"nodes": ("a", "b"), "at": 1.5, "none": None}
    line = Entry(at=NOON, who="tick", kind="k", subject="s", text="t", body=body, facts="f", decider="1")
    with opened.store.write() as transaction:
        transaction.note([line])
    body["later"] = "changed"
    with opened.store.read() as view:
        (kept,) = view.journal()
    assert kept.body == {"nodes": ["a", "b"], "at": 1.5, "none": None}
    assert (kept.at, kept.facts, kept.decider) == (NOON, "f", "1")


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_a_journal_page_has_limits(opened: Opened, limit: int) -> None:
    with opened.store.read() as view:
        with pytest.raises(RefusedError, match="10000"):
            view.journal(limit=limit)
        with pytest.raises(RefusedError, match="10000"):
            view.journal_tail(limit=limit)


def test_very_many_records_are_put_as_one_by_one(opened: Opened) -> None:
    (old,) = put(opened.store, Note(book="b", page=1))
    records: list[Record] = [Note(book="a", page=page, colour="red") for page in range(5_000)]
    with opened.store.write() as transaction:
        first = transaction.put(region())
        assert transaction.get(Note, "b", "1") == old
        assert transaction.put_many([*records, old.changed(lines=3), region("us")]) == 5_002
        last = transaction.put(region("ap"))
        known = transaction.get(Note, "b", "1")
        assert known is not None
        assert known.lines == 3
    assert (first.version, last.version) == (2, 5_005)
    assert [note.page for note in found(opened.store, Note, book="a", colour="red")] == list(range(5_000))
    with opened.store.read() as view:
        assert [change.sequence for change in view.changes(0)] == list(range(1, 5_006))
        assert {change.commit for change in view.changes(1)} == {2}
        assert view.sequence == 5_005
        versions = [note.version for note in view.find(Note, book="a")]
    assert versions == list(range(3, 5_003))
    assert opened.store.wait_change(0, 0) == 5_005


@pytest.mark.parametrize("act", STALE.values(), ids=STALE.keys())
def test_one_stale_record_of_many_is_named_and_nothing_is_kept(
    opened: Opened, act: Callable[[Any, Any], None]
) -> None:
    class Many:
        """Lets what is put one by one be put in one go, in the middle of others."""

        def __init__(self, transaction: Any) -> None:
            self._transaction = transaction
            self.remove = transaction.remove

        def put(self, record: Record) -> None:
            around: list[Record] = [region(f"r{number}") for number in range(3_000)]
            self._transaction.put_many([*around[:100], record, *around[100:]])

    (old,) = put(opened.store, region())
    (kept,) = put(opened.store, old.changed(name="E"))
    with pytest.raises(StaleError, match=r"Region eu .*load"), opened.store.write() as transaction:
        act(Many(transaction), old)
    assert found(opened.store, Region) == [kept]


def test_a_bulk_of_nothing_writes_nothing(opened: Opened) -> None:
    with opened.store.write() as transaction:
        assert transaction.put_many([]) == 0
    with opened.store.read() as view:
        assert view.sequence == 0
