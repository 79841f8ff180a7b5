"""Away: which nodes of a PoP serve nothing now, and why?"""

from collections.abc import Mapping

from wavetrain.decide import waves
from wavetrain.decide.desired import is_joining
from wavetrain.decide.facts import Draft, Why
from wavetrain.model.fleet import NodeId, Phase, Pop, UnitId
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
    owned: dict[str, Slot] = {slot.owner: slot for slot in draft.slots.of_pop(pop.id)}
    away = _by_themselves(draft, pop)
    away.update(NodeId(owner) for owner in owned if owner in pop.members)
    found = {node: _why(draft, node, owned) for node in sorted(away)}
    draft.away[pop.id] = (stands, found)
    return found


def count(draft: Draft, pop: Pop, beside: UnitId | None = None) -> int:
    """How many nodes of a PoP count for no capacity; `beside` is counted with them, once."""
    lost = len(draft.quarantined.changed)
    known = draft.resting.get(pop.id)
    if known is None or known[0] != lost:
        known = draft.resting[pop.id] = (lost, _by_themselves(draft, pop))
    away, slots = known[1], draft.slots.of_pop(pop.id)
    if beside is None and not slots:
        return len(away)
    owners: set[str] = {slot.owner for slot in slots if slot.owner in pop.members}
    if beside is not None:
        owners.add(beside)
    return len(away) + len(owners - away) if away else len(owners)


def _by_themselves(draft: Draft, pop: Pop) -> set[NodeId]:
    """The nodes that are away whoever owns a slot: lost, taken out by a person, not in service yet or any more."""
    facts, absent = draft.facts, draft.facts.absent
    away: set[NodeId] = {node for node in pop.nodes if node in absent} if absent else set()
    if facts.unsteady is None:
        return away | {node for node in pop.nodes if _is_unsteady(draft, node)}
    known = facts.unsteady.get(pop.id, ())
    away |= {node for node in known if node in pop.members and _is_unsteady(draft, node)}
    return away | {node for node in draft.quarantined.changed if node in pop.members}


def _is_unsteady(draft: Draft, node: NodeId) -> bool:
    is_disturbed = waves.is_disturbed(draft.facts.reported.get(node))
    return is_disturbed or node in draft.quarantined or _joins(draft, node)


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
    return draft.facts.now - slot.since > draft.facts.policy.timing.with_undo
