"""Servers: a control plane with an authority, a balancer and a plain HTTP server in the tests' own process."""

import base64
import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.agent.program import Artifact

from wavetrain.adapters.authority import OwnAuthority
from wavetrain.agent.identity import Identity
from wavetrain.model.fleet import Generation, NodeId
from wavetrain.wire.agent_messages import (
    Bans,
    JoinAsked,
    Joined,
    Permission,
    Poll,
    RenewAsked,
    Say,
    Told,
    VisitSaid,
    bans_bytes,
    signed_bytes,
)

Answer = tuple[int, bytes]


class Server:
    """Answers each request with `answer(method, path, body)`; `peer` names the client of the one at hand."""

    def __init__(
        self,
        answer: Callable[[str, str, bytes], Answer],
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._open = open_now = set[socket.socket]()
        self.peer = peer = threading.local()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                peer.name, peer.serial = _peer(self.connection)
                status, content = answer(self.command, self.path, self.rfile.read(length))
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_PUT = do_GET  # noqa: N815 (the names that http.server asks for)

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
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
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


def _peer(connection: socket.socket) -> tuple[str, str]:
    """The name and the serial in the client's certificate; empty without one."""
    shown = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    if not shown:
        return "", ""
    names: Any = shown["subject"]
    return dict(part[0] for part in names)["commonName"], str(shown["serialNumber"])


class Door:
    """An authority in a folder, and what a server on 127.0.0.1 shows of it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC)
        self.authority = OwnAuthority(folder, now)
        self.ca_file = self.authority.file
        certificate, key = self.authority.door(folder, [], now)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.context.load_verify_locations(self.ca_file)
        self.context.verify_mode = ssl.CERT_OPTIONAL

    def let_in(self, node: str, folder: Path, key: Ed25519PrivateKey) -> Identity:
        """A node that has joined, without having asked."""
        identity = Identity(node, folder, str(self.ca_file))
        request = identity.request()
        issued = self.authority.issue(NodeId(node), request.csr, datetime.now(UTC))
        identity.join(
            request,
            Joined(certificate=issued.certificate, authority=self.authority.chain(), key=public(key)),
            "",
        )
        return identity


def public(key: Ed25519PrivateKey) -> str:
    """As nodes take it."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


class FakeControlPlane:
    """Tells one node what it was set to tell; remembers what it heard."""

    def __init__(self, key: Ed25519PrivateKey, folder: Path, node: str = "n1") -> None:
        self._key = key
        self._node = node
        self.door = Door(folder)
        self.secrets = {"first"}
        """With which a node may still join."""
        self._serial, self._floor = 1, ""
        self._withdrawn: set[str] = set()
        self.serials: list[str] = []
        """Of the certificates that the node has reported with, each once."""
        self.enrolled: list[str] = []
        """What was asked for, by which certificate's name."""
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
        self._server = Server(self._answer, self._port, self.door.context)
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
        floor: str = "",
        serial: int | None = None,
        bytes_instead: bytes | None = None,
        node: str = "",
        key: Ed25519PrivateKey | None = None,
        bans_key: Ed25519PrivateKey | None = None,
        restart: bool = False,
    ) -> None:
        generation, digest = Generation(0, counter), artifact.digest
        permission = self._permission(
            node or self._node, generation, digest, lifetime_s, key or self._key, restart=restart
        )
        self._withdrawn |= set(tombstones)
        self._floor = floor or self._floor
        self._serial += bool(tombstones) + bool(floor)
        bans = signed_bans(
            bans_key or self._key,
            self._serial if serial is None else serial,
            self._floor,
            tuple(sorted(self._withdrawn)),
        )
        with self._news:
            self._artifacts[digest] = artifact.content if bytes_instead is None else bytes_instead
            self._told = Told(
                generation=generation,
                release=artifact.number,
                digest=digest,
                size=len(artifact.content),
                permission=permission if lifetime_s else None,
                restart=restart,
                bans=bans,
            )
            self._news.notify_all()

    @staticmethod
    def _permission(
        node: str,
        generation: Generation,
        digest: str,
        lifetime_s: float,
        key: Ed25519PrivateKey,
        *,
        restart: bool,
    ) -> Permission:
        content = signed_bytes(node, generation, digest, "gateway-2.0.0/1", lifetime_s, restart=restart)
        return Permission(
            node=node,
            generation=generation,
            digest=digest,
            plan="gateway-2.0.0/1",
            lifetime_s=lifetime_s,
            signature=base64.b64encode(key.sign(content)).decode(),
        )

    @property
    def last(self) -> Say | None:
        return self.said[-1] if self.said else None

    def _answer(self, method: str, path: str, body: bytes) -> Answer:
        server = self._server
        peer, serial = (server.peer.name, server.peer.serial) if server is not None else ("", "")
        if method == "POST" and path in ("/v1/agent/join", "/v1/agent/renew"):
            return self._enrol(path, body, peer)
        if peer != self._node:
            return 401, b"no certificate of this node"
        if serial not in self.serials:
            self.serials.append(serial)
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

    def _enrol(self, path: str, body: bytes, peer: str) -> Answer:
        self.enrolled.append(f"{path.rpartition('/')[2]} by {peer or 'nobody'}")
        if path.endswith("join"):
            asked = msgspec.json.decode(body, type=JoinAsked)
            if asked.secret not in self.secrets:
                return 403, b"the join token was used already"
            self.secrets.remove(asked.secret)
            csr = asked.csr
        else:
            csr = msgspec.json.decode(body, type=RenewAsked).csr
            if peer != self._node:
                return 401, b"no certificate"
        issued = self.door.authority.issue(NodeId(self._node), csr, datetime.now(UTC))
        joined = Joined(
            certificate=issued.certificate, authority=self.door.authority.chain(), key=public(self._key)
        )
        return 201, msgspec.json.encode(joined)


def signed_bans(
    key: Ed25519PrivateKey,
    serial: int,
    floor: str = "",
    tombstones: tuple[str, ...] = (),
    component: str = "gateway",
) -> Bans:
    """As the control plane of this key says them."""
    signature = base64.b64encode(key.sign(bans_bytes(component, serial, floor, tombstones))).decode()
    return Bans(component=component, serial=serial, floor=floor, tombstones=tombstones, signature=signature)


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
