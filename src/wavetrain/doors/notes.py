"""Notes' door: what does anybody read of the weekly notes, without a login?"""

import asyncio
import functools
import hashlib
from base64 import b64encode
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wavetrain.control import notes
from wavetrain.control.notes import Shelf
from wavetrain.doors import notes_written
from wavetrain.doors.house import house_of, off_loop
from wavetrain.doors.limits import address_of
from wavetrain.doors.query import query_of

FRESH_S = 5.0
"""An answer is so old at most; within it the store is not asked again, however often somebody looks."""
HTML, ATOM, MARKDOWN = "text/html", "application/atom+xml", "text/markdown"
TAGS_MAX = 20
INDEX, FEED, PAGE, TEXT = "/notes", "/notes.atom", "/notes/{week}", "/notes/{week}.md"
PATHS = frozenset({INDEX, FEED, PAGE, TEXT})
"""No API: docs/notes.md says what they are."""


class Reading:
    """The public pages. What is written once is kept until the shelf is read anew."""

    def __init__(self, house: notes_written.House, clock: Callable[[], float]) -> None:
        self._house, self._clock = house, clock
        self._shelf: Shelf | None = None
        self._read_at = float("-inf")
        self._turn = asyncio.Lock()
        self._written: dict[str, tuple[bytes, str]] = {}

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route(INDEX, self._index),
            Route(FEED, self._feed),
            Route(TEXT, self._markdown),
            Route(PAGE, self._week),
        ]

    async def _index(self, request: Request) -> Response:
        links = self._house.at_door
        return await self._answer(
            request, HTML, "", lambda shelf: notes_written.index_html(shelf, self._house, links)
        )

    async def _feed(self, request: Request) -> Response:
        links = self._house.at_door
        return await self._answer(
            request, ATOM, "", lambda shelf: notes_written.feed(shelf, self._house, links)
        )

    async def _week(self, request: Request) -> Response:
        name, links = request.path_params["week"], self._house.at_door
        return await self._answer(
            request,
            HTML,
            name,
            lambda shelf: notes_written.week_html(shelf.issue(name), shelf, self._house, links),
        )

    async def _markdown(self, request: Request) -> Response:
        name = request.path_params["week"]
        return await self._answer(
            request, MARKDOWN, name, lambda shelf: notes_written.week_markdown(shelf.issue(name), self._house)
        )

    async def _answer(
        self, request: Request, media: str, name: str, write: Callable[[Shelf], str]
    ) -> Response:
        house_of(request).limits.page(address_of(request.scope))
        query_of(request)
        shelf = await self._fresh(request)
        week = shelf.issue(name).week if name else ""  # refuses a name before anything is kept under it
        key = f"{media} {week}"
        if key not in self._written:
            body = write(shelf).encode()
            self._written[key] = body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        body, tag = self._written[key]
        headers = {
            "ETag": tag,
            "Cache-Control": f"public, max-age={FRESH_S:.0f}",
            "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_style_hash()}'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
        if _matches(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=f"{media}; charset=utf-8")

    async def _fresh(self, request: Request) -> Shelf:
        """The shelf, read at most once in `FRESH_S`, by one request for all that wait."""
        async with self._turn:
            if self._shelf is None or self._clock() - self._read_at >= FRESH_S:
                store = house_of(request).store
                self._shelf = await off_loop(lambda: notes.shelf(store))
                self._read_at = self._clock()
                self._written.clear()
            return self._shelf


def _matches(said: str, tag: str) -> bool:
    """Whether an `If-None-Match` names what there is (RFC 9110: compared weakly)."""
    tags = [one.strip().removeprefix("W/") for one in said.split(",", TAGS_MAX)]
    return tag in tags or said.strip() == "*"


@functools.cache
def _style_hash() -> str:
    return b64encode(hashlib.sha256(str(notes_written.style()).encode()).digest()).decode()
