"""Trains in a row, and hotfixes in mid-train."""

from datetime import timedelta

import msgspec
import pytest
from tests.control.practice import VIEWER
from tests.control.trains import OLD, OLGA, Trains
from tests.decide.engine import fleet, policy, pop

from wavetrain.control import explain, hotfixes, nodes, rollouts, withdraw
from wavetrain.control.rollouts import Consent
from wavetrain.decide.permit import Caller
from wavetrain.errors import ForbiddenError, RefusedError, TransitionError
from wavetrain.model.access import Role
from wavetrain.model.fleet import Desired, PopId
from wavetrain.model.hotfix import Hotfix, How
from wavetrain.model.plan import Reason
from wavetrain.model.policy import Bake, Policy, Ring, Succession, Timing
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Status, Turn, TurnPhase

PAVEL = Caller("pavel", (Role.APPROVER,))
RINGS = (
    Ring(name="pilot", stage=Stage.EARLY, pops=("a",), soak_minutes=0),
    Ring(name="second", stage=Stage.GENERAL, pops=("b",), soak_minutes=60 * 24 * 2),
    Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0),
)
FIRST, NEXT = "gateway-2.0.0", "gateway-2.1.0"


def rules(**changes: object) -> Policy:
    timing = Timing(cadence_weeks=1, planned_to_day=4, spread_days=6)
    return policy(**{"rings": RINGS, "timing": timing, **changes})


def trains(*more: Policy, **changes: object) -> Trains:
    """Three PoPs, and a train that has come to the second of its three rings."""
    made = Trains(fleet(pop("a", 4), pop("b", 4), pop("c", 2, load=0.4)), rules(**changes), *more)
    made.submit("2.0.0")
    return made


def come_to(made: Trains, wave: int, phase: TurnPhase | None = None, where: str = "b") -> Trains:
    """Until the first train has come to a wave, or to a phase of a PoP's turn."""
    made.run(
        lambda: made.rollout(FIRST).wave == wave and (phase is None or made.turn(FIRST, where).phase is phase)
    )
    return made


def test_unfinished_pops_join_the_next_train_and_each_revert_leads_to_what_was_there() -> None:
    made = come_to(trains(), 2)
    assert (made.runs("a"), made.runs("b"), made.runs("c")) == ({"2.0.0"}, {"2.0.0"}, {OLD})
    made.submit("2.1.0", fixes="2.0.0", hotfix=Hotfix(how=How.SUPERSEDE))
    made.until(NEXT, Status.ROLLING)
    assert made.rollout(FIRST).status is Status.SUPERSEDED
    made.run(lambda: made.runs("c") == {"2.1.0"})
    assert made.runs("a") == made.runs("b") == {"2.1.0"}
    made.run(lambda: made.statuses()[NEXT] is Status.COMPLETED or bool(made.rollout(NEXT).wave == 2))
    assert {name: made.turn(NEXT, name).previous for name in "abc"} == {"a": "2.0.0", "b": "2.0.0", "c": OLD}
    if made.rollout(NEXT).status is Status.ROLLING:
        rollouts.revert(made.store, OLGA, NEXT, "it leaks")
        made.until(NEXT, Status.REVERTED)
        assert (made.runs("a"), made.runs("b"), made.runs("c")) == ({"2.0.0"}, {"2.0.0"}, {OLD})


def test_a_pop_does_not_go_back_to_a_release_that_was_withdrawn_meanwhile() -> None:
    made = come_to(trains(), 2)
    made.submit("2.1.0", fixes="2.0.0", hotfix=Hotfix(how=How.SUPERSEDE))
    made.run(lambda: made.turn(NEXT, "a").phase is TurnPhase.DONE)
    withdraw.withdraw(made.store, OLGA, "gateway@2.0.0", "it leaks")
    rollouts.revert(made.store, OLGA, NEXT, "it leaks, too")
    made.until(NEXT, Status.REVERTED)
    assert made.runs("a") == {OLD}


def test_a_mixed_pop_goes_back_as_a_whole_to_what_most_of_it_ran() -> None:
    made = come_to(trains(), 0, TurnPhase.BAKING, "a")
    assert made.runs("a") == {OLD, "2.0.0"}
    made.submit("2.1.0", fixes="2.0.0", hotfix=Hotfix(how=How.SUPERSEDE))
    made.run(lambda: made.turn(NEXT, "a").phase is TurnPhase.DONE)
    rollouts.revert(made.store, OLGA, NEXT, "it leaks")
    made.until(NEXT, Status.REVERTED)
    assert made.runs("a") == {OLD}


