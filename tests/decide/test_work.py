from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.engine import OPENS, fleet, freeze, policy, pop

from wavetrain.decide import work
from wavetrain.decide.almanac import HOUR
from wavetrain.decide.work import Start, Works
from wavetrain.model.fleet import Account, AccountId, Blackout, Pop, PopId
from wavetrain.model.lane import CONTENT, POP
from wavetrain.model.policy import Bake, Budgets, Policy, Timing
from wavetrain.model.window import Freeze, WindowRule

SUNDAY = datetime(2026, 3, 1, tzinfo=UTC)
A = PopId("a")


def works(place: Pop, rules: Policy | None = None, *freezes: Freeze, **changes: object) -> Works:
    where = msgspec.structs.replace(fleet(place), **changes)
    return Works(POP, rules or policy(), where, freezes, OPENS, OPENS - timedelta(days=2))


def starts(found: Works, count: int = 3) -> list[str]:
    made = [start for _, start in zip(range(count), found.starts(A, 0), strict=False)]
    return [f"{found.instant(one.start):%d %H:%M}-{found.instant(one.end):%H:%M}" for one in made]


@pytest.mark.parametrize(
    ("nodes", "batch", "minutes"),
    [(1, 1, 10), (2, 1, 30), (4, 1, 50), (8, 2, 60), (100, 25, 60), (3, 3, 30)],
)
def test_a_pop_takes_its_canary_its_bake_and_then_its_share_at_a_time(
    nodes: int, batch: int, minutes: int
) -> None:
    assert work.seconds(policy(), POP.bakes, nodes, batch) == minutes * 60


def test_without_a_bake_nodes_go_one_batch_after_the_other() -> None:
    assert work.seconds(policy(), False, 8, 2) == 40 * 60
    assert work.seconds(policy(bake=Bake(canaries=8)), True, 8, 2) == 40 * 60


@given(st.integers(1, 200), st.floats(0, 1), st.floats(1, 3))
def test_what_is_spared_leaves_the_load_its_capacity_and_one_more_would_not(
    nodes: int, load: float, headroom: float
) -> None:
    free = work.spared(nodes, load, headroom)
    if nodes > 1:
        assert (nodes - free) / nodes >= min(1.0, load * headroom) - 1e-6
        assert (nodes - free - 1) / nodes < min(1.0, load * headroom) + 1e-6


def test_a_pop_may_start_at_its_opening_and_every_hour_after_it_while_work_and_undo_fit() -> None:
    assert starts(works(pop("a", 4)), 4) == [
        "02 01:00-01:50",
        "02 02:00-02:50",
        "02 03:00-03:50",
        "03 01:00-01:50",
    ]
    long = policy(bake=Bake(minutes=100))
    assert starts(works(pop("a", 4), long)) == ["02 01:00-03:20", "02 02:00-04:20", "03 01:00-03:20"]


def test_a_pop_whose_work_no_window_holds_goes_over_several() -> None:
    small = policy(budgets=Budgets(pop_share=0.01), bake=Bake(minutes=10))
    found = works(pop("a", 30), small)
    first = found.first(A, 0)
    assert first is not None
    assert found.instant(first.end).day == 3
    assert 2 * HOUR < first.end - first.start < 36 * HOUR


def test_a_freeze_keeps_away_every_start_whose_work_or_undo_it_would_hit() -> None:
    assert starts(works(pop("a", 4), None, freeze(1.2)), 2) == ["02 03:00-03:50", "03 01:00-01:50"]
    assert starts(works(pop("a", 4), None, freeze(1.2, scope=("elsewhere",))), 1) == ["02 01:00-01:50"]


def test_hours_bind_the_start_and_fewer_at_once_take_longer() -> None:
    quiet = tuple(0.8 if hour == 1 else 0.5 for hour in range(24))
    found = works(msgspec.structs.replace(pop("a", 8), hours=quiet, load=0.8))
    assert starts(found, 2) == [
        "02 02:00-03:00",
        "02 03:00-04:00",
    ]  # at 1 o'clock 0.8 x 1.1 spares no node of 8
    busy = tuple(0.7 for _ in range(24))
    assert starts(works(msgspec.structs.replace(pop("a", 8), hours=busy, load=0.7)), 1) == ["02 01:00-02:30"]
    full = tuple(0.95 for _ in range(24))
    assert works(msgspec.structs.replace(pop("a", 8), hours=full, load=0.95)).first(A, 0) is None


