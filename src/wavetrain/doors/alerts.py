"""Alerts' door: what persons see of alerts and ask about them, as JSON."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wavetrain.control import notices
from wavetrain.doors.answers import reading, reading_one, said
from wavetrain.doors.house import house_of
from wavetrain.doors.intake import caller_of
from wavetrain.doors.query import query_of
from wavetrain.errors import RefusedError


async def _listed(request: Request) -> Response:
    caller = await caller_of(request)
    asked = query_of(request, text=("state",)).texts
    state = asked.get("state", "")
    if "state" in asked and not state:
        raise RefusedError("parameter state is empty; leave it out, or name a state")
    return await said(partial(notices.listed, house_of(request).store, caller, state))


ROUTES = [
    Route("/v1/alerts", _listed),
    Route("/v1/alerts/retry", reading(notices.retry_dead), methods=["POST"]),
    Route("/v1/alerts/{name}", reading_one(notices.shown)),
    Route("/v1/alerts/{name}/retry", reading_one(notices.retry), methods=["POST"]),
    Route("/v1/channels", reading(notices.channels)),
    Route("/v1/channels/{name}/test", reading_one(notices.test, 201), methods=["POST"]),
]
