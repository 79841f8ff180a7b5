"""Absence: which units does a turn still count on that the fleet no longer has?"""

from wavetrain.decide import staffing
from wavetrain.decide.arrivals import give_back
from wavetrain.decide.facts import Draft
from wavetrain.model.fleet import UnitId
from wavetrain.model.lane import UnitKind
from wavetrain.model.rollout import Turn, TurnPhase

_OVER = (TurnPhase.DONE, TurnPhase.REVERTED)


def without_the_gone(draft: Draft, turn: Turn) -> Turn:
    """The turn without units that were retired or have left its PoP; nothing waits for them, their slots are free.

    Who belongs to a PoP changes with the fleet or by a person's word; after either every PoP is looked at once.
    """
    facts = draft.facts
    if not facts.sweep:
        return turn
    if facts.lane.unit is not UnitKind.NODE:
        return turn
    pop = facts.fleet.pops.get(turn.pop)
    suffix = facts.lane.suffix
    members = {node + suffix for node in pop.nodes if node not in facts.retired} if pop is not None else set()
    named: list[UnitId] = [*turn.order, *turn.quarantined, *turn.back, *(item.unit for item in turn.progress)]
    if members.issuperset(named) and pop is not None:
        return turn
    for unit in dict.fromkeys(named):
        if unit not in members:
            give_back(draft, unit)
            draft.note("unit", unit, f"{unit} is no longer in {turn.pop}; the rollout goes on without it")
            turn = staffing.without(turn, unit)
            turn = turn.changed(order=tuple(other for other in turn.order if other != unit))
    return turn if pop is not None else _of_nowhere(draft, turn)


def _of_nowhere(draft: Draft, turn: Turn) -> Turn:
    """A PoP that has left the fleet has nothing to wait for."""
    if turn.phase in _OVER:
        return turn
    draft.note("turn", turn.pop, f"PoP {turn.pop} is no longer in the fleet; the rollout goes on without it")
    over = TurnPhase.REVERTED if turn.phase is TurnPhase.BACK else TurnPhase.DONE
    return turn.changed(phase=over, hold=None)