def test_three_trains_in_a_row_leave_nobody_behind_and_no_slot_taken() -> None:
    made = come_to(trains(), 1)
    made.submit("2.1.0")
    due_now(made, NEXT)
    made.run(lambda: made.rollout(NEXT).wave == 1)
    third = made.submit("2.2.0")
    due_now(made, third)
    made.until(third, Status.COMPLETED)
    assert made.statuses() == {FIRST: Status.SUPERSEDED, NEXT: Status.SUPERSEDED, third: Status.COMPLETED}
    assert all(made.runs(name) == {"2.2.0"} for name in "abc")


def test_trains_of_two_components_travel_side_by_side() -> None:
    content = rules(lane="content", bake=Bake(minutes=2))
    made = trains(content)
    other = made.submit("c1", lane="content")
    made.run(lambda: made.statuses()[FIRST] is made.statuses()[other] is Status.COMPLETED)
    assert all(made.runs(name) == {"2.0.0"} and made.runs(name, "+content") == {"c1"} for name in "abc")


def test_quarantined_nodes_are_passed_over_and_lapses_are_forgotten_by_the_next_train() -> None:
    made = Trains(fleet(pop("a", 4, load=0.2), pop("b", 4), pop("c", 2, load=0.4)), rules())
    made.submit("2.0.0")
    made.lost.add(("a2", "2.0.0"))
    made.run(lambda: bool(made.turn(FIRST, "a").quarantined) or made.rollout(FIRST).wave == 1)
    lost = set(made.turn(FIRST, "a").quarantined)
    if made.rollout(FIRST).status is Status.REVERTING:  # the canary was one of them
        made.until(FIRST, Status.REVERTED, Status.PARTLY_REVERTED)
    made.submit("2.1.0")
    made.until(NEXT, Status.COMPLETED, Status.RESIDUE)
    assert set(made.turn(NEXT, "a").quarantined) == lost
    assert all("2.1.0" in made.runs(name) for name in "abc")
    for node in lost:
        nodes.rebuild(made.store, OLGA, node, "set up anew")
        made.say(node, OLD)
    last = made.submit("2.2.0")
    made.until(last, Status.COMPLETED, Status.RESIDUE)


def test_the_older_train_begins_nothing_in_the_window_in_which_the_newer_one_comes() -> None:
    made = come_to(trains(), 0, TurnPhase.BAKING, "a")
    made.submit("2.1.0", fixes="2.0.0", hotfix=Hotfix(how=How.SUPERSEDE))
    before = {order.node: order.generation for order in _orders(made)}
    made.tick(30)
    assert {order.release for order in _orders(made) if before.get(order.node) != order.generation} <= {
        "2.1.0"
    }


def test_a_bake_of_a_release_that_is_not_fixed_is_given_its_time_and_the_older_one_gives_way() -> None:
    made = come_to(trains(bake=Bake(minutes=90)), 0, TurnPhase.BAKING, "a")
    made.submit("2.1.0")
    due_now(made, NEXT)
    assert made.hold(NEXT).reason is Reason.PREVIOUS_BAKE
    made.run(lambda: made.statuses()[NEXT] is Status.ROLLING)
    assert made.rollout(NEXT).cuts == 0
    assert not any("cut short" in text for text in made.said())
    assert made.runs("a") == {OLD, "2.0.0"}, "the rest of the PoP did not follow its canary"


def due_now(made: Trains, name: str) -> None:
    """A train whose hour has come while another one bakes."""
    rollout = made.rollout(name)
    with made.store.write() as transaction:
        for turn in transaction.find(Turn, rollout=name):
            transaction.remove(turn)
        now = transaction.now
        transaction.put(rollout.changed(departs=now, not_before=now, status=Status.PLANNED))
    made.tick()


def test_a_bake_that_outlasts_the_bound_is_cut_short_aloud() -> None:
    made = come_to(
        trains(bake=Bake(minutes=200), succession=Succession(bake_wait_minutes=20)), 0, TurnPhase.BAKING, "a"
    )
    made.submit("2.1.0")
    due_now(made, NEXT)
    hold = made.hold(NEXT)
    assert hold.reason is Reason.PREVIOUS_BAKE
    assert hold.until is not None
    made.tick(21)
    assert made.rollout(NEXT).status is Status.ROLLING
    assert made.rollout(NEXT).cuts == 1
    assert any("the bake of 2.0.0 is cut short in a after" in text for text in made.said())
    assert "cut short in a" in explain.why(made.store, VIEWER, FIRST).answer


