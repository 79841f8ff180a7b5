"""Before the canaries of a PoP some of its nodes are restarted on the release that they run."""

from datetime import timedelta

import msgspec
import pytest
from tests.decide.engine import FAILURES, NEW, OLD, OPENS, Engine, fleet, freeze, policy, pop, said

from wavetrain.decide import staffing
from wavetrain.decide.evidence_kept import RolloutEvidence
from wavetrain.model.fleet import Fleet, Generation, NodeId, Phase, Pop
from wavetrain.model.plan import Reason
from wavetrain.model.policy import Bake, Budgets, PlaceboLock, Policy, Verdicts
from wavetrain.model.rollout import Status, TurnPhase


def asking(**changes: object) -> Policy:
    """One gate, and placebo waves."""
    verdicts = Verdicts(metrics=(FAILURES,), pre_period_s=0.0, lock=PlaceboLock.TRUST, placebo_waves=True)
    return policy(verdicts=verdicts, **changes)


def engine_of(where: Fleet | None = None, rules: Policy | None = None) -> Engine:
    """A PoP of four."""
    return Engine(where or fleet(pop("a", 4)), rules or asking())


def of_classes(nodes: int, **classes: tuple[int, ...]) -> Pop:
    """A PoP whose nodes are of hardware classes, by number."""
    hardware = {name: tuple(NodeId(f"a{number}") for number in found) for name, found in classes.items()}
    return msgspec.structs.replace(pop("a", nodes), hardware=hardware)


def order_of(nodes: int) -> tuple[str, ...]:
    """In which order a PoP's nodes go."""
    engine = engine_of(fleet(pop("a", nodes)))
    engine.tick()
    return engine.turn("a").order


def test_the_last_of_the_order_is_restarted_on_what_it_runs_before_any_canary_is_told() -> None:
    engine = engine_of()
    engine.tick()
    turn = engine.turn("a")
    last = turn.order[-1]
    order = engine.facts.desired[NodeId(last)]
    assert turn.phase is TurnPhase.PLACEBO
    assert (turn.placebos, turn.restarted, turn.cursor) == ((last,), (), 0)
    assert (order.release, order.restart, order.permitted_s > 0) == (OLD, True, True)
    assert engine.owners == [last]
    assert set(engine.told) == {last}
    assert (engine.hold("a").reason, engine.hold("a").detail) == (Reason.PLACEBO, last)


def test_the_canary_follows_once_the_node_is_back_and_the_node_is_updated_with_the_rest() -> None:
    engine = engine_of()
    engine.tick()
    last = engine.turn("a").order[-1]
    engine.obey()
    engine.tick(1)
    turn = engine.turn("a")
    assert (turn.phase, turn.restarted, turn.cursor) == (TurnPhase.CANARY, (last,), 1)
    assert engine.owners == [turn.order[0]]
    engine.consent("inconclusive")
    assert engine.run() is Status.COMPLETED
    assert set(engine.told.values()) == {NEW}
    assert not any(order.restart for order in engine.facts.desired.values())


def test_without_the_policys_word_nobody_is_restarted() -> None:
    verdicts = msgspec.structs.replace(asking().verdicts, placebo_waves=False)
    engine = engine_of(rules=msgspec.structs.replace(asking(), verdicts=verdicts))
    engine.tick()
    assert engine.turn("a").phase is TurnPhase.CANARY


@pytest.mark.parametrize(("nodes", "canaries"), [(2, 1), (1, 1), (4, 2)])
def test_where_no_node_would_be_left_alone_nobody_is_restarted(nodes: int, canaries: int) -> None:
    engine = engine_of(fleet(pop("a", nodes)), asking(bake=Bake(minutes=10, canaries=canaries)))
    engine.tick()
    assert engine.turn("a").phase in (TurnPhase.CANARY, TurnPhase.REST)
    assert not engine.turn("a").placebos
    if nodes > 1:
        assert f"a: no placebo: {nodes} nodes with {canaries} to go first leave none alone" in "; ".join(
            engine.said
        )


def test_each_canary_has_its_like_and_one_goes_after_the_other() -> None:
    home = of_classes(12, old=(1, 2, 3, 4, 5, 6), new=(7, 8, 9, 10, 11, 12))
    budgets, bake = Budgets(pop_share=0.5), Bake(minutes=10, canaries=3)
    engine = engine_of(fleet(home), asking(budgets=budgets, bake=bake))
    classes = {node: name for name, nodes in home.hardware.items() for node in nodes}
    for count in (1, 2, 3):
        engine.tick(1)
        turn = engine.turn("a")
        assert (len(turn.progress), len(turn.placebos)) == (1, count)
        engine.obey()
    engine.tick(1)
    turn = engine.turn("a")
    assert turn.phase is TurnPhase.CANARY
    like = sorted(classes[NodeId(unit)] for unit in turn.order[:3])
    assert sorted(classes[NodeId(unit)] for unit in turn.restarted) == like


