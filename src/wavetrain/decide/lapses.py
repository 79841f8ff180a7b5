"""Lapses: how often is a unit asked again whose update never gets to its switch?"""

from wavetrain.decide.facts import Draft
from wavetrain.model.fleet import NodeId, UnitId
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Turn, TurnPhase

AGAIN_MAX = 3
"""So many times a unit is asked again; then a person is."""


def counted(turn: Turn, unit: UnitId) -> Turn:
    """The turn with one more lapse of a unit."""
    return turn.changed(lapses={**turn.lapses, unit: turn.lapses.get(unit, 0) + 1})


def is_too_often(turn: Turn, unit: UnitId) -> bool:
    """Whether it was asked again as often as it may be, and lapsed once more."""
    return turn.lapses.get(unit, 0) > AGAIN_MAX


def may_be_reminded(turn: Turn, unit: UnitId) -> bool:
    """Whether a permission that was never taken up, which is a lapse too, may be given once more."""
    return turn.lapses.get(unit, 0) < AGAIN_MAX


def hold_of(turn: Turn, unit: UnitId, said: str) -> Hold | None:
    """Why it is not asked again, with what the node last said, or None where it may be."""
    if not is_too_often(turn, unit):
        return None
    text = f"{unit}, {turn.lapses[unit]} times"
    return Hold(Reason.LAPSED_OFTEN, detail=f"{text}: {said}" if said else text, asks=True)


def hold(draft: Draft, turn: Turn, unit: UnitId) -> Hold | None:
    """The same, by the node's last report."""
    said = draft.facts.reported.get(NodeId(unit))
    return hold_of(turn, unit, said.detail if said is not None else "")


def gives_way(draft: Draft, turn: Turn, unit: UnitId) -> bool:
    """Whether the rest of a PoP goes on without it: no canary, and no more units than may be lost."""
    if turn.phase is not TurnPhase.REST or not is_too_often(turn, unit):
        return False
    return len(left_behind(turn)) < draft.facts.policy.failures_max


def left_behind(turn: Turn) -> tuple[UnitId, ...]:
    """The units that the turn passed over because they lapsed too often."""
    return tuple(unit for unit in turn.quarantined if is_too_often(turn, unit))


def forgiven(turn: Turn) -> Turn:
    """A person has paused the rollout: when it goes on, every unit of an unfinished turn is asked anew."""
    if not turn.lapses or turn.at_end:
        return turn
    anew = left_behind(turn)
    exposed = tuple(unit for unit in turn.exposed if unit not in anew)
    return turn.changed(
        order=(*exposed, *turn.order[turn.cursor :], *anew),
        cursor=len(exposed),
        quarantined=tuple(unit for unit in turn.quarantined if unit not in anew),
        lapses={},
    )
