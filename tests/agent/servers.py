"""Servers: a control plane, a balancer and a plain HTTP server in the tests' own process."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.agent.program import Artifact

from wavetrain.model.fleet import Generation
from wavetrain.wire.agent_messages import Permission, Poll, Say, Told, VisitSaid, signed_bytes

Answer = tuple[int, bytes]


class Server:
    """Answers each request with `answer(method, path, body)`."""

    def __init__(self, answer: Callable[[str, str, bytes], Answer], port: int = 0) -> None:
        self._open = open_now = set[socket.socket]()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                status, content = answer(self.command, self.path, self.rfile.read(length))
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815 (the names that http.server asks for)

            def setup(self) -> None:
                super().setup()
                open_now.add(self.connection)

            def finish(self) -> None:
                open_now.discard(self.connection)
                super().finish()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Quiet."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """An agent that was killed leaves broken connections."""

        self._server = Quiet(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FakeControlPlane:
    """Tells one node what it was set to tell; remembers what it heard."""

    def __init__(self, key: Ed25519PrivateKey, node: str = "n1") -> None:
        self._key = key
        self._node = node
        self._news = threading.Condition()
        self._told = Told(generation=Generation(0, 0), release="")
        self._artifacts: dict[str, bytes] = {}
        self.said: list[Say] = []
        self.visits: list[VisitSaid] = []
        self.fetched: list[str] = []
        self.gate = threading.Event()
        """Artifacts are not given before it is set."""
        self.gate.set()
        self._server: Server | None = None
        self._port = 0

    def up(self) -> str:
        self._server = Server(self._answer, self._port)
        self._port = self._server.port
        return self._server.url

    def down(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            with self._news:
                self._news.notify_all()

    def tell(
        self,
        counter: int,
        artifact: Artifact,
        *,
        lifetime_s: float = 60.0,
        tombstones: tuple[str, ...] = (),
        bytes_instead: bytes | None = None,
        node: str = "",
        key: Ed25519PrivateKey | None = None,
    ) -> None:
        generation, digest = Generation(0, counter), artifact.digest
        permission = self._permission(node or self._node, generation, digest, lifetime_s, key or self._key)
        with self._news:
            self._artifacts[digest] = artifact.content if bytes_instead is None else bytes_instead
            self._told = Told(
                generation=generation,
                release=artifact.number,
                digest=digest,
                size=len(artifact.content),
                permission=permission if lifetime_s else None,
                tombstones=tombstones,
            )
            self._news.notify_all()

    @staticmethod
    def _permission(
        node: str, generation: Generation, digest: str, lifetime_s: float, key: Ed25519PrivateKey
    ) -> Permission:
        import base64

        signature = base64.b64encode(key.sign(signed_bytes(node, generation, digest, lifetime_s))).decode()
        return Permission(
            node=node, generation=generation, digest=digest, lifetime_s=lifetime_s, signature=signature
        )

    @property
    def last(self) -> Say | None:
        return self.said[-1] if self.said else None

    def _answer(self, method: str, path: str, body: bytes) -> Answer:
        if method == "POST" and path == "/v1/agent/poll":
            poll = msgspec.json.decode(body, type=Poll)
            self.said.append(poll.say)
            self.visits.extend(poll.visits)
            latest = time.monotonic() + poll.wait_s
            with self._news:
                self._news.wait_for(
                    lambda: self._told.generation != poll.known or self._server is None,
                    latest - time.monotonic(),
                )
                return 200, msgspec.json.encode(self._told)
        digest = path.rpartition("/")[2]
        if path.startswith("/v1/agent/artifacts/") and digest in self._artifacts:
            self.fetched.append(digest)
            self.gate.wait(20)
            return 200, self._artifacts[digest]
        return 404, b"{}"


class FakeBalancer:
    """Speaks as the lab's balancer does, for one node whose sessions all move at once, but for the stubborn."""

    def __init__(self, node: str = "n1") -> None:
        self._node = node
        self.state = "ready"
        self.sessions = 3
        self.stubborn = 0
        self.broken = False
        self.denied: set[str] = set()
        """Acts that it cannot do now."""
        self.acts: list[str] = []

    def serve(self) -> Server:
        return Server(self._answer)

    def _answer(self, method: str, path: str, body: bytes) -> Answer:
        act, _, query = path.removeprefix(f"/servers/{self._node}/").partition("?")
        if (method, path) == ("GET", "/visits"):
            return 200, b'{"acme": {"2026-11-02": 3}}'
        if self.broken or act in self.denied:
            return 503, b"not now"
        if (method, path) == ("GET", "/servers"):
            other = {"node": "n0", "state": "ready", "up": True, "sessions": 9}
            mine = {"node": self._node, "state": self.state, "up": True, "sessions": self.sessions}
            return 200, json.dumps([other, mine]).encode()
        if method == "POST" and act == "drain" and query.startswith("spread_ms="):
            self.state, self.sessions = "drain", self.stubborn
        elif method == "POST" and act == "ready":
            self.state = "ready"
        elif method == "POST" and act == "invite" and set(json.loads(body)) == {"count", "spread_ms"}:
            self.sessions = 3
        else:
            return 404, b"{}"
        self.acts.append(act)
        return 200, b"{}"
