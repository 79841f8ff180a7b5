"""Intake: who sends what, and how much of it is read?"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import TypeVar

import anyio.from_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request

from wavetrain.control import joins, tokens
from wavetrain.decide.permit import Caller
from wavetrain.doors.house import House, house_of, off_loop
from wavetrain.doors.limits import address_of
from wavetrain.doors.peer import peer_of
from wavetrain.errors import RefusedError
from wavetrain.wire.json_message import read_message
from wavetrain.wire.messages import MESSAGE_BYTES_MAX

T = TypeVar("T")

READ_S = 15.0
"""How long a body's next bytes may take."""
BODY_S = 60.0
"""How long a whole body may take that is read at once."""


async def caller_of(request: Request) -> Caller:
    """The node whose certificate the connection has, else whose token the request bears.

    401 when neither is good, 429 when it is asked too often.
    """
    house = house_of(request)
    peer = peer_of(request)
    text = "there is no token; send the header: Authorization: Bearer TOKEN"
    if peer is not None:
        caller = await off_loop(partial(joins.recognised, house.store, peer))
        if caller is not None:
            house.limits.ask(caller)
            return caller
        way_out = f"let the node join anew: wavetrain node join {peer.node}"
        text = f"the certificate is unknown, revoked or expired; {way_out}"
    secret = bearer_of(request)
    if secret:
        caller = await off_loop(partial(_bearer, house, secret))
        if caller is not None:
            house.limits.ask(caller)
            return caller
        text = "the token is unknown, revoked or expired; ask an admin for another"
    house.limits.fail(address_of(request.scope))
    raise HTTPException(401, text, {"WWW-Authenticate": "Bearer"})


def bearer_of(request: Request) -> str:
    """The secret that the request bears; empty where it bears none."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


async def message_of(request: Request, kind: type[T], what: str, limit: int = MESSAGE_BYTES_MAX) -> T:
    """The JSON body of at most `limit` bytes as a message of `kind`."""
    return read_message(await body_of(request, limit), kind, what)


async def text_of(request: Request, limit: int, what: str) -> str:
    """The body as UTF-8 text of at most `limit` bytes."""
    try:
        return (await body_of(request, limit)).decode()
    except UnicodeDecodeError as error:
        raise RefusedError(f"{what} is not UTF-8 at byte {error.start}; save it as UTF-8") from None


async def body_of(request: Request, limit: int) -> bytes:
    """The body; 413 before reading when it says that it is longer than `limit` bytes, or as soon as it is."""
    check_length(request, limit)
    parts: list[bytes] = []
    size = 0
    async with asyncio.timeout(BODY_S):
        async for part in _parts(request):
            size += len(part)
            if size > limit:
                raise too_large(limit)
            parts.append(part)
    return b"".join(parts)


def check_length(request: Request, limit: int) -> None:
    """413 when the request announces more than `limit` bytes."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > limit:
        raise too_large(limit)


def too_large(limit: int) -> HTTPException:
    """The refusal of a body over its limit; the connection is closed, so that nobody reads the rest."""
    return HTTPException(413, f"the body is larger than {limit} bytes; send less", {"Connection": "close"})


def chunks_of(request: Request) -> Iterator[bytes]:
    """The body as it arrives, for a thread of `off_loop`; nothing is kept in memory."""
    parts = _parts(request)
    while True:
        part = anyio.from_thread.run(_next, parts)
        if part is None:
            return
        yield part


async def _next(parts: AsyncIterator[bytes]) -> bytes | None:
    return await anext(parts, None)


async def _parts(request: Request) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(READ_S):
                part = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise HTTPException(
                408, f"no bytes came for {READ_S:g} s; send the body without a pause"
            ) from None
        yield part


def _bearer(house: House, secret: str) -> Caller | None:
    """Whose the secret is: a token of ours, else one that a pipeline brings."""
    caller = tokens.authenticate(house.store, secret)
    return caller if caller is not None or house.pipelines is None else house.pipelines.caller(secret)
