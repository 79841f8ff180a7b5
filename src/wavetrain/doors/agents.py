"""Agents' door: a node joins, reports, is told what to run, and fetches it; it speaks for itself alone."""

import asyncio
import contextlib
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from wavetrain.control import joins, reconnects
from wavetrain.control import poll as use
from wavetrain.control.ports import Issued
from wavetrain.decide.permit import Caller
from wavetrain.doors.house import House, house_of, off_loop
from wavetrain.doors.intake import body_of, caller_of, message_of
from wavetrain.doors.limits import address_of
from wavetrain.doors.peer import peer_of
from wavetrain.errors import ForbiddenError, UnknownError
from wavetrain.model.fleet import NodeId
from wavetrain.wire.agent_messages import (
    JOIN_BYTES_MAX,
    POLL_BYTES_MAX,
    JoinAsked,
    Joined,
    Poll,
    RenewAsked,
)
from wavetrain.wire.intake import came_of, read_poll, report_of, visitors_of
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


async def join(request: Request) -> Response:
    """`JoinAsked` in, `Joined` out; nothing else may be asked here without a credential."""
    house = house_of(request)
    house.limits.join(address_of(request.scope))
    asked = await message_of(request, JoinAsked, "join", JOIN_BYTES_MAX)
    issued = await off_loop(lambda: joins.joined(house.store, house.own_authority, asked.secret, asked.csr))
    return _joined(house, issued)


async def renew(request: Request) -> Response:
    """`RenewAsked` in, `Joined` out, over a connection with the certificate that is to be followed."""
    house, caller, peer = house_of(request), await caller_of(request), peer_of(request)
    if peer is None or peer.node != caller.name:
        raise ForbiddenError(
            f"{caller.name} asks for a node's certificate over a connection without one; only a node that has one "
            "renews it: let it join with wavetrain node join NODE"
        )
    asked = await message_of(request, RenewAsked, "renew", JOIN_BYTES_MAX)
    issued = await off_loop(
        lambda: joins.renewed(house.store, house.own_authority, caller, peer.serial, asked.csr)
    )
    return _joined(house, issued)


def _joined(house: House, issued: Issued) -> Response:
    authority = house.own_authority.chain()
    answer = Joined(certificate=issued.certificate, authority=authority, key=house.trust.public())
    return Response(msgspec.json.encode(answer), 201, media_type="application/json")


def _hear(house: House, caller: Caller, asked: Poll) -> None:
    latch = house.standings.latched if house.standings is not None else lambda *_: ()
    use.hear(house.store, caller, report_of(asked.say), visitors_of(asked.visits), latch)
    if asked.reconnects:
        reconnects.take(house.store, caller, asked.say.node, came_of(asked.reconnects))


ROUTES = [
    Route("/v1/agent/poll", poll, methods=["POST"]),
    Route("/v1/agent/artifacts/{digest}", artifact, methods=["GET"]),
    Route("/v1/agent/join", join, methods=["POST"]),
    Route("/v1/agent/renew", renew, methods=["POST"]),
]
