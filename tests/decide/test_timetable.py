from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.engine import OPENS, fleet, freeze, policy, pop

from wavetrain.decide import timetable, timetable_check
from wavetrain.decide.timetable import Plan, Unplannable
from wavetrain.model.fleet import Fleet, PopId
from wavetrain.model.lane import CONTENT, FEATURE, POP
from wavetrain.model.policy import Pace, Policy, Ring, Timing
from wavetrain.model.release import Stage
from wavetrain.model.window import Freeze, WindowRule

RINGS = (
    Ring(name="pilot", stage=Stage.EARLY, pops=("p0",)),
    Ring(name="third", stage=Stage.GENERAL, share_percent=34),
    Ring(name="all", stage=Stage.GENERAL, rest=True),
)
SIX = fleet(*(pop(f"p{index}", 3) for index in range(6)))


BEFORE = OPENS - timedelta(days=3)


def planned(
    where: Fleet = SIX,
    rules: Policy | None = None,
    freezes: tuple[Freeze, ...] = (),
    departs: datetime = OPENS,
) -> Plan:
    made = timetable.plan(POP, rules or policy(rings=RINGS), where, freezes, departs, BEFORE)
    assert isinstance(made, Plan), made
    return made


def refused(
    where: Fleet = SIX,
    rules: Policy | None = None,
    freezes: tuple[Freeze, ...] = (),
    departs: datetime = OPENS,
) -> Unplannable:
    made = timetable.plan(POP, rules or policy(rings=RINGS), where, freezes, departs, BEFORE)
    assert isinstance(made, Unplannable), made
    return made


def proof(
    plan: Plan,
    where: Fleet = SIX,
    rules: Policy | None = None,
    freezes: tuple[Freeze, ...] = (),
    departs: datetime = OPENS,
) -> timetable_check.Proof:
    case = timetable_check.Case(
        lane=POP,
        policy=rules or policy(rings=RINGS),
        fleet=where,
        freezes=freezes,
        departs=departs,
        now=BEFORE,
        rings=tuple(wave.ring.name for wave in plan.waves),
    )
    return timetable_check.check(case, plan.stops)


def test_every_pop_is_in_exactly_one_ring_and_the_first_that_names_it() -> None:
    made = planned()
    assert sorted(stop.pop for stop in made.stops) == sorted(SIX.pops)
    assert [stop.pop for stop in made.stops if stop.ring == "pilot"] == ["p0"]


def test_rings_do_not_reshuffle_but_who_is_first_in_a_pop_does_from_release_to_release() -> None:
    firsts = {timetable.order(SIX.pops[PopId("p0")].nodes, "", str(salt))[0] for salt in range(12)}
    assert len(firsts) > 1


def test_a_ring_that_names_a_pop_which_the_fleet_does_not_have_cannot_be_planned() -> None:
    made = refused(rules=policy(rings=(Ring(name="x", stage=Stage.EARLY, pops=("nowhere",)),)))
    assert "nowhere" in made.text


def test_a_plan_without_members_says_so() -> None:
    made = timetable.legs(FEATURE, policy(lane="feature"), SIX, "s")
    assert isinstance(made, Unplannable)
    assert "no accounts" in made.text


def test_accounts_are_shared_out_by_their_hash() -> None:
    made = timetable.legs(FEATURE, policy(rings=RINGS[1:]), fleet(pop("a", 1), accounts=50), "f")
    assert isinstance(made, list)
    assert [len(units) for leg in made for units in leg.turns.values()] == [17, 33]


def test_content_devices_are_named_after_their_nodes() -> None:
    made = timetable.legs(CONTENT, policy(), SIX, "s")
    assert isinstance(made, list)
    assert all(
        unit.endswith(CONTENT.suffix) for leg in made for units in leg.turns.values() for unit in units
    )


@given(st.integers(0, 40 * 24), st.integers(0, 200), st.sampled_from(list(Pace)))
def test_a_plan_of_any_departure_and_freeze_keeps_every_hard_rule(
    offset_h: int, frozen_h: int, pace: Pace
) -> None:
    departs = OPENS + timedelta(hours=offset_h)
    rules = policy(rings=RINGS, timing=Timing(pace=pace))
    freezes = (freeze(frozen_h, scope=("p1", "p2")),) if frozen_h else ()
    made = planned(rules=rules, freezes=freezes, departs=departs)
    assert proof(made, rules=rules, freezes=freezes, departs=departs).count == 0


def test_an_even_train_uses_its_days_and_a_compact_one_its_windows() -> None:
    even = planned()
    compact = planned(rules=policy(rings=RINGS, timing=Timing(pace=Pace.COMPACT)))
    assert max(stop.opens for stop in even.stops) > OPENS + timedelta(days=8)
    assert max(stop.opens for stop in compact.stops) < OPENS + timedelta(days=5)
    assert compact.windows <= even.windows


def test_a_pop_that_never_opens_makes_the_plan_impossible_and_says_what_would_free_it() -> None:
    made = refused(freezes=(freeze(20_000, scope=("p3",)),))
    assert "PoP p3" in made.text
    assert "remove a freeze" in made.text
    assert (made.rule, made.pops) == ("freeze", ("p3",))


def test_who_has_a_single_start_goes_before_a_mate_that_could_go_at_any_hour() -> None:
    narrow = pop("b", 3).changed(window=WindowRule(rule="FREQ=DAILY", starts="02:00", minutes=75, zone="UTC"))
    wide = pop("a", 3).changed(window=WindowRule(rule="FREQ=DAILY", starts="01:00", minutes=480, zone="UTC"))
    where, rules = (
        fleet(narrow, wide, group=("a", "b")),
        policy(timing=Timing(spread_days=1, planned_to_day=1)),
    )
    plan = planned(where, rules)
    assert [stop.pop for stop in plan.stops] == ["b", "a"]
    assert not proof(plan, where, rules).broken


def test_lanes_without_windows_have_stops_that_are_open_for_a_day_at_least() -> None:
    rules = policy(timing=policy().timing.__class__(planned_to_day=0, spread_days=0))
    legs = timetable.legs(CONTENT, rules, SIX, "s")
    assert isinstance(legs, list)
    made = timetable.stops(legs, rules, OPENS)
    assert all(stop.closes - stop.opens >= timedelta(days=1) for stop in made)


@pytest.mark.parametrize("weeks", [1, 2, 4])
def test_trains_depart_on_sundays_of_their_cadence_and_other_lanes_at_once(weeks: int) -> None:
    rules = policy(timing=policy().timing.__class__(cadence_weeks=weeks))
    departs = timetable.departure(rules, POP, OPENS)
    assert departs.strftime("%a %H:%M") == "Sun 00:00"
    assert OPENS <= departs < OPENS + timedelta(weeks=weeks)
    assert timetable.departure(rules, CONTENT, OPENS) == OPENS
