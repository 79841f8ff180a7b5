"""Page events: how do pages that are open hear that something has changed?

One event at most in `EVERY_S`, whatever is committed meanwhile. Streams are few for each login and bounded in all, and
each ends with its login.
"""

import asyncio
from collections import Counter
from contextlib import AbstractAsyncContextManager
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from wavetrain.control.ports import Store
from wavetrain.doors import pages
from wavetrain.doors.bell import HEADERS, Bell, gone, part
from wavetrain.doors.failures import failed
from wavetrain.doors.limits import TooOftenError, on_too_often

STREAMS_MAX: Final = 1_000
OF_ONE_MAX: Final = 12
"""Of one login: so many pages of it follow at once."""
EVERY_S: Final = 1.0
QUIET_S: Final = 15.0
"""A stream on which nothing happens says so as often, and looks whether its login still lasts."""
AGAIN_S: Final = 5


class PageEvents:
    """Lives on one event loop, while `working`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: Counter[str] = Counter()
        self._bell = Bell()
        self._sequence = 0

    def working(self) -> AbstractAsyncContextManager[None]:
        """Listen to commits meanwhile."""
        return self._bell.hung(self._store.on_commit, self._heard)

    def close(self) -> None:
        """Every stream ends: the doors are about to close."""
        self._bell.close()

    @property
    def open(self) -> int:
        """How many follow."""
        return self._open.total()

    async def answer(self, request: Request) -> Response:
        """A stream for whoever is logged in."""
        try:
            visitor = await pages.visitor_of(request)
        except TooOftenError as error:
            return await on_too_often(request, error)
        if visitor is None:
            return failed(401, "unauthenticated", "nobody is logged in here; open /login")
        if self.open >= STREAMS_MAX or self._open[visitor.login] >= OF_ONE_MAX:
            text = (
                f"{STREAMS_MAX} pages follow already, or {OF_ONE_MAX} of yours; close some, or reload by hand"
            )
            return failed(503, "locked", text, {"Retry-After": str(AGAIN_S)})
        return _Stream(self, request, visitor.login)

    async def serve(self, request: Request, login: str, receive: Receive, send: Send) -> None:
        """One stream, until its reader goes, its login is over, or the doors close."""
        self._open[login] += 1
        left = asyncio.ensure_future(gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await send(part(b"retry: %d\n\n" % (AGAIN_S * 1_000)))
            told = -1  # the page may be older than the stream: it looks once
            while not left.done() and not self._bell.is_closed and self._bell.moved is not None:
                moved = self._bell.moved
                if self._sequence > told:
                    told = self._sequence
                    await send(part(b"data: %d\n\n" % told))
                    await asyncio.wait((left,), timeout=EVERY_S)
                    continue
                await asyncio.wait((left, moved), timeout=QUIET_S, return_when=asyncio.FIRST_COMPLETED)
                if left.done() or self._bell.is_closed:
                    break
                if moved.done():
                    continue
                if await pages.visitor_of(request) is None:
                    break
                await send(part(b":\n\n"))
            if not left.done():
                await send({"type": "http.response.body", "body": b""})
        except TooOftenError:
            await send({"type": "http.response.body", "body": b""})
        finally:
            left.cancel()
            self._open[login] -= 1
            if not self._open[login]:
                del self._open[login]

    def _heard(self, sequence: int) -> None:
        self._sequence = max(self._sequence, sequence)


class _Stream(Response):
    """The response that stays open."""

    def __init__(self, events: PageEvents, request: Request, login: str) -> None:
        super().__init__()
        self._events, self._request, self._login = events, request, login

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        await self._events.serve(self._request, self._login, receive, send)
