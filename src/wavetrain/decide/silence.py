"""Silence: what becomes of units that were told and do not answer?"""

from wavetrain.decide import disturbance, lapses, placebo_wave
from wavetrain.decide.facts import Draft
from wavetrain.decide.instruct import tell
from wavetrain.model.fleet import NodeId
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Progress, Turn

_BY_ITSELF = (Reason.CAPACITY, Reason.SLOT_TAKEN, Reason.GIVES_WAY)


def late_hold(draft: Draft, turn: Turn, reason: Reason) -> Hold | None:
    """Units in progress are a wait too (G11), and a silent one is said to be silent."""
    if not turn.progress:
        return None
    late = [item.unit for item in turn.progress if draft.facts.steady > item.late_at]
    if late:
        text = f"{', '.join(late)}; retire the node if it is gone for good"
        return Hold(Reason.NOT_REPORTING, detail=text, asks=True)
    return Hold(reason, detail=", ".join(item.unit for item in turn.progress))


def shown(draft: Draft, turn: Turn, hold: Hold | None, reason: Reason) -> Hold | None:
    """The hold of a turn: units on their way come before what only their own absence causes."""
    moving = late_hold(draft, turn, reason)
    if hold is None or (moving is not None and hold.reason in _BY_ITSELF):
        return moving
    return hold


def slot_hold(draft: Draft, turn: Turn, budget: str, rule: str) -> Hold:
    """Slots that only a person can free are asked about: their owners are quarantined, or silent."""
    owners = sorted(slot.owner for slot in draft.slots.of_budget(budget))
    silent = {item.unit for item in turn.progress if draft.facts.steady > item.late_at}
    stuck = [owner for owner in owners if owner in silent or NodeId(owner) in draft.quarantined]
    asks = len(stuck) == len(owners)
    way_out = "; retire or rebuild them if they are gone for good" if asks else ""
    return Hold(Reason.SLOT_TAKEN, detail=f"owned by {', '.join(owners)}; {rule}{way_out}", asks=asks)


def reminded(draft: Draft, turn: Turn, *, back: bool, gives_way: bool = False) -> Turn:
    """Tell a unit again whose permission was never taken up, once it is seen alive, through all gates again.

    It keeps its slot meanwhile. It is told so a limited number of times; then it stays silent until a person acts.
    A unit that did switch is told the release that it runs, which disturbs nothing; in a PoP that gives way to a newer
    rollout it is told nothing else.
    """
    pop = draft.facts.fleet.pops.get(turn.pop)
    if pop is None or not draft.facts.lane.disturbs:
        return turn
    steady = draft.facts.steady
    for item in turn.progress:
        if steady <= item.late_at or draft.facts.is_banned(item.release) or not _is_ignored(draft, item):
            continue
        if not lapses.may_be_reminded(turn, item.unit) or (gives_way and not _has_switched(draft, item)):
            continue
        if placebo_wave.is_placebo(turn, item.unit):
            turn = _excused(draft, turn, item)
            continue
        if disturbance.first_hold(draft, pop, item.unit, back=back) is None:
            turn = tell(draft, lapses.counted(turn, item.unit), item.unit, item.release)
            draft.note("remind", item.unit, f"{item.unit} is seen again; it may still go to {item.release}")
    return turn


def _has_switched(draft: Draft, item: Progress) -> bool:
    said = draft.facts.reported.get(NodeId(item.unit))
    return said is not None and said.release == item.release


def _excused(draft: Draft, turn: Turn, item: Progress) -> Turn:
    """A placebo that was not taken up is not asked for again: an agent may be too old to know it.

    The node is told what it runs, so that it can give its slot back.
    """
    said = draft.facts.reported.get(NodeId(item.unit))
    runs = said.release if said is not None and said.release else item.release
    draft.note("remind", item.unit, f"{item.unit} did not take up its restart; it need not restart any more")
    return tell(draft, lapses.counted(turn, item.unit), item.unit, runs, disturbs=False)


def _is_ignored(draft: Draft, item: Progress) -> bool:
    """Whether a late unit has not taken up what it was told, although it is seen."""
    facts, node = draft.facts, NodeId(item.unit)
    told, said = draft.desired.get(node), facts.reported.get(node)
    if told is None or told.permitted_s:
        return False
    if said is not None and said.generation >= item.generation:
        return False
    limit = facts.policy.bake.telemetry_away_s
    return facts.unseen_s.get(node, limit + 1) <= limit
