"""Retreat: who goes back next? Newest exposed first, past windows and freezes, never past capacity."""

from wavetrain.decide import disturbance, lapses, waves, way_back
from wavetrain.decide.arrivals import BACK
from wavetrain.decide.facts import Draft
from wavetrain.decide.instruct import tell
from wavetrain.decide.silence import reminded, shown, slot_hold
from wavetrain.model.fleet import NodeId, Phase, UnitId
from wavetrain.model.lane import UnitKind
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Turn, TurnPhase


def turned(draft: Draft, turn: Turn) -> Turn:
    """The turn with its face backwards: every exposed unit is still to be told, the newest first.

    Units that were passed over, because an earlier release has cost them, were never told the release. Those that a
    newer rollout has told since are its own.
    """
    if turn.phase in BACK:
        return turn
    back = tuple(unit for unit in reversed(turn.exposed) if _is_exposed(draft, turn, unit))
    if back:
        said = "units go" if len(back) > 1 else "unit goes"
        draft.note("turn", turn.pop, f"{turn.pop}: {len(back)} {said} back to {way_back.of(draft, turn)}")
    return turn.changed(phase=TurnPhase.BACK, back=back, lapses={}, hold=None)


def _is_exposed(draft: Draft, turn: Turn, unit: UnitId) -> bool:
    return way_back.is_own(draft, unit) and not _was_passed_over(draft, turn, unit)


def _was_passed_over(draft: Draft, turn: Turn, unit: UnitId) -> bool:
    if unit not in turn.quarantined:
        return False
    told = draft.desired.get(NodeId(unit))
    return told is None or told.rollout != draft.rollout.id or told.release != draft.rollout.number


def backward(draft: Draft, turn: Turn) -> Turn:
    """One tick of a PoP that goes back. Each unit that may not go yet says why; the others pass it."""
    if turn.phase is not TurnPhase.BACK:
        return turn
    turn = reminded(draft, turn, back=True)
    previous = way_back.of(draft, turn)
    waits: list[UnitId] = []
    hold: Hold | None = None
    for unit in turn.back:
        if not way_back.is_own(draft, unit):
            draft.note("unit", unit, f"{unit} belongs to a newer rollout, and stays with it")
            continue
        short = "" if is_back(draft, turn, unit) else disturbance.spared(draft, turn.pop, unit)
        held = _why_not(draft, turn, unit)
        if held is None:
            turn = tell(draft, turn, unit, previous)
            although = f", although {short}" if short else ""
            draft.note("revert", unit, f"{unit} goes back to {previous}{although}")
        else:
            waits.append(unit)
            hold = held if hold is None or (held.asks and not hold.asks) else hold
    turn = turn.changed(back=tuple(waits), hold=shown(draft, turn, hold, Reason.REVERTING))
    if turn.back or turn.progress:
        return turn
    return turn.changed(phase=TurnPhase.REVERTED, hold=None)


def _why_not(draft: Draft, turn: Turn, unit: UnitId) -> Hold | None:
    """Its own slot carries it; others need one of the revert's own budget. One that disturbs nothing needs none."""
    facts = draft.facts
    if facts.lane.unit is not UnitKind.NODE:
        return None
    previous = way_back.of(draft, turn)
    if facts.is_banned(previous):
        detail = f"{previous} was withdrawn too; stop the rollout, or submit a newer release"
        return Hold(Reason.TOMBSTONED, detail=detail, asks=True)
    if not previous:
        detail = "it is not known what ran before; stop the rollout, or submit a newer release"
        return Hold(Reason.REVERTING, detail=detail, asks=True)
    if not facts.lane.disturbs or is_back(draft, turn, unit):
        return lapses.hold(draft, turn, unit)
    if draft.slots.of_owner(unit):
        return None
    pop = facts.fleet.pops.get(turn.pop)
    if pop is None:
        return None
    hold = disturbance.first_hold(draft, pop, unit, back=True)
    if hold is not None:
        return hold
    budget = f"revert:{pop.id}"
    size = waves.share_of(len(pop.nodes), facts.policy.budgets.revert_share)
    size += min(len(disturbance.lost_on_the_way_back(draft, pop)), facts.policy.failures_max)
    slot = waves.free_slot(draft.slots, budget, size, unit, pop.id, draft.rollout.id, facts.now)
    if slot is None:
        return slot_hold(draft, turn, budget, f"{size} of {len(pop.nodes)} nodes go back at once")
    draft.slots.take(slot)
    return None


def is_back(draft: Draft, turn: Turn, unit: UnitId) -> bool:
    """Whether the unit serves on the older release, so that being told disturbs nothing.

    It went back by itself, or has come to its end with all that it was told without ever leaving that release.
    """
    known, told = draft.quarantined.get(NodeId(unit)), draft.desired.get(NodeId(unit))
    said = draft.facts.reported.get(NodeId(unit))
    if said is None or said.release != way_back.of(draft, turn):
        return False
    if known is not None:
        return known.serves
    is_heard = told is not None and told.generation == said.generation
    return is_heard and said.phase in (Phase.STEADY, Phase.LAPSED)
