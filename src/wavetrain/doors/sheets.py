"""Sheets: was this sheet of paper sent before, and where did its deed lead?

A second click reaches the doors while the deed of the first is still being done: it waits for that, and is led to the
same place. Of the sheets of one process only: two replicas do not know each other's.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

import msgspec

from wavetrain.doors.one_by_one import OneByOne

DONE_MAX: Final = 10_000
"""Of so many sheets is remembered that their deed was done."""


class Sheet(msgspec.Struct):
    """One sheet, in the hands of one thread; `where` is empty until its deed is done."""

    where: str = ""


class Sheets:
    """Safe under threads."""

    def __init__(self) -> None:
        self._own = Lock()
        self._where: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._hands = OneByOne()

    @contextmanager
    def taken(self, login: str, number: str) -> Iterator[Sheet]:
        """Nobody else has this sheet meanwhile; whoever writes `where` on it has done its deed."""
        key = (login, number)
        with self._hands.alone(key):
            with self._own:
                sheet = Sheet(self._where.get(key, ""))
            yield sheet
            with self._own:
                if sheet.where:
                    self._where[key] = sheet.where
                if len(self._where) > DONE_MAX:
                    self._where.popitem(last=False)
