"""What a fleet file says well may still be a PoP that no train can work on."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.decide.engine import OPENS, fleet, measured, policy, pop

from wavetrain.decide import layout, soundness
from wavetrain.decide.layout import Asked
from wavetrain.decide.rings import Unplannable
from wavetrain.model.demand import Demand
from wavetrain.model.fleet import AccountId, Fleet, Pop, PopId, Site, SiteId
from wavetrain.model.lane import POP
from wavetrain.model.policy import Bake, Budgets, Ring
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Fairness


def said(*pops: Pop, sites: tuple[Site, ...] = (), headroom: float = 1.1) -> list[str]:
    where = msgspec.structs.replace(fleet(*pops), sites={site.id: site for site in sites})
    return [one.text for one in soundness.doubts(where, policy(budgets=Budgets(headroom=headroom)))]


def by_hour(nodes: int, night: float, day: float) -> Pop:
    """Its window is open from 01:00 to 05:00; the night's load is that of the hours from 0 to 5."""
    return pop("a", nodes).changed(hours=(*[night] * 6, *[day] * 18), load=max(night, day))


@pytest.mark.parametrize(
    ("place", "headroom", "spares"),
    [
        (pop("a", 4, load=0.68), 1.1, True),
        (pop("a", 4, load=0.69), 1.1, False),
        (pop("a", 4, load=0.69), 1.0, True),
        (pop("a", 2, load=0.5), 1.1, False),
        (by_hour(4, 0.6, 0.95), 1.1, True),
        (by_hour(4, 0.7, 0.2), 1.1, False),
        (pop("a", 1, load=0.9), 1.1, True),
    ],
)
def test_a_pop_is_named_that_can_spare_no_node_at_any_hour_of_its_window(
    place: Pop, headroom: float, spares: bool
) -> None:
    found = said(place, headroom=headroom)
    assert (found == []) is spares
    assert all("it can spare no node at any hour of its window" in text for text in found)


def test_the_quietest_hour_is_looked_for_in_the_window_alone_also_over_midnight() -> None:
    loads = [0.9] * 24
    loads[0], loads[12] = 0.5, 0.1
    late = msgspec.structs.replace(pop("a", 4).window, starts="22:30", minutes=120)
    place = pop("a", 4).changed(hours=tuple(loads), load=0.9, window=late)
    assert said(place) == [], "the hour after midnight is quiet enough"
    short = place.changed(window=msgspec.structs.replace(late, minutes=60))
    assert "at 22:00, its quietest hour, its load x headroom is 90% x 1.1" in said(short)[0]


def test_a_window_that_is_shorter_than_a_node_with_its_undo_is_named() -> None:
    place = pop("a", 4)
    assert said(place.changed(window=msgspec.structs.replace(place.window, minutes=20))) == []
    found = said(place.changed(window=msgspec.structs.replace(place.window, minutes=19)))
    assert "its window lasts 19 min, and one node with its undo takes 20" in found[0]


def test_a_pop_of_one_node_is_named_where_it_is_the_only_one_of_a_site() -> None:
    def site(name: str, secondary: str = "") -> Site:
        second = PopId(secondary)
        return Site(id=SiteId(name), account=AccountId("acme"), primary=PopId("a"), secondary=second)

    both = (pop("a", 1), pop("b", 4))
    assert said(pop("a", 2, load=0.4), sites=(site("s1"),)) == [], (
        "one node of two is drained, and the other serves"
    )
    assert said(*both, sites=(site("s1", "b"),)) == []
    assert "and 2 sites have no other PoP; add a node" in said(*both, sites=(site("s1"), site("s2")))[0]


@pytest.mark.parametrize(
    ("names", "canaries", "named"),
    [(("a",), 1, True), (("a", "b"), 1, False), (("a", "b"), 2, True), (("b",), 1, False)],
)
def test_a_ring_is_named_none_of_whose_pops_keeps_a_node_to_compare_with(
    names: tuple[str, ...], canaries: int, named: bool
) -> None:
    pilot = Ring(name="pilot", stage=Stage.EARLY, pops=names)
    rest = Ring(name="all", stage=Stage.GENERAL, rest=True)
    rules = measured(rings=(pilot, rest), bake=Bake(canaries=canaries))
    where = fleet(pop("a", 1), pop("b", 2, load=0.4), pop("c", 4))
    assert ("ring pilot" in [one.about for one in soundness.doubts(where, rules)]) is named
    unjudged = policy(rings=(pilot, rest), bake=Bake(canaries=canaries))
    assert soundness.doubts(where, unjudged) == soundness.doubts(where) == ()


@settings(deadline=None)
@given(st.integers(2, 8), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.sampled_from((60, 120, 240)))
def test_who_is_named_for_its_load_has_no_place_in_any_train(
    nodes: int, night: float, day: float, minutes: int
) -> None:
    place = by_hour(nodes, night, day)
    place = place.changed(window=msgspec.structs.replace(place.window, minutes=minutes))
    if said(place):
        assert isinstance(_laid(fleet(place)), Unplannable)


def _laid(where: Fleet) -> object:
    return layout.lay(
        Asked(
            lane=POP,
            policy=policy(),
            fleet=where,
            freezes=(),
            departs=OPENS,
            now=OPENS,
            demand=Demand(),
            fairness=Fairness(lane="pop"),
        )
    )
