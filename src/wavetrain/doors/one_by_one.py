"""One by one: who goes first, where several threads want the same thing done?"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from threading import Lock

import msgspec


class _Queue(msgspec.Struct):
    lock: Lock = msgspec.field(default_factory=Lock)
    threads: int = 0


class OneByOne:
    """A lock for each thing; nothing is kept of things that nobody wants any more."""

    def __init__(self) -> None:
        self._own = Lock()
        self._queues: dict[Hashable, _Queue] = {}

    def __len__(self) -> int:
        with self._own:
            return len(self._queues)

    @contextmanager
    def alone(self, thing: Hashable) -> Iterator[None]:
        """Nobody else is at this thing meanwhile; others wait."""
        with self._own:
            queue = self._queues.setdefault(thing, _Queue())
            queue.threads += 1
        try:
            with queue.lock:
                yield
        finally:
            with self._own:
                queue.threads -= 1
                if not queue.threads:
                    del self._queues[thing]
