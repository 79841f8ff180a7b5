"""Commit bell: who waits for the next commit?"""

import logging
from collections.abc import Callable
from threading import Condition

_log = logging.getLogger(__name__)


class CommitBell:
    """Remembers the number of the last change, wakes the threads that wait for a newer one, and calls listeners."""

    def __init__(self, sequence: int = 0) -> None:
        self._changed = Condition()
        self._sequence = sequence
        self._nudges = 0
        self._closed = False
        self._listeners: list[Callable[[int], None]] = []

    def ring(self, sequence: int) -> None:
        """A commit is done; a listener that fails is logged, since the commit stands."""
        with self._changed:
            self._sequence = max(self._sequence, sequence)
            listeners = tuple(self._listeners)
            self._changed.notify_all()
        for listener in listeners:
            try:
                listener(sequence)
            except Exception:
                _log.exception("a listener failed after the commit of change %d", sequence)

    def wait(self, after: int, timeout_s: float) -> int:
        """The last number, as soon as it is greater than `after`, or `wake` or `close` is called, or time is up."""
        with self._changed:
            seen = self._nudges
            self._changed.wait_for(
                lambda: self._sequence > after or self._nudges != seen or self._closed, timeout_s
            )
            return self._sequence

    def wake(self) -> int:
        """Let all who wait return now."""
        with self._changed:
            self._nudges += 1
            self._changed.notify_all()
            return self._sequence

    def close(self) -> None:
        """Let all who wait return, now and from now on."""
        with self._changed:
            self._closed = True
            self._listeners.clear()
            self._changed.notify_all()

    def listen(self, listener: Callable[[int], None]) -> Callable[[], None]:
        """Call it after each commit, in the committing thread; returns how to stop that."""
        with self._changed:
            self._listeners.append(listener)

        def stop() -> None:
            with self._changed:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return stop
