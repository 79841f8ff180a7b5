"""Waiting: until a condition holds, for a bounded time."""

import time
from collections.abc import Callable
from pathlib import Path

EVERY_S = 0.002


def until(
    holds: Callable[[], object], within_s: float = 60.0, what: Callable[[], object] = lambda: ""
) -> None:
    """Raises `AssertionError` with `what()` when it does not come true."""
    latest = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > latest:
            raise AssertionError(f"did not come true within {within_s:g} s: {what()}")
        time.sleep(EVERY_S)


def starts(shared: Path) -> list[str]:
    """The numbers of the releases whose program began to run, in order."""
    file = shared / "starts"
    return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []
