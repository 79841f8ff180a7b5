"""Server: how do the doors open, say so, and close?"""

import json
import os
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn

TICKS_PER_HOUR = 36_000
"""The server looks around ten times a second."""


class Server(uvicorn.Server):
    """Says when it is ready, lets waiting nodes go when it ends, and leaves on a second signal at once.

    `hourly` is called about once an hour, on the loop: nobody shakes hands meanwhile.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        place: str,
        let_go: Callable[[], None],
        opened: Callable[[str], None] = lambda _: None,
        hourly: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config)
        self._place = place
        self._let_go = let_go
        self._opened = opened
        self._hourly = hourly

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._let_go()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            where = f"https://{self._place}"
            sys.stdout.write(json.dumps({"ready": where, "pid": os.getpid()}) + "\n")
            sys.stdout.flush()
            self._opened(where)

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_PER_HOUR == TICKS_PER_HOUR - 1:
            self._hourly()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)
        super().handle_exit(sig, frame)