def test_no_more_bakes_in_a_row_are_cut_short_than_the_policy_lets_and_then_a_person_is_asked() -> None:
    made = come_to(
        trains(bake=Bake(minutes=600), succession=Succession(cuts_max=1)), 0, TurnPhase.BAKING, "a"
    )
    made.submit("2.1.0", fixes="2.0.0", hotfix=Hotfix(how=How.SUPERSEDE))
    made.run(lambda: made.turn(NEXT, "a").phase is TurnPhase.BAKING)
    assert made.rollout(NEXT).cuts == 1
    third = made.submit("2.2.0", fixes="2.1.0", hotfix=Hotfix(how=How.SUPERSEDE))
    made.run(lambda: (made.rollout(third).hold or made.hold(third)).reason is Reason.PREVIOUS_BAKE)
    assert made.hold(third).asks
    with pytest.raises(ForbiddenError):
        rollouts.approve(made.store, Caller("ci", (Role.APPROVER,)), third, Consent.CUT)
    rollouts.approve(made.store, PAVEL, third, Consent.CUT)
    made.until(third, Status.ROLLING)
    assert made.rollout(third).cuts == 2


def test_one_that_was_put_behind_departs_when_the_train_has_ended_and_waits_for_no_other() -> None:
    made = come_to(trains(), 1)
    made.submit("2.0.1", fixes="2.0.0", hotfix=Hotfix(how=How.BEHIND))
    fix = "gateway-2.0.1"
    assert made.rollout(fix).status is Status.PLANNED
    assert made.hold(fix).detail == f"behind {FIRST}, which is rolling"
    made.until(FIRST, Status.COMPLETED)
    ended = made.rollout(FIRST).over_at
    made.until(fix, Status.COMPLETED)
    assert ended is not None
    assert made.rollout(fix).departs - ended < timedelta(hours=1)


def test_a_hotfix_for_some_pops_leaves_the_others_their_train() -> None:
    made = come_to(trains(), 2)
    made.submit("2.0.1", fixes="2.0.0", hotfix=Hotfix(how=How.AFFECTED))
    fix = "gateway-2.0.1"
    assert made.pops(fix) == {"a", "b"}
    made.until(fix, Status.COMPLETED)
    made.until(FIRST, Status.COMPLETED)
    assert (made.runs("a"), made.runs("b"), made.runs("c")) == ({"2.0.1"}, {"2.0.1"}, {"2.0.0"})


def test_a_pop_that_was_not_begun_is_handed_over_at_once_and_one_in_mid_turn_when_it_can_be() -> None:
    made = come_to(trains(), 0, TurnPhase.BAKING, "a")
    pops = (PopId("a"), PopId("c"))
    made.submit("2.0.1", fixes="2.0.0", hotfix=Hotfix(how=How.AFFECTED, pops=pops))
    fix = "gateway-2.0.1"
    made.until(fix, Status.COMPLETED)
    assert made.turn(FIRST, "c").phase is made.turn(FIRST, "a").phase is TurnPhase.HANDED
    assert any("the bake of 2.0.0 is cut short in a" in text for text in made.said())
    why = explain.why(made.store, VIEWER, FIRST).answer
    assert "no PoP has come through a bake of 2.0.0; a hotfix took over what had begun" in why
    assert made.runs("b") == {OLD}
    rollouts.approve(made.store, PAVEL, FIRST, Consent.INCONCLUSIVE)
    made.until(FIRST, Status.COMPLETED)
    assert (made.runs("a"), made.runs("b"), made.runs("c")) == ({"2.0.1"}, {"2.0.0"}, {"2.0.1"})
    assert any("save those handed to a hotfix: a, c" in text for text in made.said())


def test_a_revert_of_the_older_train_leaves_alone_what_the_hotfix_has_taken_over() -> None:
    made = come_to(trains(), 2)
    made.submit("2.0.1", fixes="2.0.0", hotfix=Hotfix(how=How.AFFECTED, pops=(PopId("a"),)))
    made.until("gateway-2.0.1", Status.COMPLETED)
    rollouts.revert(made.store, OLGA, FIRST, "it leaks")
    made.until(FIRST, Status.REVERTED)
    assert (made.runs("a"), made.runs("b"), made.runs("c")) == ({"2.0.1"}, {OLD}, {OLD})


def test_a_restart_begins_where_the_train_has_come_to_and_needs_another_persons_approval() -> None:
    made = come_to(trains(), 2)
    made.submit("2.0.1", fixes="2.0.0", hotfix=Hotfix(how=How.RESTART, wave=2))
    fix = "gateway-2.0.1"
    assert made.hold(fix).reason is Reason.WAY_IN
    assert made.hold(fix).detail == f"hotfix restart, credit for wave 0 pilot, 1 second of {FIRST}"
    with pytest.raises(ForbiddenError):
        rollouts.approve(made.store, Caller("ci", (Role.APPROVER,)), fix, Consent.HOTFIX)
    rollouts.approve(made.store, PAVEL, fix, Consent.HOTFIX)
    assert [made.turn(fix, name).wave for name in "cab"] == [0, 1, 2]
    made.until(fix, Status.COMPLETED)
    assert made.rollout(FIRST).status is Status.SUPERSEDED
    assert all(made.runs(name) == {"2.0.1"} for name in "abc")


