"""Pages: what do all pages behind a login have in common?

How a page is added: write `def draw(visit: Visit) -> Shown` (it runs in a thread, and may read the store), a template
that extends `pages/frame.html`, and `Route("/console/...", page(draw))`. What changes something is a form: a template
with `<form method="post">{{ form }}`, and `Route(..., posted(deed), methods=["POST"])`, whose deed returns `Go`. A deed
never runs twice for the same sheet of paper: `form` carries a number of its own. Parts of a page that carry an id and
`data-live` follow what happens, in browsers with scripts; without them the page is whole as well.
"""

import asyncio
import functools
import hashlib
import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec
from jinja2 import PackageLoader
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from wavetrain.control import logins
from wavetrain.control.logins import Visitor
from wavetrain.control.ports import Store
from wavetrain.decide.permit import Caller
from wavetrain.doors.answers import ANSWER_S
from wavetrain.doors.failures import STATUSES
from wavetrain.doors.house import House, house_of, off_loop
from wavetrain.doors.intake import body_of
from wavetrain.doors.limits import TooOftenError
from wavetrain.doors.sheets import Sheets
from wavetrain.doors.status_written import environment, source_of, style
from wavetrain.errors import RefusedError, WavetrainError
from wavetrain.model.access import Role

_log = logging.getLogger(__name__)

COOKIE: Final = "__Host-wavetrain"
FORM_BYTES_MAX: Final = 64 * 1024
FIELDS_MAX: Final = 500
PATH_CHARACTERS_MAX: Final = 500
OWN: Final = ("/console", "/account")
"""What the addresses of these pages begin with."""
LIVE: Final = "/pages/live.js"
PERSON: Final = (("/console", "Train"), ("/console/journal", "Journal"), ("/console/fleet", "Fleet"))
CUSTOMER: Final = (("/account", "Account"), ("/account/settings", "Settings"))
_FORM = "text/html; charset=utf-8"


class Visit(msgspec.Struct, frozen=True):
    """Somebody looks at a page, or sends a form."""

    request: Request
    visitor: Visitor
    fields: Mapping[str, str] = {}
    """Of the form."""

    @property
    def caller(self) -> Caller:
        """Who it is."""
        return self.visitor.caller

    @property
    def house(self) -> House:
        """Where it is."""
        return house_of(self.request)

    @property
    def store(self) -> Store:
        """What is known."""
        return self.house.store

    @property
    def name(self) -> str:
        """What the address names."""
        return str(self.request.path_params["name"])

    def field(self, name: str, default: str | None = None) -> str:
        """A field of the form; `RefusedError` where it is missing and nothing stands for it."""
        given = self.fields.get(name, default)
        if given is None:
            raise RefusedError(f"the form lacks {name}; go back, and send it again")
        return given


class Shown(msgspec.Struct, frozen=True):
    """A page: its template, below `pages/`, and what it shows."""

    template: str
    values: Mapping[str, Any]
    status: int = 200


class Go(msgspec.Struct, frozen=True):
    """Somewhere else, when a deed is done."""

    where: str


Draw = Callable[[Visit], Shown | Go]
Endpoint = Callable[[Request], Awaitable[Response]]


_sheets = Sheets()


def page(draw: Draw) -> Endpoint:
    """A page for whoever is logged in; others are asked to log in first."""

    async def endpoint(request: Request) -> Response:
        visitor = await visitor_of(request)
        if visitor is None:
            return going(login_at(request))
        visit = Visit(request, visitor)
        return await _answer(visit, lambda: draw(visit))

    return in_words(endpoint)


def posted(deed: Draw) -> Endpoint:
    """A deed by a form of our own pages, done once for each sheet."""

    async def endpoint(request: Request) -> Response:
        visitor = await visitor_of(request)
        if visitor is None:
            raise _NobodyError("nobody is logged in here any more; log in, and send the form again")
        visit = Visit(request, visitor, await fields_of(request))
        if not is_own_form(request) or not hmac.compare_digest(
            visit.fields.get("form", "").encode(), visitor.form.encode()
        ):
            raise _ForeignError(
                "this form does not come from a page of yours; open the page again, and send it there"
            )
        return await _answer(visit, lambda: _once(visit, deed))

    return in_words(endpoint)


def in_words(endpoint: Endpoint) -> Endpoint:
    """The same, and what it raises of our own errors as a page."""

    async def safe(request: Request) -> Response:
        try:
            return await endpoint(request)
        except (WavetrainError, TooOftenError) as error:
            return trouble(error, None)

    return safe


def _once(visit: Visit, deed: Draw) -> Shown | Go:
    """The deed, or where it led to when the same sheet was sent before; a sheet without a number is always new."""
    sheet = visit.fields.get("sheet", "")
    if not sheet:
        return deed(visit)
    with _sheets.taken(visit.visitor.login, sheet) as known:
        if known.where:
            return Go(known.where)
        made = deed(visit)
        if isinstance(made, Go):
            known.where = made.where
        return made


async def visitor_of(request: Request) -> Visitor | None:
    """Who is logged in. `TooOftenError`."""
    house = house_of(request)
    secret = request.cookies.get(COOKIE, "")
    if not secret:
        return None
    found = await off_loop(functools.partial(logins.visitor, house.store, secret))
    if found is not None:
        house.limits.ask(found.caller)
    return found


