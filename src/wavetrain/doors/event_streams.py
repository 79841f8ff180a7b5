"""Event streams: how are programs told, while they listen, that features may have changed?"""

import asyncio
import contextlib
from contextlib import AbstractAsyncContextManager
from typing import Final

import msgspec
from starlette.types import Receive, Send

from wavetrain.control.audience import Audience
from wavetrain.control.ports import Snapshot
from wavetrain.doors.bell import HEADERS, Bell, gone, part
from wavetrain.wire.ofrep_messages import Refetch

STREAMS_MAX: Final = 5_000
QUIET_S = 10.0
"""A stream on which nothing happens says so as often, that both ends know of each other."""
DIGITS_MAX: Final = 19
AGAIN_MS = 1_000
"""How long a program waits before it connects again."""


class EventStreams:
    """Wakes all who listen. Lives on one event loop, while `working`."""

    def __init__(self, snapshot: Snapshot, audience: Audience) -> None:
        self._snapshot, self._audience = snapshot, audience
        self._open = 0
        self._bell = Bell()

    def working(self) -> AbstractAsyncContextManager[None]:
        """Listen to the snapshot meanwhile."""
        return self._bell.hung(self._snapshot.on_change)

    def close(self) -> None:
        """Every stream ends: the doors are about to close."""
        self._bell.close()

    async def version(self, at_least: int, within_s: float) -> int:
        """The snapshot's version: as soon as it is so far, or when time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._snapshot.version < at_least and self._bell.moved is not None:
                    await asyncio.shield(self._bell.moved)
        return self._snapshot.version

    @property
    def is_full(self) -> bool:
        """Whether nobody more may listen."""
        return self._open >= STREAMS_MAX

    def fetched(self, mark: str, version: int) -> None:
        """Who was told by an event of this mark has fetched the features as of `version`."""
        number = mark.rpartition(".")[2]
        if number.isdecimal() and len(number) <= DIGITS_MAX:
            self._audience.saw(int(number), version)

    async def serve(self, receive: Receive, send: Send) -> None:
        """One stream, until its program goes, or the doors close; it has seen nothing before it fetches."""
        number = self._audience.join(-1)
        self._open += 1
        left = asyncio.ensure_future(gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await send(part(f"retry: {AGAIN_MS}\n\n".encode()))
            told = -1
            while not left.done() and not self._bell.is_closed and self._bell.moved is not None:
                moved, version = self._bell.moved, self._snapshot.version
                if version > told:
                    told = version
                    await send(part(_event(version, number)))
                    continue
                await asyncio.wait((left, moved), timeout=QUIET_S, return_when=asyncio.FIRST_COMPLETED)
                if not moved.done() and not left.done():
                    await send(part(b":\n\n"))
            if not left.done():
                await send({"type": "http.response.body", "body": b""})
        finally:
            left.cancel()
            self._open -= 1
            self._audience.leave(number)


def mark_of(version: int, number: int) -> str:
    """What an event of a stream is known by; a program sends it back with what it fetches."""
    return f"{version}.{number}"


def version_of(mark: str) -> int:
    """The version that a mark tells of; -1 for none."""
    told = mark.partition(".")[0]
    return int(told) if told.isdecimal() and len(told) <= DIGITS_MAX else -1


def _event(version: int, number: int) -> bytes:
    data = msgspec.json.encode(Refetch(etag=mark_of(version, number)))
    return b"id: %d\ndata: %s\n\n" % (version, data)
