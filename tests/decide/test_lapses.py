"""A unit whose update never gets to its switch is asked again a few times; then a person is."""

from datetime import timedelta

import pytest
from tests.decide.engine import NEW, OLD, OPENS, Engine, fleet, policy, pop

from wavetrain.decide import staffing
from wavetrain.decide.lapses import AGAIN_MAX
from wavetrain.model.fleet import NodeId, Phase, UnitId
from wavetrain.model.lane import CONTENT
from wavetrain.model.plan import Reason
from wavetrain.model.rollout import Status, TurnPhase

SAID = "the bytes have another digest"


def lapsing(engine: Engine, *units: str, ticks: int = 30) -> Engine:
    """These units refuse their bytes again and again; all others obey."""
    for _ in range(ticks):
        engine.tick(1)
        engine.obey(but=units)
        others = tuple(set(map(str, engine.facts.reported)) - set(units))
        engine.obey(phase=Phase.LAPSED, but=others, detail=SAID)
    engine.tick()
    return engine


def admitted(engine: Engine, unit: str, release: str = NEW) -> int:
    said = (f"{unit} may go to {release}", f"{unit} goes back to {release}")
    return sum(text.startswith(said) for text in engine.said)


def in_its_rest() -> tuple[Engine, tuple[UnitId, ...]]:
    """A PoP of eight whose canary has passed, and its order."""
    engine = Engine(fleet(pop("a", 8, load=0.3)))
    engine.tick()
    engine.obey()
    engine.tick(1)
    return engine, engine.turn("a").order


def test_a_canary_that_lapses_again_and_again_is_held_and_a_person_is_asked() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    canary = engine.turn("a").order[0]
    lapsing(engine, canary)
    assert admitted(engine, canary) == 1 + AGAIN_MAX
    hold = engine.hold("a")
    assert (hold.reason, hold.asks) == (Reason.LAPSED_OFTEN, True)
    assert hold.detail == f"{canary}, {1 + AGAIN_MAX} times: {SAID}"
    assert engine.owners == []
    assert list(engine.told) == [canary]
    said = len(engine.said)
    lapsing(engine, canary)
    assert len(engine.said) == said


def test_a_pause_and_a_resume_ask_it_anew() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    lapsing(engine, engine.turn("a").order[0])
    engine.steer(Status.PAUSED)
    engine.tick()
    assert engine.turn("a").lapses == {}
    engine.steer(Status.ROLLING)
    assert engine.run() is Status.COMPLETED


def test_a_rebuilt_canary_is_asked_anew_and_a_retired_one_gives_way() -> None:
    for restaff in (staffing.afresh, staffing.without):
        engine = Engine(fleet(pop("a", 4, load=0.3)))
        engine.tick()
        canary = engine.turn("a").order[0]
        lapsing(engine, canary)
        if restaff is staffing.without:
            engine.change(retired=frozenset({canary}))
        engine.change(turns=(restaff(engine.turn("a"), canary),))
        engine.tick(1)
        assert [item.unit == canary for item in engine.turn("a").progress] == [restaff is staffing.afresh]


def test_one_of_the_rest_is_passed_over_and_the_others_go_on() -> None:
    engine, order = in_its_rest()
    lapsing(engine, order[2], ticks=40)
    assert engine.ended(Status.RESIDUE)
    assert engine.facts.rollout.residue == (order[2],)
    assert admitted(engine, order[2]) == 1 + AGAIN_MAX
    assert f"{order[2]} lapsed {1 + AGAIN_MAX} times; {NEW} passes it over" in engine.said
    assert engine.facts.quarantined == {}


def test_more_of_them_than_may_be_lost_hold_their_pop() -> None:
    engine, order = in_its_rest()
    lapsing(engine, order[2], order[3], ticks=60)
    assert engine.ended(Status.ROLLING)
    assert (engine.hold("a").reason, engine.hold("a").asks) == (Reason.LAPSED_OFTEN, True)
    assert set(engine.turn("a").settled) == set(order) - {order[2], order[3]}


def test_a_pause_offers_those_again_that_were_passed_over_where_the_pop_is_not_done() -> None:
    engine, order = in_its_rest()
    lapsing(engine, order[2], order[3], ticks=60)
    engine.steer(Status.PAUSED)
    engine.tick()
    turn = engine.turn("a")
    assert (turn.quarantined, set(turn.order[turn.cursor :])) == ((), {order[2], order[3]})
    engine.steer(Status.ROLLING)
    assert engine.run() is Status.COMPLETED


def test_on_the_way_back_it_holds_the_rollout_but_none_of_the_others() -> None:
    engine, order = in_its_rest()
    engine.steer(Status.REVERTING)
    engine.change(turns=(engine.turn("a").changed(cursor=3),))
    lapsing(engine, order[1])
    assert engine.ended(Status.REVERTING)
    assert engine.turn("a").back == (order[1],)
    assert admitted(engine, order[1], OLD) == 1 + AGAIN_MAX
    hold = engine.facts.rollout.hold
    assert hold is not None
    assert (hold.reason, hold.asks) == (Reason.LAPSED_OFTEN, True)
    engine.change(retired=frozenset({order[1]}))
    engine.tick()
    assert engine.ended(Status.REVERTED)


def test_a_unit_that_was_passed_over_is_back_without_being_disturbed() -> None:
    engine, order = in_its_rest()
    lapsing(engine, order[2], order[3], ticks=60)
    left = engine.turn("a").quarantined[0]
    engine.steer(Status.REVERTING)
    engine.change(cordoned=frozenset(order))
    engine.tick()
    assert engine.told[left] == OLD
    assert left not in engine.owners
    for _ in range(20):
        engine.obey()
        engine.change(cordoned=frozenset())
        engine.tick(1)
    assert engine.ended(Status.REVERTED)


def test_a_permission_that_is_never_taken_up_is_given_a_limited_number_of_times() -> None:
    engine = Engine(fleet(pop("a", 4)))
    for _ in range(60):
        engine.tick(3.5)
    canary = engine.turn("a").order[0]
    assert sum("is seen again" in text for text in engine.said) == AGAIN_MAX
    assert (engine.hold("a").reason, engine.hold("a").asks) == (Reason.NOT_REPORTING, True)
    assert engine.owners == [canary]
    assert engine.facts.desired[NodeId(canary)].permitted_s == 0


def test_content_that_is_refused_again_and_again_is_held_too() -> None:
    engine = Engine(fleet(pop("a", 2)), policy(lane="content", failures_max=0), CONTENT)
    engine.tick()
    first = engine.turn("a").order[0]
    lapsing(engine, first)
    assert engine.hold("a").reason is Reason.LAPSED_OFTEN
    assert admitted(engine, first) == 1 + AGAIN_MAX


@pytest.mark.parametrize("lapses", range(1, AGAIN_MAX + 1))
def test_a_few_lapses_are_no_matter(lapses: int) -> None:
    engine = Engine(fleet(pop("a", 4)), now=OPENS + timedelta(minutes=1))
    engine.tick()
    for _ in range(lapses):
        engine.obey(phase=Phase.LAPSED)
        engine.tick(1)
    assert engine.turn("a").phase is TurnPhase.CANARY
    assert engine.run() is Status.COMPLETED
