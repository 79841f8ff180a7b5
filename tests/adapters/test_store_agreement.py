"""The store in memory and the store in a file agree on every history of reads and writes."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from tests.adapters.store_cases import Note, OpenedMemory, OpenedSql, entry

from wavetrain.adapters.memory_store import rebuild
from wavetrain.control.ports import Store, View
from wavetrain.errors import StaleError

TEXTS = st.sampled_from(["", "a", "b", "B", "é", "日本", "\U0001f600", "\uffff", "a/b", "a'b", '"'])
NUMBERS = st.sampled_from([-(2**63), -1, 0, 1, 9, 10, 2**63 - 1])
NOTES = st.builds(
    Note,
    book=TEXTS,
    page=NUMBERS,
    colour=TEXTS,
    lines=NUMBERS,
    share=st.floats(allow_nan=False, allow_infinity=False),
    words=st.dictionaries(TEXTS, NUMBERS, max_size=2),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["new", "change", "remove", "stale", "note", "remake"]),
        NOTES,
        st.integers(0, 1000),
    ),
    max_size=6,
)


def done(store: Store, steps: list[tuple[str, Note, int]], old: list[Note]) -> list[object]:
    """What one transaction of these steps says at each of them, and what it sees in the end."""
    said: list[object] = []
    try:
        with store.write() as transaction:
            for what, note, pick in steps:
                held = transaction.find(Note)
                chosen = held[pick % len(held)] if held else None
                if what == "new":
                    said.append(transaction.put(note))
                elif what == "note":
                    transaction.note([entry(note.book)])
                elif what == "stale" and old:
                    said.append(transaction.put(old[pick % len(old)]))
                elif chosen is not None and what == "change":
                    said.append(transaction.put(chosen.changed(colour=note.colour, lines=note.lines)))
                elif chosen is not None and what in ("remove", "remake"):
                    transaction.remove(chosen)
                    if what == "remake":
                        said.append(transaction.put(chosen.changed(version=0, share=note.share)))
            said.append(transaction.find(Note))
    except StaleError as error:
        said.append(str(error))
    return said


def seen(view: View, colour: str, number: int) -> list[Any]:
    """Everything that a view shows."""
    return [
        view.sequence,
        view.now,
        view.find(Note),
        view.find(Note, colour=colour),
        view.find(Note, lines=number, book=colour),
        view.get(Note, colour, str(number)),
        [(change.sequence, change.kind, change.key, change.body) for change in view.changes(0)],
        view.journal(),
        view.journal_tail(3, subject=colour),
    ]


class Histories(RuleBasedStateMachine):
    """Random histories on both stores, and on one rebuilt from the changes."""

    views: Bundle[tuple[Any, Any, list[Any]]] = Bundle("views")

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.memory = OpenedMemory()
        self.sql = OpenedSql(Path(self.folder.name) / "wavetrain.db")
        self.old: list[Note] = []

    def teardown(self) -> None:
        if hasattr(self, "sql"):
            self.sql.close()
            self.folder.cleanup()

    @rule(steps=STEPS)
    def write(self, steps: list[tuple[str, Note, int]]) -> None:
        said = done(self.memory.store, steps, self.old)
        assert done(self.sql.store, steps, self.old) == said
        self.old = ([*self.old, *(each for each in said if isinstance(each, Note))])[-20:]

    @rule(target=views, colour=TEXTS, number=NUMBERS)
    def look(self, colour: str, number: int) -> tuple[Any, Any, list[Any]]:
        opened = (self.memory.store.read(), self.sql.store.read())
        shown = [seen(context.__enter__(), colour, number) for context in opened]
        assert shown[0] == shown[1]
        for context in opened:
            context.__exit__(None, None, None)
        return (colour, number, shown[0])

    @rule(held=consumes(views))
    def look_back(self, held: tuple[str, int, list[Any]]) -> None:
        colour, number, shown = held
        with self.memory.store.at(shown[0]).read() as view:
            assert seen(view, colour, number)[:7] == shown[:7]

    @rule()
    def go_on_with_a_fork(self) -> None:
        older = self.memory.store
        forked = older.fork()
        with older.write() as transaction:
            transaction.put(Note(book="only in the older", page=0))
        self.memory.store = forked

    @invariant()
    def the_changes_lead_to_the_records(self) -> None:
        if not hasattr(self, "sql"):
            return
        with self.sql.store.read() as view, rebuild(view.changes(0), lambda: 0.0, (Note,)).read() as again:
            assert again.find(Note) == view.find(Note)
            assert again.sequence == view.sequence


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
