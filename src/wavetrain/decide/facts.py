"""Facts: what one tick's choice for one rollout is based on, beside the choice itself as data."""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

import msgspec
from msgspec import field

from wavetrain.decide import calendar
from wavetrain.decide.almanac import Almanac
from wavetrain.decide.evidence_kept import PopEvidence, RolloutEvidence
from wavetrain.decide.overlay import Overlay
from wavetrain.decide.slots import Slots
from wavetrain.decide.touched import Touched
from wavetrain.model.demand import Demand
from wavetrain.model.feature import Feature
from wavetrain.model.fleet import Desired, Fleet, Generation, NodeId, PopId, Quarantine, Reported
from wavetrain.model.journal import Entry
from wavetrain.model.lane import Lane
from wavetrain.model.ledger import Ledger
from wavetrain.model.plan import Hold
from wavetrain.model.policy import Policy
from wavetrain.model.record import Record
from wavetrain.model.release import Release, is_older
from wavetrain.model.rollout import Fairness, Rollout, Stop, Timetable, Turn, TurnPhase, Wave
from wavetrain.model.standstill import Standstill
from wavetrain.model.window import Freeze

K = TypeVar("K")
R = TypeVar("R", bound=Record)

DECIDER = "12"
"""The version of the rules; raised whenever the same facts may lead to another choice, or have another digest."""


QUIET = (TurnPhase.WAITING, TurnPhase.DONE, TurnPhase.REVERTED, TurnPhase.HANDED)
"""Phases in which a PoP without units on their way has nothing to settle."""


def is_afoot(turn: Turn) -> bool:
    """Whether a PoP has anything to settle."""
    return bool(turn.progress) or turn.phase not in QUIET


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the planner may look at. Clocks: `now` is train time, `steady` the store's own in seconds."""

    now: datetime
    steady: float
    lane: Lane
    policy: Policy
    fleet: Fleet
    rollout: Rollout
    release: Release
    ledger: Ledger
    timetable: Timetable | None = None
    waves: tuple[Wave, ...] = ()
    turns: tuple[Turn, ...] = ()
    by_pop: Mapping[PopId, Turn] | None = None
    """The same turns in the same order, by PoP. None: not sorted out."""
    afoot: tuple[Turn, ...] | None = None
    """Those of them that have anything to settle, in the same order. None: not sorted out."""
    reported: Mapping[NodeId, Reported] = {}
    desired: Mapping[NodeId, Desired] = {}
    slots: Slots = field(default_factory=Slots)
    freezes: tuple[Freeze, ...] = ()
    cordoned: frozenset[str] = frozenset()
    retired: frozenset[str] = frozenset()
    quarantined: Mapping[NodeId, Quarantine] = {}
    tombstoned: frozenset[str] = frozenset()
    """The versions of this component that are never offered again."""
    floor: str = ""
    """The oldest version of this component that may run; empty for any."""
    older: tuple[Rollout, ...] = ()
    """Rollouts of the same component that were made earlier and are not over."""
    older_turns: tuple[Turn, ...] = ()
    older_waves: tuple[Wave, ...] = ()
    """The turns and waves of those."""
    newer: tuple[Rollout, ...] = ()
    """Rollouts of the same component that were made later and are not over, or have reached some PoPs for good."""
    newer_turns: tuple[Turn, ...] = ()
    """Their turns of the first wave, and those that a hotfix takes over one by one."""
    evidence: RolloutEvidence | None = None
    placebo: RolloutEvidence | None = None
    """What the nodes that were only restarted have said against those that were left alone; None where none were."""
    shadow: str = ""
    """Why a `fail` by its evidence may be the fault of a feature on the same nodes; empty for none."""
    pop_evidence: Mapping[str, PopEvidence] = {}
    """Of the PoPs that are live in the rollout's test."""
    pre_period_s: Mapping[PopId, float] = {}
    """For how long each PoP was watched before this rollout."""
    standstills: tuple[Standstill, ...] = ()
    """Why nothing at all may be moved; mostly empty."""
    almanac: Almanac | None = None
    """What earlier decisions on this train have asked of the calendar; only saves time."""
    demand: Demand | None = None
    """What sites ask of this train; loaded only where stops are chosen."""
    unplannable: str = ""
    """Why this train could not be planned on the same facts before; empty where it is to be tried."""
    fairness: Fairness | None = None
    """How early each PoP was in past trains of the lane; None before the first has ended."""
    unseen_s: Mapping[NodeId, float] = {}
    """Seconds since each node was last measured; a node that is not asked for its metrics is absent."""
    source_fault: str = ""
    """What is wrong with the source of measurements as a whole, in one line; empty where it answers as it should."""
    unsteady: Mapping[PopId, Collection[NodeId]] | None = None
    """By PoP: nodes that are quarantined, join, or are not in service by their own reports. None: not sorted out."""
    is_behind: bool = False
    """Whether any connected evaluator of features has not seen yet what this rollout's revert takes off."""
    brought: tuple[Feature, ...] = ()
    """The features that need a release of this component; loaded only where an evaluator is behind."""
    sequence: int = 0
    """The number of the last change of the store that these facts contain."""
    sweep: bool = True
    """Whether every PoP is asked, or only those that move, that are due, and those whose reports are awaited."""

    def to_settle(self) -> tuple[Turn, ...]:
        """The turns that have anything to settle, in order."""
        return tuple(filter(is_afoot, self.turns)) if self.afoot is None else self.afoot

    def is_banned(self, number: str) -> bool:
        """Whether this version of the component may run nowhere."""
        return number in self.tombstoned or bool(self.floor and is_older(number, self.floor))

    @property
    def absent(self) -> frozenset[str]:
        """What a person has taken out of service, by name: PoPs and nodes."""
        return self.cordoned | self.retired


