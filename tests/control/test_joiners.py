"""A fleet changes in mid-train: who joins is told what its PoP runs, who leaves is not waited for."""

from datetime import timedelta

import msgspec
import pytest
from tests.control.practice import FLEET, OPERATOR, ROLLOUT, START, VIEWER, Practice, node_caller, pop_text

from wavetrain.control import cordons, explain, fleets, freezes, joiners, poll
from wavetrain.control.joiners import Joined
from wavetrain.control.poll import Report
from wavetrain.errors import TransitionError
from wavetrain.model.fleet import FIRST, Desired, Generation, NodeId, Phase, Reported
from wavetrain.model.release import ReleaseId, Tombstone
from wavetrain.model.rollout import Slot, Turn, TurnPhase

MORE = FLEET.replace('"lis1-n4"', '"lis1-n4", "lis1-n5"')
IN_WINDOW = timedelta(hours=2, minutes=30)


def says(house: Practice, node: str, release: str, generation: Generation = FIRST) -> None:
    report = Report(node=NodeId(node), generation=generation, release=release, phase=Phase.STEADY)
    poll.hear(house.store, node_caller(node), report)


@pytest.fixture
def running(house: Practice) -> Practice:
    """Every node of lis1 but one runs 2.0.0, the rest of the fleet 1.9.0."""
    for number in range(1, 5):
        says(house, f"lis1-n{number}", "2.0.0" if number < 4 else "1.9.0")
        says(house, f"fra1-n{number}", "1.9.0")
    return house


def told(house: Practice, node: str) -> poll.Order:
    """After a tick."""
    joiners.settle(house.store)
    assert joiners.settle(house.store) == 0, "a second tick finds nothing"
    return poll.order(house.store, house.trust, NodeId(node))


def test_a_node_that_joins_is_told_what_most_of_its_pop_runs(running: Practice) -> None:
    applied = fleets.apply(running.store, OPERATOR, running.fleet(MORE))
    assert applied.joined == (Joined(pop="lis1", nodes=1, release="2.0.0"),)
    assert applied.consequences == ("PoP lis1: node lis1-n5 joins",)
    assert running.last() == "2 PoPs, 9 nodes: 1 changed (PoP lis1)"
    order = told(running, "lis1-n5")
    assert (order.release, order.permitted_s) == ("2.0.0", 0.0), "nobody has heard of it yet"
    assert told(running, "lis1-n1").generation == Generation(0, 0), "the others are told nothing"


def test_a_pop_that_joins_is_told_what_most_of_the_fleet_runs(running: Practice) -> None:
    applied = fleets.apply(running.store, OPERATOR, running.fleet(FLEET + pop_text("jnb1", 2)))
    assert [(item.pop, item.nodes, item.release) for item in applied.joined] == [("jnb1", 2, "1.9.0")]
    assert {told(running, f"jnb1-n{number}").release for number in (1, 2)} == {"1.9.0"}
    assert len({told(running, f"jnb1-n{number}").generation for number in (1, 2)}) == 2


def test_a_release_that_is_never_offered_again_is_no_majority(running: Practice) -> None:
    with running.store.write() as transaction:
        transaction.put(
            Tombstone(
                release=ReleaseId("gateway@2.0.0"), number="2.0.0", reason="bad", at=START, by="verdict"
            )
        )
    fleets.apply(running.store, OPERATOR, running.fleet(MORE))
    assert told(running, "lis1-n5").release == "1.9.0"


def test_the_first_nodes_of_a_fleet_are_told_nothing(house: Practice) -> None:
    assert fleets.apply(house.store, OPERATOR, house.fleet(MORE)).joined == ()
    says(house, "lis1-n5", "1.7.0")
    order = told(house, "lis1-n5")
    assert (order.release, order.permitted_s) == ("1.7.0", 0.0)


def joined(house: Practice, runs: str) -> None:
    house.submitted("2.0.0")
    fleets.apply(house.store, OPERATOR, house.fleet(MORE))
    says(house, "lis1-n5", runs)


def test_a_node_that_runs_nothing_may_take_it_at_once(running: Practice) -> None:
    joined(running, "")
    order = told(running, "lis1-n5")
    assert order.permitted_s > 0
    assert order.signature
    assert order.digest


def test_a_node_that_runs_something_waits_for_the_window_and_says_so(running: Practice) -> None:
    joined(running, "1.8.0")
    assert told(running, "lis1-n5").permitted_s == 0.0
    why = explain.why(running.store, VIEWER, "lis1-n5")
    assert why.hold is not None
    assert why.hold.code == "outside_window"
    with running.store.read() as view:
        assert joiners.next_opening(view) == why.hold.until, "train time may not leap over it"
    assert "then it goes to 2.0.0" in why.answer
    assert "joins and was told 2.0.0" in why.steps[0].state
    running.seconds += IN_WINDOW.total_seconds()
    assert told(running, "lis1-n5").permitted_s > 0
    running.seconds += 600
    assert told(running, "lis1-n5").permitted_s == 0.0, "not at every tick"
    running.seconds += 3_000
    assert told(running, "lis1-n5").permitted_s > 0, "one that came to nothing is followed by another"
    running.seconds += 600
    freezes.add(
        running.store,
        OPERATOR,
        starts=START,
        ends=START + timedelta(days=1),
        reason="holidays",
        scope=("lis1",),
    )
    assert told(running, "lis1-n5").permitted_s == 0.0
    assert "holidays" in explain.why(running.store, VIEWER, "lis1-n5").answer


