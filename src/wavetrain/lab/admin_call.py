"""Admin call: how does a program of the lab ask another one's admin door?"""

import asyncio
import http.client
import json
from typing import Any, cast

from wavetrain.errors import UnreachableError

ANSWER_LIMIT_BYTES = 32 * 1024 * 1024
LATE_LOOK_S = 0.05  # a loop that was held up looks at its sockets once more before it calls a peer silent


def ask(
    address: tuple[str, int],
    method: str,
    path: str,
    body: Any = None,
    timeout_s: float = 5.0,
    statuses: tuple[int, ...] = (200,),
) -> Any:
    """Ask once and wait; the JSON that an answer of one of `statuses` carries. Raises UnreachableError for all else."""
    where = f"{method} http://{address[0]}:{address[1]}{path}"
    connection = http.client.HTTPConnection(*address, timeout=timeout_s)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        content = response.read(ANSWER_LIMIT_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(f"{where}: no answer within {timeout_s:g} s ({error})") from error
    finally:
        connection.close()
    if response.status not in statuses:
        raise UnreachableError(
            f"{where}: answered {response.status}: {content[:500].decode('utf-8', 'replace')}"
        )
    return json.loads(content)


class Caller:
    """Asks one address again and again over a connection that is kept; one question at a time."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._connection: _Answers | None = None
        self._turn = asyncio.Lock()

    async def ask(
        self, method: str, path: str, body: bytes = b"", timeout_s: float = 1.0
    ) -> tuple[int, bytes]:
        """The status and body of the answer. Raises UnreachableError.

        A kept connection that ends without an answer is no news about who listens now: a new one is tried.
        """
        async with self._turn:
            try:
                return await self._within(timeout_s, method, path, body)
            except (TimeoutError, OSError) as error:
                self.close()
                host, port = self._address
                raise UnreachableError(f"{method} http://{host}:{port}{path}: no answer ({error})") from error

    def close(self) -> None:
        """Give the connection up."""
        if self._connection is not None:
            self._connection.end()
            self._connection = None

    async def _within(self, timeout_s: float, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        asked = asyncio.ensure_future(self._ask(method, path, body))
        try:
            done, _ = await asyncio.wait([asked], timeout=timeout_s)
            if not done:
                done, _ = await asyncio.wait([asked], timeout=LATE_LOOK_S)
            if not done:
                raise TimeoutError(f"within {timeout_s:g} s")
            return asked.result()
        finally:
            if not asked.done():
                asked.cancel()
                await asyncio.wait([asked])

    async def _ask(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if self._connection is not None:
            try:
                return await self._connection.ask(method, path, body)
            except ConnectionError:
                self._connection = None
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Answers, *self._address)
        self._connection = connection
        return await connection.ask(method, path, body)


class _Answers(asyncio.Protocol):
    """The asking end of one connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError("the connection ended before the answer"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._waiting is None or self._waiting.done():
            return
        status, *fields = self._buffer[:end].decode("latin-1").split("\r\n")
        length = 0
        for field in fields:
            if field.lower().startswith("content-length:"):
                length = int(field[15:])
        if len(self._buffer) >= end + 4 + length:
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = b""
            self._waiting.set_result((int(status.split(" ")[1]), body))

    async def ask(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if self._transport is None:
            raise ConnectionError("the connection is closed")
        self._waiting = asyncio.get_running_loop().create_future()
        head = f"{method} {path} HTTP/1.1\r\nHost: lab\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)
        return await self._waiting

    def end(self) -> None:
        if self._transport is not None:
            self._transport.abort()
