"""Server: how do the doors open, say so, and close?"""

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn
from uvicorn.server import ServerState

from wavetrain.wiring.connection import Connection
from wavetrain.wiring.listening import BACKLOG

TICKS_PER_HOUR = 36_000
"""The server looks around ten times a second."""
TURN_OVER_S = 0.3
"""How long, at least, a server that hands over lets clients change the connection with their next answer, before it
accepts no more."""
TURN_OVER_S_MAX = 3.0
"""How long it waits for the next request of those who have just asked: a busy machine may hold a client up."""
LIVELY_S = 1.5
"""Who has asked in these seconds before is one of them; others ask seldom, and are not waited for."""
LOOK_S = 0.02
HANDSHAKES_S = 1.0
"""How long it then waits for connections that were accepted and have not asked anything yet."""
PROBE_EVERY_S = 0.02
PROBE_WITHIN_S = 2.0
SAID_CHARACTERS = 300


class State(ServerState):
    """What the connections of one server share."""

    leaving = False
    """Whether each answer is the last one of its connection."""


class Server(uvicorn.Server):
    """Says when it is ready, lets waiting nodes go when it ends, and leaves on a second signal at once.

    `hourly` is called about once an hour, on the loop: nobody shakes hands meanwhile. The doors open when `begun` says
    so, at the latest after `begin_s`. With `prove_s` they open only when the application has answered /readyz with 200
    as well, on a private socket, within that time; else `unproven` says why they stayed closed. `inside` is a unix
    socket on which this process alone answers.
    """

    server_state: State

    def __init__(
        self,
        config: uvicorn.Config,
        place: str,
        let_go: Callable[[], None],
        opened: Callable[[str], None] = lambda _: None,
        hourly: Callable[[], None] = lambda: None,
        *,
        prove_s: float = 0.0,
        begin_s: float = 0.0,
        begun: Callable[[], bool] = lambda: True,
        inside: str = "",
    ) -> None:
        super().__init__(config)
        self.server_state = State()
        self._place = place
        self._let_go = let_go
        self._opened = opened
        self._hourly = hourly
        self._prove_s = prove_s
        self._begin_s = begin_s
        self._begun = begun
        self._inside = inside
        self._leaves: list[asyncio.Task[None]] = []
        self._told = False
        self.unproven = ""

    def leave(self) -> None:
        """End so that no request of anybody fails: somebody else accepts on the same socket afterwards."""
        self.server_state.leaving = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        loop = asyncio.get_running_loop()
        if self._prove_s:
            self.unproven = await self._probed()
            if self.unproven:
                self.should_exit = True
                return
        else:
            await self._wait_begun()
        if self._inside:
            Path(self._inside).unlink(missing_ok=True)
            self.servers.append(await loop.create_unix_server(self._connection, self._inside))
        for door in sockets or ():
            self.servers.append(
                await loop.create_server(self._connection, sock=door, ssl=self.config.ssl, backlog=BACKLOG)
            )
        where = f"https://{self._place}"
        sys.stdout.write(json.dumps({"ready": where, "pid": os.getpid()}) + "\n")
        sys.stdout.flush()
        self._opened(where)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.leaving:
            await self._turn_over()
        self._let_go()
        if self._leaves:
            await asyncio.wait(self._leaves, timeout=TURN_OVER_S)
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_PER_HOUR == TICKS_PER_HOUR - 1:
            self._hourly()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._told:
            os._exit(128 + sig)
        self._told = True
        super().handle_exit(sig, frame)

    async def _turn_over(self) -> None:
        """Have every connection end with an answer, and accept no more.

        A connection that ends with an answer is opened anew by its client, without a fault; one that ends while a
        request is on its way to it is a fault for somebody. So only those that stay silent are closed at last.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        for connection in self._connections():
            connection.end_with_answer()
        await asyncio.sleep(TURN_OVER_S)
        while loop.time() < began + TURN_OVER_S_MAX and any(
            connection.is_due(began - LIVELY_S) for connection in self._connections()
        ):
            await asyncio.sleep(LOOK_S)
        # Asked before it is closed, a server says when the last of its connections has ended; also of those whose
        # handshake has not, which nobody else counts.
        self._leaves = [loop.create_task(server.wait_closed()) for server in self.servers]
        await asyncio.sleep(0)
        for server in self.servers:
            server.close()

    async def _wait_tasks_to_complete(self) -> None:
        await super()._wait_tasks_to_complete()
        if self._leaves:
            await asyncio.wait(self._leaves, timeout=HANDSHAKES_S)
            await super()._wait_tasks_to_complete()

    def _connections(self) -> list[Connection]:
        return [one for one in self.server_state.connections if isinstance(one, Connection)]

    def _connection(self) -> asyncio.Protocol:
        kind: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        return kind(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    async def _wait_begun(self) -> None:
        until = time.monotonic() + self._begin_s
        while not (self._begun() or self.should_exit or time.monotonic() > until):
            await asyncio.sleep(PROBE_EVERY_S)

    async def _probed(self) -> str:
        """Empty when the application is ready; else what it said last."""
        until = time.monotonic() + self._prove_s
        said = "it has not begun"
        while not self.should_exit and time.monotonic() < until:
            if self._begun():
                said = await self._ready()
                if not said:
                    return ""
            await asyncio.sleep(PROBE_EVERY_S)
        return "it was told to stop" if self.should_exit else said

    async def _ready(self) -> str:
        """What /readyz answers over a connection that nobody else has; empty when that is 200."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        await loop.connect_accepted_socket(self._connection, theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            async with asyncio.timeout(PROBE_WITHIN_S):
                answer = await reader.read(-1)
        except TimeoutError:
            return f"/readyz has not answered for {PROBE_WITHIN_S:g} s"
        finally:
            writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        status = head.partition(b"\r\n")[0].decode(errors="replace")
        return "" if b" 200 " in head[:16] else f"{status} {body[:SAID_CHARACTERS].decode(errors='replace')}"