def test_a_pop_of_one_node_is_no_matter_of_its_own_capacity() -> None:
    full = tuple(1.0 for _ in range(24))
    assert starts(works(msgspec.structs.replace(pop("a", 1), hours=full, load=1.0)), 1) == ["02 01:00-01:10"]


def test_pops_that_cannot_spare_a_node_at_their_only_known_load_are_named() -> None:
    assert works(pop("a", 4, load=0.9)).short() == ("a",)
    assert works(pop("a", 4, load=0.5)).short() == ()


def test_the_black_outs_of_its_own_account_bind_a_dedicated_pop_and_no_other() -> None:
    spans = (Blackout(first=date(2026, 3, 2), last=date(2026, 3, 3)),)
    accounts = {AccountId("x"): Account(id=AccountId("x"), blackouts=spans)}
    own = msgspec.structs.replace(pop("a", 4), dedicated=AccountId("x"))
    assert starts(works(own, accounts=accounts), 1) == ["04 01:00-01:50"]
    assert starts(works(pop("a", 4), accounts=accounts), 1) == ["02 01:00-01:50"]


@pytest.mark.parametrize(
    ("zone", "leaves"),
    [
        ("UTC", "2026-03-01 00:00"),
        ("Pacific/Auckland", "2026-02-28 11:00"),
        ("America/New_York", "2026-03-01 05:00"),
        ("Asia/Kolkata", "2026-02-28 18:30"),
    ],
)
def test_a_train_leaves_at_its_own_midnight_of_its_sunday_in_each_zone(zone: str, leaves: str) -> None:
    assert f"{work.leaves(SUNDAY, policy(), zone):%Y-%m-%d %H:%M}" == leaves
    assert work.leaves(SUNDAY + timedelta(hours=7), policy(), zone) == SUNDAY + timedelta(hours=7)


def test_a_train_that_begins_in_an_open_window_begins_there_at_once() -> None:
    now = OPENS + timedelta(minutes=25)
    found = Works(POP, policy(), fleet(pop("a", 4)), (), OPENS, now)
    assert starts(found, 2) == ["02 01:25-02:15", "02 02:00-02:50"]


def test_windows_follow_their_wall_clock_over_a_change_of_the_clocks() -> None:
    zone = "America/New_York"
    rule = WindowRule(rule="FREQ=DAILY", starts="01:00", minutes=240, zone=zone)
    place = msgspec.structs.replace(pop("a", 4), zone=zone, window=rule)
    found = Works(POP, policy(), fleet(place), (), SUNDAY, SUNDAY - timedelta(days=2))
    opens = {found.instant(start.start).strftime("%d %H") for start in found.starts(A, 0) if start.start}
    assert {"07 06", "08 06", "09 05"} <= opens  # 8 March: from UTC-5 to UTC-4 at 2 o'clock


def test_lanes_that_bake_nothing_are_predicted_without_a_bake() -> None:
    assert work.seconds(policy(), CONTENT.bakes, 4, 1) == 50 * 60


def test_a_window_that_opens_on_few_days_is_rare() -> None:
    rule = WindowRule(rule="FREQ=WEEKLY;BYDAY=TU,TH", starts="01:00", minutes=240, zone="UTC")
    found = works(msgspec.structs.replace(pop("a", 4), window=rule), policy(timing=Timing()))
    assert found.is_sparse(A)
    assert found.is_seldom(A)
    assert not works(pop("a", 4)).is_seldom(A)


def test_after_its_days_a_train_offers_places_only_to_those_that_may_be_late() -> None:
    found = works(pop("a", 4), policy(timing=Timing(spread_days=1, planned_to_day=1)))
    within = list(found.starts(A, 0))
    over: list[Start] = list(found.starts(A, 0, overtime=True))
    assert len(within) == 3
    assert len(over) == 3 * (1 + work.OVERTIME_DAYS)
