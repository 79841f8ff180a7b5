"""Failures: which status and body does an error become? One table, the same at every door."""

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from wavetrain.errors import (
    ForbiddenError,
    LockedError,
    RefusedError,
    StaleError,
    TransitionError,
    UnknownError,
    UnreachableError,
    WavetrainError,
)
from wavetrain.wire.messages import Failure

STATUSES: dict[type[WavetrainError], tuple[int, str]] = {
    RefusedError: (422, "refused"),
    ForbiddenError: (403, "forbidden"),
    UnknownError: (404, "unknown"),
    TransitionError: (409, "transition"),
    StaleError: (409, "stale"),
    LockedError: (503, "locked"),
    UnreachableError: (503, "unreachable"),
}
"""The most specific class of an error counts."""

_HTTP_KINDS = {
    401: "unauthenticated",
    404: "unknown",
    405: "method",
    408: "timeout",
    412: "stale",
    413: "too large",
}


def failed(status: int, kind: str, text: str, headers: dict[str, str] | None = None) -> Response:
    """The response of an error."""
    body = msgspec.json.encode(Failure(error=text, kind=kind))
    return Response(body, status, headers, "application/json")


async def on_own_error(_: Request, error: Exception) -> Response:
    """An error that the table has."""
    for kind in type(error).__mro__:
        if kind in STATUSES:
            status, name = STATUSES[kind]
            return failed(status, name, str(error))
    return failed(500, "internal", str(error))


async def on_http_error(request: Request, error: Exception) -> Response:
    """What Starlette or a door refuses before any use case."""
    assert isinstance(error, HTTPException)
    text = error.detail
    if error.status_code in (404, 405) and text in ("Not Found", "Method Not Allowed"):
        text = f"there is no {request.method} {request.url.path[:200]} at this door; see docs/api.md"
    headers = dict(error.headers) if error.headers else None
    return failed(error.status_code, _HTTP_KINDS.get(error.status_code, "refused"), text, headers)


async def on_time_out(_: Request, __: Exception) -> Response:
    """The answer took too long; what was asked may still be done."""
    text = "the control plane took too long to answer; look whether it was done, then ask again"
    return failed(503, "unreachable", text)


async def on_disconnect(_: Request, __: Exception) -> Response:
    """Nobody reads this."""
    return failed(400, "refused", "the body ended early; send all of it")


async def on_bug(_: Request, __: Exception) -> Response:
    """An error that should not be; the log has it."""
    return failed(500, "internal", "the control plane failed on this request; its log says more")


HANDLERS = {
    WavetrainError: on_own_error,
    HTTPException: on_http_error,
    TimeoutError: on_time_out,
    ClientDisconnect: on_disconnect,
    Exception: on_bug,
}
