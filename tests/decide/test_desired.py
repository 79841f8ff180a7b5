"""Nobody counts on a node that has just joined, and nobody waits for a PoP that has left."""

import pytest
from tests.decide.engine import NEW, OLD, Engine, fleet, pop

from wavetrain.decide import away, desired
from wavetrain.decide.facts import Draft, Why
from wavetrain.model.fleet import Desired, Generation, NodeId, Phase, PopId
from wavetrain.model.plan import Reason
from wavetrain.model.rollout import Status, TurnPhase

A3, A4 = NodeId("a3"), NodeId("a4")


def told(node: str, release: str = NEW) -> Desired:
    generation = Generation(0, 9)
    return Desired(node=NodeId(node), pop=PopId("a"), generation=generation, release=release, joins=True)


@pytest.mark.parametrize("sorted_out", [False, True])
def test_a_node_that_joins_counts_for_no_capacity_until_it_runs_what_it_was_told(sorted_out: bool) -> None:
    place = pop("a", 4)
    made = Engine(fleet(place), desired={A3: told("a3"), A4: told("a4", OLD)})
    if sorted_out:
        made.change(unsteady={place.id: {A3, A4}})
    assert away.of(Draft(made.facts), place) == {A3: Why.JOINING}, "a4 runs what it was told"
    assert away.count(Draft(made.facts), place) == 1
    made.report("a3", Phase.STEADY, NEW, Generation(0, 9))
    assert away.of(Draft(made.facts), place) == {}


def test_a_pop_does_not_give_up_a_node_while_others_are_only_joining() -> None:
    place = pop("a", 4, load=0.5)
    order = Engine(fleet(place))
    order.tick()
    joining = [NodeId(unit) for unit in order.turn("a").order[-2:]]
    made = Engine(fleet(place), desired={node: told(node, "1.5.0") for node in joining})
    made.tick()
    hold = made.turn("a").hold
    assert hold is not None
    assert hold.reason is Reason.CAPACITY
    assert f"{joining[0]} is joining" in hold.detail


@pytest.mark.parametrize("went", [False, True])
@pytest.mark.parametrize("later", [0, 26 * 60])
def test_a_pop_that_has_left_the_fleet_is_not_waited_for(went: bool, later: float) -> None:
    made = Engine(fleet(pop("a", 4), pop("b", 4)))
    made.tick()
    if went:
        made.obey()
        made.tick(1)
    made.change(fleet=fleet(pop("a", 4)))
    made.tick(later)
    assert (made.turn("b").phase, made.turn("b").order) == (TurnPhase.DONE, ())
    assert not [slot for slot in made.facts.slots if slot.pop == "b"]
    assert made.run() is Status.COMPLETED


def test_the_majority_is_what_most_run_and_never_what_nobody_may_run() -> None:
    made = Engine(fleet(pop("a", 4)))
    for node in ("a1", "a2"):
        made.report(node, Phase.STEADY, NEW, Generation(0, 1))
    said = list(made.facts.reported.values())
    assert desired.majority(said[:3], ()) == NEW
    assert desired.majority(said, ()) == OLD, "of equals the first by name"
    assert desired.majority(said[:3], {NEW}) == OLD
    assert desired.majority(said, {NEW, OLD}) == ""
