"""Subscriptions' door: how is an account told, and what became of each message, as JSON?"""

from collections.abc import Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wavetrain.control import subscriptions
from wavetrain.control.ports import Store
from wavetrain.decide.permit import Caller
from wavetrain.doors.answers import Endpoint, said
from wavetrain.doors.house import house_of
from wavetrain.doors.intake import caller_of, message_of
from wavetrain.doors.query import query_of
from wavetrain.doors.subscriptions_described import OF_ACCOUNT, OWN
from wavetrain.wire.messages import Because
from wavetrain.wire.subscription_messages import AddWay, asked_of


async def _listed(request: Request) -> Response:
    caller = await caller_of(request)
    query_of(request)
    return await said(partial(subscriptions.listed, house_of(request).store, caller, _account(request)))


async def _add(request: Request) -> Response:
    caller = await caller_of(request)
    asked = asked_of(await message_of(request, AddWay, "way"))
    house = house_of(request)
    return await said(
        partial(subscriptions.add, house.store, caller, _account(request), asked, house.own_ways), 201
    )


async def _pause(request: Request) -> Response:
    caller = await caller_of(request)
    reason = (await message_of(request, Because, "pause")).reason
    store, name = house_of(request).store, request.path_params["name"]
    return await said(partial(subscriptions.pause, store, caller, _account(request), name, reason))


async def _messages(request: Request) -> Response:
    caller = await caller_of(request)
    state = query_of(request, text=("state",)).texts.get("state", "")
    return await said(
        partial(subscriptions.messages, house_of(request).store, caller, _account(request), state)
    )


async def _retry(request: Request) -> Response:
    caller = await caller_of(request)
    return await said(partial(subscriptions.retry, house_of(request).store, caller, _account(request)))


def _named(use: Callable[[Store, Caller, str, str], object], status: int = 200) -> Endpoint:
    """A use case about what the path names."""

    async def endpoint(request: Request) -> Response:
        caller = await caller_of(request)
        query_of(request)
        store, name = house_of(request).store, request.path_params["name"]
        return await said(partial(use, store, caller, _account(request), name), status)

    return endpoint


def _account(request: Request) -> str:
    return str(request.path_params.get("account", ""))


def _routes(start: str) -> list[Route]:
    messages = start.replace("subscriptions", "notices")
    return [
        Route(start, _listed),
        Route(start, _add, methods=["POST"]),
        Route(f"{start}/{{name}}", _named(subscriptions.remove), methods=["DELETE"]),
        Route(f"{start}/{{name}}/pause", _pause, methods=["POST"]),
        Route(f"{start}/{{name}}/resume", _named(subscriptions.resume), methods=["POST"]),
        Route(f"{start}/{{name}}/secret", _named(subscriptions.rotate), methods=["POST"]),
        Route(f"{start}/{{name}}/test", _named(subscriptions.test, 201), methods=["POST"]),
        Route(messages, _messages),
        Route(f"{messages}/retry", _retry, methods=["POST"]),
        Route(f"{messages}/{{name}}", _named(subscriptions.message)),
    ]


ROUTES = [*_routes(OWN), *_routes(OF_ACCOUNT)]
