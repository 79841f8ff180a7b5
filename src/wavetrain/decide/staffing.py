"""Staffing: which units does a turn still count on after a person has retired or rebuilt one?"""

from wavetrain.decide import placebo_wave
from wavetrain.model.fleet import UnitId
from wavetrain.model.rollout import Turn, TurnPhase

_BACK = (TurnPhase.BACK, TurnPhase.REVERTED)


def without(turn: Turn, unit: UnitId) -> Turn:
    """A retired unit is no longer exposed, in progress, quarantined or to be told.

    A turn that loses a baking canary takes another; where none can be compared any more, the rest simply goes.
    """
    exposed = tuple(other for other in turn.exposed if other != unit)
    left = turn.changed(
        order=(*exposed, *turn.order[turn.cursor :]),
        cursor=len(exposed),
        progress=tuple(item for item in turn.progress if item.unit != unit),
        quarantined=tuple(other for other in turn.quarantined if other != unit),
        back=tuple(other for other in turn.back if other != unit),
        lapses=_without_lapses(turn, unit),
    )
    left = placebo_wave.without(left, unit)
    lost_canary = left.cursor < turn.cursor and left.cursor < turn.canaries
    if lost_canary and turn.phase in (TurnPhase.CANARY, TurnPhase.BAKING):
        comparable = turn.canaries < len(left.order)
        return left.changed(phase=TurnPhase.CANARY if comparable else TurnPhase.REST, bake_since=None)
    return left


def afresh(turn: Turn, unit: UnitId) -> Turn:
    """A rebuilt unit is offered again: first of those still to be told if it was exposed, last if it was retired.

    A turn that is done stays so, with the unit in its residue; the next rollout reaches it.
    """
    if turn.at_end:
        return turn
    turn = turn.changed(lapses=_without_lapses(turn, unit))
    if unit not in turn.order and turn.phase not in _BACK:
        return turn.changed(order=(*turn.order, unit))
    if unit not in turn.exposed:
        others = tuple(item for item in turn.progress if item.unit != unit)
        return placebo_wave.without(turn.changed(progress=others), unit)
    if turn.phase in _BACK:
        others = tuple(item for item in turn.progress if item.unit != unit)
        is_pending = unit in turn.back or turn.phase is TurnPhase.REVERTED
        return turn.changed(
            progress=others,
            quarantined=tuple(other for other in turn.quarantined if other != unit),
            back=turn.back if is_pending else (*turn.back, unit),
        )
    left = without(turn, unit)
    left = left.changed(order=(*left.exposed, unit, *left.order[left.cursor :]))
    is_comparable = turn.canaries < len(left.order)
    if left.phase is TurnPhase.REST and turn.phase is not TurnPhase.REST and is_comparable:
        return left.changed(phase=TurnPhase.CANARY)
    return left


def _without_lapses(turn: Turn, unit: UnitId) -> dict[UnitId, int]:
    return {other: times for other, times in turn.lapses.items() if other != unit}