def test_where_a_canary_has_no_like_nobody_is_restarted_and_the_journal_says_so() -> None:
    order = order_of(4)
    rare = fleet(of_classes(4, rare=(int(order[0][1:]),), usual=tuple(int(unit[1:]) for unit in order[1:])))
    engine = engine_of(rare)
    engine.tick()
    assert engine.turn("a").phase is TurnPhase.CANARY
    assert "a: placebo: no node is like its canary and may be restarted" in engine.said


def test_where_one_canary_of_two_has_no_like_nobody_is_restarted_for_the_other() -> None:
    numbers = [int(unit[1:]) for unit in order_of(8)]
    home = of_classes(8, rare=(numbers[0],), usual=tuple(numbers[1:]))
    engine = engine_of(fleet(home), asking(bake=Bake(minutes=10, canaries=2)))
    engine.tick()
    assert engine.turn("a").order[:2] == order_of(8)[:2]
    assert engine.turn("a").phase is TurnPhase.CANARY


def test_a_node_that_is_cordoned_lost_or_on_another_release_is_not_restarted() -> None:
    order, engine = order_of(5), engine_of(fleet(pop("a", 5, load=0.1)))
    strayed = said(order[-1], "a", release="0.9.0")
    broken = said(order[-2], "a", phase=Phase.FAILED)
    reported = {**engine.facts.reported, strayed.node: strayed, broken.node: broken}
    engine.change(cordoned=frozenset({order[-3]}), reported=reported)
    engine.tick()
    assert engine.turn("a").placebos == (order[1],)
    assert set(engine.told) == {order[1]}


def test_nobody_is_restarted_while_the_canary_may_not_go() -> None:
    engine = engine_of()
    engine.change(cordoned=frozenset({order_of(4)[0]}))
    engine.tick()
    assert engine.hold("a").reason is Reason.CORDONED
    assert not engine.told


def test_a_freeze_that_begins_between_two_restarts_holds_the_second() -> None:
    engine = engine_of(fleet(pop("a", 8)), asking(bake=Bake(minutes=10, canaries=2)))
    engine.tick()
    assert len(engine.told) == 1
    engine.change(freezes=(freeze(2),))
    engine.obey()
    engine.tick(1)
    assert engine.hold("a").reason is Reason.FROZEN
    assert len(engine.told) == 1


def test_a_node_that_came_to_no_restart_gives_way_to_the_next_like_it() -> None:
    engine = engine_of()
    engine.tick()
    order = engine.turn("a").order
    engine.obey(phase=Phase.LAPSED, detail="its program is not the agent's")
    engine.tick(1)
    turn = engine.turn("a")
    assert turn.placebos == (order[-2],)
    assert engine.owners == [order[-2]]
    assert f"{order[-1]} was not restarted: its program is not the agent's" in engine.said


def test_a_node_whose_agent_does_not_know_restarts_is_let_go_and_counts_for_nothing() -> None:
    engine = engine_of()
    engine.tick()
    last = engine.turn("a").order[-1]
    engine.tick(2.1)
    assert engine.facts.desired[NodeId(last)].permitted_s == 0
    engine.tick(2)
    plain = engine.facts.desired[NodeId(last)]
    assert (plain.restart, plain.permitted_s, plain.release) == (False, 0, OLD)
    engine.obey()
    engine.tick(1)
    turn = engine.turn("a")
    assert last not in turn.placebos
    assert last not in turn.restarted
    assert last not in engine.owners


def test_a_node_lost_in_its_restart_says_nothing_of_the_release() -> None:
    engine = engine_of(rules=asking(failures_max=0))
    engine.tick()
    last = engine.turn("a").order[-1]
    engine.obey(phase=Phase.FAILED)
    engine.tick(1)
    turn = engine.turn("a")
    assert engine.status is Status.ROLLING
    assert engine.facts.quarantined[NodeId(last)].rollout == ""
    assert (last in turn.quarantined, last in turn.placebos) == (False, False)
    assert last in engine.owners, "it serves nothing, so that its slot is not free"


def test_a_revert_in_the_middle_waits_for_the_restart_and_tells_nobody_to_go_back() -> None:
    engine = engine_of()
    engine.tick()
    last = engine.turn("a").order[-1]
    generation = engine.facts.desired[NodeId(last)].generation
    engine.steer(Status.REVERTING)
    engine.tick(1)
    assert engine.ended(Status.REVERTING)
    engine.obey()
    engine.tick(1)
    assert engine.ended(Status.REVERTED)
    assert engine.facts.desired[NodeId(last)].generation == generation
    assert set(engine.told) == {last}
    assert not engine.owners


