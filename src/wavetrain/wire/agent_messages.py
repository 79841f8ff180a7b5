"""Agent messages: what a node says to the control plane, and what it is told."""

import msgspec

from wavetrain.model.fleet import Generation, Phase

POLL_BYTES_MAX = 64 * 1024
POLL_WAIT_S_MAX = 30.0
DETAIL_CHARACTERS_MAX = 2_000


class Say(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a node reports of itself."""

    node: str
    generation: Generation
    release: str
    phase: Phase
    detail: str = ""
    metrics: str = ""
    boot: str = ""
    clock: float = 0.0
    """What the node's clock shows, in seconds since the Unix epoch; 0 where it does not say."""


class VisitSaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account used this node's PoP on a day (UTC, `YYYY-MM-DD`)."""

    account: str
    day: str
    sessions: int


class Poll(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report and a question. The answer comes when the desired generation differs from `known`, or after `wait_s`."""

    say: Say
    known: Generation
    """The newest generation that the node has read; the door answers at once when it has a newer one."""
    wait_s: float = 0.0
    visits: tuple[VisitSaid, ...] = ()


class Permission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What lets one node disturb itself for `lifetime_s` seconds of its own monotonic clock, from its first reading.

    `signature` is Ed25519 (base64) over `signed_bytes`.
    """

    node: str
    generation: Generation
    digest: str
    lifetime_s: float
    signature: str


class Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a node should run. Without a permission it may fetch the bytes, but disturbs nothing."""

    generation: Generation
    release: str
    digest: str = ""
    size: int = 0
    permission: Permission | None = None
    tombstones: tuple[str, ...] = ()
    """Versions that this node must refuse at any generation."""


def signed_bytes(node: str, generation: Generation, digest: str, lifetime_s: float) -> bytes:
    """What a signature covers: domain, node, generation, digest, lifetime in milliseconds; one a line."""
    lines = ("wavetrain-permission-1", node, str(generation), digest, str(round(lifetime_s * 1000)))
    return "\n".join(lines).encode()
