"""Away: which nodes of a PoP serve nothing now, and why?"""

from collections.abc import Mapping
from datetime import timedelta

from wavetrain.decide import waves
from wavetrain.decide.facts import Draft, Why
from wavetrain.model.fleet import NodeId, Phase, Pop
from wavetrain.model.rollout import Slot

NAMED_MAX = 8
"""So many nodes are named in a hold; the rest is counted."""


def of(draft: Draft, pop: Pop) -> dict[NodeId, Why]:
    """The nodes of a PoP that count for no capacity, in order, each with its cause.

    Found once for as long as nothing changes there: each gate asks again.
    """
    stands = (draft.slots.moves(pop.id), len(draft.quarantined.changed), draft.turns.get(pop.id))
    known = draft.away.get(pop.id)
    if known is not None and known[0][:2] == stands[:2] and known[0][2] is stands[2]:
        return known[1]
    slots = draft.slots.of_pop(pop.id)
    names = waves.out_of_service(pop, slots, draft.facts.reported, draft.quarantined, draft.facts.absent)
    owned: dict[str, Slot] = {slot.owner: slot for slot in slots}
    found = {node: _why(draft, node, owned) for node in sorted(names)}
    draft.away[pop.id] = (stands, found)
    return found


def named(away: Mapping[NodeId, Why]) -> str:
    """For people: who is away, and why."""
    said = [f"{node} is {why.value}" for node, why in list(away.items())[:NAMED_MAX]]
    more = len(away) - len(said)
    return ", ".join([*said, f"{more} more"] if more else said)


def _why(draft: Draft, node: NodeId, owned: Mapping[str, Slot]) -> Why:
    facts = draft.facts
    if node in facts.retired:
        return Why.RETIRED
    if node in facts.cordoned:
        return Why.CORDONED
    if node in draft.quarantined:
        return Why.QUARANTINED
    if node in owned:
        return Why.SILENT if _is_silent(draft, owned[node]) else Why.MOVING
    said = facts.reported.get(node)
    return Why.FAILED if said is not None and said.phase is Phase.FAILED else Why.MOVING


def _is_silent(draft: Draft, slot: Slot) -> bool:
    """Late by its own rollout's clock; by a foreign one, out for longer than an update and its undo take."""
    turn = draft.turns.get(slot.pop)
    for item in turn.progress if turn is not None else ():
        if item.unit == slot.owner:
            return draft.facts.steady > item.late_at
    return draft.facts.now - slot.since > 2 * timedelta(minutes=draft.facts.policy.timing.unit_minutes)
