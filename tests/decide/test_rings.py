from datetime import date

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.big_fleet import RINGS, big_fleet, rules
from tests.decide.engine import fleet, pop

from wavetrain.decide import demand, rings
from wavetrain.decide.rings import Crews, Unplannable
from wavetrain.model.demand import Demand
from wavetrain.model.fleet import Fleet, PopId
from wavetrain.model.policy import Policy, Ring
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Fairness

NONE = Fairness(lane="pop")
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 15)


def covering(count: int) -> Policy:
    return rules(
        rings=(
            Ring(name="canary", stage=Stage.EARLY, cover=count),
            Ring(name="all", stage=Stage.GENERAL, rest=True),
        )
    )


def three() -> Fleet:
    """Of three PoPs one shows a hardware class and a region that nobody else has; one shows nothing of its own."""
    places = [
        msgspec.structs.replace(pop("a", 2), hardware={"old": pop("a", 2).nodes}),
        msgspec.structs.replace(pop("b", 2), hardware={"old": pop("b", 2).nodes}),
        msgspec.structs.replace(pop("c", 2, region="east"), hardware={"new": pop("c", 2).nodes}),
    ]
    return fleet(*places)


def made(where: Fleet, policy: Policy, asked: Demand | None = None, fairness: Fairness = NONE) -> Crews:
    found = rings.crews(policy, where, asked or Demand(), fairness)
    assert isinstance(found, Crews), found
    return found


def test_canaries_are_chosen_to_show_as_much_as_possible_and_what_they_do_not_show_is_named() -> None:
    two = made(three(), covering(2))
    assert "c" in two.crews[0].pops
    assert two.uncovered == ()
    one = made(three(), covering(1))
    assert len(one.uncovered) == 2


def test_of_equal_canaries_who_was_not_first_before_and_then_who_serves_fewest_sites_is_taken() -> None:
    asked = Demand(sites={PopId("a"): 5, PopId("b"): 9})
    assert set(made(three(), covering(2), asked).crews[0].pops) == {"a", "c"}
    tired = Fairness(lane="pop", trains=1, early={PopId("a"): 1.0})
    assert "b" in made(three(), covering(2), asked, tired).crews[0].pops


def test_more_canaries_than_pops_take_them_all_once() -> None:
    found = made(three(), covering(3))
    assert sorted(found.crews[0].pops) == ["a", "b", "c"]
    assert len(found.crews) == 1


def test_a_ring_that_nobody_is_left_for_is_refused_but_the_rest_may_be_empty() -> None:
    policy = rules(
        rings=(
            Ring(name="lab", stage=Stage.EARLY, pops=("a", "b", "c")),
            Ring(name="pilot", stage=Stage.EARLY, share_percent=10),
            Ring(name="all", stage=Stage.GENERAL, rest=True),
        )
    )
    found = rings.crews(policy, three(), Demand(), NONE)
    assert isinstance(found, Unplannable)
    assert "ring pilot is empty" in found.text
    assert "take the ring out" in found.text


def test_pops_most_of_whose_sites_would_be_early_come_first_in_a_share() -> None:
    policy = rules(
        rings=(
            Ring(name="pilot", stage=Stage.EARLY, share_percent=34),
            Ring(name="all", stage=Stage.GENERAL, rest=True),
        )
    )
    for name in ("a", "b", "c"):
        asked = Demand(sites=dict.fromkeys(three().pops, 10), early={PopId(name): 6})
        assert made(three(), policy, asked).crews[0].pops == (name,)
    shy = Demand(sites=dict.fromkeys(three().pops, 10), early=dict.fromkeys(three().pops, 5))
    assert made(three(), policy, shy).crews[0].pops == made(three(), policy).crews[0].pops


@given(st.integers(20, 60), st.integers(0, 5))
def test_every_pop_is_in_one_ring(count: int, seed: int) -> None:
    where = big_fleet(count, 50, seed, regions=4)
    asked = demand.summed(where, FIRST, LAST, 2)
    found = made(where, rules(rings=RINGS[1:]), asked)
    named = [name for crew in found.crews for name in crew.pops]
    assert sorted(named) == sorted(where.pops)
