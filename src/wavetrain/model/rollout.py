"""Rollout: one release under way through waves, PoP by PoP, unit by unit."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, NewType

import msgspec

from wavetrain.model.fleet import Generation, PopId, UnitId
from wavetrain.model.hotfix import Hotfix
from wavetrain.model.plan import Hold
from wavetrain.model.record import Record
from wavetrain.model.release import ReleaseId, Stage

RolloutId = NewType("RolloutId", str)


class Status(StrEnum):
    """Of a rollout."""

    PLANNED = "planned"
    ANNOUNCED = "announced"
    ROLLING = "rolling"
    PAUSED = "paused"
    REVERTING = "reverting"
    COMPLETED = "completed"
    RESIDUE = "completed with residue"
    REVERTED = "reverted"
    PARTLY_REVERTED = "partly reverted"
    STOPPED = "stopped"
    SUPERSEDED = "superseded"


class WaveStatus(StrEnum):
    """Of a wave; turns use the same words."""

    PENDING = "pending"
    WAITING = "waiting"
    EXECUTING = "executing"
    BAKING = "baking"
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    ERRORED = "errored"


class UnitState(StrEnum):
    """Of a unit in progress; which states a lane uses is its unit table's business (decide/lifecycle)."""

    ADMITTED = "admitted"
    DRAINING = "draining"
    UPDATING = "updating"
    VERIFYING = "verifying"
    RETURNING = "returning"
    STAGED = "staged"
    DONE = "done"
    GONE_BACK = "gone back"
    QUARANTINED = "quarantined"


