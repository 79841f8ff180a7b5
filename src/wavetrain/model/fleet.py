"""Fleet: regions, PoPs, nodes, accounts and sites, and which of them must not be out together."""

from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import ClassVar, NewType

import msgspec

from wavetrain.model.record import Record
from wavetrain.model.window import WindowRule

RegionId = NewType("RegionId", str)
PopId = NewType("PopId", str)
NodeId = NewType("NodeId", str)
AccountId = NewType("AccountId", str)
GroupId = NewType("GroupId", str)
SiteId = NewType("SiteId", str)
UnitId = NewType("UnitId", str)
"""What a lane moves: a node or an account, by its own id."""

NODES_PER_POP_MAX = 1_000
POPS_MAX = 10_000
BLACKOUTS_MAX = 100
LICENCES_MAX = 100
HOURS = 24


class Region(Record, frozen=True, kw_only=True):
    """A part of the world whose PoPs share a disruption budget."""

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    id: RegionId
    name: str


class Serves(StrEnum):
    """What the nodes of a place are for; a lane moves the nodes of one kind of place."""

    EDGE = "edge"
    """Customers' sites and users."""
    CONSOLE = "console"
    """A web application, such as the control plane itself; its nodes are the replicas."""


class Pop(Record, frozen=True, kw_only=True, dict=True, gc=True):
    """A location made of nodes; any node can serve any site or user.

    `load` is the forecast load as a share of the whole PoP's capacity (0 to 1); a PoP is out when the share
    of its nodes in service falls below `load` times the policy's headroom. `hours`, where they are known, are the
    same share for each hour of the day on the clock of the PoP's zone; `load` is then the greatest of a day.
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
    hours: tuple[float, ...] = ()
    capacity: float = 1.0
    """What the whole PoP can carry, in the operator's own unit; it compares PoPs with each other."""
    hardware: dict[str, tuple[NodeId, ...]] = {}
    """The nodes of each hardware class; a node in none has none."""
    dedicated: AccountId = AccountId("")
    """The account that has this PoP to itself, or empty; its black-outs bind the PoP."""
    latitude: float | None = None
    longitude: float | None = None
    serves: Serves = Serves.EDGE

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
        if self.hours and (len(self.hours) != HOURS or not all(0 <= share <= 1 for share in self.hours)):
            raise ValueError(
                f"PoP {self.id} has {len(self.hours)} hours; give {HOURS} shares of its capacity from 0 to 1, or none"
            )
        if not self.capacity > 0:
            raise ValueError(f"PoP {self.id} has capacity {self.capacity}; give more than 0")

    @cached_property
    def members(self) -> frozenset[str]:
        """The nodes, to look one up among many."""
        return frozenset(self.nodes)


class Group(Record, frozen=True, kw_only=True):
    """A redundancy group: PoPs of which not all may be out at once.

    `kind` says what binds them (a pair, a metro, an account's egress ...); it is for people, the rule is the same.
    """

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    id: GroupId
    members: tuple[PopId, ...]
    kind: str = "pair"

    def __post_init__(self) -> None:
        if len(set(self.members)) < 2:
            raise ValueError(f"redundancy group {self.id} has fewer than two members; name at least two PoPs")


