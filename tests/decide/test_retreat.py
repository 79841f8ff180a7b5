import pytest
from tests.decide.engine import NEW, OLD, Engine, fleet, pop

from wavetrain.model.fleet import NodeId, Phase
from wavetrain.model.plan import Reason
from wavetrain.model.rollout import Status, TurnPhase


def exposed(count: int, *, load: float = 0.4) -> Engine:
    """A PoP of four of which `count` nodes run the new release."""
    engine = Engine(fleet(pop("a", 4, load=load)))
    engine.tick()
    while engine.turn("a").cursor < count:
        engine.obey()
        engine.tick(11)
    while len(engine.turn("a").settled) < count:
        engine.obey()
        engine.steer(Status.PAUSED)
        engine.tick(1)
    engine.steer(Status.ROLLING)
    return engine


def test_the_newest_exposed_goes_back_first_and_half_of_a_pop_at_most() -> None:
    engine = exposed(3, load=0.3)
    newest = list(reversed(engine.turn("a").exposed))
    engine.steer(Status.REVERTING)
    engine.tick()
    back = [item.unit for item in engine.turn("a").progress if item.release == OLD]
    assert back == newest[: len(back)]
    assert len(engine.owners) <= 2


def test_a_unit_in_progress_goes_back_on_the_slot_that_it_holds() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    owner = engine.owners
    engine.steer(Status.REVERTING)
    engine.tick()
    assert engine.owners == owner
    assert engine.told == {owner[0]: OLD}


def test_a_dead_canary_does_not_block_the_others() -> None:
    engine = exposed(2, load=0.2)
    dead = engine.turn("a").order[0]
    engine.change(unseen_s={})
    engine.steer(Status.REVERTING)
    engine.tick()
    for _ in range(8):
        engine.obey(but=(dead,))
        engine.tick(2)
    assert {engine.told[unit] for unit in engine.turn("a").exposed} == {OLD}
    assert [item.unit for item in engine.turn("a").progress] == [dead]
    hold = engine.hold("a")
    assert (hold.reason, hold.asks) == (Reason.NOT_REPORTING, True)


def going_back_with_a_dead_node(nodes: int, load: float, *, dead: int = -1) -> tuple[Engine, str]:
    """All nodes run the new release when one of them dies; it is seen that it is dead."""
    engine = Engine(fleet(pop("a", nodes, load=load)))
    engine.run()
    engine.change(rollout=engine.facts.rollout.changed(over_at=None))
    order = engine.turn("a").order
    engine.change(unseen_s={unit: 0.0 for unit in engine.facts.reported if str(unit) != order[dead]})
    engine.change(turns=(engine.turn("a").changed(phase=TurnPhase.REST),))
    engine.steer(Status.REVERTING)
    engine.tick()
    return engine, order[dead]


@pytest.mark.parametrize(("nodes", "load"), [(4, 0.5), (3, 0.3), (3, 0.5), (4, 0.6), (8, 0.6)])
@pytest.mark.parametrize("dead", [0, -1])
def test_a_dead_node_never_keeps_the_others_from_going_back(nodes: int, load: float, dead: int) -> None:
    """G15: where a person has to bring it back, the others go one at a time, and the journal says so."""
    engine, gone = going_back_with_a_dead_node(nodes, load, dead=dead)
    for _ in range(40):
        moving = [owner for owner in engine.owners if owner != gone]
        if gone in engine.owners:
            out = {unit for unit in engine.facts.reported if unit in (gone, *moving)}
            assert len(out) <= max(2, int(nodes * (1 - load * 1.1)))
        engine.obey(but=(gone,))
        engine.tick(2)
    others = [unit for unit in engine.turn("a").exposed if unit != gone]
    assert {engine.told[unit] for unit in others} == {OLD}
    assert engine.owners == [gone]
    assert (engine.hold("a").reason, engine.hold("a").asks) == (Reason.NOT_REPORTING, True)


def test_a_node_that_goes_back_although_its_pop_is_short_says_so() -> None:
    engine, gone = going_back_with_a_dead_node(4, 0.5)
    for _ in range(4):
        engine.obey(but=(gone,))
        engine.tick(2)
    text = f"although 2 of 4 nodes would serve a load of 50% times 1.1; {gone} is silent"
    assert any(said.endswith(text) for said in engine.said)


def test_units_on_their_way_back_are_waited_for() -> None:
    engine, gone = going_back_with_a_dead_node(4, 0.5)
    assert engine.owners == [gone]
    assert engine.hold("a").reason is Reason.REVERTING
    engine.tick(2)
    assert engine.owners == [gone]


def test_where_going_back_costs_node_after_node_a_person_is_asked() -> None:
    engine, _ = going_back_with_a_dead_node(8, 0.7)
    for _ in range(40):
        engine.obey(phase=Phase.FAILED)
        engine.tick(2)
    assert len(engine.owners) == 2
    assert (engine.hold("a").reason, engine.hold("a").asks) == (Reason.CAPACITY, True)


def test_a_unit_whose_permission_lapsed_on_the_way_back_is_told_again() -> None:
    engine = exposed(1)
    engine.steer(Status.REVERTING)
    engine.tick()
    engine.obey(phase=Phase.LAPSED)
    engine.tick(1)
    assert engine.turn("a").progress[0].release == OLD
    engine.obey()
    engine.tick(1)
    assert engine.ended(Status.REVERTED)


def test_a_unit_that_serves_on_neither_release_is_the_residue() -> None:
    engine = exposed(1)
    unit = engine.turn("a").order[0]
    engine.steer(Status.REVERTING)
    engine.tick()
    engine.obey(phase=Phase.FAILED)
    engine.tick(1)
    assert engine.ended(Status.PARTLY_REVERTED)
    assert engine.facts.rollout.residue == (unit,)
    assert engine.owners == [unit]
    assert not engine.facts.quarantined[NodeId(unit)].serves


def test_a_unit_that_is_back_after_it_failed_is_no_residue() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    engine.obey(phase=Phase.FAILED)
    engine.tick(1)
    assert engine.ended(Status.REVERTING)
    engine.obey()
    engine.tick(1)
    assert engine.ended(Status.REVERTED)
    assert engine.owners == []
    assert all(item.serves for item in engine.facts.quarantined.values())


def test_a_retreat_never_leaves_a_pop_without_its_capacity() -> None:
    engine = exposed(3, load=0.6)
    engine.steer(Status.REVERTING)
    for _ in range(12):
        engine.tick(1)
        assert len(engine.owners) <= 1
        engine.obey()
    assert engine.ended(Status.REVERTED)


def test_nothing_is_told_to_nodes_that_never_were_told_the_release() -> None:
    engine = exposed(1)
    others = engine.turn("a").order[1:]
    engine.steer(Status.REVERTING)
    engine.tick()
    engine.obey()
    engine.tick(1)
    assert not set(others) & set(engine.told)
    assert NEW not in engine.told.values()
