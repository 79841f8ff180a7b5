"""Memory store: the records of one control plane in memory, as they are now or were after any change."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from wavetrain.adapters.commit_bell import CommitBell
from wavetrain.adapters.kinds import Ident, Shapes
from wavetrain.adapters.memory_view import MemoryChange, MemoryState, MemoryTransaction, MemoryView, Scrutiny
from wavetrain.adapters.store_rules import (
    CHANGES_KEPT,
    JOURNAL_KEPT,
    WRITE_WAIT_S,
    checked_trim,
    stale_epoch,
    trimmed,
)
from wavetrain.adapters.turnstile import Turnstile
from wavetrain.control.ports import Change
from wavetrain.errors import StaleError, UnknownError, UnreachableError
from wavetrain.model.record import Record

NAME = "store in memory"


class Memory:
    """What the handles on one store share."""

    def __init__(self, shapes: Shapes, state: MemoryState, before: MemoryState) -> None:
        self.shapes = shapes
        self.state = state
        self.before = before
        """The state after the last change that was trimmed."""
        self.guard = Lock()
        self.turnstile = Turnstile()
        self.bell = CommitBell(state.sequence)
        self.epoch = 0
        self.holder = ""
        self.expires_at = 0.0
        """Until when nobody else may become the writer, on the store's own clock; 0 without a lease."""


class Reading:
    """A view that is open. A rehearsal opens a dozen of them for each of its many ticks."""

    __slots__ = ("_clock", "_memory", "_state")

    def __init__(self, memory: Memory, clock: Callable[[], float]) -> None:
        self._memory = memory
        self._clock = clock

    def __enter__(self) -> MemoryView:
        """The store as it is now."""
        memory = self._memory
        with memory.guard:
            self._state = memory.state
            self._state.views += 1
        try:
            return MemoryView(self._state, self._clock())
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        """Nobody looks at that state through this view any more."""
        with self._memory.guard:
            self._state.views -= 1


