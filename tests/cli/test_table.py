"""Tables for people: wide where nobody looks, and broken between words where a terminal is narrow."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

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


@pytest.mark.parametrize("columns", [80, 120])
def test_the_catalogue_of_checks_fits_a_terminal(columns: int) -> None:
    near, far = pty.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environ = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    command = [sys.executable, "-m", "wavetrain.cli.main", "checks", "list"]
    with subprocess.Popen(command, stdout=far, env=environ) as running:
        os.close(far)
        said = b""
        while piece := _read(near):
            said += piece
    os.close(near)
    assert running.returncode == 0
    shown = said.decode().splitlines()
    assert max(map(len, shown)) <= columns
    assert any(line.startswith("handshake-") for line in shown)


def _read(near: int) -> bytes:
    try:
        return os.read(near, 65_536)
    except OSError:  # nobody has the other end any more
        return b""
