"""A ramp is a pure function of schedule, pauses and clock; nobody loses a feature because it grew."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetrain.decide import cohort, ramp
from wavetrain.errors import RefusedError
from wavetrain.model.feature import WHOLE_PPM, FeatureKey, Pause, Ramp, Step

BEGINS = datetime(2026, 1, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
MENU = FeatureKey("menu")
TWO_WEEKS = Ramp(begins=BEGINS, steps=ramp.even())


def share(made: Ramp, hours: float) -> int:
    return ramp.share_ppm(made, BEGINS + hours * HOUR)


def test_two_weeks_are_fourteen_even_steps_the_first_at_once() -> None:
    assert share(TWO_WEEKS, -0.01) == 0
    assert share(TWO_WEEKS, 0) == WHOLE_PPM // 14
    assert share(TWO_WEEKS, 24 * 7) == WHOLE_PPM * 8 // 14
    assert share(TWO_WEEKS, 24 * 13) == share(TWO_WEEKS, 24 * 400) == WHOLE_PPM


def test_a_pause_keeps_what_is_there_and_the_schedule_goes_on_by_its_own_time() -> None:
    paused = ramp.paused(TWO_WEEKS, BEGINS + 30 * HOUR, "ada", "an alert")
    assert share(paused, 24 * 300) == share(TWO_WEEKS, 30)
    resumed = ramp.resumed(paused, BEGINS + 130 * HOUR)
    assert share(resumed, 147) == share(TWO_WEEKS, 47)
    assert share(resumed, 148) == share(TWO_WEEKS, 48)
    assert not ramp.is_paused(resumed)
    with pytest.raises(RefusedError, match="is paused already"):
        ramp.paused(paused, BEGINS + 31 * HOUR, "ada", "again")
    with pytest.raises(RefusedError, match="nothing to resume"):
        ramp.resumed(resumed, BEGINS + 131 * HOUR)


def test_a_pause_before_it_begins_delays_nothing_that_had_not_begun() -> None:
    made = msgspec.structs.replace(
        TWO_WEEKS, pauses=(Pause(since=BEGINS - 50 * HOUR, until=BEGINS - 2 * HOUR),)
    )
    assert share(made, 5) == share(TWO_WEEKS, 5)


pauses = st.lists(st.floats(0.1, 60), min_size=0, max_size=6).map(
    lambda gaps: tuple(
        Pause(since=BEGINS + sum(gaps[: 2 * n + 1]) * HOUR, until=BEGINS + sum(gaps[: 2 * n + 2]) * HOUR)
        for n in range(len(gaps) // 2)
    )
)


@given(pauses, st.integers(0, WHOLE_PPM - 1), st.floats(0, 600), st.floats(0, 600))
def test_it_never_falls_and_an_accounts_turn_is_when_its_share_comes(
    stops: tuple[Pause, ...], place: int, one: float, other: float
) -> None:
    made = msgspec.structs.replace(TWO_WEEKS, pauses=stops)
    early, late = sorted((one, other))
    assert share(made, early) <= share(made, late)
    now = BEGINS + late * HOUR
    at = ramp.turn(made, place, now)
    assert ramp.share_ppm(made, at) > place
    assert ramp.share_ppm(made, at - timedelta(seconds=1)) <= place


def test_an_open_pause_moves_an_accounts_turn_as_long_as_it_lasts() -> None:
    paused = ramp.paused(TWO_WEEKS, BEGINS + 30 * HOUR, "ada", "an alert")
    free = ramp.turn(TWO_WEEKS, 500_000, BEGINS)
    for hours in (30, 40, 400):
        assert ramp.turn(paused, 500_000, BEGINS + hours * HOUR) == free + (hours - 30) * HOUR


def test_another_schedule_takes_nothing_away() -> None:
    now = BEGINS + 200 * HOUR
    slower = (Step(0, 10_000), Step(400, WHOLE_PPM))
    with pytest.raises(RefusedError, match=r"64\.2857 % have the feature now"):
        ramp.rescheduled(TWO_WEEKS, slower, now)
    faster = ramp.rescheduled(TWO_WEEKS, (Step(0, 900_000), Step(201, WHOLE_PPM)), now)
    assert ramp.share_ppm(faster, now) == 900_000


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((), "0 steps"),
        ((Step(1, WHOLE_PPM),), "from hour 0"),
        ((Step(0, 10), Step(0, WHOLE_PPM)), "put in order"),
        (
            (Step(0, 500_000), Step(24, 400_000), Step(48, WHOLE_PPM)),
            "never goes down: at hour 24 it has 40 %",
        ),
        ((Step(0, 10), Step(24, 999_999)), "ends with everybody"),
        ((Step(0, 10), Step(99_999, WHOLE_PPM)), "at most 8784"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused(steps: tuple[Step, ...], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        ramp.check(steps)


def test_accounts_have_places_of_their_own_in_each_feature() -> None:
    keys = [cohort.unit_key(f"acme-{number}") for number in range(2_000)]
    menu = {key for key in keys if ramp.bucket(MENU, key) < 500_000}
    dark = {key for key in keys if ramp.bucket(FeatureKey("dark"), key) < 500_000}
    assert 900 < len(menu) < 1_100
    assert 400 < len(menu & dark) < 600, "who is early in one is not early in all"
    assert ramp.bucket(MENU, cohort.unit_key("acme-1")) == 290_605, "frozen: cohorts never reshuffle"
