"""Status door: what may anybody know of PoPs, lanes and windows, without a login?

Plain ASGI beside the routes of the other doors: after a release goes wrong, everybody looks at once. What is asked for
is written once for each picture and kept; nothing on the path asks the store.
"""

import functools
import hashlib
import logging
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs, unquote

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from wavetrain.control.status_picture import StatusBoard, StatusPicture
from wavetrain.doors import status_calendar, status_written, statuspage
from wavetrain.doors.house import off_loop
from wavetrain.doors.limits import Limits, TooOftenError, address_of
from wavetrain.doors.status_written import Writer
from wavetrain.doors.statuspage import API, Page
from wavetrain.errors import RefusedError, UnknownError

_log = logging.getLogger(__name__)

FRESH_S: Final = 5
"""So long a browser or a cache between may show an answer without asking again."""
KEPT_MAX: Final = 3_000
"""So many answers of one picture are kept; others are written each time."""
STARTS: Final = ("/status", API, "/history.")
HTML, JSON, ICS = "text/html; charset=utf-8", "application/json", "text/calendar; charset=utf-8"
ATOM, RSS = "application/atom+xml; charset=utf-8", "application/rss+xml; charset=utf-8"
ADDRESSES: Final = (
    "/status",
    "/status/history",
    "/status/regions/REGION",
    "/status/pops/POP",
    "/status/pops/POP.ics",
    "/status.ics",
    "/history.atom",
    "/history.rss",
    *(f"{API}{name}.json" for name in ("summary", "status", "components")),
    *(f"{API}{name}.json" for name in ("incidents", "incidents/unresolved")),
    f"{API}scheduled-maintenances.json",
    *(f"{API}scheduled-maintenances/{name}.json" for name in ("upcoming", "active")),
)
"""All that there is; docs/status.md says what each is."""
_REGION = re.compile(r"/status/regions/(?P<name>[^/]+?)(?:-(?P<page>[1-9][0-9]{0,3}))?")

Headers = list[tuple[bytes, bytes]]


class Answer(msgspec.Struct, frozen=True):
    """What is written under an address."""

    body: bytes
    headers: Headers
    tag: bytes


