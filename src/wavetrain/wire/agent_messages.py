"""Agent messages: what a node says to the control plane, and what it is told."""

from collections.abc import Sequence

import msgspec

from wavetrain.model.fleet import Generation, Phase

POLL_BYTES_MAX = 256 * 1024
JOIN_BYTES_MAX = 16 * 1024
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


class ReconnectSaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session came to this node from another one, as its own side has told the node's program."""

    n: int
    """Its number since the node's program started; grows."""
    program: str
    """Which start of the program counts so."""
    session: str
    account: str
    kind: str = "site"
    """`site` or `user`."""
    before: str = ""
    """The node where it was before."""
    was: str = ""
    """The release that served it there; empty where its side does not know."""
    lost_ms: int
    """From the last answer there to the first one here, less what is usual between two."""
    reason: str
    """Why it left, in the word of the node that asked it to; `lost` where none did."""
    ago_s: float
    """How long ago it came, by the node's own clock."""


class Poll(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A report and a question. The answer comes when the desired generation differs from `known`, or after `wait_s`."""

    say: Say
    known: Generation
    """The newest generation that the node has read; the door answers at once when it has a newer one."""
    wait_s: float = 0.0
    visits: tuple[VisitSaid, ...] = ()
    reconnects: tuple[ReconnectSaid, ...] = ()
    """What came since the last poll; a control plane that does not know them yet is sent none."""


class Permission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What lets one node disturb itself for `lifetime_s` seconds of its own monotonic clock, from its first reading.

    `signature` is Ed25519 (base64) over `signed_bytes`.
    """

    node: str
    generation: Generation
    digest: str
    plan: str = ""
    """The rollout and the number of its timetable that this disturbance belongs to, as `ROLLOUT/NUMBER`."""
    lifetime_s: float
    signature: str


class Bans(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which releases of its component a node must refuse at any generation, for as long as it lives.

    `signature` is Ed25519 (base64) over `bans_bytes`, by the key that signs permissions.
    """

    component: str
    serial: int
    """Grows with every change of what follows, and over a restore of the control plane's store."""
    floor: str = ""
    """The oldest version allowed, by `model.release.is_older`; empty where there is none."""
    tombstones: tuple[str, ...] = ()
    """Versions that were withdrawn, sorted."""
    signature: str


class Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a node should run. Without a permission it may fetch the bytes, but disturbs nothing.

    What is as usual is left out, so that an agent which does not know `restart` yet reads all that does not say it.
    """

    generation: Generation
    release: str
    digest: str = ""
    size: int = 0
    permission: Permission | None = None
    restart: bool = False
    """Whether a node that runs the release drains, starts it anew and comes back, once for this generation. Without a
    permission that covers it nothing is done, and the generation is not taken up."""
    bans: Bans | None = None
    """None where the node's component is not known: what it has kept goes on to hold."""

    @property
    def tombstones(self) -> tuple[str, ...]:
        """The withdrawn versions, as far as this says them."""
        return self.bans.tombstones if self.bans is not None else ()


class JoinAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node that has no certificate yet asks for its first. `csr` is a signing request (PKCS #10) in PEM."""

    secret: str
    """Of a join token; it counts once."""
    csr: str


class RenewAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node asks, over a connection with its certificate, for the next one."""

    csr: str


class Joined(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What makes a node known, and what it knows the control plane by."""

    certificate: str
    """PEM; its key never leaves the node."""
    authority: str
    """The control plane's own authorities, PEM; the node's certificate is one of theirs."""
    key: str
    """The public key (Ed25519, base64 of its 32 bytes) that permissions and bans are checked with."""


def signed_bytes(
    node: str, generation: Generation, digest: str, plan: str, lifetime_s: float, *, restart: bool = False
) -> bytes:
    """What a permission's signature covers: a JSON array, without spaces, of domain, node, generation (as text),
    digest, plan and the lifetime in whole milliseconds; and the word `restart`, where that is what it is for.
    """
    parts = ("wavetrain-permission-2", node, str(generation), digest, plan, round(lifetime_s * 1000))
    return msgspec.json.encode((*parts, "restart") if restart else parts)


def bans_bytes(component: str, serial: int, floor: str, tombstones: Sequence[str]) -> bytes:
    """What the signature of bans covers: a JSON array, without spaces, of domain, component, serial, floor and the
    array of tombstones.
    """
    return msgspec.json.encode(("wavetrain-bans-1", component, serial, floor, tuple(tombstones)))
