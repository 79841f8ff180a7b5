"""Audience: which connected evaluators of features have seen what was changed?"""

from collections.abc import Callable
from itertools import count
from threading import Lock

from wavetrain.control.standings import Standings


class Nobody:
    """No evaluator is ever connected: nothing waits for one."""

    def behind(self, sequence: int) -> bool:  # noqa: ARG002
        """Nobody is."""
        return False


class Audience:
    """Who is connected, and what each has seen last. The doors say so; the tick asks before a revert's first drain."""

    def __init__(self, standings: Standings, wake: Callable[[], object] = lambda: None) -> None:
        """`wake` is called when all have caught up, so that who waits for them looks again at once."""
        self._standings = standings
        self._wake = wake
        self._seen: dict[int, int] = {}
        self._names = count(1)
        self._guard = Lock()

    def join(self, version: int) -> int:
        """An evaluator is connected, and was given this version; the name it has here."""
        with self._guard:
            name = next(self._names)
            self._seen[name] = version
        return name

    def saw(self, name: int, version: int) -> None:
        """It was given this version, and has taken it."""
        with self._guard:
            if name in self._seen:
                self._seen[name] = max(self._seen[name], version)
        self._look()

    def leave(self, name: int) -> None:
        """It is connected no more; nobody waits for it."""
        with self._guard:
            self._seen.pop(name, None)
        self._look()

    def behind(self, sequence: int) -> bool:
        """Whether any that is connected now has not seen this change yet."""
        with self._guard:
            least = min(self._seen.values(), default=None)
        if least is None:
            return False
        return self._standings.followed < sequence or least < self._standings.version

    def _look(self) -> None:
        if not self.behind(self._standings.followed):
            self._wake()
