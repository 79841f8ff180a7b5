"""Turnstile: which thread writes next?"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident

from wavetrain.errors import UnreachableError


class Turnstile:
    """A lock that is handed on in the order in which threads asked for it, so that none starves."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._waiting: deque[Lock] = deque()
        self._owner: int | None = None

    @contextmanager
    def turn(self, what: str, wait_s: float) -> Iterator[None]:
        """Hold it meanwhile. `UnreachableError` after `wait_s` seconds, or when this thread holds it already."""
        me = get_ident()
        if self._owner == me:
            raise UnreachableError(
                f"{what}: this thread has a write transaction open already; finish that one first"
            )
        if not self._enter(wait_s):
            raise UnreachableError(
                f"{what}: other threads have been writing for more than {wait_s:g} s; try again, "
                f"and keep slow work out of transactions"
            )
        self._owner = me
        try:
            yield
        finally:
            self._leave()

    def _enter(self, wait_s: float) -> bool:
        with self._guard:
            if self._owner is None and not self._waiting:
                self._owner = 0
                return True
            ticket = Lock()
            ticket.acquire()
            self._waiting.append(ticket)
        if ticket.acquire(timeout=wait_s):
            return True
        with self._guard:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                return False
        return True  # handed over in the very moment

    def _leave(self) -> None:
        with self._guard:
            if self._waiting:
                self._owner = 0  # taken, by the one who is let in now
                self._waiting.popleft().release()
            else:
                self._owner = None
