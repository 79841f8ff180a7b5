"""What a PoP is said to wait for is what it waits for, whatever becomes of the rollout."""

from datetime import timedelta

import pytest
from tests.decide.engine import NEW, OPENS, Engine, fleet, policy, pop

from wavetrain.model.fleet import Phase
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.policy import Ring
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Status

RINGS = (
    Ring(name="pilot", stage=Stage.EARLY, pops=("a",), soak_minutes=60),
    Ring(name="some", stage=Stage.EARLY, pops=("b",), soak_minutes=0),
    Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0),
)


def three() -> Engine:
    """Three PoPs in three waves."""
    return Engine(fleet(pop("a", 4), pop("b", 4), pop("c", 1)), policy(rings=RINGS, approve_general=True))


def test_an_announced_pop_waits_for_its_own_opening() -> None:
    engine = three()
    engine.change(now=OPENS - timedelta(hours=3))
    engine.tick()
    assert engine.ended(Status.ANNOUNCED)
    for name in "abc":
        assert engine.hold(name) == Hold(Reason.NOT_YET, until=engine.turn(name).opens)
    assert len({engine.turn(name).opens for name in "abc"}) == 3


def test_a_train_that_is_kept_from_leaving_says_so_once_and_for_all_pops_whose_time_has_come() -> None:
    engine = three()
    other = engine.facts.rollout.changed(id="gateway-1.9.0", number="1.9.0", status=Status.REVERTING)
    engine.change(older=(other,))
    engine.tick()
    assert engine.turn("a").hold is None
    assert engine.hold("b").reason is Reason.NOT_YET


def test_a_pop_of_a_later_wave_names_the_wave_that_it_waits_for() -> None:
    engine = three()
    engine.tick()
    for name in "bc":
        expected = Hold(Reason.PREVIOUS_WAVE, until=engine.turn(name).opens, detail="wave 0 pilot")
        assert engine.hold(name) == expected
    engine.tick(30 * 24 * 60)
    assert engine.hold("c").until is None
    for _ in range(60):
        engine.obey()
        engine.tick(31)
    assert engine.facts.rollout.wave == 2
    assert engine.turn("c").hold is None
    assert engine.facts.waves[2].hold is not None
    assert engine.facts.waves[2].hold.reason is Reason.APPROVAL


@pytest.mark.parametrize("status", [Status.PAUSED, Status.STOPPED])
def test_holds_of_pops_end_with_a_pause_or_a_stop_save_for_units_on_their_way(status: Status) -> None:
    engine = three()
    engine.tick()
    canary = engine.turn("a").order[0]
    engine.steer(status)
    engine.tick()
    assert (engine.hold("a").reason, engine.hold("a").detail) == (Reason.IN_PROGRESS, canary)
    assert engine.turn("b").hold is None
    engine.obey()
    engine.tick(1)
    assert all(turn.hold is None for turn in engine.facts.turns)
    assert all(wave.hold is None for wave in engine.facts.waves)


def test_a_paused_bake_shows_no_hold_of_its_own_and_goes_on_after_a_resume() -> None:
    engine = three()
    engine.tick()
    engine.obey()
    engine.tick(1)
    assert engine.hold("a").reason is Reason.BAKE_TIME
    engine.steer(Status.PAUSED)
    engine.tick(30)
    assert engine.turn("a").hold is None
    engine.steer(Status.ROLLING)
    engine.tick()
    assert engine.hold("a").reason is Reason.IN_PROGRESS


def test_what_is_superseded_waits_for_nothing_any_more() -> None:
    engine = three()
    engine.tick()
    engine.obey()
    engine.tick(1)
    other = engine.facts.rollout.changed(id="gateway-1.9.0", number="1.9.0")
    fresh = Engine(engine.facts.fleet)
    fresh.change(
        older=(other,),
        older_turns=tuple(turn.changed(rollout=other.id) for turn in engine.facts.turns),
        older_waves=tuple(wave.changed(rollout=other.id) for wave in engine.facts.waves),
    )
    fresh.tick()
    assert fresh.facts.rollout.hold is not None
    assert fresh.facts.rollout.hold.reason is Reason.PREVIOUS_BAKE
    fresh.tick(120)
    assert [rollout.status for rollout in fresh.facts.older] == [Status.SUPERSEDED]
    assert len(fresh.facts.older_turns) == 3
    assert not any(turn.hold for turn in fresh.facts.older_turns)
    assert not any(wave.hold for wave in fresh.facts.older_waves)


def test_a_rollout_that_goes_back_keeps_no_hold_of_its_waves() -> None:
    engine = three()
    engine.tick()
    engine.obey()
    engine.tick(1)
    engine.steer(Status.REVERTING)
    engine.tick()
    assert not any(wave.hold for wave in engine.facts.waves)


def test_a_node_on_its_way_is_not_called_a_lack_of_capacity() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    engine.obey()
    engine.tick(1)
    engine.tick(11)
    moving = engine.turn("a").progress[0].unit
    assert engine.hold("a") == Hold(Reason.IN_PROGRESS, detail=moving)
    assert not any("capacity" in text or "slots" in text for text in engine.said)


def test_a_lack_of_capacity_names_who_is_away_and_why() -> None:
    engine = Engine(fleet(pop("a", 8, load=0.7)))
    engine.tick()
    engine.obey()
    engine.tick(1)
    order = engine.turn("a").order
    engine.change(cordoned=frozenset({order[6]}), retired=frozenset({order[7]}))
    engine.tick(11)
    hold = engine.hold("a")
    assert (hold.reason, hold.asks) == (Reason.CAPACITY, True)
    away = ", ".join(sorted([f"{order[6]} is cordoned", f"{order[7]} is retired"]))
    assert hold.detail == f"5 of 8 nodes would serve a load of 70% times 1.1; {away}"


def test_one_unit_goes_back_and_two_units_go_back() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    engine.obey(phase=Phase.FAILED)
    engine.tick(1)
    assert "a: 1 unit goes back to 1.0.0" in engine.said
    assert not any(f"{NEW} units" in text for text in engine.said)