class Blackout(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Days on which an account would rather not be disturbed, both included, on the clock of the PoP it uses."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"black-out ends on {self.last}, before {self.first}; give a later `last`")


class Account(Record, frozen=True, kw_only=True):
    """A customer of the operator, with its preferences: weights where a PoP is shared, rules where it is its own."""

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    id: AccountId
    name: str = ""
    early: bool = False
    """Whether it would rather have a release before others."""
    blackouts: tuple[Blackout, ...] = ()
    licences: tuple[str, ...] = ()
    """What it has bought, by the operator's own names."""
    appliance: str = ""
    """The oldest firmware among its appliances; empty where none is known."""
    client: str = ""
    """The oldest version among its clients; empty where none is known."""

    def __post_init__(self) -> None:
        if len(self.licences) > LICENCES_MAX:
            raise ValueError(
                f"account {self.id} has {len(self.licences)} licences; at most {LICENCES_MAX} are allowed"
            )
        if len(self.blackouts) > BLACKOUTS_MAX:
            raise ValueError(
                f"account {self.id} has {len(self.blackouts)} black-outs; at most {BLACKOUTS_MAX} are allowed"
            )


class SiteKind(StrEnum):
    """How a site reaches its PoP, which decides how soon it is back when that PoP goes."""

    APPLIANCE = "appliance"
    IPSEC = "ipsec"
    INTERCONNECT = "interconnect"


class Site(Record, frozen=True, kw_only=True):
    """A customer's location: behind an appliance, an IPsec device, or a cloud interconnect."""

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    INDEX: ClassVar[tuple[str, ...]] = ("account", "primary", "secondary")
    id: SiteId
    account: AccountId
    primary: PopId
    secondary: PopId = PopId("")
    """The PoP that takes over; empty where the site has one tunnel only."""
    kind: SiteKind = SiteKind.APPLIANCE
    zone: str = "UTC"
    users: int = 0
    ha: bool = False
    """Whether an appliance is one of a pair, of which the other takes over."""
    detection_s: float = 0.0
    """Seconds until the site's device notices a dead peer; 0 where nobody has said: its kind's own."""

    def __post_init__(self) -> None:
        if self.secondary and self.secondary == self.primary:
            raise ValueError(
                f"site {self.id} has {self.primary} as primary and as secondary; name another PoP, or no secondary"
            )
        if self.users < 0 or self.detection_s < 0:
            raise ValueError(f"site {self.id} has a negative users or detection_s; give 0 or more")


class Fleet(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The whole fleet as the choices look at it, by id. `sites` is filled only for choices that are about sites."""

    regions: dict[RegionId, Region] = {}
    pops: dict[PopId, Pop] = {}
    groups: dict[GroupId, Group] = {}
    accounts: dict[AccountId, Account] = {}
    sites: dict[SiteId, Site] = {}

    def pops_of(self, region: str) -> tuple[PopId, ...]:
        """The PoPs of a region, in order."""
        return self._by_region.get(region, ())

    def groups_of(self, pop: PopId) -> tuple[Group, ...]:
        """The redundancy groups that a PoP belongs to."""
        return self._by_member.get(pop, ())

    def serving(self, what: Serves) -> "Fleet":
        """Itself with the places alone that serve this: one of the other kind is in nobody's ring here."""
        if what not in self._by_service:
            pops = {name: pop for name, pop in self.pops.items() if pop.serves is what}
            is_whole = len(pops) == len(self.pops)
            self._by_service[what] = self if is_whole else msgspec.structs.replace(self, pops=pops)
        return self._by_service[what]

    @cached_property
    def _by_service(self) -> dict[Serves, "Fleet"]:
        return {}

    @cached_property
    def _by_region(self) -> dict[str, tuple[PopId, ...]]:
        found: dict[str, list[PopId]] = {}
        for name in sorted(self.pops):
            found.setdefault(self.pops[name].region, []).append(name)
        return {region: tuple(names) for region, names in found.items()}

    @cached_property
    def _by_member(self) -> dict[PopId, tuple[Group, ...]]:
        found: dict[PopId, list[Group]] = {}
        for group in self.groups.values():
            for member in group.members:
                found.setdefault(member, []).append(group)
        return {member: tuple(groups) for member, groups in found.items()}


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


class Generation(msgspec.Struct, frozen=True, order=True, gc=False):
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
    joins: bool = False
    """Whether the node was told this because it joined a fleet that was running."""
    restart: bool = False
    """Whether a node that runs the release restarts it once, for this generation."""


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


class Rebuilt(Record, frozen=True, kw_only=True):
    """A node's machine was set up anew: what the one before it says is no news of the node."""

    KEY: ClassVar[tuple[str, ...]] = ("node",)
    node: NodeId
    boot: str
    """The boot that it last reported before."""
    generation: Generation
    """The last one given out by then; the machine of before knows none that is newer."""
    at: datetime


class Visit(Record, frozen=True, kw_only=True):
    """An account used a PoP on a day (UTC)."""

    KEY: ClassVar[tuple[str, ...]] = ("account", "pop", "day")
    account: str
    pop: PopId
    day: str
    sessions: int
    had: tuple[str, ...] = ()
    """The features that it had on when it came here, and that the PoP did not have: the visit takes none of them away.

    Said on the first day, and carried on for as long as it keeps coming.
    """
