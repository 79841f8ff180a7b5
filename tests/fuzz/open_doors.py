"""Open doors: a house whose application is asked in process, by callers of every role."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.schemas import APIOperation, BaseSchema
from tests.control.practice import DIGEST, ROLLOUT, START, Practice, node_caller

from wavetrain.control.poll import Report, hear
from wavetrain.doors import openapi
from wavetrain.doors.http import build
from wavetrain.model.access import Role, Token
from wavetrain.model.fleet import Generation, NodeId, Phase

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
                transaction.put(_token(name, role))
        self.app = build(self.house.store, self.house.artifacts, self.house.trust)

    @property
    def state(self) -> tuple[Any, ...]:
        """What a refusal must leave alone: records, journal, and kept bytes."""
        with self.house.store.read() as view:
            entries = max((entry.seq for entry in view.journal_tail(1)), default=0)
            sequence = view.sequence
        return sequence, entries, tuple(sorted(self._folder.rglob("*")))

    def schema(self, door: str) -> BaseSchema:
        """A door's document, as it is given."""
        return schemathesis.openapi.from_asgi(openapi.PATHS[door], self.app)

    def operation(self, door: str, method: str, path: str) -> APIOperation[Any, Any, Any, Any]:
        """One route of it."""
        return self.schema(door)[path][method]

    @staticmethod
    def headers(name: str) -> dict[str, str]:
        """What a caller sends along; nothing without a name."""
        return {"Authorization": f"Bearer {secret_of(name)}"} if name else {}


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
