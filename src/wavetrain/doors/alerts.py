"""Alerts' door: what persons see of alerts and ask about them, as JSON."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wavetrain.control import notices
from wavetrain.control.ports import Store
from wavetrain.decide.permit import Caller
from wavetrain.doors.house import house_of, off_loop
from wavetrain.doors.intake import caller_of
from wavetrain.doors.query import query_of
from wavetrain.errors import RefusedError

ANSWER_S = 45.0

Endpoint = Callable[[Request], Awaitable[Response]]


def _all(use: Callable[[Store, Caller], object]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        caller = await caller_of(request)
        query_of(request)
        return await _said(partial(use, house_of(request).store, caller))

    return endpoint


def _one(use: Callable[[Store, Caller, str], object], status: int = 200) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        caller = await caller_of(request)
        query_of(request)
        deed = partial(use, house_of(request).store, caller, request.path_params["name"])
        return await _said(deed, status)

    return endpoint


async def _listed(request: Request) -> Response:
    caller = await caller_of(request)
    asked = query_of(request, text=("state",)).texts
    state = asked.get("state", "")
    if "state" in asked and not state:
        raise RefusedError("parameter state is empty; leave it out, or name a state")
    return await _said(partial(notices.listed, house_of(request).store, caller, state))


async def _said(deed: Callable[[], object], status: int = 200) -> Response:
    async with asyncio.timeout(ANSWER_S):
        made = await off_loop(deed)
    return Response(msgspec.json.encode(made), status, media_type="application/json")


ROUTES = [
    Route("/v1/alerts", _listed),
    Route("/v1/alerts/retry", _all(notices.retry_dead), methods=["POST"]),
    Route("/v1/alerts/{name}", _one(notices.shown)),
    Route("/v1/alerts/{name}/retry", _one(notices.retry), methods=["POST"]),
    Route("/v1/channels", _all(notices.channels)),
    Route("/v1/channels/{name}/test", _one(notices.test, 201), methods=["POST"]),
]
