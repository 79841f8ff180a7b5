"""Away: who counts for no capacity, whether or not the facts have sorted that out before."""

import pytest
from tests.decide.engine import OPENS, Engine, fleet, pop, said

from wavetrain.decide import away
from wavetrain.decide.facts import Why
from wavetrain.decide.slots import Slots
from wavetrain.model.fleet import NodeId, Phase, PopId, Quarantine, UnitId
from wavetrain.model.rollout import RolloutId, Slot

PLACE = pop("a", 7)


def engine() -> Engine:
    """Six nodes that are away for six reasons, one that serves, and strangers."""
    made = Engine(fleet(PLACE, pop("b", 2)))
    reports = {**made.facts.reported, NodeId("a5"): said("a5", "a", phase=Phase.FAILED)}
    reports[NodeId("a6")] = said("a6", "a", phase=Phase.DRAINING)
    owned = Slot(
        budget="pop:a",
        ordinal=0,
        owner=UnitId("a1"),
        pop=PopId("a"),
        rollout=RolloutId("other"),
        since=OPENS,
    )
    made.change(
        reported=reports,
        slots=Slots([owned]),
        quarantined={NodeId(node): lost(node) for node in ("a2", "b2")},
        cordoned=frozenset({"a3", "b"}),
        retired=frozenset({"a4"}),
    )
    return made


def lost(node: str) -> Quarantine:
    """A node that went back by itself."""
    return Quarantine(
        node=NodeId(node), pop=PopId(node[0]), rollout="r", since=OPENS, reason="r", serves=False
    )


EXPECTED = {
    "a1": Why.MOVING,
    "a2": Why.QUARANTINED,
    "a3": Why.CORDONED,
    "a4": Why.RETIRED,
    "a5": Why.FAILED,
    "a6": Why.MOVING,
}


@pytest.mark.parametrize(
    "unsteady", [None, {PopId("a"): {NodeId("a2"), NodeId("a5"), NodeId("a6")}}], ids=["as it is", "sorted"]
)
def test_owners_lost_cordoned_retired_failed_and_draining_nodes_are_away_and_strangers_are_not(
    unsteady: dict[PopId, set[NodeId]] | None,
) -> None:
    made = engine()
    made.change(unsteady=unsteady)
    assert away.of(made.draft(), PLACE) == EXPECTED


def test_what_changes_within_a_decision_is_seen_at_once() -> None:
    draft = engine().draft()
    assert NodeId("a7") not in away.of(draft, PLACE)
    draft.quarantined[NodeId("a7")] = lost("a7")
    assert away.of(draft, PLACE)[NodeId("a7")] is Why.QUARANTINED
    for slot in list(draft.slots.of_pop(PLACE.id)):
        draft.slots.free(slot)
    assert NodeId("a1") not in away.of(draft, PLACE)
