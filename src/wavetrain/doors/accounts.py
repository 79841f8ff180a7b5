"""Accounts' door: what an account, or who may read it, asks of the account, and what it wishes, as JSON."""

import asyncio
from functools import partial

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wavetrain.control import account_settings, account_view
from wavetrain.control.account_settings import SettingsSeen
from wavetrain.decide.permit import Act, require_account
from wavetrain.doors import feeds, receipts
from wavetrain.doors.answers import ANSWER_S, said
from wavetrain.doors.house import house_of, off_loop
from wavetrain.doors.intake import caller_of, message_of
from wavetrain.doors.query import query_of
from wavetrain.errors import RefusedError, StaleError
from wavetrain.wire.account_messages import SaySettings, wanted_of

OWN = "/v1/accounts/{name}"
_WAY_OUT = "read the settings, and send their ETag as If-Match, so that nobody's words are lost"


async def _view(request: Request) -> Response:
    caller = await caller_of(request)
    query_of(request)
    house, name = house_of(request), request.path_params["name"]
    return await said(
        lambda: account_view.seen(house.store, caller, name, house.shown.picture, outlooks=house.outlooks)
    )


async def _settings(request: Request) -> Response:
    caller = await caller_of(request)
    query_of(request)
    store, name = house_of(request).store, request.path_params["name"]
    async with asyncio.timeout(ANSWER_S):
        return _tagged(await off_loop(partial(account_settings.seen, store, caller, name)))


async def _say(request: Request) -> Response:
    caller = await caller_of(request)
    query_of(request)
    store, name = house_of(request).store, request.path_params["name"]
    require_account(caller, name, Act.WISH)
    version = _version(request)
    wanted = wanted_of(await message_of(request, SaySettings, "settings"))
    try:
        async with asyncio.timeout(ANSWER_S):
            return _tagged(
                await off_loop(partial(account_settings.say, store, caller, name, wanted, version))
            )
    except StaleError as error:
        raise HTTPException(412, str(error)) from None


def _tagged(made: SettingsSeen) -> Response:
    headers = {"ETag": f'"{made.version}"', "Cache-Control": "private, no-cache"}
    return Response(msgspec.json.encode(made), headers=headers, media_type="application/json")


def _version(request: Request) -> int | None:
    """Of the settings that the caller has seen; `*` is whatever is there."""
    given = request.headers.get("if-match", "").strip()
    if not given:
        raise HTTPException(428, f"the request has no If-Match; {_WAY_OUT}")
    if given == "*":
        return None
    number = given.removeprefix('"').removesuffix('"')
    if not (number.isascii() and number.isdecimal() and len(number) < 20 and given == f'"{number}"'):
        raise RefusedError(f"If-Match is {given[:40]}; {_WAY_OUT}")
    return int(number)


ROUTES = [
    Route(OWN, _view),
    Route(f"{OWN}/settings", _settings),
    Route(f"{OWN}/settings", _say, methods=["PUT"]),
    *feeds.OWN_ROUTES,
    *receipts.ROUTES,
]
