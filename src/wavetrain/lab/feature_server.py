"""Feature server: a process with the evaluators' door, and beside it the least that any answer costs.

`python -m wavetrain.lab.feature_server plain|tls FOLDER`: says where it is, then answers each line on stdin by one on
stdout. `cpu`: the seconds of the processor that it has taken; `off KEY`: when the feature was off for everybody, by the
machine's monotonic clock; `size BYTES`: from now on `/floor` answers with so many.
"""

import asyncio
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from wavetrain.adapters.artifact_store import ArtifactStore
from wavetrain.adapters.authority import OwnAuthority
from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.adapters.signing_key import SigningKey
from wavetrain.control import features, tokens
from wavetrain.control.standings import Standings
from wavetrain.decide.permit import Caller
from wavetrain.doors.http import build
from wavetrain.lab.feature_bench import announced
from wavetrain.model.access import Role
from wavetrain.wiring.clock import utc_now
from wavetrain.wiring.connection import Connection
from wavetrain.wiring.tls import Tls, own_pair

FLAGS = 100
OPERATOR = Caller("bench", (Role.OPERATOR,))


class Floor:
    """Reads the body of a request, and answers always the same."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.body = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Or lets the application answer."""
        if scope["type"] != "http" or scope["path"] != "/floor":
            await self._app(scope, receive, send)
            return
        while (await receive()).get("more_body", False):
            pass
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def main() -> None:
    """Serve until stdin ends."""
    how, folder = sys.argv[1], Path(sys.argv[2])
    store = MemoryStore(time.time)
    features.add(store, OPERATOR, announced(FLAGS, utc_now()))
    standings = Standings(store, kept=True)
    threading.Thread(target=standings.keep, args=(threading.Event(),), daemon=True).start()
    secret = tokens.create(store, tokens.HOUSE, "bench", [Role.EVALUATOR])[1]
    artifacts, trust = ArtifactStore(folder / "artifacts"), SigningKey(folder / "key")
    app = build(store, artifacts, trust, standings=standings)
    floor = Floor(app)
    config = uvicorn.Config(
        floor,
        port=0,
        loop="uvloop",
        http=Connection,
        ws="none",
        access_log=False,
        log_level="error",
        lifespan="on",
    )
    believed = folder / "believed.pem"
    if how == "tls":
        authority = OwnAuthority(folder, utc_now())
        tls = Tls(authority, own_pair(authority, folder, ()), utc_now)
        believed.write_text(authority.chain())
        config.ssl_context_factory = lambda *_: tls.context
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        threading.Event().wait(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    _say({"port": port, "secret": secret, "ca": str(believed)})
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "cpu":
            _say(time.process_time())
        elif word == "size":
            floor.body = b"x" * int(rest)
            _say(int(rest))
        elif word == "off":
            begun = time.monotonic()
            features.off(store, OPERATOR, rest, "the bench ends it")
            _say(begun)
    app.state.let_go()
    server.should_exit = True
    thread.join(5.0)


def _say(what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
