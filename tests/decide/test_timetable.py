from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.engine import OPENS, fleet, freeze, policy, pop

from wavetrain.decide import calendar, timetable
from wavetrain.decide.timetable import Unplannable
from wavetrain.model.lane import CONTENT, FEATURE, POP
from wavetrain.model.policy import Ring
from wavetrain.model.release import Stage

RINGS = (
    Ring(name="pilot", stage=Stage.EARLY, pops=("p0",)),
    Ring(name="third", stage=Stage.GENERAL, share_percent=34),
    Ring(name="all", stage=Stage.GENERAL, rest=True),
)
SIX = fleet(*(pop(f"p{index}", 3) for index in range(6)))


def planned(salt: str = "2.0.0") -> list[timetable.Leg]:
    made = timetable.legs(POP, policy(rings=RINGS), SIX, salt)
    assert isinstance(made, list)
    return made


def test_every_pop_is_in_exactly_one_ring_and_the_first_that_names_it() -> None:
    named = [(leg.ring.name, name) for leg in planned() for name in leg.turns]
    assert sorted(name for _, name in named) == sorted(SIX.pops)
    assert ("pilot", "p0") in named


def test_rings_do_not_reshuffle_from_release_to_release_but_who_is_first_in_a_pop_does() -> None:
    def rings(salt: str) -> dict[str, set[str]]:
        return {leg.ring.name: set(leg.turns) for leg in planned(salt)}

    assert rings("2.0.0") == rings("2.1.0")
    firsts = {
        leg.turns[name][0]
        for salt in map(str, range(12))
        for leg in planned(salt)
        for name in leg.turns
        if name == "p0"
    }
    assert len(firsts) > 1


def test_a_ring_that_names_a_pop_which_the_fleet_does_not_have_cannot_be_planned() -> None:
    made = timetable.legs(
        POP, policy(rings=(Ring(name="x", stage=Stage.EARLY, pops=("nowhere",)),)), SIX, "s"
    )
    assert isinstance(made, Unplannable)
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


@given(st.integers(0, 40 * 24), st.integers(0, 400))
def test_every_stop_lies_in_a_window_after_the_departure_outside_freezes_and_waves_in_order(
    offset_h: int, frozen_h: int
) -> None:
    departs = OPENS + timedelta(hours=offset_h)
    rules = policy(rings=RINGS)
    freezes = (freeze(frozen_h, scope=("p1", "p2")),) if frozen_h else ()
    made = timetable.stops(planned(), POP, rules, SIX, freezes, departs)
    assert isinstance(made, tuple)
    needed = 2 * timedelta(minutes=rules.timing.unit_minutes)
    for stop in made:
        place = SIX.pops[stop.pop]
        answer = calendar.may_start(
            place.window, freezes, stop.opens, needed, (place.id, place.region, "pop")
        )
        assert answer.open
        assert departs <= stop.opens < stop.closes
    for before, after in pairwise(made):
        assert after.wave == before.wave or after.opens >= before.closes + timedelta(minutes=60)


def test_a_pop_that_never_opens_makes_the_plan_impossible_and_says_what_would_free_it() -> None:
    made = timetable.stops(planned(), POP, policy(rings=RINGS), SIX, (freeze(20_000, scope=("p3",)),), OPENS)
    assert isinstance(made, Unplannable)
    assert "PoP p3" in made.text
    assert "remove a freeze" in made.text


def test_lanes_without_windows_have_stops_that_are_open_for_a_day_at_least() -> None:
    rules = policy(timing=policy().timing.__class__(planned_to_day=0, spread_days=0))
    legs = timetable.legs(CONTENT, rules, SIX, "s")
    assert isinstance(legs, list)
    made = timetable.stops(legs, CONTENT, rules, SIX, (freeze(100),), OPENS)
    assert isinstance(made, tuple)
    assert all(stop.closes - stop.opens >= timedelta(days=1) for stop in made)


@pytest.mark.parametrize("weeks", [1, 2, 4])
def test_trains_depart_on_sundays_of_their_cadence_and_other_lanes_at_once(weeks: int) -> None:
    rules = policy(timing=policy().timing.__class__(cadence_weeks=weeks))
    departs = timetable.departure(rules, POP, OPENS)
    assert departs.strftime("%a %H:%M") == "Sun 00:00"
    assert OPENS <= departs < OPENS + timedelta(weeks=weeks)
    assert timetable.departure(rules, CONTENT, OPENS) == OPENS