class MemoryStore:
    """The store in memory: same rules as on disk, without the disk.

    `clock` gives seconds since the Unix epoch. `crash_at` is asked before each commit, with the changes that
    it would write, and may raise: then nothing of that transaction is kept.

    For long rehearsals of large fleets: `check_each` checks only each so-manieth record of a kind (see `Scrutiny`),
    and without `keeps_past` a trim forgets for good what `at` would need of the time before it.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        crash_at: Callable[[Sequence[MemoryChange]], None] | None = None,
        extra: Iterable[type[Record]] = (),
        on: Memory | None = None,
        check_each: int = 1,
        keeps_past: bool = True,
    ) -> None:
        self._memory = memory = on if on is not None else _empty(extra)
        self._scrutiny = Scrutiny(check_each)
        self._keeps_past = keeps_past
        self._clock = clock
        self._epoch = memory.epoch
        self._closed = False
        self.crash_at = crash_at

    def beside(self) -> "MemoryStore":
        """Another handle on the same records, with an epoch of its own: what another process would hold."""
        return MemoryStore(self._clock, on=self._memory)

    def fork(self, clock: Callable[[], float] | None = None) -> "MemoryStore":
        """A store of its own that begins with the same records, changes and journal."""
        memory = self._memory
        with memory.guard:
            # Both go on with successors, so neither changes a table that the other has.
            memory.state, state = memory.state.successor(), memory.state.successor()
        forked = Memory(memory.shapes, state, memory.before)
        forked.epoch, forked.holder = memory.epoch, memory.holder
        return MemoryStore(clock or self._clock, on=forked)

    def at(self, sequence: int, clock: Callable[[], float] | None = None) -> "MemoryStore":
        """The records as they were right after this change; its journal is empty.

        `StaleError` if the change was trimmed away, `UnknownError` if it has not happened.
        """
        memory = self._memory
        with self.read() as view:
            before = memory.before
            if sequence < before.sequence:
                raise StaleError(trimmed(sequence, before.sequence + 1))
            if sequence > view.sequence:
                raise UnknownError(
                    f"change {sequence} has not happened; the last one of this store is {view.sequence}"
                )
            wanted = [change for change in view.changes(before.sequence) if change.sequence <= sequence]
        state = before.successor()
        _replay(state, wanted)
        return MemoryStore(clock or self._clock, on=Memory(memory.shapes, state, before))

    def read(self) -> "Reading":
        """A consistent picture; neither waits for writers nor makes them wait."""
        self._open()
        return Reading(self._memory, self._clock)

    @contextmanager
    def write(self) -> Iterator[MemoryTransaction]:
        """A transaction under this handle's epoch, committed when the context ends without an error."""
        self._open()
        memory = self._memory
        with memory.turnstile.turn(NAME, WRITE_WAIT_S):
            if memory.epoch != self._epoch:
                raise StaleError(stale_epoch(self._epoch, memory.epoch, memory.holder))
            transaction = MemoryTransaction(memory.state, self._clock(), self._scrutiny)
            yield transaction
            if not transaction.writes:
                return
            if self.crash_at is not None:
                self.crash_at(transaction.pending)
            with memory.guard:
                if memory.state.views:
                    memory.state = memory.state.successor()
                transaction.commit(memory.state)
                sequence = memory.state.sequence
        memory.bell.ring(sequence)

    def take(self, holder: str) -> int:
        """Become the writer: raise the epoch by one, and return it."""
        self._open()
        memory = self._memory
        with memory.turnstile.turn(NAME, WRITE_WAIT_S):
            memory.epoch += 1
            memory.holder, memory.expires_at = holder, 0.0
            self._epoch = memory.epoch
        return self._epoch

    def lease(self, holder: str, for_s: float) -> int | None:
        """Become or stay the writer until `for_s` from now, on the store's own clock; the epoch, or None."""
        self._open()
        memory = self._memory
        with memory.turnstile.turn(NAME, WRITE_WAIT_S):
            now = self._clock()
            is_mine = (memory.holder, memory.epoch) == (holder, self._epoch)
            if not is_mine and memory.expires_at > now:
                return None
            if not (is_mine and memory.expires_at):
                memory.epoch += 1
            memory.holder, memory.expires_at = holder, now + for_s
            self._epoch = memory.epoch
        return self._epoch

    def release_lease(self) -> None:
        """Let another become the writer at once; does nothing when one has."""
        self._open()
        memory = self._memory
        with memory.turnstile.turn(NAME, WRITE_WAIT_S):
            if memory.epoch == self._epoch:
                memory.expires_at = 0.0

    def wait_change(self, after: int, timeout_s: float) -> int:
        """Wait for a change after `after`; the number of the last one."""
        return self._memory.bell.wait(after, timeout_s)

    def wake(self) -> int:
        """Let all who wait for a change return now."""
        return self._memory.bell.wake()

    def on_commit(self, listener: Callable[[int], None]) -> Callable[[], None]:
        """Call it after each commit, in the committing thread; returns how to stop that."""
        return self._memory.bell.listen(listener)

    def trim(self, keep_changes: int = CHANGES_KEPT, keep_journal: int = JOURNAL_KEPT) -> tuple[int, int]:
        """Forget all but the last so many changes and journal entries; how many of each went."""
        checked_trim(keep_changes, keep_journal)
        self._open()
        memory = self._memory
        with memory.turnstile.turn(NAME, WRITE_WAIT_S), memory.guard:
            if memory.state.views:
                memory.state = memory.state.successor()
            state = memory.state
            gone, state.changes = state.changes[:-keep_changes], state.changes[-keep_changes:]
            entries = len(state.entries)
            state.entries = state.entries[-keep_journal:]
            if gone and self._keeps_past:
                memory.before = memory.before.successor()
                _replay(memory.before, gone)
                memory.before.changes = []
        return len(gone), entries - len(state.entries)

    def close(self) -> None:
        """Let go of this handle."""
        if not self._closed:
            self._closed = True
            self._memory.bell.wake()

    def _open(self) -> None:
        if self._closed:
            raise UnreachableError(f"{NAME} is closed; open another handle with `beside`")


def rebuild(
    changes: Iterable[Change], clock: Callable[[], float], extra: Iterable[type[Record]] = ()
) -> MemoryStore:
    """The store that these changes of any store lead to; they must begin with number 1 and have no gap."""
    memory = _empty(extra)
    known: list[MemoryChange] = []
    for change in changes:
        if change.sequence != len(known) + 1:
            raise StaleError(
                f"change {len(known) + 1} is missing before {change.sequence}; rebuild from a store whose "
                f"changes were not trimmed"
            )
        shape = memory.shapes.named(change.kind)
        record: Any = shape.decode(change.body) if change.body is not None else None
        known.append(
            MemoryChange(
                change.sequence,
                change.commit,
                change.kind,
                change.key,
                shape.parsed(tuple(change.key)),
                record,
            )
        )
    _replay(memory.state, known)
    memory.bell.ring(memory.state.sequence)
    return MemoryStore(clock, on=memory)


def _empty(extra: Iterable[type[Record]]) -> Memory:
    shapes = Shapes(extra)
    return Memory(shapes, MemoryState(shapes), MemoryState(shapes))


def _replay(state: MemoryState, changes: Sequence[MemoryChange]) -> None:
    """Apply changes that follow the state's last one."""
    last: dict[type[Record], dict[Ident, Record | None]] = {}
    for change in changes:
        last.setdefault(state.shapes.named(change.kind).kind, {})[change.ident] = change.record
    for kind, written in last.items():
        state.apply(kind, written)
    state.changes += changes
    if changes:
        state.sequence = changes[-1].sequence
