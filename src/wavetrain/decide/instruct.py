"""Instruct: what is a unit told, once it was chosen?"""

from wavetrain.decide.facts import Draft
from wavetrain.model.fleet import Desired, NodeId, PopId, UnitId
from wavetrain.model.lane import UnitKind
from wavetrain.model.rollout import Progress, Turn, UnitState


def tell(
    draft: Draft, turn: Turn, unit: UnitId, release: str, *, restart: bool = False, disturbs: bool = True
) -> Turn:
    """Give the unit a newer generation that names `release`, with a permission where the lane disturbs.

    A unit of a lane that does not report is done with the commit itself. `restart`: it runs that release and starts it
    anew. Without `disturbs` it gets no permission: it takes up the generation if it runs the release.
    """
    lane, timing, steady = draft.facts.lane, draft.facts.policy.timing, draft.facts.steady
    others = tuple(item for item in turn.progress if item.unit != unit)
    if lane.unit is not UnitKind.NODE:
        return turn.changed(progress=others)
    generation = draft.next_generation()
    node = NodeId(unit)
    known = draft.desired.get(node)
    draft.desired[node] = Desired(
        node=node,
        pop=PopId(turn.pop),
        generation=generation,
        release=release,
        rollout=draft.rollout.id,
        permitted_s=timing.permission_s if lane.disturbs and disturbs else 0.0,
        permitted_at=steady if lane.disturbs and disturbs else 0.0,
        restart=restart,
        version=known.version if known is not None else 0,
    )
    item = Progress(
        unit=unit,
        state=UnitState.ADMITTED,
        generation=generation,
        release=release,
        since=steady,
        late_at=steady + timing.permission_s + timing.report_late_s,
        restart=restart,
    )
    turn = turn.changed(progress=(*others, item))
    draft.turns[turn.pop] = turn
    return turn
