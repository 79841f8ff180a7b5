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
from wavetrain.control.ports import Store
from wavetrain.control.status_picture import StatusBoard
from wavetrain.decide.permit import Act, Caller
from wavetrain.doors import account_page, maintnote, status
from wavetrain.doors.answers import said
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

Write = Callable[[AccountWork], bytes]


class Feeds:
    """The calendars of accounts."""

    def __init__(self, board: StatusBoard, page: Page) -> None:
        self._board, self._page = board, page
        self._contact = maintnote.contact_of(page)

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route(SECRET, self._page_by_secret),
            Route(OWN, self._view),
            Route(f"{SECRET}/calendar.ics", self._by_secret(self._calendar)),
            Route(f"{SECRET}/maintnote.ics", self._by_secret(self._next)),
            Route(f"{SECRET}/maintnotes/{{work}}.ics", self._by_secret(self._one)),
            Route(f"{OWN}/calendar.ics", self._by_token(self._calendar)),
            Route(f"{OWN}/maintnote.ics", self._by_token(self._next)),
            Route(f"{OWN}/maintnotes/{{work}}.ics", self._by_token(self._one)),
        ]

    async def _page_by_secret(self, request: Request) -> Response:
        """The account's page, which whoever has the secret may read."""
        caller = await _holder(request)
        secret = request.path_params["secret"]
        store, picture = house_of(request).store, self._board.picture
        body = await off_loop(
            lambda: account_page.written(
                account_view.seen(store, caller, caller.account, picture, Act.FEED),
                picture,
                self._page,
                secret,
            )
        )
        headers = {**_PRIVATE, "Content-Security-Policy": status.policy().decode()}
        return Response(body, headers=headers, media_type="text/html")

    async def _view(self, request: Request) -> Response:
        """The same as JSON, by a token."""
        caller = await caller_of(request)
        query_of(request)
        store, name = house_of(request).store, request.path_params["name"]
        return await said(lambda: account_view.seen(store, caller, name, self._board.picture))

    def _by_secret(self, how: Callable[[Request], Write]) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            caller = await _holder(request)
            return await self._answer(request, caller, caller.account, how(request), Act.FEED)

        return endpoint

    def _by_token(self, how: Callable[[Request], Write]) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            caller = await caller_of(request)
            query_of(request)
            return await self._answer(
                request, caller, request.path_params["name"], how(request), Act.SEE_ACCOUNT
            )

        return endpoint

    async def _answer(
        self, request: Request, caller: Caller, account: str, write: Write, act: Act
    ) -> Response:
        store = house_of(request).store
        body = await off_loop(partial(self._written, store, caller, account, write, act))
        return Response(body, headers=_PRIVATE, media_type=ICS)

    def _written(self, store: Store, caller: Caller, account: str, write: Write, act: Act) -> bytes:
        return write(account_work.seen(store, caller, account, self._board.picture, act))

    def _calendar(self, _: Request) -> Write:
        return self._all

    def _all(self, told: AccountWork) -> bytes:
        made = calendar(f"{self._page.name}: {told.name}")
        for one in told.works[:WORKS_MAX]:
            made.add_component(maintnote.event(told.account, one, self._page, self._contact))
        return bytes(made.to_ical())

    def _next(self, _: Request) -> Write:
        return lambda told: maintnote.notice(told.account, told.next, self._page, self._contact)

    def _one(self, request: Request) -> Write:
        name = request.path_params["work"]
        return lambda told: maintnote.notice(told.account, told.find(name), self._page, self._contact)


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
