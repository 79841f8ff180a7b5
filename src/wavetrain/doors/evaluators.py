"""Evaluators: which programs are told of changes, and has each of them fetched what it was told of?"""

import itertools
from threading import Condition
from typing import Final

STREAMS_MAX: Final = 5_000


class Evaluators:
    """The open event streams, each with the version that its program has fetched since. For any thread.

    A program shows which stream it belongs to by the mark of the event that it was told by: the version and the
    stream's number. One that only listens counts as one that has seen nothing.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._numbers = itertools.count(1)
        self._seen: dict[int, int] = {}

    def opened(self) -> int | None:
        """A stream is open: its number; None where there are too many."""
        with self._changed:
            if len(self._seen) >= STREAMS_MAX:
                return None
            number = next(self._numbers)
            self._seen[number] = -1
            return number

    def closed(self, number: int) -> None:
        """It is no longer; nobody waits for it."""
        with self._changed:
            self._seen.pop(number, None)
            self._changed.notify_all()

    def fetched(self, mark: str, version: int) -> None:
        """Who was told by `mark` has fetched the features as of `version`."""
        number = mark.rpartition(".")[2]
        if not number.isdecimal() or len(number) > 18:
            return
        with self._changed:
            known = self._seen.get(int(number))
            if known is not None and version > known:
                self._seen[int(number)] = version
                self._changed.notify_all()

    def have_seen(self, version: int) -> bool:
        """Whether each that is connected has fetched that version, or a later one."""
        with self._changed:
            return self._all(version)

    def wait(self, version: int, timeout_s: float) -> bool:
        """The same, as soon as it is so, or when time is up."""
        with self._changed:
            return self._changed.wait_for(lambda: self._all(version), timeout_s)

    def __len__(self) -> int:
        return len(self._seen)

    def _all(self, version: int) -> bool:
        return all(seen >= version for seen in self._seen.values())


def mark_of(version: int, number: int) -> str:
    """What an event of a stream is known by."""
    return f"{version}.{number}"
