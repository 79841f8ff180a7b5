"""Open doors: a house whose application is asked in process, by callers of every role."""

import hashlib
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import schemathesis
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from schemathesis.schemas import APIOperation, BaseSchema
from starlette.types import Receive, Scope, Send
from tests.control.identities import Identity
from tests.control.practice import DIGEST, ROLLOUT, START, Practice, node_caller

from wavetrain.adapters.authority import OwnAuthority
from wavetrain.adapters.outside import Outside
from wavetrain.adapters.webhook import checked_url
from wavetrain.control import joins, tokens
from wavetrain.control.poll import Report, hear
from wavetrain.control.status_picture import StatusBoard
from wavetrain.control.subscriptions import Ways
from wavetrain.doors import openapi
from wavetrain.doors.http import build
from wavetrain.doors.limits import Limits
from wavetrain.doors.peer import EXTENSION
from wavetrain.errors import RefusedError
from wavetrain.model.access import Role, Token
from wavetrain.model.fleet import Generation, NodeId, Phase


class Nowhere(Outside):
    """A network in which no name is known: nobody is asked for any."""

    def addresses(self, host: str, port: int) -> list[str]:
        raise RefusedError(f"{host[:80]} has no address here; name another")


NODE = "lis1-n1"
CALLERS: Mapping[str, Role] = {role.value: role for role in Role if role is not Role.NODE} | {NODE: Role.NODE}
KNOWN = (ROLLOUT, "gateway@2.0.0", "lis1", NODE, "holidays", "restored", "clock", DIGEST, *CALLERS)
"""Names that are there, for the parameter that names a thing."""


class OpenDoors:
    """A house with a rollout under way; a token for each role, and an id of the same name."""

    def __init__(self, folder: Path) -> None:
        self.house = Practice(folder)
        self._folder = folder / "artifacts"
        self.house.rolling()
        report = Report(node=NodeId(NODE), generation=Generation(1, 1), release="1.9.0", phase=Phase.STEADY)
        hear(self.house.store, node_caller(NODE), report)
        with self.house.store.write() as transaction:
            for name, role in CALLERS.items():
                if role is not Role.NODE:
                    transaction.put(_token(name, role))
        authority = OwnAuthority(folder, START)
        joining, joined = (joins.make(self.house.store, authority, tokens.HOUSE, NODE) for _ in range(2))
        identity = Identity()
        issued = joins.joined(self.house.store, authority, joined.secret, identity.csr)
        self._certificate = x509.load_pem_x509_certificate(issued.certificate.encode()).public_bytes(
            Encoding.DER
        )
        self._shown = b""
        self.said = {"csr": identity.csr, "secret": joining.secret}
        """What a join needs to be a good one."""
        seconds = itertools.count(0, 1_000)
        limits = Limits(lambda: next(seconds))  # what is searched here is not how often somebody asks
        self._app = build(
            self.house.store,
            self.house.artifacts,
            self.house.trust,
            authority=authority,
            limits=limits,
            board=StatusBoard(self.house.store),
            ways=Ways(Nowhere(), checked_url, mails=True),
        )

    @property
    def state(self) -> tuple[Any, ...]:
        """What a refusal must leave alone: records, journal, and kept bytes."""
        with self.house.store.read() as view:
            entries = max((entry.seq for entry in view.journal_tail(1)), default=0)
            sequence = view.sequence
        return sequence, entries, tuple(sorted(self._folder.rglob("*")))

    def schema(self, door: str) -> BaseSchema:
        """A door's document, as it is given."""
        return schemathesis.openapi.from_asgi(openapi.PATHS[door], self)

    def operation(self, door: str, method: str, path: str) -> APIOperation[Any, Any, Any, Any]:
        """One route of it."""
        return self.schema(door)[path][method]

    def headers(self, name: str) -> dict[str, str]:
        """What a caller sends along; nothing without a name. A node shows its certificate with what it asks next."""
        self._shown = self._certificate if name == NODE else b""
        return {"Authorization": f"Bearer {secret_of(name)}"} if name and name != NODE else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application, with what a handshake would have shown it."""
        shown = {**scope.get("extensions", {}), EXTENSION: self._shown}
        await self._app({**scope, "extensions": shown}, receive, send)


def secret_of(name: str) -> str:
    """The secret of a caller's token."""
    return f"secret-of-{name}"


def _token(name: str, role: Role) -> Token:
    return Token(
        id=name,
        name=name,
        roles=(role,),
        secret_sha256=hashlib.sha256(secret_of(name).encode()).hexdigest(),
        created_at=START,
        created_by="practice",
    )
