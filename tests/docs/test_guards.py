"""docs/guards.md is drawn from the planted bugs that the tests play, and names only what exists."""

from importlib import import_module

import pytest
from tests.docs.draw_guards import PAGE, TEST, drawn
from tests.docs.pages import ROOT, tables
from tests.simulate import test_planted_bugs
from tests.simulate.planted import GUARDS, PLANTED, GuardRow


def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text() == drawn(), "draw it again: .venv/bin/python -m tests.docs.draw_guards"


@pytest.mark.parametrize("row", GUARDS, ids=lambda row: row.guard)
def test_a_guard_names_modules_and_properties_that_exist(row: GuardRow) -> None:
    for module in row.enforced:
        assert (ROOT / "src" / "wavetrain" / module).is_file(), module
    for name in row.watched:
        module, _, part = name.partition(":")
        assert callable(getattr(import_module(f"wavetrain.simulate.{module}"), part)), name


def test_every_planted_bug_is_played_by_the_test_that_the_page_names() -> None:
    (mark,) = getattr(test_planted_bugs, TEST).pytestmark
    assert mark.args[1] is PLANTED


def test_every_guard_is_a_row_of_the_page() -> None:
    (rows,) = [rows for rows in tables(PAGE.read_text()).values() if rows]
    assert [row[0] for row in rows] == [row.guard for row in GUARDS]
    assert all(all(row) for row in rows)
