"""Login: how does a person come to the pages, and how do they leave?

By an identity provider where one is configured, by a token, or by a link that a program of theirs has had
made for a minute.
What a person left for the provider with is remembered here, once, and only in the browser that left: a code or a state
that comes again, or elsewhere, opens nothing.
"""

import hashlib
import logging
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wavetrain.control import logins
from wavetrain.control.ports import Provider, Store
from wavetrain.decide.permit import Caller
from wavetrain.doors import pages
from wavetrain.doors.answers import said
from wavetrain.doors.house import house_of, off_loop
from wavetrain.doors.intake import bearer_of, caller_of, message_of
from wavetrain.doors.limits import TooOftenError, address_of
from wavetrain.doors.login_links import LINK_S, Link, Remembered, spent
from wavetrain.doors.pages import COOKIE, Go, Shown, Visit, going, home_of, in_words, own_path, shown, trouble
from wavetrain.doors.query import query_of
from wavetrain.errors import ForbiddenError, RefusedError, UnknownError, WavetrainError
from wavetrain.model.login import Person
from wavetrain.wire.messages import LoginLink, MakeLoginLink

_log = logging.getLogger(__name__)

WAY: Final = "__Host-wavetrain-way"
WAY_S: Final = 600.0
"""So long somebody may take at the identity provider."""
_COOKIE: Final = "Path=/; Secure; HttpOnly; SameSite=Lax"


PATHS: Final = frozenset(
    {"/login", "/login/provider", "/login/arrived", "/login/links/{secret}", "/logout", pages.LIVE}
)
"""All addresses; docs/login.md says what each is."""


class LoginDoor:
    """The way in and out. For one thread: the doors' loop. `clock`: seconds, never set."""

    def __init__(self, provider: Provider | None, clock: Callable[[], float]) -> None:
        self._provider = provider
        self._left: Remembered[str] = Remembered(WAY_S, clock)

    @property
    def routes(self) -> list[Route]:
        """Where it is."""
        return [
            Route("/login", in_words(self._page)),
            Route("/login", in_words(self._by_token), methods=["POST"]),
            Route("/login/provider", in_words(self._leave)),
            Route("/login/arrived", self._arrive),
            Route("/login/links/{secret}", in_words(self._link)),
            Route("/login/links/{secret}", in_words(self._by_link), methods=["POST"]),
            Route("/logout", pages.posted(_out), methods=["POST"]),
            Route(pages.LIVE, pages.script),
        ]

    async def _page(self, request: Request) -> Response:
        there = _there(request)
        visitor = await pages.visitor_of(request)
        return going(there or home_of(visitor.caller)) if visitor is not None else self._asked(there)

    def _asked(self, there: str, text: str = "", status: int = 200) -> Response:
        provider = "" if self._provider is None else f"/login/provider?next={quote(there, safe='')}"
        return shown(Shown("login.html", {"next": there, "provider": provider, "text": text}, status), None)

    async def _by_token(self, request: Request) -> Response:
        fields = await _form(request)
        there = own_path(fields.get("next", ""))
        house = house_of(request)
        person = await off_loop(partial(logins.person_of, house.store, fields.get("token", "").strip()))
        if person is None:
            house.limits.fail(address_of(request.scope))
            _log.warning("a login by token was refused to %s", address_of(request.scope))
            text = "the token is unknown, revoked, expired, or not for people; ask an admin for another"
            return self._asked(there, text, 401)
        return await _entered(request, person, "token", there)

    async def _leave(self, request: Request) -> Response:
        there = _there(request)
        house_of(request).limits.page(address_of(request.scope))
        if self._provider is None:
            raise UnknownError("no identity provider is configured; log in by a token")
        secret = secrets.token_urlsafe(32)
        answer = going(await off_loop(partial(self._provider.leave, *_derived(secret))))
        self._left.keep(there or "/", secret)
        answer.headers.append("Set-Cookie", f"{WAY}={secret}; Max-Age={WAY_S:.0f}; {_COOKIE}")
        return answer

    async def _arrive(self, request: Request) -> Response:
        try:
            house_of(request).limits.page(address_of(request.scope))
            person, there = await self._arrived(request)
            return await _entered(request, person, "the identity provider", there)
        except (WavetrainError, TooOftenError) as error:
            _log.warning("a login by the identity provider failed: %s", error)
            answer = trouble(error, None)
            answer.headers.append("Set-Cookie", f"{WAY}=; Max-Age=0; {_COOKIE}")
            return answer

    async def _arrived(self, request: Request) -> tuple[Person, str]:
        secret = request.cookies.get(WAY, "")
        there = self._left.take(secret)
        if self._provider is None or there is None:
            raise ForbiddenError("nobody left from here, or too long ago; log in again")
        state, nonce, verifier = _derived(secret)
        given = request.query_params
        if not secrets.compare_digest(given.get("state", "").encode(), state.encode()):
            raise ForbiddenError("this answer is not to what was asked from here; log in again")
        if "error" in given:
            raise RefusedError("the identity provider let nobody in; log in again")
        person = await off_loop(partial(self._provider.arrive, given.get("code", ""), nonce, verifier))
        return person, own_path(there)

    async def _link(self, request: Request) -> Response:
        """Looking at it opens nothing: programs that preview addresses do that too."""
        link = house_of(request).links.look(request.path_params["secret"])
        if link is None:
            raise spent()
        return shown(Shown("link.html", {"name": link.person.name}), None)

    async def _by_link(self, request: Request) -> Response:
        await _form(request)
        link = house_of(request).links.take(request.path_params["secret"])
        if link is None:
            house_of(request).limits.fail(address_of(request.scope))
            raise spent()
        return await _entered(request, link.person, "link", link.next)


