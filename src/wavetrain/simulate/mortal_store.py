"""Mortal store: which process dies at which commit, and what is left of it?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.adapters.memory_view import MemoryTransaction


class CrashError(Exception):
    """The control plane died just before or just after a commit."""


class CrashPoint(msgspec.Struct, frozen=True):
    """A commit of a history, counted from 1. Before it the transaction is lost, after it only the answer is."""

    commit: int
    after: bool


class MortalStore(MemoryStore):
    """A store in memory that tells its process of each commit; `committed` may raise, and the commit stands."""

    committed: Callable[[], None] | None = None
    writing = False
    """Whether a transaction of this handle is open."""

    @contextmanager
    def write(self) -> Iterator[MemoryTransaction]:
        """A transaction under this handle's epoch, committed when the context ends without an error."""
        with super().write() as transaction:
            self.writing = True
            try:
                yield transaction
            finally:
                self.writing = False
            writes = transaction.writes
        if writes and self.committed is not None:
            self.committed()

    def beside(self) -> "MortalStore":
        """Another handle on the same records, with an epoch of its own: what another process would hold."""
        return type(self)(self._clock, on=self._memory)

    def at(self, sequence: int, clock: Callable[[], float] | None = None) -> "MortalStore":
        """The records as they were right after this change; its journal is empty."""
        then = super().at(sequence, clock)
        return type(self)(clock or self._clock, on=then._memory)  # noqa: SLF001 - of its own kind
