"""Bell: how do many who wait on one event loop hear at once that something has happened in another thread?"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.types import Message, Receive

HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
"""Of a stream of events (WHATWG HTML, server-sent events)."""


class Bell:
    """Lives on one event loop, while `hung`. `moved` is done at the next ring; None before it hangs."""

    def __init__(self) -> None:
        self.moved: asyncio.Future[None] | None = None
        self.is_closed = False

    @contextlib.asynccontextmanager
    async def hung(
        self,
        listen: Callable[[Callable[[int], None]], Callable[[], None]],
        hear: Callable[[int], None] = lambda _: None,
    ) -> AsyncIterator[None]:
        """Rings at each change that `listen` tells of, in whichever thread; `hear` gets its number on the loop."""
        loop = asyncio.get_running_loop()
        self.moved = loop.create_future()

        def heard(number: int) -> None:
            hear(number)
            self._ring()

        def tell(number: int) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(heard, number)

        deafen = listen(tell)
        try:
            yield
        finally:
            deafen()
            self.close()

    def close(self) -> None:
        """Nobody waits any more: the doors are about to close."""
        self.is_closed = True
        self._ring()

    def _ring(self) -> None:
        moved = self.moved
        if moved is not None and not moved.done():
            self.moved = moved.get_loop().create_future()
            moved.set_result(None)


def part(body: bytes) -> Message:
    """A piece of a stream that goes on."""
    return {"type": "http.response.body", "body": body, "more_body": True}


async def gone(receive: Receive) -> None:
    """Returns when nobody reads any more."""
    while (await receive())["type"] != "http.disconnect":
        pass
