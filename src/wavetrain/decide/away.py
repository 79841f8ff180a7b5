"""Away: which nodes of a PoP serve nothing now, and why?"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from wavetrain.decide import waves
from wavetrain.decide.desired import is_joining
from wavetrain.decide.facts import Draft
from wavetrain.model.fleet import NodeId, Phase, Pop
from wavetrain.model.rollout import Slot

NAMED_MAX = 8
"""So many nodes are named in a hold; the rest is counted."""


class Why(StrEnum):
    """Why a node is away; only one that moves comes back by itself."""

    RETIRED = "retired"
    CORDONED = "cordoned"
    QUARANTINED = "quarantined"
    SILENT = "silent"
    FAILED = "failed"
    JOINING = "joining"
    MOVING = "moving"


def of(draft: Draft, pop: Pop) -> dict[NodeId, Why]:
    """The nodes of a PoP that count for no capacity, in order, each with its cause."""
    facts = draft.facts
    slots = [slot for slot in draft.slots.values() if slot.pop == pop.id]
    absent = facts.cordoned | facts.retired
    names = waves.out_of_service(pop, slots, facts.reported, draft.quarantined, absent)
    joining = {node for node in pop.nodes if _joins(draft, node)}
    names |= joining
    owned: dict[str, Slot] = {slot.owner: slot for slot in slots}
    return {node: _why(draft, node, owned) for node in sorted(names)}


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
    if _joins(draft, node):
        return Why.JOINING
    return Why.FAILED if said is not None and said.phase is Phase.FAILED else Why.MOVING


def _joins(draft: Draft, node: NodeId) -> bool:
    """Whether it has joined and does not run yet what its PoP runs: nobody may count on it."""
    order = draft.desired.get(node)
    return order is not None and is_joining(order, draft.facts.reported.get(node))


def _is_silent(draft: Draft, slot: Slot) -> bool:
    """Late by its own rollout's clock; by a foreign one, out for longer than an update and its undo take."""
    turn = draft.turns.get(slot.pop)
    for item in turn.progress if turn is not None else ():
        if item.unit == slot.owner:
            return draft.facts.steady > item.late_at
    return draft.facts.now - slot.since > 2 * timedelta(minutes=draft.facts.policy.timing.unit_minutes)
