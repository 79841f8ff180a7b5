"""Served: a practice house behind a real socket, with TLS as in earnest."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import cast

import httpx
import uvicorn
from tests.control.identities import Identity
from tests.control.practice import Practice

from wavetrain.adapters.authority import OwnAuthority
from wavetrain.control import joins, tokens
from wavetrain.control.audience import Audience
from wavetrain.control.ports import Snapshot
from wavetrain.control.standings import Standings
from wavetrain.doors.http import build
from wavetrain.doors.limits import Limits
from wavetrain.model.access import Role
from wavetrain.wiring.clock import utc_now
from wavetrain.wiring.connection import Connection
from wavetrain.wiring.tls import Tls, own_pair

PERSONS = {
    "ci": [Role.CI],
    "olga": [Role.OPERATOR],
    "anna": [Role.APPROVER],
    "ada": [Role.ADMIN],
    "vic": [Role.VIEWER],
    "pages": [Role.EVALUATOR],
}
NODES = ("lis1-n1", "lis1-n2")
START_S_MAX = 60.0


class Served:
    """The house, its address, and a credential for everybody."""

    def __init__(self, house: Practice, authority: OwnAuthority, folder: Path, url: str) -> None:
        self.house = house
        self.url = url
        self.authority = authority
        self._folder = folder
        self.secrets = {
            name: tokens.create(house.store, tokens.HOUSE, name, roles)[1] for name, roles in PERSONS.items()
        }
        self.identities = {node: self.joined(node) for node in NODES}

    def joined(self, node: str) -> Identity:
        """A node with a certificate that the house knows."""
        identity = Identity()
        made = joins.make(self.house.store, self.authority, tokens.HOUSE, node)
        identity.certificate = joins.joined(
            self.house.store, self.authority, made.secret, identity.csr
        ).certificate
        return identity

    def to(self, name: str = "") -> httpx.Client:
        """A client that shows the credential of `name`; without a name, none."""
        if name in self.identities:
            return self.shown(self.identities[name])
        return self.shown(None, self.secrets[name] if name else "")

    def shown(self, identity: Identity | None, secret: str = "") -> httpx.Client:
        """A client with this certificate and this token."""
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return httpx.Client(
            base_url=self.url, headers=headers, timeout=20.0, trust_env=False, verify=self._context(identity)
        )

    def connection(self, identity: Identity | None = None) -> ssl.SSLSocket:
        """A connection on which nothing was said yet."""
        host, port = self.url.removeprefix("https://").split(":")
        plain = socket.create_connection((host, int(port)), timeout=10)
        return self._context(identity).wrap_socket(plain, server_hostname=host)

    def _context(self, identity: Identity | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.authority.chain())
        if identity is not None:
            context.load_cert_chain(identity.write(self._folder))
        return context


@contextlib.contextmanager
def served(
    house: Practice,
    folder: Path,
    limits: Limits | None = None,
    connection: type[Connection] = Connection,
    snapshot: Snapshot | None = None,
    audience: Audience | None = None,
) -> Iterator[Served]:
    """The doors of a house on a free port of loopback meanwhile; its clock is the machine's, as certificates' are."""
    house.seconds = time.time()
    now: datetime = utc_now()
    authority = OwnAuthority(folder, now)
    tls = Tls(authority, own_pair(authority, folder, ()), utc_now)
    app = build(
        house.store,
        house.artifacts,
        house.trust,
        authority=authority,
        limits=limits,
        standings=cast(Standings, snapshot),
        audience=audience,
    )
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=connection,
        ws="none",
        ssl_context_factory=lambda *_: tls.context,
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="doors")
    thread.start()
    try:
        deadline = time.monotonic() + START_S_MAX
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            threading.Event().wait(0.005)
        assert server.started, "the doors did not open"
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Served(house, authority, folder, f"https://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        app.state.let_go()
        thread.join(10.0)
