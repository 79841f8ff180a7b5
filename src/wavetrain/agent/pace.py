"""Pace: how does the agent wait, so that it can be told to end?"""

import threading
import time


class EndedError(Exception):
    """The agent was told to end."""


class Pace:
    """The monotonic clock, and waits on it."""

    def __init__(self) -> None:
        self._ended = threading.Event()

    def end(self) -> None:
        """End every wait, now and later."""
        self._ended.set()

    @property
    def ended(self) -> bool:
        """Whether the agent was told to end."""
        return self._ended.is_set()

    def now(self) -> float:
        """Seconds on the node's monotonic clock."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Let time pass. Raises `EndedError`."""
        if self._ended.wait(seconds):
            raise EndedError
