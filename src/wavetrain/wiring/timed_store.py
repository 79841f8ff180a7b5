"""Timed store: how long do the commits of this process take?"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from wavetrain.control.ports import Store, Transaction, View


class TimedStore:
    """A store like the one within; `wrote` hears the seconds from asking for each transaction to its commit."""

    def __init__(self, store: Store, wrote: Callable[[float], None]) -> None:
        self._store = store
        self._wrote = wrote
        self.read: Callable[[], AbstractContextManager[View]] = store.read
        self.take = store.take
        self.lease = store.lease
        self.release_lease = store.release_lease
        self.wait_change = store.wait_change
        self.wake = store.wake
        self.on_commit = store.on_commit
        self.trim = store.trim
        self.close = store.close

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction of the store within."""
        asked = time.monotonic()
        with self._store.write() as transaction:
            yield transaction
        self._wrote(time.monotonic() - asked)
