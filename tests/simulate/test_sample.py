"""A sample fleet is one that could be: real places, sites near people, everything skewed, the same bytes each time."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavetrain.decide import demand, rings
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import Fleet, PopId, SiteKind
from wavetrain.model.rollout import Fairness
from wavetrain.simulate.places import ANCHORS, allotted, distance_km, metros
from wavetrain.simulate.sample import Size, sample
from wavetrain.simulate.sample_policy import policy_text
from wavetrain.wire.fleet_lines import read_lines
from wavetrain.wire.fleet_write import fleet_lines
from wavetrain.wire.policy_file import read_policy

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """600 PoPs: enough for every region and a skew."""
    return sample(Size(pops=600, nodes=12, sites=6_000, seed=7))


def test_the_same_seed_makes_the_same_bytes_and_another_one_others(fleet: Fleet) -> None:
    again = b"".join(fleet_lines(sample(Size(pops=600, nodes=12, sites=6_000, seed=7))))
    assert again == b"".join(fleet_lines(fleet))
    assert again != b"".join(fleet_lines(sample(Size(pops=600, nodes=12, sites=6_000, seed=8))))


def test_what_is_made_is_a_good_fleet_with_a_good_policy(fleet: Fleet) -> None:
    assert read_lines(fleet_lines(fleet), NOW) == fleet
    policy = read_policy(policy_text(fleet), fleet)
    assert [ring.name for ring in policy.rings] == ["lab", "canary", "pilot", "tenth", "third", "all"]
    canaries = policy.rings[1].pops
    assert {fleet.pops[PopId(name)].region for name in canaries} == fleet.regions.keys(), (
        "each region has one"
    )
    assert not set(canaries) & set(policy.rings[0].pops)


def test_it_has_the_size_that_was_asked_for_in_24_regions_of_different_size(fleet: Fleet) -> None:
    assert (len(fleet.pops), {len(pop.nodes) for pop in fleet.pops.values()}, len(fleet.sites)) == (
        600,
        {12},
        6_000,
    )
    sizes = Counter(pop.region for pop in fleet.pops.values())
    assert sizes.keys() == ANCHORS.keys() == fleet.regions.keys()
    assert max(sizes.values()) > 2 * min(sizes.values())
    places = Counter(pop.place for pop in fleet.pops.values())
    assert places.most_common(1)[0][1] > 3, "great cities have several PoPs"
    assert {"fra1", "fra2", "lhr1", "sin1"} <= fleet.pops.keys()


def test_sites_have_two_near_pops_save_some(fleet: Fleet) -> None:
    kinds = Counter(site.kind for site in fleet.sites.values())
    for kind, share in ((SiteKind.APPLIANCE, 0.7), (SiteKind.IPSEC, 0.25), (SiteKind.INTERCONNECT, 0.05)):
        assert kinds[kind] / 6_000 == pytest.approx(share, abs=0.03)
    single = [site for site in fleet.sites.values() if not site.secondary]
    assert 0.1 < len(single) / 6_000 < 0.2
    far, same = [], 0
    for site in fleet.sites.values():
        if site.secondary:
            first, second = fleet.pops[site.primary], fleet.pops[site.secondary]
            same += first.place == second.place
            assert None not in (first.latitude, second.latitude)
            far.append(distance_km(first.latitude, first.longitude, second.latitude, second.longitude))  # type: ignore[arg-type]
    far.sort()
    assert far[len(far) // 2] < 800, "half of them are within a short flight"
    assert same / len(far) < 0.2, "mostly in another city"


def test_accounts_and_loads_are_skewed(fleet: Fleet) -> None:
    owned = Counter(site.account for site in fleet.sites.values())
    assert owned.most_common(1)[0][1] > 10 * (6_000 / len(fleet.accounts))
    accounts = fleet.accounts.values()
    assert any(account.early for account in accounts)
    assert any(account.blackouts for account in accounts)
    assert any(pop.dedicated for pop in fleet.pops.values())
    assert {group.kind for group in fleet.groups.values()} == {"metro", "egress"}
    assert len({pop.window.starts for pop in fleet.pops.values()}) > 4
    for pop in fleet.pops.values():
        assert pop.load == max(pop.hours)
        assert pop.load * 1.1 <= 11 / 12 + 1e-9, "one node can be spared at the peak"
        assert sum(map(len, pop.hardware.values())) == 12
        night, day = min(pop.hours[1:5]), max(pop.hours[8:21])
        assert night < day


@pytest.mark.parametrize(
    ("pops", "nodes", "sites"), [(1, 1, 0), (1, 1, 5), (2, 3, 40), (5, 1, 9), (30, 2, 100)]
)
def test_small_fleets_are_good_too(pops: int, nodes: int, sites: int) -> None:
    made = sample(Size(pops=pops, nodes=nodes, sites=sites, seed=3))
    assert read_lines(fleet_lines(made), NOW) == made
    assert read_policy(policy_text(made), made).rings[-1].rest
    assert len(made.sites) == sites


@pytest.mark.parametrize("pops", [1, 2, 5, 6, 7, 11, 30])
def test_the_policy_of_a_fleet_of_any_size_can_be_planned(pops: int) -> None:
    made = sample(Size(pops=pops, nodes=2, sites=40, seed=3))
    policy = read_policy(policy_text(made), made)
    wishes = demand.summed(made, NOW.date(), NOW.date(), 2)
    found = rings.crews(policy, made, wishes, Fairness(lane="pop"))
    assert isinstance(found, rings.Crews)
    assert sum(len(crew.pops) for crew in found.crews) == pops


def test_the_policy_of_a_large_fleet_gives_its_nodes_leave_to_fail_now_and_then() -> None:
    made = sample(Size(pops=300, nodes=100, sites=0, seed=3))
    assert read_policy(policy_text(made), made).failures_max == 3


def test_the_number_of_nodes_differs_where_that_is_asked_for() -> None:
    made = sample(Size(pops=50, nodes=20, sites=0, seed=1, skewed=True))
    sizes = [len(pop.nodes) for pop in made.pops.values()]
    assert len(set(sizes)) > 10
    assert 10 < sum(sizes) / 50 < 30


@pytest.mark.parametrize(
    "wrong", [{"pops": 0}, {"pops": 10_001}, {"nodes": 0}, {"nodes": 1_001}, {"sites": -1}]
)
def test_an_impossible_size_is_refused(wrong: dict[str, int]) -> None:
    (name,) = wrong
    with pytest.raises(RefusedError, match=rf"--{name} is -?\d+; give \d+ to \d+"):
        msgspec.structs.replace(Size(pops=1, nodes=1, sites=1, seed=1), **wrong)


@given(st.integers(0, 5_000), st.lists(st.floats(0.01, 10), min_size=1, max_size=50))
@settings(max_examples=60, deadline=None)
def test_things_are_allotted_by_weight_and_all_of_them(total: int, weights: list[float]) -> None:
    made = allotted(total, weights)
    assert sum(made) == total
    assert min(made) >= min(1, total // len(weights))
    for index, weight in enumerate(weights):
        for other, heavier in enumerate(weights):
            assert weight > heavier or made[index] <= made[other] + 1


def test_every_metro_has_a_zone_and_lies_in_the_nearest_region() -> None:
    found = {metro.code: metro for metro in metros(4_000, Random(1))}
    assert sum(metro.pops for metro in found.values()) == 4_000
    assert {found[code].region for code in ("fra", "lhr", "jnb", "syd")} == {
        "europe-central",
        "british-isles",
        "africa",
        "oceania",
    }
    assert found["fra"].zone == "Europe/Berlin"


def test_progress_is_told(tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    say: Callable[[str, int, int], None] = lambda *said: heard.append(said)  # noqa: E731
    sample(Size(pops=20, nodes=2, sites=20_000, seed=1), say)
    assert heard[-1] == ("sites", 20_000, 20_000)
    assert ("PoPs", 20, 20) in heard
