from datetime import timedelta

from tests.decide.engine import NEW, OLD, OPENS, Engine, fleet, measured, pop, said

from wavetrain.model.fleet import NodeId, Phase
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Status, TurnPhase


def baking() -> Engine:
    """A PoP of four whose canary bakes."""
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    engine.obey()
    engine.tick(1)
    assert engine.turn("a").phase is TurnPhase.BAKING
    return engine


def test_a_report_of_another_generation_completes_nothing() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    item = engine.turn("a").progress[0]
    stale = said(item.unit, "a", release=NEW)
    engine.change(reported={**engine.facts.reported, NodeId(item.unit): stale})
    engine.tick(1)
    assert engine.turn("a").progress
    assert engine.owners == [item.unit]


def test_a_unit_whose_permission_lapsed_is_asked_again() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    first = engine.turn("a").progress[0]
    engine.obey(phase=Phase.LAPSED)
    engine.tick(1)
    second = engine.turn("a").progress[0]
    assert second.unit == first.unit
    assert second.generation > first.generation
    assert len(engine.owners) == 1


def test_a_permission_that_was_not_read_in_its_lifetime_is_not_handed_out_any_more() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    unit = engine.turn("a").progress[0].unit
    engine.change(unseen_s={})
    assert engine.facts.desired[NodeId(unit)].permitted_s > 0
    engine.tick(2.1)
    assert engine.facts.desired[NodeId(unit)].permitted_s == 0
    assert engine.hold("a").reason is Reason.IN_PROGRESS
    engine.tick(2)
    assert (engine.hold("a").reason, engine.hold("a").asks) == (Reason.NOT_REPORTING, True)
    assert engine.owners == [unit]


def test_a_silent_unit_that_is_seen_again_is_not_told_again_where_a_newer_rollout_comes_in_this_window() -> (
    None
):
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    newer = engine.facts.rollout.changed(
        id="gateway-2.0.1", number="2.0.1", status=Status.ANNOUNCED, hold=Hold(Reason.HANDING_OVER)
    )
    theirs = engine.turn("a").changed(rollout=newer.id, phase=TurnPhase.WAITING, cursor=0, progress=())
    engine.change(newer=(newer,), newer_turns=(theirs,))
    for _ in range(60):
        engine.tick(1)
    assert not any("seen again" in text for text in engine.said)
    engine.change(newer=(), newer_turns=())
    engine.tick(1)
    assert any("seen again" in text for text in engine.said), "without it, it is"


def test_a_silent_unit_that_is_seen_again_is_told_again_but_only_in_its_window() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    unit = engine.turn("a").progress[0].unit
    alive = engine.facts.unseen_s
    engine.change(unseen_s={})
    engine.tick(5)
    generation = engine.facts.desired[NodeId(unit)].generation
    engine.change(now=OPENS + timedelta(hours=10), unseen_s=alive)
    engine.tick()
    assert engine.facts.desired[NodeId(unit)].generation == generation
    engine.change(now=OPENS + timedelta(hours=24))
    engine.tick()
    again = engine.facts.desired[NodeId(unit)]
    assert again.generation > generation
    assert again.permitted_s > 0
    assert engine.owners == [unit]


def test_bake_time_begins_anew_when_the_canary_runs_something_else() -> None:
    engine = baking()
    canary = engine.turn("a").order[0]
    good = engine.facts.reported[NodeId(canary)]
    engine.change(reported={**engine.facts.reported, NodeId(canary): good.changed(release=OLD)})
    engine.tick(5)
    assert (engine.hold("a").reason, engine.hold("a").asks) == (Reason.NOT_REPORTING, True)
    engine.change(reported={**engine.facts.reported, NodeId(canary): good})
    engine.tick(1)
    assert engine.turn("a").bake_since == engine.facts.now
    engine.tick(9)
    assert engine.turn("a").phase is TurnPhase.BAKING


def test_a_dark_canary_neither_passes_nor_fails_and_a_person_is_asked_in_the_end() -> None:
    engine = Engine(fleet(pop("a", 4)), measured())
    engine.tick()
    engine.obey()
    canary = engine.turn("a").order[0]
    engine.change(unseen_s={**engine.facts.unseen_s, NodeId(canary): 20.0})
    engine.consent("inconclusive")
    for minutes in (1, 11, 11):
        engine.tick(minutes)
        assert (engine.hold("a").reason, engine.hold("a").asks) == (Reason.TELEMETRY_AWAY, False)
    engine.change(unseen_s={**engine.facts.unseen_s, NodeId(canary): 90.0})
    engine.tick(1)
    assert engine.hold("a").asks
    assert engine.status is Status.ROLLING


def test_a_pop_of_one_node_has_no_canary() -> None:
    engine = Engine(fleet(pop("a", 1)), measured())
    engine.tick()
    assert engine.turn("a").phase is TurnPhase.REST
    engine.obey()
    engine.tick(1)
    assert engine.status is Status.COMPLETED


def test_slots_that_only_a_person_can_free_are_asked_about() -> None:
    engine = baking()
    engine.tick(11)
    assert engine.hold("a").asks is False
    engine.change(unseen_s={})
    engine.tick(21)
    assert engine.hold("a").asks is True
