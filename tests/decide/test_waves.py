from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.engine import fleet, pop, said

from wavetrain.decide import waves
from wavetrain.decide.slots import Slots
from wavetrain.model.fleet import Fleet, Phase, PopId, RegionId, UnitId
from wavetrain.model.policy import Budgets
from wavetrain.model.rollout import RolloutId, Slot

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [
        (1, 0.25, 1),
        (3, 0.25, 1),
        (4, 0.25, 1),
        (7, 0.25, 1),
        (8, 0.25, 2),
        (10, 0.1, 1),
        (100, 0.07, 7),
        (2, 1.0, 2),
    ],
)
def test_a_share_rounds_down_and_is_at_least_one(count: int, share: float, expected: int) -> None:
    assert waves.share_of(count, share) == expected


@given(st.integers(1, 1000), st.floats(0, 1))
def test_a_share_is_never_more_than_its_part_but_for_the_one(count: int, share: float) -> None:
    size = waves.share_of(count, share)
    assert size >= 1
    assert size == 1 or size <= count * share + 1e-6


def slot(ordinal: int, owner: str) -> Slot:
    return Slot(
        budget="pop:a",
        ordinal=ordinal,
        owner=UnitId(owner),
        pop=PopId("a"),
        rollout=RolloutId("r"),
        since=NOW,
    )


@given(st.sets(st.integers(0, 5)), st.integers(0, 6))
def test_a_free_slot_is_the_first_that_nobody_owns(taken: set[int], size: int) -> None:
    slots = Slots(slot(ordinal, f"n{ordinal}") for ordinal in taken)
    found = waves.free_slot(slots, "pop:a", size, UnitId("me"), PopId("a"), RolloutId("r"), NOW)
    free = [ordinal for ordinal in range(size) if ordinal not in taken] if len(taken) < size else []
    assert (found.ordinal if found else None) == (free[0] if free else None)


def test_a_slot_that_is_owned_beyond_a_budget_that_became_smaller_counts() -> None:
    """A PoP of four lets two out; one of them leaves the fleet: of three, one is out already."""
    held = Slots([slot(1, "n2")])
    assert waves.free_slot(held, "pop:a", 1, UnitId("me"), PopId("a"), RolloutId("r"), NOW) is None


def test_slots_of_other_budgets_are_not_counted() -> None:
    other = slot(0, "n1").changed(budget="revert:a")
    found = waves.free_slot(Slots([other]), "pop:a", 1, UnitId("me"), PopId("a"), RolloutId("r"), NOW)
    assert found is not None
    assert found.ordinal == 0


@pytest.mark.parametrize("phase", list(Phase))
def test_a_node_takes_no_new_work_from_its_drain_until_it_has_returned(phase: Phase) -> None:
    serves = phase in (Phase.STEADY, Phase.STAGING, Phase.LAPSED, Phase.REVERTED)
    assert waves.is_disturbed(said("a1", "a", phase=phase)) is not serves
    assert not waves.is_disturbed(None)


@pytest.mark.parametrize(
    ("nodes", "out", "load", "is_out"),
    [
        (1, 0, 0.9, False),
        (1, 1, 0.1, True),
        (4, 1, 0.5, False),
        (4, 2, 0.5, True),
        (4, 2, 0.4, False),
        (2, 0, 1.0, False),
        (2, 2, 0.0, False),
    ],
)
def test_a_pop_is_out_when_the_rest_cannot_carry_its_load(
    nodes: int, out: int, load: float, is_out: bool
) -> None:
    assert waves.is_out(pop("a", nodes), out, 1.1, load) is is_out


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Fleet, Budgets]:
    count = draw(st.integers(1, 12))
    regions = draw(st.lists(st.sampled_from(["east", "west"]), min_size=count, max_size=count))
    pops = [pop(f"p{index}", 1, region=region) for index, region in enumerate(regions)]
    names = [one.id for one in pops]
    group = tuple(draw(st.sets(st.sampled_from(names), max_size=4))) if count > 1 else ()
    made = fleet(*pops, group=group if len(group) > 1 else ())
    return made, Budgets(region_share=draw(st.floats(0.05, 1)), region_pops_min=draw(st.integers(1, 3)))


@given(fleets())
def test_a_ring_is_cut_so_that_no_wave_breaks_a_regions_share_or_a_group(
    drawn: tuple[Fleet, Budgets],
) -> None:
    made, budgets = drawn
    ring = list(made.pops)
    parts = waves.cut(ring, made, budgets)
    assert sorted(name for part in parts for name in part) == sorted(ring)
    for part in parts:
        for region in made.regions:
            here = [name for name in part if made.pops[name].region == region]
            assert len(here) <= waves.region_size(made, RegionId(region), budgets)
        for group in made.groups.values():
            assert len(set(part) & set(group.members)) <= 1


def test_a_ring_without_members_has_no_waves() -> None:
    assert waves.cut([], fleet(pop("a", 1)), Budgets()) == []
