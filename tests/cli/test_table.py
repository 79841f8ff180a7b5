"""Tables for people: wide where nobody looks, and broken between words where a terminal is narrow."""

import pytest

from wavetrain.cli.table import lines

HEADS = ("ROLLOUT", "WHY")
ROWS = [("gateway-2.1.0", "worse than its control: log e 8.39 over 6.91"), ("gateway-2.0.0", "-")]


def test_a_row_is_a_line_where_nobody_looks_and_where_there_is_room() -> None:
    wide = [
        "ROLLOUT        WHY",
        "gateway-2.1.0  worse than its control: log e 8.39 over 6.91",
        "gateway-2.0.0  -",
    ]
    assert list(lines(HEADS, ROWS)) == wide
    assert list(lines(HEADS, ROWS, 59)) == wide


def test_the_widest_cell_is_broken_between_words_where_there_is_none() -> None:
    assert list(lines(HEADS, ROWS, 40)) == [
        "ROLLOUT        WHY",
        "gateway-2.1.0  worse than its control:",
        "               log e 8.39 over 6.91",
        "gateway-2.0.0  -",
    ]


def test_names_are_broken_at_hyphens_only_where_blanks_are_not_enough() -> None:
    assert list(lines(HEADS, ROWS, 18)) == [
        "ROLLOUT   WHY",
        "gateway-  worse",
        "2.1.0     than its",
        "          control:",
        "          log e",
        "          8.39",
        "          over",
        "          6.91",
        "gateway-  -",
        "2.0.0",
    ]


@pytest.mark.parametrize("columns", range(18, 70))
def test_no_line_is_wider_than_the_terminal_and_no_word_is_lost(columns: int) -> None:
    made = list(lines(HEADS, ROWS, columns))
    assert max(map(len, made)) <= columns
    said = "".join("".join(made).split())
    assert sorted(said) == sorted("".join("".join((*HEADS, *ROWS[0], *ROWS[1])).split()))


def test_what_does_not_fit_at_all_is_left_to_the_terminal() -> None:
    assert list(lines(("A", "B"), [("x" * 30, "y" * 30)], 40))[1] == "x" * 30 + "  " + "y" * 30
