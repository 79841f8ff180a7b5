"""Answers: how do the doors for persons carry a use case out, and say what comes of it, as JSON?"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from wavetrain.control.ports import Store
from wavetrain.decide.permit import Caller
from wavetrain.doors.house import house_of, off_loop
from wavetrain.doors.intake import caller_of, message_of
from wavetrain.doors.query import query_of
from wavetrain.wire.messages import Because

ANSWER_S = 45.0
"""How long an answer may take; longer than the store lets a writer wait, so that its own error comes first."""

Endpoint = Callable[[Request], Awaitable[Response]]


async def said(deed: Callable[[], object], status: int = 200, within_s: float = ANSWER_S) -> Response:
    """Do it in a thread; what it returns is the body."""
    async with asyncio.timeout(within_s):
        made = await off_loop(deed)
    return Response(msgspec.json.encode(made), status, media_type="application/json")


def reading(use: Callable[[Store, Caller], object]) -> Endpoint:
    """A use case that only reads, and needs nothing but the caller."""

    async def endpoint(request: Request) -> Response:
        caller = await caller_of(request)
        query_of(request)
        return await said(partial(use, house_of(request).store, caller))

    return endpoint


def reading_one(use: Callable[[Store, Caller, str], object], status: int = 200) -> Endpoint:
    """A use case that needs nothing but the caller and what the path names."""

    async def endpoint(request: Request) -> Response:
        caller = await caller_of(request)
        query_of(request)
        return await said(partial(use, house_of(request).store, caller, request.path_params["name"]), status)

    return endpoint


def because(use: Callable[[Store, Caller, str, str], object], what: str) -> Endpoint:
    """A deed on what the path names that needs a reason."""

    async def endpoint(request: Request) -> Response:
        caller = await caller_of(request)
        message = await message_of(request, Because, what)
        name = request.path_params["name"]
        return await said(partial(use, house_of(request).store, caller, name, message.reason))

    return endpoint


def removing(use: Callable[[Store, Caller, str], object]) -> Endpoint:
    """A deed that takes away what the path names."""

    async def endpoint(request: Request) -> Response:
        caller = await caller_of(request)
        return await said(partial(use, house_of(request).store, caller, request.path_params["name"]))

    return endpoint
