"""Hurried: by when must a whole answer have come?

A time limit of a socket bounds each wait for bytes: who sends one byte a wait holds the reader for as long as they
like, and who sends `100 Continue` for ever as well. These sockets also have an instant when all must be over.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

Clock = Callable[[], float]


class HurriedSocket(socket.socket):
    """A socket that is read until `until`, on the monotonic clock, and no longer."""

    until = float("inf")

    def recv_into(self, *args: Any) -> int:
        self.settimeout(_left(self.until, self.gettimeout()))
        return super().recv_into(*args)


class HurriedTls(ssl.SSLSocket):
    """The same with TLS; a context makes these when its `sslsocket_class` is this."""

    until = float("inf")

    def recv_into(self, *args: Any) -> int:
        self.settimeout(_left(self.until, self.gettimeout()))
        return super().recv_into(*args)


def hurry(connection: http.client.HTTPConnection, within_s: float) -> None:
    """Connect where that is to be done, and have the next answer be complete within so many seconds."""
    until = time.monotonic() + within_s
    if connection.sock is None:
        connection.connect()
        plain: Any = connection.sock
        if not isinstance(plain, ssl.SSLSocket):
            connection.sock = HurriedSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
    hurried = connection.sock
    assert isinstance(hurried, HurriedSocket | HurriedTls)
    hurried.settimeout(max(_SHORTEST_S, until - time.monotonic()))
    hurried.until = until


def _left(until: float, wait_s: float | None) -> float:
    """How long the next wait may take. Raises `TimeoutError` when the time is up."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("the answer was not complete in time")
    return left if wait_s is None else min(left, wait_s)


_SHORTEST_S = 0.001
