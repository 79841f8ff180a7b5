"""Herald: which waiting node has something new to read?

Waiting costs no thread: a node waits on an event of the loop, a commit wakes one task, and that task reads from
the store's list of changes whose orders they are.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial

import anyio.to_thread

from wavetrain.control.ports import Store
from wavetrain.errors import StaleError, WavetrainError
from wavetrain.model.fleet import Desired

_log = logging.getLogger(__name__)


class Herald:
    """Wakes nodes whose orders changed. Lives on one event loop, while `working`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, asyncio.Event] = {}
        self._commit = asyncio.Event()
        self._seen = self._last = 0
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        self._deafen: Callable[[], None] | None = None

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Listen to commits meanwhile."""
        loop = asyncio.get_running_loop()
        self._seen = await anyio.to_thread.run_sync(self._sequence)
        self._deafen = self._store.on_commit(partial(self._hear, loop))
        self._task = loop.create_task(self._run(), name="herald")
        try:
            yield
        finally:
            self._deafen()
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self.wake_all()

    @contextlib.contextmanager
    def waiting(self, node: str) -> Iterator[asyncio.Event]:
        """An event that is set when the node's orders changed since; a node waits once, its older wait ends."""
        event = asyncio.Event()
        older = self._waiting.get(node)
        if older is not None:
            older.set()
        self._waiting[node] = event
        if self._closed:
            event.set()
        try:
            yield event
        finally:
            if self._waiting.get(node) is event:
                del self._waiting[node]

    def close(self) -> None:
        """Nobody waits any more: the doors are about to close, and whoever waits would hold them open."""
        self._closed = True
        self.wake_all()

    def wake_all(self) -> None:
        """Let everybody read again."""
        for event in self._waiting.values():
            event.set()

    def _hear(self, loop: asyncio.AbstractEventLoop, sequence: int) -> None:
        """In the committing thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(self._heard, sequence)

    def _heard(self, sequence: int) -> None:
        self._last = max(self._last, sequence)
        self._commit.set()

    async def _run(self) -> None:
        while True:
            await self._commit.wait()
            self._commit.clear()
            if not self._waiting:  # whoever comes later reads what is committed by now
                self._seen = self._last
                continue
            try:
                for node in await anyio.to_thread.run_sync(self._changed):
                    event = self._waiting.get(node)
                    if event is not None:
                        event.set()
            except StaleError:
                self._seen = await anyio.to_thread.run_sync(self._sequence)
                self.wake_all()
            except WavetrainError as error:
                _log.warning("waiting nodes read again, since the changes cannot be read: %s", error)
                self.wake_all()

    def _changed(self) -> set[str]:
        """The nodes whose orders changed since the last look."""
        with self._store.read() as view:
            changes = view.changes(self._seen)
            self._seen = view.sequence
        return {change.key[0] for change in changes if change.kind == Desired.__name__}

    def _sequence(self) -> int:
        with self._store.read() as view:
            return view.sequence