def test_credit_ends_with_the_release_that_has_earned_it() -> None:
    made = come_to(trains(), 2)
    made.submit("2.0.1", fixes="2.0.0", hotfix=Hotfix(how=How.RESTART, wave=1))
    fix = "gateway-2.0.1"
    rollouts.revert(made.store, OLGA, FIRST, "it leaks")
    made.tick(5)
    assert [made.turn(fix, name).wave for name in "abc"] == [0, 1, 2]
    assert made.rollout(fix).timetable == 2
    made.until(fix, Status.COMPLETED)
    assert all(made.runs(name) == {"2.0.1"} for name in "abc")


def test_the_way_in_may_be_changed_until_the_departure_and_the_two_persons_rule_stays() -> None:
    made = come_to(trains(), 2)
    made.submit("2.0.1", fixes="2.0.0", hotfix=Hotfix(how=How.BEHIND))
    fix = "gateway-2.0.1"
    both = Caller("ida", (Role.OPERATOR, Role.APPROVER))
    hotfixes.place(made.store, both, fix, Hotfix(how=How.RESTART, wave=1), "it cannot wait")
    made.tick()
    assert made.hold(fix).reason is Reason.WAY_IN
    with pytest.raises(ForbiddenError, match=r"the way in of rollout gateway-2\.0\.1 was asked for by ida"):
        rollouts.approve(made.store, both, fix, Consent.HOTFIX)
    rollouts.approve(made.store, PAVEL, fix, Consent.HOTFIX)
    hotfixes.place(made.store, OLGA, fix, Hotfix(how=How.SUPERSEDE), "all of it")
    made.until(fix, Status.ROLLING)
    with pytest.raises(TransitionError, match="only one that has not departed"):
        hotfixes.place(made.store, OLGA, fix, Hotfix(how=How.BEHIND), "too late")


@pytest.mark.parametrize(
    ("hotfix", "fixes", "words"),
    [
        (Hotfix(how=How.RESTART, wave=9), "2.0.0", "gives no credit: it has waves 0 to 2"),
        (Hotfix(how=How.RESTART, wave=2), "2.0.0", "has come to wave 1, and only what is passed counts"),
        (Hotfix(how=How.RESTART), "2.0.0", "give one from 1 on"),
        (Hotfix(how=How.SUPERSEDE, wave=1), "2.0.0", "`wave` belongs to `restart`"),
        (Hotfix(how=How.BEHIND, pops=(PopId("a"),)), "2.0.0", "`pops` belong to `affected`"),
        (Hotfix(how=How.AFFECTED, pops=(PopId("x"),)), "2.0.0", "the fleet has no PoP x"),
        (Hotfix(how=How.SUPERSEDE), "1.9.9", "has no rollout, so that there is no train to enter"),
        (Hotfix(how=How.SUPERSEDE), "", "says which release it fixes"),
    ],
)
def test_a_way_in_that_cannot_be_is_refused_with_the_way_out(hotfix: Hotfix, fixes: str, words: str) -> None:
    made = come_to(trains(), 1)
    with pytest.raises(AssertionError) as refused:
        made.submit("2.0.1", fixes=fixes, hotfix=hotfix)
    assert words in str(refused.value)
    assert "gateway-2.0.1" not in made.statuses()


def test_a_hotfix_of_what_goes_back_or_was_withdrawn_is_refused() -> None:
    made = come_to(trains(), 1)
    rollouts.revert(made.store, OLGA, FIRST, "it leaks")
    for words in ("is going back", "was withdrawn"):
        with pytest.raises(AssertionError, match=words):
            made.submit("2.0.1", fixes="2.0.0", hotfix=Hotfix(how=How.SUPERSEDE))
        withdraw.withdraw(made.store, OLGA, "gateway@2.0.0", "it leaks")


def test_a_refused_place_changes_nothing() -> None:
    made = come_to(trains(), 1)
    made.submit("2.0.1", fixes="2.0.0", hotfix=Hotfix(how=How.BEHIND))
    before = made.rollout("gateway-2.0.1")
    with pytest.raises(RefusedError, match=r"stays as it is: .*has no PoP x"):
        hotfixes.place(made.store, OLGA, before.id, Hotfix(how=How.AFFECTED, pops=(PopId("x"),)), "try")
    assert made.rollout("gateway-2.0.1") == before


def test_a_store_of_before_reads_as_it_was() -> None:
    made = come_to(trains(), 1)
    rollout, turn = made.rollout(FIRST), made.turn(FIRST, "a")
    for record, news in ((rollout, ("hotfix", "placed_by", "due_since", "cuts")), (turn, ("previous",))):
        fields = msgspec.to_builtins(record)
        for name in news:
            fields.pop(name, None)
        again = msgspec.convert(fields, type(record))
        assert again.version == record.version


def _orders(made: Trains) -> list[Desired]:
    with made.store.read() as view:
        return view.find(Desired)
