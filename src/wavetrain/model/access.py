"""Access: who may do what at a door."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from wavetrain.model.fleet import NodeId
from wavetrain.model.record import Record


class Role(StrEnum):
    """What the bearer of a token may do; each role stands alone."""

    VIEWER = "viewer"
    CI = "ci"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"
    NODE = "node"
    EVALUATOR = "evaluator"
    """A program that asks which features an account has, and nothing else."""
    ACCOUNT = "account"
    """A customer: its own records only."""
    CALENDAR = "calendar"
    """A customer's calendar program: the account's feeds, and nothing else."""


class Token(Record, frozen=True, kw_only=True):
    """A bearer's credential; only the SHA-256 of the secret is kept."""

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    INDEX: ClassVar[tuple[str, ...]] = ("secret_sha256",)
    id: str
    name: str
    """Who carries it: a person or a pipeline."""
    roles: tuple[Role, ...]
    secret_sha256: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked: bool = False
    account: str = ""
    """The account that it speaks for, with that role alone."""


class Join(Record, frozen=True, kw_only=True):
    """What lets a node ask for its first certificate, once; only the SHA-256 of the secret is kept."""

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    INDEX: ClassVar[tuple[str, ...]] = ("secret_sha256", "node")
    id: str
    node: NodeId
    secret_sha256: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    used_at: datetime | None = None
    revoked: bool = False


class Certificate(Record, frozen=True, kw_only=True):
    """A client certificate that was given to a node; one that is not kept here is nobody's.

    Its times are on the store's own clock, which is never jumped.
    """

    KEY: ClassVar[tuple[str, ...]] = ("serial",)
    INDEX: ClassVar[tuple[str, ...]] = ("node",)
    serial: str
    """In lower-case hex."""
    node: NodeId
    not_before: datetime
    not_after: datetime
    by: str
    """The join token that it was given for, or the serial of the certificate that it follows."""
    revoked: bool = False
