"""Invariants: which guard of the design does this state, or this step, break?

Each guard is a function named after it. It sees the records before and after one tick, and what the nodes
really did; it uses none of the code that it watches over.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from wavetrain.decide import calendar
from wavetrain.model.fleet import Cordon, Desired, Group, NodeId, Phase, Pop, Quarantine, Reported, Retired
from wavetrain.model.lane import LANES
from wavetrain.model.policy import Policy, PolicyText
from wavetrain.model.release import Tombstone
from wavetrain.model.rollout import Rollout, Slot, Status, Turn, TurnPhase, WaveStatus
from wavetrain.model.window import Freeze
from wavetrain.simulate.mirror import Mirror

OVER = frozenset(
    {
        Status.COMPLETED,
        Status.RESIDUE,
        Status.REVERTED,
        Status.PARTLY_REVERTED,
        Status.STOPPED,
        Status.SUPERSEDED,
    }
)
ENDED = frozenset({Phase.STEADY, Phase.LAPSED, Phase.REVERTED, Phase.FAILED})
BACK = (TurnPhase.BACK, TurnPhase.REVERTED)


class Told(msgspec.Struct, frozen=True):
    """One instruction that a tick gave: what stood before it, and the turn that it belongs to, before and after."""

    order: Desired
    known: Desired | None
    rollout: Rollout
    before: Turn | None
    turn: Turn

    @property
    def is_back(self) -> bool:
        """Whether it leads back."""
        return self.turn.phase in BACK


class Seen(msgspec.Struct, frozen=True):
    """All that the guards look at."""

    mirror: Mirror
    now: datetime
    steady: float
    told: tuple[Told, ...]
    sampled_s: dict[str, float]
    """Really: seconds since each node was last measured."""
    on_release: dict[str, tuple[str, datetime]]
    """Really: what each node has run without a break in service, and since when (train time).

    Of one that has broken since the tick before it is what it ran until then: nobody can have heard of that yet.
    """
    blind: bool = False
    """Whether no node of the fleet was measured since the tick before."""


Guard = Callable[[Seen], Iterator[str]]


def policy_of(mirror: Mirror, rollout: Rollout) -> Policy:
    """The policy that a rollout is pinned to."""
    text = mirror.get(PolicyText, rollout.policy)
    assert text is not None
    return text.policy


def told_by(mirror: Mirror) -> tuple[Told, ...]:
    """The instructions among the changes that the mirror has just followed."""
    made = []
    for known, order in mirror.changed(Desired):
        if order is None or (known is not None and known.generation == order.generation):
            continue
        rollout = mirror.rollout_of(order)
        turn = mirror.get(Turn, order.rollout, order.pop)
        if rollout is not None and turn is not None:
            made.append(Told(order, known, rollout, mirror.before(Turn, order.rollout, order.pop), turn))
    return tuple(made)


def g1(seen: Seen) -> Iterator[str]:
    """G1: a step completes only on a report for this generation."""
    for before, after in seen.mirror.changed(Turn):
        if before is None or after is None:
            continue
        restarted = set(after.restarted) - set(before.restarted)
        asked: set[str] = {item.unit for item in before.progress if item.restart}
        for unit in restarted - asked:
            yield f"{unit} counts as restarted, and was not asked to"
        for item in before.progress:
            if any(other.unit == item.unit for other in after.progress) or item.unit in after.back:
                continue
            if item.unit not in after.settled and item.unit not in restarted:
                continue
            said = seen.mirror.get(Reported, item.unit)
            if said is None or (said.generation, said.phase, said.release) != (
                item.generation,
                Phase.STEADY,
                item.release,
            ):
                yield f"{item.unit} settled on {item.release}, generation {item.generation}, but says {said}"


def g3(seen: Seen) -> Iterator[str]:
    """G3: a device is never told a release that was tombstoned for it."""
    for told in seen.told:
        if seen.mirror.get(Tombstone, f"{told.rollout.component}@{told.order.release}") is not None:
            yield f"{told.order.node} is told {told.order.release}, which has a tombstone"


def g4(seen: Seen) -> Iterator[str]:
    """G4: nothing is disturbed while another member of its redundancy group is out, forward or back."""
    for told, pop in _disturbing(seen):
        headroom = policy_of(seen.mirror, told.rollout).budgets.headroom
        for group in seen.mirror.all(Group):
            if pop.id not in group.members:
                continue
            for member in group.members:
                other = seen.mirror.get(Pop, member)
                if member != pop.id and other is not None and seen.mirror.is_out(other, headroom, seen.now):
                    yield f"{told.order.node} may be disturbed while {member} of group {group.id} is out"


def g5(seen: Seen) -> Iterator[str]:
    """G5: missing telemetry never advances and never reverts by itself."""
    for before, rollout in _past_the_gate(seen):
        policy = policy_of(seen.mirror, rollout)
        limit = policy.bake.telemetry_away_s
        dark = [unit for unit in before.settled if seen.sampled_s.get(unit, limit + 1) > limit]
        if policy.verdicts.metrics and dark:
            yield f"{before.pop} goes on with {rollout.number} although {dark[0]} is not measured"
    for old, new in seen.mirror.changed(Rollout):
        if seen.blind and old is not None and new is not None and _turned_back(old, new):
            hard = any(item.rollout == new.id for item in seen.mirror.all(Quarantine))
            if not hard and "mixed" not in new.cause:
                yield f"{new.id} goes back although nothing was measured: {new.cause}"


def g6(seen: Seen) -> Iterator[str]:
    """G6: a device in no ring, or whose ring has not been reached, receives nothing."""
    for told in seen.told:
        if str(told.order.node) not in told.turn.order or told.turn.wave > told.rollout.wave:
            yield f"{told.order.node} is told {told.order.release} out of its ring's turn"
    for rollout in seen.mirror.all(Rollout):
        for turn in seen.mirror.turns_of(rollout.id):
            if turn.wave > rollout.wave and turn.cursor:
                yield f"{turn.pop} of {rollout.id} is exposed before wave {turn.wave} was reached"


def g7(seen: Seen) -> Iterator[str]:
    """G7: nobody stays in limbo: what a unit has reported of its generation is taken in, in any status."""
    for turn in seen.mirror.all(Turn):
        for item in turn.progress:
            said = seen.mirror.get(Reported, item.unit)
            if said is not None and said.generation == item.generation and said.phase in ENDED:
                yield f"{item.unit} has said {said.phase.value} for {item.generation}, {turn.rollout} does not listen"


def g8(seen: Seen) -> Iterator[str]:
    """G8: bake time counts only time on this release."""
    for before, rollout in _past_the_gate(seen):
        least = timedelta(minutes=policy_of(seen.mirror, rollout).bake.minutes)
        for unit in before.settled[: before.canaries]:
            release, since = seen.on_release.get(unit, ("", seen.now))
            if LANES[rollout.lane].disturbs and (release != rollout.number or seen.now - since < least):
                yield f"{unit} has run {release} for {seen.now - since}, {rollout.number} needs {least}"


def g10(seen: Seen) -> Iterator[str]:
    """G10: shares round down but are at least one; capacity is never exceeded by that one."""
    for told, pop in _disturbing(seen):
        policy = policy_of(seen.mirror, told.rollout)
        if len(pop.nodes) > 1 and seen.mirror.is_out(pop, policy.budgets.headroom, seen.now):
            forward = any(approval.kind == "forward" for approval in told.rollout.approvals)
            alone = told.is_back and _only_the_lost_are_away(seen, pop, told.order.node, told.rollout)
            serves = told.order.node not in _away_before(seen) and not _has_just_joined(seen, told)
            if serves and not forward and not alone:
                yield f"{told.order.node} may be disturbed, which leaves {pop.id} with too little capacity"
    held = {slot.rollout: slot.rollout for slot in seen.mirror.all(Slot)}
    for name in held:
        rollout = seen.mirror.get(Rollout, name)
        assert rollout is not None
        yield from _over_budget(seen, policy_of(seen.mirror, rollout))


def g11(seen: Seen) -> Iterator[str]:
    """G11: nothing waits without a reason."""
    for rollout in seen.mirror.all(Rollout):
        if rollout.status in OVER or rollout.hold is not None:
            continue
        if rollout.status is not Status.ROLLING:
            yield f"{rollout.id} is {rollout.status.value} and says no reason"
            continue
        wave = next(wave for wave in seen.mirror.waves_of(rollout.id) if wave.ordinal == rollout.wave)
        turns = seen.mirror.turns_of(rollout.id)
        above = {one.ordinal for one in seen.mirror.waves_of(rollout.id) if one.hold is not None}
        later = [
            turn.pop for turn in turns if turn.wave > wave.ordinal and not (turn.hold or turn.wave in above)
        ]
        if later:
            yield f"{rollout.id} is in wave {wave.ordinal}, and later PoPs say no reason: {later}"
        if wave.hold is not None:
            continue
        mine = [turn for turn in turns if turn.wave == wave.ordinal]
        silent = [turn.pop for turn in mine if not turn.at_end and turn.hold is None]
        if silent or wave.status is WaveStatus.BAKING:
            yield f"{rollout.id} waits in wave {wave.ordinal} and says no reason: {silent}"


def g12(seen: Seen) -> Iterator[str]:
    """G12: nothing is disturbed outside its window, or in a freeze, save a revert."""
    for told, pop in _disturbing(seen):
        if told.is_back:
            continue
        opening = calendar.opening_at(pop.window, seen.now)
        if opening is None:
            yield f"{told.order.node} may be disturbed at {seen.now:%a %H:%M} UTC, outside the window of {pop.id}"
        names = {pop.id, pop.region, told.rollout.lane}
        for freeze in seen.mirror.all(Freeze):
            here = calendar.span_of(freeze, pop.zone)
            if here is None or not here.starts <= seen.now < here.ends:
                continue
            if not freeze.scope or names & set(freeze.scope):
                yield f"{told.order.node} may be disturbed in freeze {freeze.id}"


def g14(seen: Seen) -> Iterator[str]:
    """G14: nothing is disturbed twice: a unit that has the release is not told it again by the same rollout.

    In one window it is restarted once as a placebo, and a revert leaves it alone.
    """
    for told in seen.told:
        before, node = told.before, str(told.order.node)
        fresh = before is not None and before.placebo_at is not None and before.placebo_at >= told.turn.opens
        if fresh and before is not None and told.order.restart and node in before.restarted:
            yield f"{node} is restarted once more in the same window"
        if told.is_back and told.order.permitted_s and node not in told.turn.exposed:
            yield f"{node} is told to go back, and never had {told.rollout.number}"
        if told.before is not None and not told.is_back and str(told.order.node) in told.before.settled:
            yield f"{told.order.node} has {told.order.release} and is told it again"


def g15(seen: Seen) -> Iterator[str]:
    """G15: a slot is never lost: its owner is on its way, or serves on no release."""
    moving = {item.unit for turn in seen.mirror.all(Turn) for item in turn.progress}
    lost = {item.node for item in seen.mirror.all(Quarantine) if not item.serves}
    slots = seen.mirror.all(Slot)
    for slot in slots:
        if slot.owner not in moving and NodeId(slot.owner) not in lost:
            yield f"slot {slot.budget}/{slot.ordinal} is owned by {slot.owner}, which is neither moving nor lost"
    owners = [slot.owner for slot in slots]
    twice = sorted({owner for owner in owners if owners.count(owner) > 1})
    if twice:
        yield f"{twice[0]} owns more than one slot"


SAFE: tuple[Guard, ...] = (g1, g3, g4, g5, g6, g8, g10, g12, g14, g15)
"""Those that hold after every commit, whether or not the tick came to its end."""

DONE: tuple[Guard, ...] = (g7, g11)
"""Those that a whole tick can be held to. G2 and G9 are tables and tests, G13 and G16 run the decider again."""


def broken(seen: Seen, *, whole: bool) -> list[str]:
    """Every guard that does not hold, as `G4: what, where`. `whole`: the tick came to its end."""
    guards = SAFE + DONE if whole else SAFE
    return [f"{guard.__name__.upper()}: {text}" for guard in guards for text in guard(seen)]


def _disturbing(seen: Seen) -> Iterator[tuple[Told, Pop]]:
    """The instructions that let a node disturb itself, and did not before."""
    owned = _owners_before(seen)
    for told in seen.told:
        pop = seen.mirror.get(Pop, told.order.pop)
        said = seen.mirror.get(Reported, told.order.node)
        runs = said is not None and said.release == told.order.release and said.phase is not Phase.FAILED
        is_still = runs and not told.order.restart
        if told.order.permitted_s and told.order.node not in owned and pop is not None and not is_still:
            yield told, pop


def _owners_before(seen: Seen) -> set[str]:
    changed = seen.mirror.changed(Slot)
    made = {new.key for old, new in changed if old is None and new is not None}
    owners: set[str] = {old.owner for old, _ in changed if old is not None}
    return owners | {slot.owner for slot in seen.mirror.all(Slot) if slot.key not in made}


def _away_before(seen: Seen) -> set[str]:
    """Nodes that were out before the tick, whatever the tick chose; what becomes of them costs no capacity."""
    out: set[str] = {item.node for item in seen.mirror.all(Quarantine)} | _owners_before(seen)
    out |= {item.subject for item in seen.mirror.all(Cordon)}
    out |= {item.node for item in seen.mirror.all(Retired)}
    return out | {item.node for item in seen.mirror.all(Reported) if item.phase is Phase.FAILED}


def _has_just_joined(seen: Seen, told: Told) -> bool:
    """Whether the node had been told the release of its PoP when it joined, and did not run it yet."""
    said = seen.mirror.get(Reported, told.order.node)
    return (
        told.known is not None and told.known.joins and (said is None or said.release != told.known.release)
    )


def _only_the_lost_are_away(seen: Seen, pop: Pop, node: str, rollout: Rollout) -> bool:
    """Whether everybody else who is away waits for a person, and somebody serves: then one may go back."""
    others = seen.mirror.out_of(pop) - {node}
    if not others or len(others) + 1 >= len(pop.nodes):
        return False
    lost: set[str] = {item.node for item in seen.mirror.all(Quarantine)}
    lost |= {item.node for item in seen.mirror.all(Retired)} | {
        item.subject for item in seen.mirror.all(Cordon)
    }
    lost |= {item.node for item in seen.mirror.all(Reported) if item.phase is Phase.FAILED}
    late = policy_of(seen.mirror, rollout).timing.unit_minutes * 2
    moving = {item.unit: item.late_at for turn in seen.mirror.all(Turn) for item in turn.progress}
    for slot in seen.mirror.all(Slot):
        is_old = seen.now - slot.since > timedelta(minutes=late)
        if moving[slot.owner] < seen.steady if slot.owner in moving else is_old:
            lost.add(slot.owner)
    return others <= lost


def _over_budget(seen: Seen, policy: Policy) -> Iterator[str]:
    """Where a slot was taken just now: a PoP that has lost a node may have more out than it would let out today."""
    slots = seen.mirror.all(Slot)
    fresh = {new.budget for old, new in seen.mirror.changed(Slot) if new is not None and _is_taken(old, new)}
    for pop in seen.mirror.all(Pop):
        for kind, share in (("pop", policy.budgets.pop_share), ("revert", policy.budgets.revert_share)):
            if f"{kind}:{pop.id}" not in fresh:
                continue
            taken = sum(slot.budget == f"{kind}:{pop.id}" for slot in slots)
            spare = policy.failures_max if kind == "revert" else 0
            if taken > max(1, int(len(pop.nodes) * share + 1e-9)) + spare:
                yield f"{taken} of {len(pop.nodes)} nodes of {pop.id} own a slot of {kind}"


def _is_taken(old: Slot | None, new: Slot) -> bool:
    return old is None or old.owner != new.owner


def _past_the_gate(seen: Seen) -> Iterator[tuple[Turn, Rollout]]:
    """The turns as they were, whose rest now follows a canary that has stopped baking."""
    for before, after in seen.mirror.changed(Turn):
        if before is None or after is None or before.phase is not TurnPhase.BAKING:
            continue
        rollout = seen.mirror.get(Rollout, after.rollout)
        if rollout is not None and after.phase in (TurnPhase.REST, TurnPhase.DONE) and not _alone(after):
            yield before, rollout


def _alone(turn: Turn) -> bool:
    """Nothing to compare with: the rest follows a canary only where there is a rest."""
    return turn.canaries >= len(turn.order)


def _turned_back(old: Rollout, new: Rollout) -> bool:
    return old.status in (Status.ROLLING, Status.PAUSED) and new.status is Status.REVERTING
