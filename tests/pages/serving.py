"""Serving: an application behind a free port of loopback, for a browser."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

STARTS_S = 30.0


@contextmanager
def serving(app: Any, lifespan: Any = "off") -> Iterator[str]:
    """Its address, until the end."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan=lifespan, ws="none"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    waiting = threading.Event()
    for _ in range(int(STARTS_S / 0.02)):
        if server.started:
            break
        waiting.wait(0.02)
    assert server.started, "the doors did not open"
    try:
        yield f"http://localhost:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        getattr(app.state, "let_go", lambda: None)()
        server.should_exit = True
        thread.join(STARTS_S)
