"""What a store remembers of its records is what stands in it, whoever writes."""

from contextlib import ExitStack, suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.store_cases import Note, OpenedSql, region

from wavetrain.adapters.known import ABSENT_BYTES, BODY_BYTES_MAX, BYTES_MAX, Known, Read
from wavetrain.control.ports import Store, View
from wavetrain.errors import StaleError
from wavetrain.model.fleet import Region

BEFORE, AFTER = (1, 7), (1, 8)
EU = (Region, "eu")
US = (Region, "us")
NOTHING = Read(None, ABSENT_BYTES)

PAGES = ("1", "2")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "remove", "undo", "note", "take", "hold", "look back"]),
        st.integers(0, 1),
        st.sampled_from(PAGES),
        st.integers(0, 9),
    ),
    max_size=30,
)


class StopError(Exception):
    """Raised in the middle of a transaction."""


def check(view: View) -> None:
    """What is got by key is what a search finds, which always reads; a change is what stands in its body."""
    found = {str(note.page): note for note in view.find(Note)}
    assert [view.get(Note, "a", page) for page in PAGES] == [found.get(page) for page in PAGES]
    for change in view.changes(0):
        assert change.record == (msgspec.json.decode(change.body, type=Note) if change.body else None)


def wrote(store: Store, what: str, page: str, number: int) -> None:
    with store.write() as transaction:
        if what == "note":
            return
        held = transaction.get(Note, "a", page)
        if what == "remove" and held is not None:
            transaction.remove(held)
        else:
            transaction.put((held or Note(book="a", page=int(page))).changed(lines=number))
        check(transaction)
        if what == "undo":
            raise StopError


@settings(max_examples=100, deadline=None)
@given(steps=STEPS)
def test_two_processes_and_older_views_never_get_what_does_not_stand_there(
    steps: list[tuple[str, int, str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with ExitStack() as left:
        case = OpenedSql(tmp_path_factory.mktemp("known") / "wavetrain.db")
        left.callback(case.close)
        stores = (case.store, case.beside())
        views: list[View] = []
        for what, which, page, number in steps:
            if what == "take":
                stores[which].take(str(which))
            elif what == "hold":
                views.append(left.enter_context(stores[which].read()))
            elif what == "look back":
                for view in views:
                    check(view)
            else:
                with suppress(StopError, StaleError):
                    wrote(stores[which], what, page, number)
            for store in stores:
                with store.read() as view:
                    check(view)


def at_before() -> Known:
    known = Known()
    known.start(BEFORE)
    known.keep(BEFORE, EU, Read(region(), 10))
    return known


def test_a_view_of_another_moment_gets_nothing_and_adds_nothing() -> None:
    known = at_before()
    for other in (AFTER, (2, 7)):
        assert known.get(other, EU) is None
        known.keep(other, US, NOTHING)
    assert known.get(BEFORE, US) is None
    assert known.get(BEFORE, EU) == Read(region(), 10)


def test_a_commit_takes_along_what_it_did_not_write() -> None:
    known = at_before()
    known.follow(BEFORE, AFTER, {US: Read(region("us"), 10)})
    assert known.get(BEFORE, EU) is None
    assert known.get(AFTER, EU) == Read(region(), 10)
    assert known.get(AFTER, US) == Read(region("us"), 10)


def test_after_anothers_commit_all_is_forgotten() -> None:
    known = at_before()
    known.start(AFTER)
    assert known.get(AFTER, EU) is None
    known.follow(BEFORE, (1, 9), {EU: NOTHING})
    assert known.get((1, 9), EU) is None, "one that was overtaken adds nothing either"


def test_a_large_record_is_not_remembered_nor_the_smaller_one_that_it_replaced() -> None:
    known = at_before()
    known.follow(BEFORE, AFTER, {EU: Read(region(), BODY_BYTES_MAX + 1)})
    assert known.get(AFTER, EU) is None


def test_what_is_remembered_stays_within_its_bytes() -> None:
    known = at_before()
    for number in range(BYTES_MAX // BODY_BYTES_MAX):
        known.keep(BEFORE, (Region, str(number)), Read(region(), BODY_BYTES_MAX))
    assert known.get(BEFORE, EU) is None
    kept = [
        number for number in range(BYTES_MAX // BODY_BYTES_MAX) if known.get(BEFORE, (Region, str(number)))
    ]
    assert kept == [BYTES_MAX // BODY_BYTES_MAX - 1]