def test_a_cordoned_node_gets_no_permission_to_join(running: Practice) -> None:
    joined(running, "")
    cordons.cordon(running.store, OPERATOR, "lis1-n5", "broken disk")
    assert told(running, "lis1-n5").permitted_s == 0.0


def test_a_node_that_has_what_it_was_told_is_like_every_other(running: Practice) -> None:
    joined(running, "1.8.0")
    order = told(running, "lis1-n5")
    says(running, "lis1-n5", "2.0.0", order.generation)
    assert told(running, "lis1-n5").permitted_s == 0.0
    assert "joins" not in explain.why(running.store, VIEWER, "lis1-n5").answer


def test_one_that_went_back_by_itself_asks_a_person(running: Practice) -> None:
    joined(running, "1.8.0")
    running.seconds += IN_WINDOW.total_seconds()
    order = told(running, "lis1-n5")
    report = Report(
        node=NodeId("lis1-n5"), generation=order.generation, release="1.8.0", phase=Phase.REVERTED
    )
    poll.hear(running.store, node_caller("lis1-n5"), report)
    assert told(running, "lis1-n5").permitted_s == 0.0
    assert explain.why(running.store, VIEWER, "lis1-n5").hold.asks  # type: ignore[union-attr]


def turn(house: Practice) -> Turn:
    with house.store.read() as view:
        found = view.get(Turn, ROLLOUT, "lis1")
    assert found is not None
    return found


@pytest.mark.parametrize("phase", [TurnPhase.WAITING, TurnPhase.CANARY, TurnPhase.REST])
def test_a_node_that_joins_a_pop_under_way_goes_last_in_its_turn(running: Practice, phase: TurnPhase) -> None:
    running.rolling(phase=phase)
    before = turn(running)
    applied = fleets.apply(running.store, OPERATOR, running.fleet(MORE))
    assert turn(running).order == (*before.order, "lis1-n5")
    assert applied.joined[0].rollouts == (ROLLOUT,)
    assert turn(running).cursor == before.cursor


@pytest.mark.parametrize("phase", [TurnPhase.DONE, TurnPhase.BACK, TurnPhase.REVERTED])
def test_a_turn_that_is_over_or_goes_back_takes_nobody_in(running: Practice, phase: TurnPhase) -> None:
    running.rolling(phase=phase)
    before = turn(running)
    fleets.apply(running.store, OPERATOR, running.fleet(MORE))
    assert turn(running) == before


def test_a_node_that_leaves_in_mid_train_is_not_waited_for(running: Practice) -> None:
    running.rolling()
    gone = turn(running).order[0]
    names = ", ".join(f'"lis1-n{number}"' for number in range(1, 5) if f"lis1-n{number}" != gone)
    whole = ", ".join(f'"lis1-n{number}"' for number in range(1, 5))
    applied = fleets.apply(running.store, OPERATOR, running.fleet(FLEET.replace(whole, names)))
    assert applied.changed == ("PoP lis1",)
    with running.store.read() as view:
        assert not [slot for slot in view.find(Slot) if slot.owner == gone]
        assert view.get(Reported, gone) is None
        assert view.get(Desired, gone) is None


def test_a_node_that_a_rollout_counts_on_does_not_move_to_another_pop(running: Practice) -> None:
    running.rolling()
    text = FLEET.replace(', "lis1-n4"', "").replace('"fra1-n4"', '"fra1-n4", "lis1-n4"')
    before = running.sequence
    with pytest.raises(
        TransitionError, match=f"node lis1-n4 of PoP lis1 cannot move to fra1: rollout {ROLLOUT}"
    ):
        fleets.apply(running.store, OPERATOR, running.fleet(text))
    assert running.sequence == before


def test_a_release_that_is_withdrawn_meanwhile_is_not_waited_for(running: Practice) -> None:
    joined(running, "1.8.0")
    with running.store.write() as transaction:
        transaction.put(
            Tombstone(
                release=ReleaseId("gateway@2.0.0"), number="2.0.0", reason="bad", at=START, by="verdict"
            )
        )
    assert told(running, "lis1-n5").release == "1.8.0"
    assert "joins" not in explain.why(running.store, VIEWER, "lis1-n5").answer


def test_a_permission_that_lapsed_is_followed_by_another_one(running: Practice) -> None:
    joined(running, "1.8.0")
    running.seconds += IN_WINDOW.total_seconds()
    first = told(running, "lis1-n5")
    report = Report(
        node=NodeId("lis1-n5"), generation=first.generation, release="1.8.0", phase=Phase.DRAINING
    )
    poll.hear(running.store, node_caller("lis1-n5"), report)
    running.seconds += 3_600
    assert told(running, "lis1-n5").generation == first.generation, "it is on its way"
    poll.hear(running.store, node_caller("lis1-n5"), msgspec.structs.replace(report, phase=Phase.LAPSED))
    again = told(running, "lis1-n5")
    assert again.generation > first.generation
    assert again.permitted_s > 0
