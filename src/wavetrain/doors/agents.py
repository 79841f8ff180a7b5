"""Agents' door: a node reports, is told what to run, and fetches it; its token speaks for itself alone."""

import asyncio
import contextlib
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from wavetrain.control import poll as use
from wavetrain.decide.permit import Caller
from wavetrain.doors.house import House, house_of, off_loop
from wavetrain.doors.intake import body_of, caller_of
from wavetrain.errors import UnknownError
from wavetrain.model.fleet import NodeId
from wavetrain.wire.agent_messages import POLL_BYTES_MAX, Poll
from wavetrain.wire.intake import read_poll, report_of, visitors_of
from wavetrain.wire.told import told_of


async def poll(request: Request) -> Response:
    """`Poll` in, `Told` out: at once when there is a newer generation, else on a change or when time is up."""
    caller = await caller_of(request)
    asked = read_poll(await body_of(request, POLL_BYTES_MAX))
    house, node = house_of(request), NodeId(asked.say.node)
    await off_loop(partial(_hear, house, caller, asked))
    with house.herald.waiting(node) as changed:
        order = await off_loop(partial(use.order, house.store, house.trust, node))
        if order.generation <= asked.known and asked.wait_s > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(asked.wait_s):
                    await changed.wait()
            order = await off_loop(partial(use.order, house.store, house.trust, node))
    return Response(msgspec.json.encode(told_of(node, order)), media_type="application/json")


async def artifact(request: Request) -> Response:
    """The bytes of the release that the node is told to run."""
    caller = await caller_of(request)
    house, digest = house_of(request), request.path_params["digest"]
    await off_loop(partial(use.may_fetch, house.store, caller, digest))
    path = await off_loop(partial(house.artifacts.path, digest))
    if path is None:
        raise UnknownError(f"there are no bytes under digest {digest[:12]}; upload the artifact again")
    return FileResponse(path, media_type="application/octet-stream")


def _hear(house: House, caller: Caller, asked: Poll) -> None:
    use.hear(house.store, caller, report_of(asked.say), visitors_of(asked.visits))


ROUTES = [
    Route("/v1/agent/poll", poll, methods=["POST"]),
    Route("/v1/agent/artifacts/{digest}", artifact, methods=["GET"]),
]
