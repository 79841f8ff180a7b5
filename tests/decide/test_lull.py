from datetime import datetime, timedelta

import pytest
from tests.decide.engine import OPENS, Engine, fleet, measured, policy, pop
from tests.decide.test_disturbance import lost

from wavetrain.decide import lull
from wavetrain.model.plan import TIMED, Hold, Reason
from wavetrain.model.policy import Ring
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Status


def jump(engine: Engine, **changes: object) -> datetime | None:
    facts = engine.facts
    return lull.next_end([facts.rollout], facts.waves, facts.turns, list(facts.slots), set(facts.quarantined))


def test_a_train_that_waits_for_its_window_may_be_jumped_to() -> None:
    engine = Engine(fleet(pop("a", 4)), now=OPENS - timedelta(days=3))
    engine.change(rollout=engine.facts.rollout.changed(departs=OPENS))
    engine.tick()
    assert jump(engine) == OPENS


def test_nothing_jumps_while_a_unit_is_on_its_way() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    assert jump(engine) is None


def test_a_bake_is_jumped_to_its_end_when_it_waits_for_time_alone() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    engine.obey()
    engine.tick(1)
    assert jump(engine) == engine.facts.now + timedelta(minutes=10)


def test_a_bake_that_waits_for_evidence_is_not() -> None:
    engine = Engine(fleet(pop("a", 4)), measured())
    engine.tick()
    engine.obey()
    engine.tick(1)
    assert engine.hold("a").reason is Reason.EVIDENCE
    assert jump(engine) is None


def test_a_soak_is_jumped_and_a_pause_is_not() -> None:
    rings = (
        Ring(name="pilot", stage=Stage.EARLY, pops=("a",), soak_minutes=60),
        Ring(name="all", stage=Stage.GENERAL, rest=True),
    )
    engine = Engine(fleet(pop("a", 1), pop("b", 1)), policy(rings=rings))
    engine.tick()
    engine.obey()
    engine.tick(1)
    assert jump(engine) == engine.facts.now + timedelta(hours=1)
    engine.steer(Status.PAUSED)
    engine.tick()
    assert jump(engine) is None


def test_the_slot_of_a_quarantined_unit_holds_no_jump_up() -> None:
    engine = Engine(fleet(pop("a", 8, load=0.2), pop("b", 1, load=0.2)))
    engine.tick()
    slots = engine.facts.slots
    engine.obey()
    engine.tick(1)
    assert jump(engine) is not None
    engine.change(slots=slots)
    assert jump(engine) is None
    engine.change(
        quarantined={name: gone for slot in slots for name, gone in lost(slot.owner, slot.pop).items()}
    )
    assert jump(engine) is not None


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.name)
def test_only_timed_reasons_with_a_known_end_are_jumped(reason: Reason) -> None:
    engine = Engine(fleet(pop("a", 4)), now=OPENS - timedelta(days=3))
    engine.tick()
    rollout = engine.facts.rollout
    held = rollout.changed(hold=Hold(reason, until=OPENS))
    until = lull.next_end([held], engine.facts.waves, engine.facts.turns, [])
    assert until == (OPENS if reason in TIMED else None)
    assert (
        lull.next_end([rollout.changed(hold=Hold(reason))], engine.facts.waves, engine.facts.turns, [])
        is None
    )


def test_of_several_ends_the_nearest_is_taken_and_who_waits_for_another_rollout_does_not_count() -> None:
    engine = Engine(fleet(pop("a", 4)), now=OPENS - timedelta(days=3))
    engine.tick()
    rollout = engine.facts.rollout
    later = rollout.changed(hold=Hold(Reason.NOT_YET, until=OPENS + timedelta(days=1)))
    sooner = rollout.changed(hold=Hold(Reason.NOT_YET, until=OPENS))
    behind = rollout.changed(hold=Hold(Reason.PREVIOUS_ROLLOUT))
    assert lull.next_end([later, sooner, behind], [], [], []) == OPENS
    assert lull.next_end([], [], [], []) is None
