"""Fleet: regions, PoPs, nodes, accounts and sites, and which of them must not be out together."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, NewType

import msgspec

from wavetrain.model.record import Record
from wavetrain.model.window import WindowRule

RegionId = NewType("RegionId", str)
PopId = NewType("PopId", str)
NodeId = NewType("NodeId", str)
AccountId = NewType("AccountId", str)
GroupId = NewType("GroupId", str)
UnitId = NewType("UnitId", str)
"""What a lane moves: a node or an account, by its own id."""

NODES_PER_POP_MAX = 1_000
POPS_MAX = 10_000


class Region(Record, frozen=True, kw_only=True):
    """A part of the world whose PoPs share a disruption budget."""

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    id: RegionId
    name: str


class Pop(Record, frozen=True, kw_only=True):
    """A location made of nodes; any node can serve any site or user.

    `load` is the forecast load as a share of the whole PoP's capacity (0 to 1); a PoP is out when the share
    of its nodes in service falls below `load` times the policy's headroom.
    """

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    INDEX: ClassVar[tuple[str, ...]] = ("region",)
    id: PopId
    region: RegionId
    place: str
    zone: str
    window: WindowRule
    nodes: tuple[NodeId, ...]
    load: float = 0.5

    def __post_init__(self) -> None:
        if not self.nodes:
            raise ValueError(f"PoP {self.id} has no nodes; name at least one")
        if len(self.nodes) > NODES_PER_POP_MAX:
            raise ValueError(
                f"PoP {self.id} has {len(self.nodes)} nodes; at most {NODES_PER_POP_MAX} are allowed"
            )
        if len(set(self.nodes)) != len(self.nodes):
            raise ValueError(f"PoP {self.id} names a node twice; name each once")
        if not 0 <= self.load <= 1:
            raise ValueError(f"PoP {self.id} has load {self.load}; give a share of its capacity from 0 to 1")


class Group(Record, frozen=True, kw_only=True):
    """A redundancy group: PoPs of which not all may be out at once."""

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    id: GroupId
    members: tuple[PopId, ...]

    def __post_init__(self) -> None:
        if len(set(self.members)) < 2:
            raise ValueError(f"redundancy group {self.id} has fewer than two members; name at least two PoPs")


class Account(Record, frozen=True, kw_only=True):
    """A customer of the operator."""

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    id: AccountId
    name: str = ""


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """The whole fleet as the choices look at it, by id."""

    regions: dict[RegionId, Region] = {}
    pops: dict[PopId, Pop] = {}
    groups: dict[GroupId, Group] = {}
    accounts: dict[AccountId, Account] = {}


class Phase(StrEnum):
    """What a node says it is doing, in the order of one update."""

    STEADY = "steady"
    STAGING = "staging"
    DRAINING = "draining"
    UPDATING = "updating"
    VERIFYING = "verifying"
    RETURNING = "returning"
    LAPSED = "lapsed"
    """Its permission ended before the switch: undrained, still on the older release."""
    REVERTED = "reverted"
    """Its own probe failed after the switch: back on the older release, which serves."""
    FAILED = "failed"
    """Neither the new nor the older release passes its probe; out of service."""


class Generation(msgspec.Struct, frozen=True, order=True):
    """The number of an instruction; only grows. A restore from a backup raises the era."""

    era: int
    counter: int

    def __str__(self) -> str:
        return f"{self.era}.{self.counter}"

    def following(self) -> "Generation":
        """The next number in the same era."""
        return Generation(self.era, self.counter + 1)


FIRST = Generation(0, 0)
"""What a node reports that has never been told anything."""


class Reported(Record, frozen=True, kw_only=True):
    """What a node last said of itself; written only when it says something new."""

    KEY: ClassVar[tuple[str, ...]] = ("node",)
    INDEX: ClassVar[tuple[str, ...]] = ("pop",)
    node: NodeId
    pop: PopId
    generation: Generation
    release: str
    phase: Phase
    since: datetime
    detail: str = ""
    metrics: str = ""
    """Where its metrics are read: a loopback or private address given by the node itself."""
    boot: str = ""
    clock_off_s: float = 0.0
    """How far its clock is ahead of the store's, in whole seconds; 0 while they agree."""


class Desired(Record, frozen=True, kw_only=True):
    """What a node should run; kept only for nodes that were ever told something."""

    KEY: ClassVar[tuple[str, ...]] = ("node",)
    INDEX: ClassVar[tuple[str, ...]] = ("pop", "rollout")
    node: NodeId
    pop: PopId
    generation: Generation
    release: str
    rollout: str = ""
    permitted_s: float = 0.0
    """Lifetime in seconds of the permission to disturb itself for this generation; 0 for none."""
    permitted_at: float = 0.0
    """When it was given, on the store's steady clock in seconds: what is left of it is handed out, no more."""


class Cordon(Record, frozen=True, kw_only=True):
    """A person's word that a PoP or node gets no new work."""

    KEY: ClassVar[tuple[str, ...]] = ("subject",)
    subject: str
    by: str
    since: datetime
    reason: str = ""


class Quarantine(Record, frozen=True, kw_only=True):
    """A node that went back by itself, or serves on neither release: it counts for no capacity until rebuilt."""

    KEY: ClassVar[tuple[str, ...]] = ("node",)
    INDEX: ClassVar[tuple[str, ...]] = ("pop",)
    node: NodeId
    pop: PopId
    rollout: str
    since: datetime
    reason: str
    serves: bool
    """Whether the older release serves on it."""


class Retired(Record, frozen=True, kw_only=True):
    """A node that a person has taken out of the fleet for good, or until it is rebuilt."""

    KEY: ClassVar[tuple[str, ...]] = ("node",)
    node: NodeId
    by: str
    since: datetime
    reason: str = ""


class Visit(Record, frozen=True, kw_only=True):
    """An account used a PoP on a day (UTC)."""

    KEY: ClassVar[tuple[str, ...]] = ("account", "pop", "day")
    account: str
    pop: PopId
    day: str
    sessions: int