class Status:
    """The door. Lives on one event loop."""

    def __init__(self, board: StatusBoard, page: Page, limits: Limits) -> None:
        self._board, self._page, self._limits = board, page, limits
        self._picture: StatusPicture | None = None
        self._kept: dict[str, Answer] = {}

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, with this door beside its own."""

        async def beside(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"].startswith(STARTS):
                await self._guarded(scope, send)
            else:
                await app(scope, receive, send)

        return beside

    async def _guarded(self, scope: Scope, send: Send) -> None:
        try:
            await self._answered(scope, send)
        except TooOftenError as error:
            await _trouble(send, 429, str(error), (b"retry-after", b"%d" % error.wait_s))
        except UnknownError as error:
            await _trouble(send, 404, str(error))
        except RefusedError as error:
            await _trouble(send, 400, str(error))
        except Exception:
            _log.exception("a status page failed")
            await _trouble(send, 500, "the control plane failed on this request; its log says more")

    async def _answered(self, scope: Scope, send: Send) -> None:
        method = scope["method"]
        if method not in ("GET", "HEAD"):
            await _trouble(
                send, 405, "this address takes GET and HEAD alone; use these", (b"allow", b"GET, HEAD")
            )
            return
        self._limits.page(address_of(scope))
        picture = self._board.picture
        if picture is not self._picture:
            self._picture, self._kept = picture, {}
        kept, path = self._kept, scope["path"]
        if scope["query_string"]:
            path = _with_pop(path, scope["query_string"])
        answer = kept.get(path)
        if answer is None:
            write = _writing(path, picture, self._page)
            body, media = await off_loop(write)
            answer = _made(body, media)
            if len(kept) < KEPT_MAX:
                kept[path] = answer
        given = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"")
        if given and (answer.tag in given or given.strip() == b"*"):
            await send({"type": "http.response.start", "status": 304, "headers": answer.headers[:-2]})
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.start", "status": 200, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body if method == "GET" else b""})


def _writing(path: str, picture: StatusPicture, page: Page) -> Callable[[], tuple[bytes, str]]:
    """How what stands under an address is written; `UnknownError` where nothing does."""
    if path.startswith(API) and path.endswith(".json"):
        name = path[len(API) : -len(".json")]
        return lambda: (document(name, picture, page), JSON)
    writer = functools.partial(Writer, picture, page, status_written.at_door(page))
    match path:
        case "/status" | "/status/":
            return lambda: (writer().index().encode(), HTML)
        case "/status/history":
            return lambda: (writer().history().encode(), HTML)
        case "/history.atom":
            return lambda: (writer().feed("atom").encode(), ATOM)
        case "/history.rss":
            return lambda: (writer().feed("rss").encode(), RSS)
        case "/status.ics":
            return lambda: (calendar(picture, page), ICS)
        case _:
            pass
    if path.startswith("/status/pops/"):
        name = path.removeprefix("/status/pops/")
        if name.endswith(".ics") and name not in picture.places:
            return lambda: (calendar(picture, page, name.removesuffix(".ics")), ICS)
        return lambda: (writer().pop(name).encode(), HTML)
    found = _REGION.fullmatch(path)
    if found is None:
        raise UnknownError(f"there is no {path[:200]} here; begin with /status")
    name, number = found["name"], int(found["page"] or 1)
    if found["page"] and f"{name}-{found['page']}" in picture.regions:
        name, number = f"{name}-{found['page']}", 1
    return lambda: (writer().region(name, number).encode(), HTML)


def document(name: str, picture: StatusPicture, page: Page) -> bytes:
    """One of Statuspage's documents; `UnknownError` where there is none of that name."""
    made = statuspage.documents(picture, page).get(name)
    if made is None:
        raise UnknownError(f"there is no document {name[:80]}; begin with {API}summary.json")
    return msgspec.json.encode(made)


def calendar(picture: StatusPicture, page: Page, pop: str = "") -> bytes:
    """The work on all PoPs, or on one."""
    if not pop:
        works = status_calendar.shown([*picture.works, *picture.past])
        return status_calendar.of_works(works, picture, page, page.name)
    place = status_written.place_of(picture, pop)
    name = f"{page.name}: {statuspage.name_of(place)}"
    return status_calendar.of_works(status_calendar.shown([*place.works, *place.past]), picture, page, name)


def _made(body: bytes, media: str) -> Answer:
    tag = b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()
    headers: Headers = [
        (b"etag", tag),
        (b"cache-control", b"public, max-age=%d" % FRESH_S),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    ]
    if media == HTML:
        headers.append((b"content-security-policy", policy()))
    else:
        headers.append((b"access-control-allow-origin", b"*"))
    headers += [(b"content-type", media.encode()), (b"content-length", b"%d" % len(body))]
    return Answer(body, headers, tag)


@functools.cache
def policy() -> bytes:
    """Nothing but the page's own style is loaded or run."""
    style = status_written.source_of(status_written.style())
    return (
        f"default-src 'none'; style-src {style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ).encode()


def _with_pop(path: str, query: bytes) -> str:
    """`/status.ics?pop=NAME` is that PoP's own calendar; every other parameter is refused."""
    try:
        given = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        given = {}
    if path != "/status.ics" or set(given) != {"pop"} or len(given["pop"]) != 1:
        raise RefusedError("this address takes no such parameter; /status.ics takes pop, once")
    return f"/status/pops/{unquote(given['pop'][0])}.ics"


async def _trouble(send: Send, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
    body = msgspec.json.encode({"error": text})
    sent = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*sent, *headers]})
    await send({"type": "http.response.body", "body": body})