class Progress(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A unit that is being moved, forward or back.

    `since` and `late_at` are on the store's steady clock, in seconds: they are never jumped.
    """

    unit: UnitId
    state: UnitState
    generation: Generation
    release: str
    since: float
    late_at: float
    restart: bool = False
    """Whether it is restarted on the release that it runs, as a placebo."""


class Approval(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A person's consent.

    `kind` is `general` (to the step into general availability), `inconclusive` (to go on although the evidence
    stayed inconclusive), `forward` (to go forward although the older release has cost the PoP its capacity),
    `hotfix` (to the way in which it enters in mid-train) or `cut` (to cut one more bake of an older release short).
    """

    kind: str
    by: str
    at: datetime


class Rollout(Record, frozen=True, kw_only=True):
    """One release on its way."""

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    INDEX: ClassVar[tuple[str, ...]] = ("lane", "status")
    id: RolloutId
    release: ReleaseId
    number: str
    """The release's version, as nodes report it."""
    previous: str
    """The version that most of the fleet ran when this rollout departed; where a revert leads, unless a PoP ran
    another one (`Turn.previous`)."""
    component: str
    lane: str
    status: Status
    policy: str
    created_at: datetime
    created_by: str
    departs: datetime
    not_before: datetime
    """A fix waits for a later window: nothing starts before this."""
    timetable: int = 0
    wave: int = 0
    """The ordinal of the wave under way."""
    waves: int = 0
    cause: str = ""
    """Why it is paused, reverting or stopped."""
    hold: Hold | None = None
    approvals: tuple[Approval, ...] = ()
    failed_at: float = 0.0
    """When the verdict fell, on the steady clock in seconds; 0 if it did not."""
    restored_at: float = 0.0
    off_since: float = 0.0
    """Since when its revert has waited for the programs that are to be told of features that it takes off, on the
    steady clock in seconds; 0 if it did not."""
    residue: tuple[str, ...] = ()
    over_at: datetime | None = None
    hotfix: Hotfix = Hotfix()
    placed_by: str = ""
    """Who gave it another way in than it was submitted with."""
    due_since: datetime | None = None
    """Since when nothing but the bake of an older release has kept it from departing."""
    cuts: int = 0
    """How many releases in a row, this one being the last, have cut the bake of the one before short."""


class Wave(Record, frozen=True, kw_only=True):
    """How many at once: the PoPs of a ring that go together."""

    KEY: ClassVar[tuple[str, ...]] = ("rollout", "ordinal")
    INDEX: ClassVar[tuple[str, ...]] = ("rollout",)
    rollout: RolloutId
    ordinal: int
    ring: str
    stage: Stage
    status: WaveStatus
    soak_minutes: int
    last_of_ring: bool
    baked_since: datetime | None = None
    hold: Hold | None = None


EARLIER_MAX = 4
"""So many versions back a PoP's way is remembered."""


class TurnPhase(StrEnum):
    """Where a PoP's turn stands."""

    WAITING = "waiting"
    PLACEBO = "placebo"
    """Before the canaries some of those that go last are restarted on the release that they run."""
    CANARY = "canary"
    BAKING = "baking"
    REST = "rest"
    DONE = "done"
    BACK = "going back"
    REVERTED = "gone back"
    HANDED = "handed over"
    """A hotfix for this PoP has taken the rest of the turn over."""


class Turn(Record, frozen=True, kw_only=True):
    """One PoP's part in a wave, kept sparsely: an order, a cursor, the units in progress, the quarantined.

    A lane without PoPs has one turn per wave, whose `pop` is the name of the share. Units before the cursor
    were admitted: they are in progress, quarantined, or done. When going back, `back` lists the units still
    to be told, newest exposed first.
    """

    KEY: ClassVar[tuple[str, ...]] = ("rollout", "pop")
    INDEX: ClassVar[tuple[str, ...]] = ("rollout", "wave")
    rollout: RolloutId
    pop: PopId
    wave: int
    phase: TurnPhase
    order: tuple[UnitId, ...]
    canaries: int
    opens: datetime
    """The start of the window that the timetable gives it."""
    closes: datetime
    beside: bool = False
    """A straggler: its wave may pass without it, and the rollout ends only when it is done."""
    cursor: int = 0
    progress: tuple[Progress, ...] = ()
    quarantined: tuple[UnitId, ...] = ()
    back: tuple[UnitId, ...] = ()
    lapses: dict[UnitId, int] = {}
    """How often each unit came to no switch before its permission ended; only those that ever did."""
    previous: str = ""
    """The version that most of its units ran when the first of them was told; where they go back to. Empty in the
    turns of older stores: then it is the rollout's."""
    earlier: tuple[str, ...] = ()
    """What the PoP ran before that, the newest first, where releases followed each other unfinished."""
    bake_since: datetime | None = None
    mixed_since: datetime | None = None
    started_at: datetime | None = None
    placebos: tuple[UnitId, ...] = ()
    """The units told to restart on the release that they run, in the window of `placebo_at`."""
    restarted: tuple[UnitId, ...] = ()
    """Those of them that have: as long as they are not exposed, the canaries' control of the same age."""
    placebo_at: datetime | None = None
    """When the first placebo of this window was told."""
    hold: Hold | None = None

    @property
    def exposed(self) -> tuple[UnitId, ...]:
        """The units that were told to run the release, oldest first."""
        return self.order[: self.cursor]

    @property
    def at_end(self) -> bool:
        """Whether nothing more is told here on the way forward."""
        return self.phase in (TurnPhase.DONE, TurnPhase.HANDED)

    @property
    def settled(self) -> tuple[UnitId, ...]:
        """The units that run the release and are in service."""
        busy = {item.unit for item in self.progress} | set(self.quarantined)
        return tuple([unit for unit in self.exposed if unit not in busy]) if busy else self.exposed


class Stop(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A PoP's place in a timetable: its wave, when it starts, and when the window closes in which it does."""

    pop: PopId
    wave: int
    ring: str
    """The ring that the PoP belongs to; its wave may be that of a later ring when it slipped."""
    opens: datetime
    closes: datetime
    ends: datetime | None = None
    """When its work is predicted to be over; None where nothing is predicted."""
    beside: bool = False
    """A straggler: it goes beside the waves that follow its own, and none of them waits for it."""
    why: str = ""
    """In a revision, why it was moved here; in the first plan, why it goes late or beside its ring."""


class Unmet(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A wish that a timetable does not grant: of which kind, at which PoPs, and how many sites it touches."""

    kind: str
    pops: tuple[PopId, ...]
    sites: int
    cost: float
    detail: str = ""


class Timetable(Record, frozen=True, kw_only=True):
    """The immutable plan of a train; a revision names the one it replaces, and lists only the stops that it changes."""

    KEY: ClassVar[tuple[str, ...]] = ("rollout", "number")
    INDEX: ClassVar[tuple[str, ...]] = ("rollout",)
    rollout: RolloutId
    number: int
    parent: int
    made_at: datetime
    stops: tuple[Stop, ...]
    reason: str = ""
    gone: tuple[PopId, ...] = ()
    """In a revision: the PoPs that have left the train."""
    freezes: tuple[str, ...] = ()
    """The freezes that it was made under, each with its span."""
    unmet: tuple[Unmet, ...] = ()
    """The dearest of the wishes that it does not grant."""
    unmet_sites: dict[str, int] = {}
    """For each kind of wish: how many sites are touched by what is not granted, listed or not."""
    uncovered: tuple[str, ...] = ()
    """What no canary PoP shows: regions, hardware classes, kinds of sites."""


class Fairness(Record, frozen=True, kw_only=True):
    """How early each PoP was in past trains of a lane, so that the same places are not always first.

    1 is the first wave, 0 the last; each train counts as much as all before it together.
    """

    KEY: ClassVar[tuple[str, ...]] = ("lane",)
    lane: str
    trains: int = 0
    early: dict[PopId, float] = {}


class Slot(Record, frozen=True, kw_only=True):
    """A disruption slot of a budget: unique per budget and ordinal; a unit owns it until its healthy return."""

    KEY: ClassVar[tuple[str, ...]] = ("budget", "ordinal")
    INDEX: ClassVar[tuple[str, ...]] = ("pop",)
    budget: str
    ordinal: int
    owner: UnitId
    pop: PopId
    rollout: RolloutId
    since: datetime

    @property
    def key(self) -> tuple[str, ...]:
        """Asked for with every slot that is taken or given back: said without looking the fields up."""
        return self.budget, str(self.ordinal)