async def make_link(request: Request) -> Response:
    """For a program that has a person's token: an address at which that person is logged in, once."""
    await caller_of(request)
    asked = await message_of(request, MakeLoginLink, "login link")
    person = await off_loop(partial(logins.person_of, house_of(request).store, bearer_of(request)))
    if person is None:
        raise ForbiddenError("a login is for people and accounts that bear a token; use such a token")
    there = own_path(asked.next)
    if asked.next and not there:
        raise RefusedError(f"{asked.next[:80]} is no page behind the login; give e.g. {pages.PERSON[0][0]}")
    secret = house_of(request).links.keep(Link(person, there))
    return await said(lambda: LoginLink(path=f"/login/links/{secret}", seconds=LINK_S), 201)


def _out(visit: Visit) -> Shown | Go:
    logins.end(visit.store, visit.visitor.login)
    return Go("/login")


async def _entered(request: Request, person: Person, by: str, there: str) -> Response:
    """A new login in this browser; an older one of it is over."""
    store, older = house_of(request).store, request.cookies.get(COOKIE, "")
    secret = await off_loop(partial(_begun, store, person, by, older))
    answer = going(there or home_of(Caller(person.name, person.roles)))
    answer.headers.append("Set-Cookie", f"{COOKIE}={secret}; {_COOKIE}")
    answer.headers.append("Set-Cookie", f"{WAY}=; Max-Age=0; {_COOKIE}")
    return answer


def _begun(store: Store, person: Person, by: str, older: str) -> str:
    before = logins.visitor(store, older)
    if before is not None:
        logins.end(store, before.login)
    return logins.begin(store, person, by)


def _there(request: Request) -> str:
    """The page of ours to go to then, where the address names one."""
    return own_path(query_of(request, text=("next",)).texts.get("next", ""))


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form that nobody else's page has sent."""
    fields = await pages.fields_of(request)
    if not pages.is_own_form(request):
        raise ForbiddenError("this form comes from another page; open /login, and send it there")
    return fields


def _derived(secret: str) -> tuple[str, str, str]:
    """State, nonce and PKCE verifier of one way out; who has not the cookie can tell none of them."""
    made = [
        urlsafe_b64encode(hashlib.sha256(f"{what} {secret}".encode()).digest()).decode().rstrip("=")
        for what in ("state", "nonce", "verifier")
    ]
    return made[0], made[1], made[2]
