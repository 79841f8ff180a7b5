"""Features' door: what persons see of features, and how they steer their ramps, as JSON."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wavetrain.control import enquire, features
from wavetrain.control.features import FeatureSeen
from wavetrain.control.ports import Store
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.doors.house import house_of, off_loop
from wavetrain.doors.intake import caller_of, message_of
from wavetrain.doors.query import query_of
from wavetrain.wire.feature_file import FEATURE_FILE_BYTES_MAX, read_features
from wavetrain.wire.feature_messages import ScheduleRamp, steps_of
from wavetrain.wire.messages import Because, FileText, utc_of

ANSWER_S = 45.0

Endpoint = Callable[[Request], Awaitable[Response]]


async def _said(deed: Callable[[], object]) -> Response:
    async with asyncio.timeout(ANSWER_S):
        made = await off_loop(deed)
    return Response(msgspec.json.encode(made), 200, media_type="application/json")


async def _listed(request: Request) -> Response:
    caller = await caller_of(request)
    query_of(request)
    return await _said(partial(features.listed, house_of(request).store, caller))


async def _show(request: Request) -> Response:
    caller = await caller_of(request)
    query_of(request)
    return await _said(partial(features.show, house_of(request).store, caller, request.path_params["name"]))


async def _add(request: Request) -> Response:
    caller = await caller_of(request)
    require(caller, Act.ANNOUNCE)
    message = await message_of(request, FileText, "features", FEATURE_FILE_BYTES_MAX * 2)
    store = house_of(request).store
    return await _said(
        lambda: features.add(store, caller, read_features(message.text, enquire.train_time(store)))
    )


async def _schedule(request: Request) -> Response:
    caller = await caller_of(request)
    asked = await message_of(request, ScheduleRamp, "ramp")
    begins = utc_of(asked.begins, "begins") if asked.begins is not None else None
    store, name = house_of(request).store, request.path_params["name"]
    return await _said(partial(features.schedule, store, caller, name, begins, steps_of(asked)))


def _because(use: Callable[[Store, Caller, str, str], FeatureSeen], what: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        caller = await caller_of(request)
        message = await message_of(request, Because, what)
        name = request.path_params["name"]
        return await _said(partial(use, house_of(request).store, caller, name, message.reason))

    return endpoint


ROUTES = [
    Route("/v1/features", _listed),
    Route("/v1/features", _add, methods=["POST"]),
    Route("/v1/features/{name}", _show),
    Route("/v1/features/{name}/ramp", _schedule, methods=["POST"]),
    Route("/v1/features/{name}/pause", _because(features.pause, "pause"), methods=["POST"]),
    Route("/v1/features/{name}/resume", _because(features.resume, "resume"), methods=["POST"]),
    Route("/v1/features/{name}/off", _because(features.off, "off"), methods=["POST"]),
]
