"""Feeds: which calendars does an account subscribe to, by an address that is itself the secret?

A calendar program sends no header, so a token of the role calendar stands in the address; it opens nothing else. With
any other token the same is had by the header. A wrong secret, a revoked one and one of nobody look alike.
"""

from collections.abc import Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wavetrain.control import account_view, account_work, tokens
from wavetrain.control.account_work import AccountWork
from wavetrain.decide.permit import Act, Caller
from wavetrain.doors import account_page, maintnote, status
from wavetrain.doors.answers import Endpoint
from wavetrain.doors.house import house_of, off_loop
from wavetrain.doors.intake import caller_of
from wavetrain.doors.limits import address_of
from wavetrain.doors.query import query_of
from wavetrain.doors.status_calendar import WORKS_MAX, calendar
from wavetrain.doors.statuspage import Page
from wavetrain.errors import UnknownError
from wavetrain.model.access import Role

ICS = "text/calendar; charset=utf-8"
SECRET, OWN = "/feeds/{secret}", "/v1/accounts/{name}"
NONE = "there is no such feed; ask whoever gave you its address for another"

_PRIVATE = {
    "Cache-Control": "private, no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}

Write = Callable[[AccountWork, Page], bytes]


async def _page_by_secret(request: Request) -> Response:
    """The account's page, which whoever has the secret may read."""
    caller = await _holder(request)
    secret, house = request.path_params["secret"], house_of(request)
    picture = house.shown.picture
    body = await off_loop(
        lambda: account_page.written(
            account_view.seen(
                house.store, caller, caller.account, picture, Act.FEED, outlooks=house.outlooks
            ),
            picture,
            house.page,
            secret,
        )
    )
    headers = {**_PRIVATE, "Content-Security-Policy": status.policy().decode()}
    return Response(body, headers=headers, media_type="text/html")


def _by_secret(how: Callable[[Request], Write]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        caller = await _holder(request)
        return await _answer(request, caller, caller.account, how(request), Act.FEED)

    return endpoint


def _by_token(how: Callable[[Request], Write]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        caller = await caller_of(request)
        query_of(request)
        return await _answer(request, caller, request.path_params["name"], how(request), Act.SEE_ACCOUNT)

    return endpoint


async def _answer(request: Request, caller: Caller, account: str, write: Write, act: Act) -> Response:
    house = house_of(request)
    body = await off_loop(
        lambda: write(account_work.seen(house.store, caller, account, house.shown.picture, act), house.page)
    )
    return Response(body, headers=_PRIVATE, media_type=ICS)


def calendar_of(told: AccountWork, page: Page) -> bytes:
    """All work that touches an account."""
    made = calendar(f"{page.name}: {told.name}")
    for one in told.works[:WORKS_MAX]:
        made.add_component(maintnote.event(told.account, one, page, maintnote.contact_of(page)))
    return bytes(made.to_ical())


def _next(told: AccountWork, page: Page) -> bytes:
    return maintnote.notice(told.account, told.next, page, maintnote.contact_of(page))


def _one(request: Request) -> Write:
    name = request.path_params["work"]
    return lambda told, page: maintnote.notice(
        told.account, told.find(name), page, maintnote.contact_of(page)
    )


async def _holder(request: Request) -> Caller:
    """Who the secret in the address is; a wrong one and one of another role look alike."""
    house = house_of(request)
    house.limits.page(address_of(request.scope))
    query_of(request)
    caller = await off_loop(partial(tokens.authenticate, house.store, request.path_params["secret"]))
    if caller is None or set(caller.roles) != {Role.CALENDAR}:
        house.limits.fail(address_of(request.scope))
        raise UnknownError(NONE)
    return caller


ROUTES = [
    Route(SECRET, _page_by_secret),
    Route(f"{SECRET}/calendar.ics", _by_secret(lambda _: calendar_of)),
    Route(f"{SECRET}/maintnote.ics", _by_secret(lambda _: _next)),
    Route(f"{SECRET}/maintnotes/{{work}}.ics", _by_secret(_one)),
]
PATHS = frozenset(route.path for route in ROUTES)
"""No API: docs/status.md says what they are."""
OWN_ROUTES = [
    Route(f"{OWN}/calendar.ics", _by_token(lambda _: calendar_of)),
    Route(f"{OWN}/maintnote.ics", _by_token(lambda _: _next)),
    Route(f"{OWN}/maintnotes/{{work}}.ics", _by_token(_one)),
]
"""The same by a token: part of the operators' door."""
