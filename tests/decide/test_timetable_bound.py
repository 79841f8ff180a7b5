from hypothesis import given, settings
from hypothesis import strategies as st
from tests.decide.big_fleet import rules
from tests.decide.engine import fleet, pop
from tests.decide.planned import asked_for, laid, small

from wavetrain.decide import timetable, timetable_bound
from wavetrain.model.policy import Budgets, Pace, Ring
from wavetrain.model.release import Stage

ALL = (Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0),)


def bound_of(*pops: object, group: tuple[str, ...] = (), **budgets: float) -> tuple[int, int]:
    """The bound of one ring of PoPs in one zone, and what the plan uses."""
    import msgspec

    where = fleet(*pops, group=group)  # type: ignore[arg-type]
    policy = msgspec.structs.replace(rules(Pace.COMPACT, ALL), budgets=Budgets(**budgets))  # type: ignore[arg-type]
    found = laid(asked_for(where, policy))
    return timetable_bound.lower_bound(found.works, found.crews), timetable.plan_of(found).windows


@settings(max_examples=15, deadline=None)
@given(st.integers(24, 80), st.integers(0, 99))
def test_no_plan_uses_fewer_windows_than_the_bound_and_a_compact_one_hardly_more(
    count: int, seed: int
) -> None:
    _, found, plan = small(count, seed, sites=100)
    bound = timetable_bound.lower_bound(found.works, found.crews, set(plan.tail))
    assert bound <= plan.windows <= bound + 2


def test_a_regions_share_fits_as_often_into_a_night_as_its_work_does() -> None:
    """Work of 4 nodes lasts 70 min, so that two follow each other in four hours: 2 x 2 PoPs a night."""
    pops = [pop(f"p{index}", 4) for index in range(9)]
    assert bound_of(*pops, region_share=0.0, region_pops_min=2) == (3, 3)
    assert bound_of(*pops[:8], region_share=0.0, region_pops_min=2) == (2, 2)


def test_members_of_a_group_need_the_gap_between_them() -> None:
    pops = [pop(f"p{index}", 4) for index in range(3)]
    names = ("p0", "p1", "p2")
    assert bound_of(*pops, group=names, region_share=1.0, gap_minutes=600) == (2, 3)  # a night may begin at 3
    assert bound_of(*pops, group=names, region_share=1.0, gap_minutes=2_000) == (3, 3)
    assert bound_of(*pops, region_share=1.0) == (1, 1)


def test_each_ring_needs_a_window_of_its_own() -> None:
    import msgspec

    rings = (
        Ring(name="one", stage=Stage.EARLY, pops=("p0",), soak_minutes=0),
        Ring(name="two", stage=Stage.EARLY, pops=("p1",), soak_minutes=0),
        *ALL,
    )
    where = fleet(*(pop(f"p{index}", 4) for index in range(4)))
    policy = msgspec.structs.replace(rules(Pace.COMPACT, rings), budgets=Budgets(region_share=1.0))
    found = laid(asked_for(where, policy))
    assert timetable_bound.lower_bound(found.works, found.crews) == 3
