"""Server: how do the doors open, say so, and close?"""

import json
import os
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn


class Server(uvicorn.Server):
    """Says when it is ready, lets waiting nodes go when it ends, and leaves on a second signal at once."""

    def __init__(self, config: uvicorn.Config, place: str, let_go: Callable[[], None]) -> None:
        super().__init__(config)
        self._place = place
        self._let_go = let_go

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._let_go()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            ready = {"ready": f"http://{self._place}", "pid": os.getpid()}
            sys.stdout.write(json.dumps(ready) + "\n")
            sys.stdout.flush()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)
        super().handle_exit(sig, frame)
