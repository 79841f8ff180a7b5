"""Engine: the choices alone, with their facts kept in one value and no store."""

from datetime import UTC, datetime, timedelta

import msgspec

from wavetrain.decide import planner
from wavetrain.decide.facts import Choice, Draft, Facts
from wavetrain.decide.slots import Slots
from wavetrain.model.fleet import (
    FIRST,
    Account,
    AccountId,
    Desired,
    Fleet,
    Generation,
    Group,
    GroupId,
    NodeId,
    Phase,
    Pop,
    PopId,
    Quarantine,
    Region,
    RegionId,
    Reported,
)
from wavetrain.model.lane import POP, Lane
from wavetrain.model.ledger import Ledger
from wavetrain.model.plan import Hold
from wavetrain.model.policy import Bake, Budgets, MetricRule, PlaceboLock, Policy, Ring, Timing, Verdicts
from wavetrain.model.record import Record
from wavetrain.model.release import Release, ReleaseId, Stage, Tombstone
from wavetrain.model.rollout import (
    Approval,
    Fairness,
    Rollout,
    RolloutId,
    Slot,
    Status,
    Timetable,
    Turn,
    Wave,
)
from wavetrain.model.window import Freeze, WindowRule

OPENS = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""The window of every PoP opens then, and every day at that hour, for four hours."""
OLD, NEW = "1.0.0", "2.0.0"
FAILURES = MetricRule(name="failures", events="failures", exposure="operations", weight=1.0)


def pop(name: str, nodes: int, *, region: str = "west", load: float = 0.5) -> Pop:
    """A PoP whose window is the usual one."""
    return Pop(
        id=PopId(name),
        region=RegionId(region),
        place=name,
        zone="UTC",
        window=WindowRule(rule="FREQ=DAILY", starts="01:00", minutes=240, zone="UTC"),
        nodes=tuple(NodeId(f"{name}{number}") for number in range(1, nodes + 1)),
        load=load,
    )


def fleet(*pops: Pop, group: tuple[str, ...] = (), accounts: int = 0) -> Fleet:
    """PoPs, perhaps a redundancy group, perhaps accounts."""
    groups = {}
    if group:
        members = tuple(PopId(name) for name in group)
        groups[GroupId("metro")] = Group(id=GroupId("metro"), members=members)
    names = [AccountId(f"acme{number}") for number in range(accounts)]
    return Fleet(
        regions={one.region: Region(id=one.region, name=one.region) for one in pops},
        pops={one.id: one for one in pops},
        groups=groups,
        accounts={name: Account(id=name) for name in names},
    )


def policy(**changes: object) -> Policy:
    """One ring of all PoPs, no metrics, a bake of ten minutes; with the changes."""
    made = Policy(
        lane="pop",
        rings=(Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0),),
        bake=Bake(minutes=10),
        budgets=Budgets(),
        timing=Timing(),
    )
    return msgspec.structs.replace(made, **changes)


def measured(**changes: object) -> Policy:
    """The same with one gate, and no pre-period asked for."""
    return policy(verdicts=Verdicts(metrics=(FAILURES,), pre_period_s=0.0, lock=PlaceboLock.TRUST), **changes)


class Engine:
    """Decides, remembers, and lets nodes report. Time passes only when it is told to."""

    def __init__(
        self, where: Fleet, rules: Policy | None = None, lane: Lane = POP, **changes: object
    ) -> None:
        rollout = Rollout(
            id=RolloutId(f"gateway-{NEW}"),
            release=ReleaseId(f"gateway@{NEW}"),
            number=NEW,
            previous=OLD,
            component="gateway",
            lane=lane.name,
            status=Status.PLANNED,
            policy="digest",
            created_at=OPENS - timedelta(days=1),
            created_by="ci",
            departs=OPENS,
            not_before=OPENS,
        )
        release = Release(
            id=ReleaseId(f"gateway@{NEW}"),
            component="gateway",
            number=NEW,
            lane=lane.name,
            digest="0" * 64,
            size=1,
            stage=Stage.CANDIDATE,
            submitted_at=OPENS,
            submitted_by="ci",
            gates={"build": True, "tests": True},
        )
        nodes = [(node, home.id) for home in where.pops.values() for node in home.nodes]
        reported = {NodeId(node + lane.suffix): said(node + lane.suffix, home) for node, home in nodes}
        self.facts = Facts(
            now=OPENS,
            steady=1000.0,
            lane=lane,
            policy=rules or policy(),
            fleet=where,
            rollout=rollout,
            release=release,
            ledger=Ledger(),
            reported=reported,
            unseen_s=dict.fromkeys(reported, 0.0),
        )
        self.change(**changes)
        self.last = Choice()
        self.said: list[str] = []

    def change(self, **changes: object) -> None:
        """Other facts."""
        self.facts = msgspec.structs.replace(self.facts, **changes)

    def tick(self, minutes: float = 0.0) -> Choice:
        """Let minutes pass, decide, take the choice in; deciding again must find nothing to do."""
        later = self.facts.now + timedelta(minutes=minutes)
        self.change(now=later, steady=self.facts.steady + 60 * minutes)
        self.last = planner.decide(self.facts)
        self._take(self.last)
        again = planner.decide(self.facts)
        assert again.empty, again
        return self.last

    def obey(self, *, phase: Phase = Phase.STEADY, but: tuple[str, ...] = (), detail: str = "") -> list[str]:
        """Every unit in progress says that it did as it was told, or ended in `phase`."""
        moving = [item for turn in self.facts.turns for item in turn.progress if item.unit not in but]
        for item in moving:
            stays = phase in (Phase.LAPSED, Phase.REVERTED)
            before = self.facts.reported[NodeId(item.unit)]
            self.report(item.unit, phase, before.release if stays else item.release, item.generation, detail)
        return [item.unit for item in moving]

    def report(self, node: str, phase: Phase, release: str, generation: Generation, detail: str = "") -> None:
        """One node says something."""
        home = self.facts.reported[NodeId(node)].pop
        said_now = said(node, home, phase=phase, release=release, generation=generation).changed(
            detail=detail
        )
        self.change(reported={**self.facts.reported, NodeId(node): said_now})

    def run(self, ticks: int = 1_500, minutes: float = 31.0) -> Status:
        """Tick and obey until it is over."""
        for _ in range(ticks):
            self.tick(minutes)
            if self.facts.rollout.over_at is not None:
                break
            self.obey()
        return self.status

    def consent(self, kind: str) -> None:
        """An approver's word."""
        given = Approval(kind=kind, by="pavel", at=self.facts.now)
        approvals = (*self.facts.rollout.approvals, given)
        self.change(rollout=self.facts.rollout.changed(approvals=approvals))

    def steer(self, status: Status, cause: str = "practice") -> None:
        """What a person does to the rollout."""
        self.change(rollout=self.facts.rollout.changed(status=status, cause=cause, hold=None))

    def turn(self, name: str) -> Turn:
        """The turn of a PoP."""
        return next(turn for turn in self.facts.turns if turn.pop == name)

    def hold(self, name: str) -> Hold:
        """What a PoP waits for: by itself, with its wave, or with the rollout."""
        turn, waves = self.turn(name), {wave.ordinal: wave for wave in self.facts.waves}
        hold = turn.hold or waves[turn.wave].hold or self.facts.rollout.hold
        assert hold is not None
        return hold

    @property
    def status(self) -> Status:
        """Of the rollout."""
        return self.facts.rollout.status

    def ended(self, status: Status) -> bool:
        """Whether the rollout has this status now."""
        return self.facts.rollout.status is status

    @property
    def told(self) -> dict[str, str]:
        """What each unit should run."""
        return {str(node): order.release for node, order in self.facts.desired.items()}

    @property
    def owners(self) -> list[str]:
        """Who owns a slot."""
        return sorted(slot.owner for slot in self.facts.slots)

    def draft(self) -> Draft:
        """A choice in the making on these facts."""
        return Draft(self.facts)

    def _take(self, choice: Choice) -> None:
        self.said += [entry.text for entry in choice.entries]
        slots = {slot.key: slot for slot in self.facts.slots}
        for record in choice.remove:
            assert isinstance(record, Slot)
            del slots[record.key]
        self.change(slots=Slots(slots.values()))
        for record in choice.put:
            kept = record.changed(version=record.version + 1)
            if self._is_older(kept):
                self._keep_older(kept)
            else:
                self._keep(kept)

    def _is_older(self, record: Record) -> bool:
        """Whether it belongs to a rollout that was made before this one."""
        mine = self.facts.rollout.id
        if isinstance(record, Turn | Wave):
            return record.rollout != mine
        return isinstance(record, Rollout) and record.id != mine

    def _keep_older(self, record: Record) -> None:
        facts = self.facts
        match record:
            case Rollout():
                self.change(older=tuple(record if other.id == record.id else other for other in facts.older))
            case Turn():
                turns = {turn.key: turn for turn in facts.older_turns} | {record.key: record}
                self.change(older_turns=tuple(turns.values()))
            case Wave():
                waves = {wave.key: wave for wave in facts.older_waves} | {record.key: record}
                self.change(older_waves=tuple(waves.values()))

    def _keep(self, record: Record) -> None:
        facts = self.facts
        match record:
            case Rollout():
                self.change(rollout=record)
            case Release():
                self.change(release=record)
            case Fairness():
                self.change(fairness=record)
            case Timetable():
                self.change(timetable=record)
            case Ledger():
                self.change(ledger=record)
            case Wave():
                mine = {wave.ordinal: wave for wave in facts.waves} | {record.ordinal: record}
                self.change(waves=tuple(mine.values()))
            case Turn():
                here = {turn.pop: turn for turn in facts.turns} | {record.pop: record}
                self.change(turns=tuple(here.values()))
            case Desired():
                self.change(desired={**facts.desired, record.node: record})
            case Slot():
                slots = {slot.key: slot for slot in facts.slots} | {record.key: record}
                self.change(slots=Slots(slots.values()))
            case Quarantine():
                self.change(quarantined={**facts.quarantined, record.node: record})
            case Tombstone():
                self.change(tombstoned=facts.tombstoned | {record.number})
            case _:
                raise AssertionError(record)


def said(
    node: str,
    home: str,
    *,
    phase: Phase = Phase.STEADY,
    release: str = OLD,
    generation: Generation = FIRST,
) -> Reported:
    """A node's report."""
    return Reported(
        node=NodeId(node),
        pop=PopId(home),
        generation=generation,
        release=release,
        phase=phase,
        since=OPENS,
        metrics="http://127.0.0.1/",
    )


def freeze(hours: float, *, scope: tuple[str, ...] = ()) -> Freeze:
    """From the opening on."""
    return Freeze(
        id="peak", starts=OPENS, ends=OPENS + timedelta(hours=hours), reason="peak", by="olga", scope=scope
    )
