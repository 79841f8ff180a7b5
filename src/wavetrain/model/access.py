"""Access: who may do what at a door."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from wavetrain.model.record import Record


class Role(StrEnum):
    """What the bearer of a token may do; each role stands alone."""

    VIEWER = "viewer"
    CI = "ci"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"
    NODE = "node"


class Token(Record, frozen=True, kw_only=True):
    """A bearer's credential; only the SHA-256 of the secret is kept."""

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    INDEX: ClassVar[tuple[str, ...]] = ("secret_sha256",)
    id: str
    name: str
    """Who carries it: a person, a pipeline, or for nodes the node's id."""
    roles: tuple[Role, ...]
    secret_sha256: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked: bool = False
