"""Disturbance: may this unit be disturbed now? A list of gates; the first hold is the one that is shown."""

from collections.abc import Callable

import msgspec

from wavetrain.decide import away, calendar, lapses, waves, way_back
from wavetrain.decide.facts import Draft, Why
from wavetrain.model.fleet import NodeId, Pop, PopId, UnitId
from wavetrain.model.plan import Hold, Reason


class Asked(msgspec.Struct, frozen=True):
    """Who asks: a unit of a PoP, on its way forward or back."""

    draft: Draft
    pop: Pop
    unit: UnitId
    back: bool


def _tombstoned(asked: Asked) -> Hold | None:
    draft, turn = asked.draft, asked.draft.turns.get(asked.pop.id)
    back = way_back.of(draft, turn) if turn is not None else draft.rollout.previous
    number = back if asked.back else draft.rollout.number
    return Hold(Reason.TOMBSTONED, detail=number, asks=True) if draft.facts.is_banned(number) else None


def _retired(asked: Asked) -> Hold | None:
    return Hold(Reason.RETIRED) if asked.unit in asked.draft.facts.retired else None


def _quarantined(asked: Asked) -> Hold | None:
    return (
        Hold(Reason.QUARANTINED) if NodeId(asked.unit) in asked.draft.quarantined and not asked.back else None
    )


def _lapsed_often(asked: Asked) -> Hold | None:
    turn = asked.draft.turns.get(asked.pop.id)
    return lapses.hold(asked.draft, turn, asked.unit) if turn is not None else None


def _cordoned(asked: Asked) -> Hold | None:
    if asked.back:
        return None
    by_name = {asked.unit, asked.pop.id} & asked.draft.facts.cordoned
    return Hold(Reason.CORDONED, detail=f"cordoned: {min(by_name)}") if by_name else None


def _clock(asked: Asked) -> Hold | None:
    """A node whose clock is off is not moved forward: its certificate and its log may mislead; back it may go."""
    said = asked.draft.facts.reported.get(NodeId(asked.unit))
    if asked.back or said is None or not said.clock_off_s:
        return None
    return Hold(Reason.NODE_CLOCK, detail=f"{asked.unit} is {said.clock_off_s:+.0f} s off", asks=True)


def _window(asked: Asked) -> Hold | None:
    """Freezes first (deny wins), then the window; a revert passes both."""
    facts = asked.draft.facts
    if asked.back or not facts.lane.windowed:
        return None
    needed = facts.policy.timing.with_undo
    scope = (asked.pop.id, asked.pop.region, facts.lane.name)
    answer = asked.draft.openings.get(asked.pop.id)
    if answer is None:
        answer = calendar.may_start(asked.pop.window, facts.freezes, facts.now, needed, scope)
        asked.draft.openings[asked.pop.id] = answer
    return calendar.hold(answer)


def _region(asked: Asked) -> Hold | None:
    facts = asked.draft.facts
    if asked.back:
        return None
    size = waves.region_size(facts.fleet, asked.pop.region, facts.policy.budgets)
    here = [pop for pop in _busy(asked.draft, asked.pop.region) if pop != asked.pop.id]
    if len(here) < size:
        return None
    asks = not any(_is_moving(asked, pop) for pop in here)  # a lost node keeps its slot until somebody comes
    detail = f"{', '.join(here)} of {asked.pop.region}; at most {size} at once"
    return Hold(Reason.REGION_SHARE, detail=detail, asks=asks)


def _busy(draft: Draft, region: str) -> list[PopId]:
    """The PoPs of a region that own a slot, in order; found anew only after one has come or gone."""
    known = draft.busy.get(region)
    if known is None or known[0] != draft.slots.turned:
        found = [pop for pop in draft.facts.fleet.pops_of(region) if draft.slots.is_busy(pop)]
        known = draft.busy[region] = (draft.slots.turned, found)
    return known[1]


def _group(asked: Asked) -> Hold | None:
    facts = asked.draft.facts
    groups = facts.fleet.groups_of(asked.pop.id)
    if not groups:
        return None
    goes_out = _is_out(asked.draft, asked.pop, away.count(asked.draft, asked.pop, asked.unit))
    for group in groups:
        for member in group.members:
            if member == asked.pop.id or member not in facts.fleet.pops:
                continue
            other = facts.fleet.pops[member]
            worked_on = (not asked.back or goes_out) and asked.draft.slots.is_busy(member)
            if worked_on or _is_out(asked.draft, other, away.count(asked.draft, other)):
                asks = not _is_moving(asked, member)
                return Hold(Reason.GROUP_OUT, detail=f"{member} of group {group.id}", asks=asks)
    return None


