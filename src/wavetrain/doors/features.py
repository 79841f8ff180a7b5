"""Features' door: what persons and accounts see of features, and what they say of them, as JSON."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wavetrain.control import account_features, choices, enquire, feature_verdicts, features
from wavetrain.decide.permit import Act, require
from wavetrain.doors.answers import because, reading, reading_one, said
from wavetrain.doors.house import house_of
from wavetrain.doors.intake import caller_of, message_of
from wavetrain.wire.feature_file import FEATURE_FILE_BYTES_MAX, read_features
from wavetrain.wire.feature_messages import Choose, ScheduleRamp, asked_of, steps_of
from wavetrain.wire.messages import FileText, utc_of


async def _add(request: Request) -> Response:
    caller = await caller_of(request)
    require(caller, Act.ANNOUNCE)
    message = await message_of(request, FileText, "features", FEATURE_FILE_BYTES_MAX * 2)
    store = house_of(request).store
    return await said(
        lambda: features.add(store, caller, read_features(message.text, enquire.train_time(store)))
    )


async def _schedule(request: Request) -> Response:
    caller = await caller_of(request)
    asked = await message_of(request, ScheduleRamp, "ramp")
    begins = utc_of(asked.begins, "begins") if asked.begins is not None else None
    store, name = house_of(request).store, request.path_params["name"]
    return await said(partial(features.schedule, store, caller, name, begins, steps_of(asked)))


async def _choose(request: Request) -> Response:
    caller = await caller_of(request)
    asked = asked_of(await message_of(request, Choose, "choice"))
    store, names = house_of(request).store, request.path_params
    return await said(partial(choices.choose, store, caller, names["name"], names["feature"], asked))


ROUTES = [
    Route("/v1/features", reading(features.listed)),
    Route("/v1/features", _add, methods=["POST"]),
    Route("/v1/features/{name}", reading_one(features.show)),
    Route("/v1/features/{name}/verdict", reading_one(feature_verdicts.verdict)),
    Route("/v1/features/{name}/ramp", _schedule, methods=["POST"]),
    Route("/v1/features/{name}/pause", because(features.pause, "pause"), methods=["POST"]),
    Route("/v1/features/{name}/resume", because(features.resume, "resume"), methods=["POST"]),
    Route("/v1/features/{name}/off", because(features.off, "off"), methods=["POST"]),
    Route("/v1/accounts/{name}/features", reading_one(account_features.seen)),
    Route("/v1/accounts/{name}/features/{feature}", _choose, methods=["POST"]),
]