async def fields_of(request: Request) -> dict[str, str]:
    """The form's fields; the last of each name counts. `RefusedError` for what is no form."""
    if (
        request.headers.get("content-type", "").partition(";")[0].strip()
        != "application/x-www-form-urlencoded"
    ):
        raise RefusedError("this address takes a form; send application/x-www-form-urlencoded")
    body = await body_of(request, FORM_BYTES_MAX)
    try:
        return dict(
            parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
        )
    except ValueError:
        raise RefusedError("the form cannot be read; open the page again, and send it there") from None


def is_own_form(request: Request) -> bool:
    """Whether the browser says that a form comes from here; programs that are no browsers say nothing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.headers.get('host', '')}"


def login_at(request: Request) -> str:
    """Where one logs in to come back to this page."""
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/login?next={quote(asked, safe='')}" if own_path(asked) else "/login"


def own_path(given: str) -> str:
    """The path of a page of ours, or nothing: nobody is sent elsewhere, whatever an address says."""
    parts = urlsplit(given) if len(given) <= PATH_CHARACTERS_MAX and given.isprintable() else None
    if parts is None or parts.scheme or parts.netloc or "\\" in given or given.startswith("//"):
        return ""
    is_own = any(parts.path == start or parts.path.startswith(f"{start}/") for start in OWN)
    return given if is_own and ".." not in parts.path else ""


def home_of(caller: Caller) -> str:
    """The page to begin with."""
    return CUSTOMER[0][0] if Role.ACCOUNT in caller.roles else PERSON[0][0]


def going(where: str) -> Response:
    """See other."""
    return Response(status_code=303, headers={"Location": where, "Cache-Control": "no-store"})


def shown(made: Shown, visitor: Visitor | None, path: str = "") -> Response:
    """A page as a response."""
    links: tuple[tuple[str, str], ...] = ()
    if visitor is not None:
        links = CUSTOMER if Role.ACCOUNT in visitor.caller.roles else PERSON
    body = (
        environment()
        .get_template(f"pages/{made.template}")
        .render(
            style=own_style(),
            live=f"{LIVE}?{_script()[1][:12]}",
            visitor=visitor,
            links=links,
            here=path,
            form=form_part(visitor) if visitor is not None else "",
            **made.values,
        )
    )
    return Response(body, made.status, _headers(), media_type=_FORM)


def form_part(visitor: Visitor) -> Markup:
    """What stands in each form: whose it is, and which sheet."""
    return Markup(
        '<input type="hidden" name="form" value="{}"><input type="hidden" name="sheet" value="{}">'
    ).format(visitor.form, secrets.token_urlsafe(12))


def trouble(error: Exception, visitor: Visitor | None) -> Response:
    """What is wrong, as a page."""
    status, headers = 500, {}
    if isinstance(error, TooOftenError):
        status, headers = 429, {"Retry-After": str(error.wait_s)}
    for kind in type(error).__mro__:
        if kind in _STATUSES:
            status = _STATUSES[kind]
            break
    answer = shown(Shown("trouble.html", {"text": str(error), "status": status}, status), visitor)
    answer.headers.update(headers)
    return answer


async def script(request: Request) -> Response:
    """Our own script, which keeps parts of a page as they are now."""
    text, tag = _script()
    headers = {
        "Cache-Control": "public, max-age=86400",
        "X-Content-Type-Options": "nosniff",
        "ETag": f'"{tag}"',
    }
    if request.headers.get("if-none-match") == f'"{tag}"':
        return Response(status_code=304, headers=headers)
    return Response(text, headers=headers, media_type="text/javascript")


@functools.cache
def own_style() -> Markup:
    """The style sheet of these pages; our own, so that it needs no escape."""
    loader = PackageLoader("wavetrain.doors")
    return style() + Markup(loader.get_source(environment(), "pages/pages.css")[0])  # noqa: S704 (our own file)


class _NobodyError(WavetrainError):
    """Answered with 401."""


class _ForeignError(WavetrainError):
    """Answered with 403."""


_STATUSES: dict[type, int] = {
    **{kind: status for kind, (status, _) in STATUSES.items()},
    _NobodyError: 401,
    _ForeignError: 403,
}


async def _answer(visit: Visit, draw: Callable[[], Shown | Go]) -> Response:
    path = visit.request.url.path

    def made() -> Response:
        found = draw()
        return going(found.where) if isinstance(found, Go) else shown(found, visit.visitor, path)

    try:
        async with asyncio.timeout(ANSWER_S):
            return await off_loop(made)
    except (WavetrainError, TooOftenError) as error:
        return trouble(error, visit.visitor)
    except TimeoutError:
        text = "the control plane took too long; look whether it was done, then try again"
        return shown(Shown("trouble.html", {"text": text, "status": 503}, 503), visit.visitor)
    except Exception:
        _log.exception("a page failed")
        text = "the control plane failed on this page; its log says more"
        return shown(Shown("trouble.html", {"text": text, "status": 500}, 500), visit.visitor)


@functools.cache
def _headers() -> Mapping[str, str]:
    return {
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Robots-Tag": "noindex",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src {source_of(own_style())}; script-src 'self'; connect-src 'self'; "
            "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    }


@functools.cache
def _script() -> tuple[str, str]:
    text = PackageLoader("wavetrain.doors").get_source(environment(), "pages/live.js")[0]
    return text, hashlib.sha256(text.encode()).hexdigest()
