"""Admin door: how does a program of the lab answer HTTP/1.1 on its admin socket?

Small on purpose: a release of the lab carries it, so it may import the standard library alone.
Connections are kept alive; a request is answered before the next one of its connection is read.
"""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qsl, urlsplit

HEAD_LIMIT_BYTES = 16 * 1024
BODY_LIMIT_BYTES = 1024 * 1024
CONNECTIONS_LIMIT = 256

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Request(NamedTuple):
    """What was asked. The query keeps the last of repeated names."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes

    def whole_number(self, name: str, default: int, most: int) -> int:
        """A number of the query, from 0 to `most`. Raises ValueError with the way out."""
        text = self.query.get(name, str(default))
        if not text.isdecimal() or int(text) > most:
            raise ValueError(f"{self.path}: {name}={text!r} must be a whole number from 0 to {most}")
        return int(text)


class Answer(NamedTuple):
    """What is answered."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE


Handler = Callable[[Request], Answer | Awaitable[Answer]]


def json_answer(content: Any, status: int = 200) -> Answer:
    """An answer that carries `content` as JSON."""
    return Answer(status, json.dumps(content, separators=(",", ":")).encode())


def not_found(request: Request) -> Answer:
    """The answer to a method and path that the program does not serve."""
    return json_answer({"error": f"{request.method} {request.path} is not served here"}, 404)


class AdminDoor:
    """Answers requests on any number of listening sockets with one handler.

    A handler that raises ValueError is answered 400 with its message.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._servers: list[asyncio.Server] = []
        self._connections: dict[_Connection, bool] = {}

    async def listen(self, sock: socket.socket) -> None:
        """Accept on a bound socket; it may be shared with another program."""
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(lambda: _Connection(self), sock=sock))

    async def listen_unix(self, path: str) -> None:
        """Accept on a unix socket at `path`."""
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_unix_server(lambda: _Connection(self), path))

    def close(self) -> None:
        """Stop to accept, and end the connections that wait for a next request.

        Who kept such a connection connects again, and so reaches the program that took the socket over.
        """
        for server in self._servers:
            server.close()
        self._servers.clear()
        for connection, busy in list(self._connections.items()):
            if not busy:
                connection.end()

    def opened(self, connection: "_Connection") -> bool:
        """Whether one more connection is taken."""
        if len(self._connections) >= CONNECTIONS_LIMIT:
            return False
        self._connections[connection] = False
        return True

    def closed(self, connection: "_Connection") -> None:
        """Forget a connection."""
        self._connections.pop(connection, None)

    def answer(self, connection: "_Connection", request: Request) -> None:
        """Call the handler and send what it answers, now or when it is ready."""
        self._connections[connection] = True
        try:
            answer = self._handler(request)
        except ValueError as error:
            answer = json_answer({"error": str(error)}, 400)
        if isinstance(answer, Answer):
            self._send(connection, answer)
        else:
            task = asyncio.ensure_future(_settled(answer))
            task.add_done_callback(lambda done: self._send(connection, done.result()))

    def _send(self, connection: "_Connection", answer: Answer) -> None:
        if connection in self._connections:
            self._connections[connection] = False
            connection.send(answer, last=not self._servers)


async def _settled(answer: Awaitable[Answer]) -> Answer:
    try:
        return await answer
    except ValueError as error:
        return json_answer({"error": str(error)}, 400)


class _Connection(asyncio.Protocol):
    def __init__(self, door: AdminDoor) -> None:
        self._door = door
        self._buffer = b""
        self._busy = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._door.opened(self):
            self._transport.abort()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._door.closed(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > HEAD_LIMIT_BYTES + BODY_LIMIT_BYTES:
            self.end()
        elif not self._busy:
            self._next()

    def send(self, answer: Answer, last: bool) -> None:
        """Send an answer; `last` says that the connection ends with it."""
        if self._transport is None:
            return
        head = (
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n"
            f"Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n"
            f"Connection: {'close' if last else 'keep-alive'}\r\n\r\n"
        )
        self._transport.write(head.encode() + answer.body)
        self._busy = False
        if last:
            self._transport.close()
        else:
            self._next()

    def end(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def _next(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > HEAD_LIMIT_BYTES:
                self.end()
            return
        try:
            method, target, length = _read_head(self._buffer[:end].decode("latin-1"))
        except ValueError:
            self.end()
            return
        if len(self._buffer) < end + 4 + length:
            return
        body = self._buffer[end + 4 : end + 4 + length]
        self._buffer = self._buffer[end + 4 + length :]
        self._busy = True
        url = urlsplit(target)
        self._door.answer(self, Request(method, url.path, dict(parse_qsl(url.query)), body))


def _read_head(head: str) -> tuple[str, str, int]:
    """Method, target and length of the body. Raises ValueError."""
    first, *fields = head.split("\r\n")
    method, target, _version = first.split(" ")
    length = 0
    for field in fields:
        name, _, value = field.partition(":")
        match name.strip().lower():
            case "content-length":
                length = int(value)
            case "transfer-encoding":
                raise ValueError("a body needs Content-Length")
    if not 0 <= length <= BODY_LIMIT_BYTES:
        raise ValueError("the body is too large")
    return method, target, length