def _is_out(draft: Draft, pop: Pop, out: int) -> bool:
    return waves.is_out(pop, out, draft.facts.policy.budgets.headroom, _load(draft, pop))


def _load(draft: Draft, pop: Pop) -> float:
    """Of the hours in which a unit's work and its undo would lie; found once a decision."""
    known = draft.loads.get(pop.id)
    if known is None:
        needed = draft.facts.policy.timing.with_undo
        known = draft.loads[pop.id] = waves.load_between(pop, draft.facts.now, needed)
    return known


def _is_moving(asked: Asked, pop: str) -> bool:
    """Whether a unit there is on its way, so that it will give its slot back by itself."""
    return Why.MOVING in away.of(asked.draft, asked.draft.facts.fleet.pops[PopId(pop)]).values()


def _capacity(asked: Asked) -> Hold | None:
    """One-node PoPs are a whole-PoP drain: their capacity rule is the redundancy group's.

    A unit that is away already costs nothing more. With a person's approval to go forward a PoP that is out in
    any case may still be repaired (G9), and lost nodes do not keep the others from going back (G15).
    """
    short = _shortage(asked)
    if not short or _is_spared(asked):
        return None
    gone = away.of(asked.draft, asked.pop)
    forward = any(approval.kind == "forward" for approval in asked.draft.rollout.approvals)
    if forward and _is_out(asked.draft, asked.pop, len(gone)):
        return None
    return Hold(Reason.CAPACITY, detail=short, asks=Why.MOVING not in gone.values())


def _shortage(asked: Asked) -> str:
    """What would be missing if the unit went now, and who is away; empty where the PoP can spare it."""
    headroom, nodes = asked.draft.facts.policy.budgets.headroom, len(asked.pop.nodes)
    if nodes == 1 or not _is_out(asked.draft, asked.pop, away.count(asked.draft, asked.pop, asked.unit)):
        return ""
    gone = away.of(asked.draft, asked.pop)
    if NodeId(asked.unit) in gone:
        return ""
    load = _load(asked.draft, asked.pop)
    text = f"{nodes - len(gone) - 1} of {nodes} nodes would serve a load of {load:.0%} times {headroom:g}"
    return f"{text}; {away.named(gone)}" if gone else text


def _is_spared(asked: Asked) -> bool:
    """Whether a unit goes back although its PoP is short: one at a time, and somebody still serves.

    Only nodes that a person must bring back are missing, so that waiting would end nothing, while the release that
    is taken back still serves here. Where going back itself has cost more nodes than may be lost, a person is asked.
    """
    gone, lost = away.of(asked.draft, asked.pop), lost_on_the_way_back(asked.draft, asked.pop)
    if not asked.back or not gone or Why.MOVING in gone.values() or len(gone) + 1 >= len(asked.pop.nodes):
        return False
    return len(lost) <= asked.draft.facts.policy.failures_max


def lost_on_the_way_back(draft: Draft, pop: Pop) -> list[str]:
    """The owners of the PoP's revert slots that only a person can bring back."""
    budget, gone = f"revert:{pop.id}", away.of(draft, pop)
    owners = [slot.owner for slot in draft.slots.of_budget(budget)]
    return [owner for owner in owners if gone.get(NodeId(owner), Why.MOVING) is not Why.MOVING]


def spared(draft: Draft, pop: PopId, unit: UnitId) -> str:
    """In words, what a PoP is short of where a unit may go back in spite of it; else empty."""
    place = draft.facts.fleet.pops.get(pop)
    if place is None or not draft.facts.lane.disturbs:
        return ""
    asked = Asked(draft, place, unit, back=True)
    return _shortage(asked) if _is_spared(asked) else ""


Gate = Callable[[Asked], Hold | None]

GATES: tuple[Gate, ...] = (
    _tombstoned,
    _retired,
    _quarantined,
    _lapsed_often,
    _cordoned,
    _clock,
    _window,
    _region,
    _group,
    _capacity,
)
"""Asked in this order; the slot itself comes last, when it is taken."""
OF_PLACE: frozenset[Gate] = frozenset((_window, _region, _group))
"""What these say of a unit that goes forward they say of each unit of its PoP, while nothing moves elsewhere."""


def first_hold(draft: Draft, pop: Pop, unit: UnitId, *, back: bool = False) -> Hold | None:
    """Why `unit` may not be disturbed now, or None."""
    asked = Asked(draft, pop, unit, back)
    elsewhere = (draft.slots.moved - draft.slots.moves(pop.id), len(draft.quarantined.changed))
    is_open = not back and draft.open.get(pop.id) == elsewhere
    for gate in GATES:
        hold = None if is_open and gate in OF_PLACE else gate(asked)
        if hold is not None:
            return hold
    if not back:
        draft.open[pop.id] = elsewhere
    return None
