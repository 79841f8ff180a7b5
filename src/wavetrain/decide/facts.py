"""Facts: what one tick's choice for one rollout is based on, beside the choice itself as data."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from wavetrain.decide.evidence_kept import RolloutEvidence
from wavetrain.model.fleet import Desired, Fleet, Generation, NodeId, PopId, Quarantine, Reported
from wavetrain.model.journal import Entry
from wavetrain.model.lane import Lane
from wavetrain.model.ledger import Ledger
from wavetrain.model.plan import Hold
from wavetrain.model.policy import Policy
from wavetrain.model.record import Record
from wavetrain.model.release import Release
from wavetrain.model.rollout import Rollout, Slot, Timetable, Turn, Wave
from wavetrain.model.standstill import Standstill
from wavetrain.model.window import Freeze

K = TypeVar("K")
R = TypeVar("R", bound=Record)

DECIDER = "5"
"""The version of the rules; raised whenever the same facts may lead to another choice."""


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
    reported: dict[NodeId, Reported] = {}
    desired: dict[NodeId, Desired] = {}
    slots: tuple[Slot, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    cordoned: frozenset[str] = frozenset()
    retired: frozenset[str] = frozenset()
    quarantined: dict[NodeId, Quarantine] = {}
    tombstoned: frozenset[str] = frozenset()
    """The versions of this component that are never offered again."""
    older: tuple[Rollout, ...] = ()
    """Rollouts of the same component that were made earlier and are not over."""
    older_turns: tuple[Turn, ...] = ()
    older_waves: tuple[Wave, ...] = ()
    """The turns and waves of those."""
    evidence: RolloutEvidence | None = None
    pre_period_s: dict[PopId, float] = {}
    """For how long each PoP was watched before this rollout."""
    standstills: tuple[Standstill, ...] = ()
    """Why nothing at all may be moved; mostly empty."""
    unseen_s: dict[NodeId, float] = {}
    """Seconds since each node was last measured; a node that is not asked for its metrics is absent."""


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
        self.turns = {turn.pop: turn for turn in facts.turns}
        self.slots = {slot.key: slot for slot in facts.slots}
        self.desired = dict(facts.desired)
        self.quarantined = dict(facts.quarantined)
        self.older = {rollout.id: rollout for rollout in facts.older}
        self.older_turns = {turn.key: turn for turn in facts.older_turns}
        self.older_waves = {wave.key: wave for wave in facts.older_waves}
        self.ledger = facts.ledger
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
        facts = self.facts
        self._note_holds()
        put: list[Record] = list(self.made)
        put += _changed({"": facts.rollout}, {"": self.rollout})
        put += _changed({"": facts.release}, {"": self.release})
        put += _changed({wave.ordinal: wave for wave in facts.waves}, self.waves)
        put += _changed({turn.pop: turn for turn in facts.turns}, self.turns)
        put += _changed({slot.key: slot for slot in facts.slots}, self.slots)
        put += _changed(facts.desired, self.desired)
        put += _changed(facts.quarantined, self.quarantined)
        put += _changed({other.id: other for other in facts.older}, self.older)
        put += _changed({turn.key: turn for turn in facts.older_turns}, self.older_turns)
        put += _changed({wave.key: wave for wave in facts.older_waves}, self.older_waves)
        put += _changed({"": facts.ledger}, {"": self.ledger})
        gone = tuple(slot for slot in facts.slots if slot.key not in self.slots)
        return Choice(put=tuple(put), remove=gone, entries=tuple(self.entries))

    def _note_holds(self) -> None:
        """Holds are journaled when their reason changes, once, where they bind."""
        before: dict[str, Hold | None] = {"": self.facts.rollout.hold}
        before |= {turn.pop: turn.hold for turn in self.facts.turns}
        after: dict[str, Hold | None] = {"": self.rollout.hold}
        after |= {turn.pop: turn.hold for turn in self.turns.values()}
        for name, hold in after.items():
            known = before.get(name)
            if hold is not None and (known is None or known.reason is not hold.reason):
                text = f"waits: {hold.reason.value}" + (f" ({hold.detail})" if hold.detail else "")
                self.note(
                    "hold", name or self.rollout.id, text, reason=hold.reason.name.lower(), asks=hold.asks
                )


def _changed(before: Mapping[K, R], after: Mapping[K, R]) -> list[R]:
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