class Why(StrEnum):
    """Why a node is away; only one that moves comes back by itself."""

    RETIRED = "retired"
    CORDONED = "cordoned"
    QUARANTINED = "quarantined"
    SILENT = "silent"
    FAILED = "failed"
    JOINING = "joining"
    MOVING = "moving"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What the tick writes down, all in one act."""

    put: tuple[Record, ...] = ()
    remove: tuple[Record, ...] = ()
    entries: tuple[Entry, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.put or self.remove or self.entries)


class Draft:
    """A choice in the making: the facts with the changes so far laid over them. Lives within one decision."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.rollout = facts.rollout
        self.release = facts.release
        self.waves = {wave.ordinal: wave for wave in facts.waves}
        self._turns = facts.by_pop if facts.by_pop is not None else {turn.pop: turn for turn in facts.turns}
        self.turns = Touched(self._turns)
        self.slots = facts.slots.layer()
        self.desired = Overlay(facts.desired)
        self.quarantined = Overlay(facts.quarantined)
        self.older = {rollout.id: rollout for rollout in facts.older}
        self.older_turns = {turn.key: turn for turn in facts.older_turns}
        self.older_waves = {wave.key: wave for wave in facts.older_waves}
        self.ledger = facts.ledger
        self.away: dict[PopId, tuple[tuple[int, int, Turn | None], dict[NodeId, Why]]] = {}
        """What was found out about who is away, by PoP, with what it stood on."""
        self.resting: dict[PopId, tuple[int, set[NodeId]]] = {}
        """The nodes that are away whoever owns a slot, by PoP, with the count of nodes lost that it stood on."""
        self.openings: dict[PopId, calendar.Answer] = {}
        """Whether a unit's work may start in a PoP now, as the calendar has answered."""
        self.open: dict[PopId, tuple[int, int]] = {}
        """The PoPs of which a unit may go forward, with the counts of slots moved elsewhere and of nodes lost then."""
        self.loads: dict[PopId, float] = {}
        """The forecast load of a PoP while a unit's work, begun now, and its undo last."""
        self.busy: dict[str, tuple[int, list[PopId]]] = {}
        """The PoPs that own a slot, by region, with the count of changes of that which it stood on."""
        self.moved: dict[PopId, Stop] = {}
        """The stops that this decision has changed, for one revision of the timetable."""
        self.made: list[Record] = []
        self.entries: list[Entry] = []

    def note(self, kind: str, subject: str, text: str, **body: object) -> None:
        """Say in the journal what was chosen, for what, and why."""
        self.entries.append(
            Entry(
                at=self.facts.now,
                who="tick",
                kind=kind,
                subject=subject,
                text=text,
                rollout=self.rollout.id,
                decider=DECIDER,
                body=body,
            )
        )

    def afoot(self) -> list[Turn]:
        """The turns as they are now that had anything to settle when this decision began, in order."""
        return [self.turns[turn.pop] for turn in self.facts.to_settle()]

    def next_generation(self) -> Generation:
        """The next instruction number; the ledger remembers it."""
        generation = self.ledger.generation.following()
        self.ledger = self.ledger.changed(generation=generation)
        return generation

    def make(self, record: Record) -> None:
        """Add a record that none of the facts is an older version of."""
        self.made.append(record)

    def choice(self) -> Choice:
        """The difference between the facts and what they became."""
        facts, turned = self.facts, self._turned()
        self._note_holds(turned)
        put: list[Record] = list(self.made)
        put += _replaced(facts.rollout, self.rollout)
        put += _replaced(facts.release, self.release)
        put += _changed({wave.ordinal: wave for wave in facts.waves}, self.waves)
        put += _changed(self._turns, turned)
        put += _changed({key: self.slots.below(key) for key in self.slots.added}, self.slots.added)
        put += _changed(facts.desired, self.desired.changed)
        put += _changed(facts.quarantined, self.quarantined.changed)
        put += _changed({other.id: other for other in facts.older}, self.older)
        put += _changed({turn.key: turn for turn in facts.older_turns}, self.older_turns)
        put += _changed({wave.key: wave for wave in facts.older_waves}, self.older_waves)
        put += _replaced(facts.ledger, self.ledger)
        gone: list[Record] = list(self.slots.gone())
        if self._turns.keys() != self.turns.keys():
            gone += [turn for pop, turn in self._turns.items() if pop not in self.turns]
        gone += [wave for wave in facts.waves if wave.ordinal not in self.waves]
        return Choice(put=tuple(put), remove=tuple(gone), entries=tuple(self.entries))

    def _turned(self) -> dict[PopId, Turn]:
        """The turns that are others than the facts', in order; found without a look at each: there are thousands."""
        before, after = self._turns, self.turns
        if before.keys() != after.keys():
            return {pop: turn for pop, turn in after.items() if before.get(pop) is not turn}
        return {pop: after[pop] for pop in sorted(after.touched) if before[pop] is not after[pop]}

    def _note_holds(self, turned: Mapping[PopId, Turn]) -> None:
        """Holds are journaled when their reason changes, once, where they bind."""
        before: dict[str, Hold | None] = {"": self.facts.rollout.hold}
        after: dict[str, Hold | None] = {"": self.rollout.hold}
        for pop, turn in turned.items():
            known = self._turns.get(pop)
            before[pop], after[pop] = known.hold if known is not None else None, turn.hold
        for name, hold in after.items():
            held = before[name]
            if hold is not None and (held is None or held.reason is not hold.reason):
                text = f"waits: {hold.reason.value}" + (f" ({hold.detail})" if hold.detail else "")
                self.note(
                    "hold", name or self.rollout.id, text, reason=hold.reason.name.lower(), asks=hold.asks
                )


def _replaced(before: R, after: R) -> list[R]:
    """The same of a single record."""
    return [] if after is before else _changed({"": before}, {"": after})


def _changed(before: Mapping[K, R] | Mapping[K, R | None], after: Mapping[K, R]) -> list[R]:
    """What is new or different, each with the version of the record that it takes the place of."""
    made: list[R] = []
    for key, record in after.items():
        older = before.get(key)
        if older is record:
            continue
        if older is not None and older.version != record.version:
            record = record.changed(version=older.version)
        if older != record:
            made.append(record)
    return made
