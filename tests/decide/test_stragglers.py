"""For PoPs with rare windows nobody waits: in the plan, and in the train."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.decide.engine import OPENS, Engine, fleet, policy, pop

from wavetrain.decide import stragglers, timetable, timetable_check
from wavetrain.decide.timetable import Plan
from wavetrain.model.fleet import Fleet, Pop
from wavetrain.model.lane import POP
from wavetrain.model.plan import Reason
from wavetrain.model.policy import Budgets, Pace, Policy, Ring, Timing
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Status, Stop, TurnPhase

SUNDAY = datetime(2026, 3, 1, tzinfo=UTC)
"""When a train departs, and when its release is submitted."""
RINGS = (
    Ring(name="pilot", stage=Stage.EARLY, pops=("d0", "d1", "w0"), soak_minutes=60),
    Ring(name="third", stage=Stage.GENERAL, pops=("d2", "d3", "d4", "w1"), soak_minutes=720),
    Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0),
)


def rules(pace: Pace = Pace.EVEN, **changes: object) -> Policy:
    return policy(rings=RINGS, timing=Timing(pace=pace), budgets=Budgets(region_pops_min=9), **changes)


def weekly(name: str, days: str = "SA") -> Pop:
    """A PoP whose window opens on some days of the week alone."""
    daily = pop(name, 4)
    return msgspec.structs.replace(
        daily, window=msgspec.structs.replace(daily.window, rule=f"FREQ=WEEKLY;BYDAY={days}")
    )


def mixed() -> Fleet:
    """Nine that open every night, three that open on Saturdays."""
    return fleet(*(pop(f"d{index}", 4) for index in range(9)), *(weekly(f"w{index}") for index in range(3)))


def planned(where: Fleet, policy_: Policy, now: datetime = SUNDAY) -> Plan:
    made = timetable.plan(POP, policy_, where, (), SUNDAY, now)
    assert isinstance(made, Plan), made
    return made


def proof(plan: Plan, where: Fleet, policy_: Policy, now: datetime = SUNDAY) -> timetable_check.Proof:
    case = timetable_check.Case(
        lane=POP,
        policy=policy_,
        fleet=where,
        freezes=(),
        departs=SUNDAY,
        now=now,
        rings=tuple(wave.ring.name for wave in plan.waves),
    )
    return timetable_check.check(case, plan.stops)


def of(plan: Plan, name: str) -> Stop:
    return next(stop for stop in plan.stops if stop.pop == name)


@pytest.mark.parametrize("pace", list(Pace))
def test_no_ring_waits_for_a_weekly_window_and_nobody_goes_before_its_ring(pace: Pace) -> None:
    made = planned(mixed(), rules(pace))
    assert proof(made, mixed(), rules(pace)).count == 0
    assert made.beside == ("w0", "w1", "w2") or (made.beside == ("w0", "w1") and not of(made, "w2").beside)
    third = min(stop.opens for stop in made.stops if stop.ring == "third")
    assert of(made, "w0").opens > third
    assert third < SUNDAY + timedelta(days=5)
    assert not made.tail
    assert "opens on 2 of 14 days" in of(made, "w0").why
    assert "nobody waits for it" in of(made, "w0").why


@pytest.mark.parametrize("pace", list(Pace))
def test_a_train_that_is_planned_when_it_departs_is_as_good_as_one_planned_before(pace: Pace) -> None:
    """Windows under way at the departure are cut by it; that makes nobody's work longer than a window."""
    east = [
        msgspec.structs.replace(
            pop(f"d{index}", 4),
            window=msgspec.structs.replace(pop("d", 4).window, starts="22:00"),
        )
        for index in range(9)
    ]
    where = fleet(*east)
    named = policy(
        rings=(Ring(name="pilot", stage=Stage.EARLY, pops=("d0", "d1")), RINGS[-1]),
        timing=Timing(pace=pace, unit_minutes=30),
        budgets=Budgets(region_pops_min=9),
    )
    late, early = planned(where, named), planned(where, named, SUNDAY - timedelta(days=2))
    assert proof(late, where, named).count == 0
    assert late.windows == early.windows
    assert all(stop.ends and stop.ends - stop.opens < timedelta(hours=4) for stop in late.stops)
    assert (late.late, late.tail) == (early.late, early.tail) == ((), ())


def test_a_straggler_without_an_opening_after_its_ring_s_turn_is_named_with_the_reason() -> None:
    where = fleet(
        *(pop(f"d{index}", 4) for index in range(9)), weekly("w0"), weekly("w1"), weekly("w2", "SU")
    )
    slow = msgspec.structs.replace(
        rules(Pace.COMPACT),
        rings=(RINGS[0], msgspec.structs.replace(RINGS[1], soak_minutes=8 * 1440), RINGS[2]),
    )
    made = planned(where, slow)
    assert proof(made, where, slow).count == 0
    assert made.tail == ("w2",)
    assert "the train has no opening for it after that" in of(made, "w2").why