def test_a_revert_later_leaves_the_restarted_node_alone() -> None:
    engine = engine_of()
    engine.tick()
    last = engine.turn("a").order[-1]
    engine.obey()
    engine.tick(1)
    engine.obey()
    engine.tick(1)
    canary = engine.turn("a").order[0]
    before = engine.facts.desired[NodeId(last)]
    engine.steer(Status.REVERTING)
    engine.tick(1)
    engine.obey()
    engine.tick(1)
    assert engine.status is Status.REVERTED
    assert engine.facts.desired[NodeId(last)] == before
    assert engine.told[canary] == OLD


def test_a_node_lost_in_its_restart_is_passed_over_and_not_told_to_go_back_later() -> None:
    engine = engine_of(fleet(pop("a", 8)))
    engine.tick()
    last = engine.turn("a").order[-1]
    engine.obey(phase=Phase.FAILED)
    engine.tick(1)
    engine.consent("inconclusive")
    for _ in range(60):
        engine.tick(5)
        engine.obey(but=(last,))
        if last in engine.turn("a").quarantined:
            break
    assert last in engine.turn("a").quarantined
    before = engine.facts.desired[NodeId(last)]
    engine.steer(Status.REVERTING)
    engine.tick(1)
    assert last not in engine.turn("a").back
    assert engine.facts.desired[NodeId(last)] == before


def test_a_canary_that_misses_the_window_is_given_restarted_neighbours_of_its_own_age_in_the_next() -> None:
    engine = engine_of()
    engine.tick()
    last = engine.turn("a").order[-1]
    engine.change(cordoned=frozenset({"a"}))
    engine.obey()
    engine.tick(1)
    assert engine.turn("a").phase is TurnPhase.CANARY
    first = engine.facts.desired[NodeId(last)].generation
    engine.tick(6 * 60)
    engine.change(cordoned=frozenset())
    engine.tick((OPENS + timedelta(hours=24) - engine.facts.now) / timedelta(minutes=1))
    turn = engine.turn("a")
    assert (turn.phase, turn.placebos, turn.restarted) == (TurnPhase.PLACEBO, (last,), ())
    assert engine.facts.desired[NodeId(last)].generation > first


def test_a_pause_lets_the_restart_end_and_begins_nothing_more() -> None:
    engine = engine_of()
    engine.tick()
    last = engine.turn("a").order[-1]
    engine.steer(Status.PAUSED)
    engine.tick(1)
    engine.obey()
    engine.tick(1)
    turn = engine.turn("a")
    assert (turn.phase, turn.restarted, turn.cursor) == (TurnPhase.PLACEBO, (last,), 0)
    engine.steer(Status.ROLLING)
    engine.tick(1)
    assert engine.turn("a").cursor == 1


def test_with_a_persons_word_to_go_forward_the_older_release_is_not_started_once_more() -> None:
    engine = engine_of()
    engine.consent("forward")
    engine.tick()
    assert engine.turn("a").phase is TurnPhase.CANARY
    assert "a: no placebo: a person has approved to go forward" in engine.said


def test_a_retired_and_a_rebuilt_node_are_nobodys_placebo() -> None:
    engine = engine_of()
    engine.tick()
    turn = engine.turn("a")
    last = turn.order[-1]
    for how in (staffing.without, staffing.afresh):
        left = how(turn, last)
        assert (left.placebos, left.progress) == ((), ())


def failed(rollout: str = "gateway-2.0.0") -> RolloutEvidence:
    return RolloutEvidence(
        rollout=rollout, pre_period_s=0.0, first_s=1.0, log_e=9.0, log_threshold=6.9, failed=True
    )


def test_a_fail_where_the_placebo_is_loud_pauses_and_says_why() -> None:
    engine = engine_of()
    engine.tick()
    engine.change(evidence=failed(), placebo=failed())
    engine.tick(1)
    assert engine.status is Status.PAUSED
    assert "nodes that were only restarted are worse than their neighbours" in engine.facts.rollout.cause
    assert NEW not in engine.facts.tombstoned


def test_a_fail_where_the_placebo_is_quiet_goes_back_by_itself() -> None:
    engine = engine_of()
    engine.tick()
    quiet = failed().changed(log_e=1.0, failed=False)
    engine.change(evidence=failed(), placebo=quiet)
    engine.tick(1)
    assert engine.status is Status.REVERTING


def test_a_hard_fact_goes_back_however_loud_the_placebo_is() -> None:
    engine = engine_of()
    engine.tick()
    engine.obey()
    engine.tick(1)
    engine.change(placebo=failed())
    engine.obey(phase=Phase.REVERTED)
    engine.tick(1)
    assert engine.status in (Status.REVERTING, Status.REVERTED)


def test_a_restart_that_something_newer_has_overtaken_is_no_placebo() -> None:
    engine = engine_of()
    engine.tick()
    last = engine.turn("a").order[-1]
    newer = engine.facts.desired[NodeId(last)].changed(generation=Generation(9, 9), restart=False)
    engine.change(desired={**engine.facts.desired, newer.node: newer})
    engine.tick(1)
    assert last not in engine.turn("a").restarted