def test_a_ring_of_which_most_would_straggle_is_waited_for() -> None:
    where = fleet(*(pop(f"d{index}", 4) for index in range(4)), *(weekly(f"w{index}") for index in range(3)))
    named = policy(
        rings=(
            Ring(name="pilot", stage=Stage.EARLY, pops=("d0", "w0", "w1"), soak_minutes=60),
            Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0),
        ),
        timing=Timing(pace=Pace.COMPACT),
        budgets=Budgets(region_pops_min=9),
    )
    made = planned(where, named)
    assert proof(made, where, named).count == 0
    assert not {"w0", "w1"} & set(made.beside)
    assert of(made, "d1").opens > of(made, "w0").opens > SUNDAY + timedelta(days=5)


def test_the_checker_finds_a_ring_that_is_not_waited_for_and_a_straggler_before_its_turn() -> None:
    where, named = mixed(), rules(Pace.COMPACT)
    made = planned(where, named)

    def with_stops(**changed: Stop) -> Plan:
        return msgspec.structs.replace(made, stops=tuple(changed.get(stop.pop, stop) for stop in made.stops))

    loose = {name: msgspec.structs.replace(of(made, name), beside=True) for name in ("d2", "d3")}
    found = proof(with_stops(**loose), where, named)
    assert [item.rule for item in found.broken] == ["ring order"]
    assert "only 1 of the 4 PoPs of ring third" in found.broken[0].text

    held = proof(with_stops(w0=msgspec.structs.replace(of(made, "w0"), beside=False)), where, named)
    assert any(item.pops == ("w0", of(made, "d2").pop) or "w0" in item.pops for item in held.broken)

    soon = of(made, "d0")
    early = msgspec.structs.replace(of(made, "w1"), opens=soon.opens, ends=soon.ends, closes=soon.closes)
    texts = [item.text for item in proof(with_stops(w1=early), where, named).broken]
    assert any("w1 of wave" in text and "has ended and soaked" in text for text in texts)


@pytest.mark.parametrize(
    ("waited", "members", "enough"), [(0, 0, False), (0, 1, False), (1, 2, True), (1, 3, False), (2, 3, True)]
)
def test_half_of_a_ring_is_enough(waited: int, members: int, enough: bool) -> None:
    assert stragglers.may_go_on(waited, members) is enough


def under_way() -> Engine:
    return Engine(mixed(), rules(Pace.COMPACT))


def test_a_train_goes_on_without_its_stragglers_and_ends_with_them() -> None:
    engine = under_way()
    engine.tick()
    assert engine.turn("w0").beside
    while engine.facts.rollout.wave == 0:
        engine.obey()
        engine.tick(31)
    assert engine.facts.now < OPENS + timedelta(days=2)
    assert (engine.turn("w0").phase, engine.turn("w0").wave) == (TurnPhase.WAITING, 0)
    assert engine.hold("w0").reason is Reason.NOT_YET
    assert engine.run() is Status.COMPLETED
    assert all(turn.phase is TurnPhase.DONE for turn in engine.facts.turns)


def test_a_straggler_that_a_person_has_cordoned_holds_up_nothing_but_the_end() -> None:
    engine = under_way()
    engine.tick()
    engine.change(cordoned=frozenset({"w0"}))
    for _ in range(600):
        engine.obey()
        engine.tick(61)
    assert engine.facts.rollout.wave == max(engine.facts.waves, key=lambda wave: wave.ordinal).ordinal
    assert engine.ended(Status.ROLLING)
    assert {turn.pop for turn in engine.facts.turns if turn.phase is not TurnPhase.DONE} == {"w0"}
    engine.change(cordoned=frozenset())
    assert engine.run() is Status.COMPLETED


def test_who_misses_a_rare_window_in_an_early_ring_becomes_a_straggler() -> None:
    """It opens on Mondays and goes with its ring; when it has missed that, it is not waited for."""
    where = fleet(*(pop(f"d{index}", 4) for index in range(9)), weekly("w0", "MO"), weekly("w1", "MO"))
    engine = Engine(where, rules(Pace.COMPACT))
    engine.change(cordoned=frozenset({"w0"}))
    engine.tick()
    assert not engine.turn("w0").beside
    while engine.facts.rollout.wave == 0:
        engine.obey()
        engine.tick(31)
        assert engine.facts.now < OPENS + timedelta(days=4)
    assert engine.turn("w0").beside
    assert engine.facts.timetable is not None
    engine.change(cordoned=frozenset())
    assert engine.run() is Status.COMPLETED


def test_a_canary_that_was_told_nothing_keeps_to_its_new_hour() -> None:
    """Its gates kept it through its window; at the next opening others of its region are planned before it."""
    engine = Engine(fleet(pop("a", 4), pop("b", 4)), policy())
    engine.change(cordoned=frozenset({"a"}))
    engine.tick()
    assert engine.turn("a").phase is TurnPhase.CANARY
    moved = engine.turn("a").changed(opens=OPENS + timedelta(hours=26), closes=OPENS + timedelta(hours=28))
    others = tuple(turn for turn in engine.facts.turns if turn.pop != "a")
    engine.change(turns=(moved, *others), cordoned=frozenset(), now=OPENS + timedelta(hours=24))
    engine.tick()
    assert engine.turn("a").cursor == 0
    assert (engine.hold("a").reason, engine.hold("a").until) == (Reason.NOT_YET, moved.opens)
    engine.change(now=moved.opens)
    engine.tick()
    assert engine.turn("a").cursor == 1
