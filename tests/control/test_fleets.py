"""A fleet is applied whole or not at all, and adopted without moving anything."""

import pytest
from tests.control.practice import APPROVER, FLEET, OPERATOR, ROLLOUT, START, VIEWER, Practice, pop_text

from wavetrain.control import fleets, policies, summary
from wavetrain.control.facts import fleet_of, sites_of
from wavetrain.errors import ForbiddenError, RefusedError, TransitionError, UnknownError
from wavetrain.model.fleet import Desired, Generation, NodeId, Phase, PopId, Reported
from wavetrain.model.lane import CONTENT
from wavetrain.model.ledger import LEDGER, Ledger
from wavetrain.model.policy import CurrentPolicy, PolicyText
from wavetrain.model.rollout import Status

MORE = FLEET + pop_text("jnb1", zone="Africa/Johannesburg")


def test_a_check_says_what_an_apply_does_and_writes_nothing(house: Practice) -> None:
    before = house.sequence
    wanted = house.fleet(MORE.replace("hours = 4", "hours = 5", 1))
    said = fleets.check(house.store, VIEWER, wanted)
    assert (said.added, said.changed, said.removed) == (("PoP jnb1",), ("PoP lis1",), ())
    assert house.sequence == before
    assert fleets.apply(house.store, OPERATOR, wanted) == said
    assert fleets.current(house.store).pops[PopId("lis1")].window.minutes == 300
    after = house.sequence
    assert not fleets.apply(house.store, OPERATOR, wanted).added
    assert house.sequence == after


def test_a_pop_that_a_ring_names_does_not_leave(house: Practice) -> None:
    before = house.sequence
    with pytest.raises(RefusedError, match="the fleet has no PoP lis1, which ring pilot"):
        fleets.apply(house.store, OPERATOR, house.fleet(FLEET.replace("lis1", "opo1")))
    assert house.sequence == before


def _reports(house: Practice, **releases: str) -> None:
    with house.store.write() as transaction:
        transaction.put(Ledger(generation=Generation(1, 5)))
        for name, release in releases.items():
            node = NodeId(name.replace("_", "-"))
            transaction.put(
                Reported(
                    node=node,
                    pop=PopId(node[:4]),
                    generation=Generation(1, 5),
                    release=release,
                    phase=Phase.STEADY,
                    since=START,
                )
            )


def test_what_is_known_of_a_node_moves_with_it_and_leaves_with_it(house: Practice) -> None:
    _reports(house, lis1_n4="1.9.0", fra1_n4="1.9.0")
    text = (
        FLEET.replace(', "fra1-n4"', "")
        .replace(', "lis1-n4"', "")
        .replace('"fra1-n3"', '"fra1-n3", "lis1-n4"')
    )
    with house.store.write() as transaction:
        for node in ("lis1-n4", "fra1-n4"):
            said = transaction.get(Reported, node)
            assert said is not None
            transaction.put(said.changed(node=NodeId(f"{node}{CONTENT.suffix}"), version=0))
    fleets.apply(house.store, OPERATOR, house.fleet(text))
    with house.store.read() as view:
        assert [(item.node, item.pop) for item in view.find(Reported)] == [
            ("lis1-n4", "fra1"),
            ("lis1-n4+content", "fra1"),
        ]


def test_adopt_makes_what_runs_the_baseline_and_permits_nothing(house: Practice) -> None:
    _reports(house, lis1_n1="1.9.0", lis1_n2="1.8.0")
    with house.store.write() as transaction:
        for node in ("lis1-n1", "lis1-n2"):
            transaction.put(
                Desired(
                    node=NodeId(node),
                    pop=PopId("lis1"),
                    generation=Generation(1, 5),
                    release="1.9.0",
                    rollout="x",
                    permitted_s=60,
                )
            )
    adopted = fleets.adopt(house.store, OPERATOR)
    assert adopted.mix == {"1.8.0": ("lis1-n2",), "1.9.0": ("lis1-n1",)}
    assert len(adopted.silent) == 6
    with house.store.read() as view:
        moved = view.get(Desired, "lis1-n2")
        ledger = view.get(Ledger, LEDGER)
    assert moved is not None
    assert ledger is not None
    assert (moved.release, moved.permitted_s, moved.generation) == ("1.8.0", 0.0, Generation(1, 6))
    assert ledger.generation == Generation(1, 6)
    assert house.last() == "adopted: 1 run 1.8.0, 1 run 1.9.0; 6 silent"


def test_adopt_waits_for_rollouts_under_way(house: Practice) -> None:
    house.rolling(Status.PAUSED)
    before = house.sequence
    with pytest.raises(TransitionError, match=f"while {ROLLOUT} is under way"):
        fleets.adopt(house.store, OPERATOR)
    assert house.sequence == before


def test_only_an_operator_applies_and_adopts(house: Practice) -> None:
    for deed in (
        lambda: fleets.apply(house.store, VIEWER, house.fleet(MORE)),
        lambda: fleets.adopt(house.store, APPROVER),
    ):
        with pytest.raises(ForbiddenError):
            deed()


def test_a_policy_is_kept_under_its_digest_and_new_rollouts_are_pinned_to_it(house: Practice) -> None:
    text = 'lane = "pop"\n[[ring]]\nname = "all"\nstage = "general"\nrest = true\n'
    applied = policies.apply(house.store, APPROVER, house.policy(text))
    assert applied.is_new
    before = house.sequence
    assert not policies.apply(house.store, APPROVER, house.policy(text)).is_new
    assert house.sequence == before
    with house.store.read() as view:
        assert [item.digest for item in view.find(CurrentPolicy)] == [applied.digest]
        assert len(view.find(PolicyText)) == 2


def test_a_policy_whose_ring_names_nothing_in_the_fleet_is_refused(house: Practice) -> None:
    text = 'lane = "pop"\n[[ring]]\nname = "all"\nstage = "general"\npops = ["nix"]\n'
    before = house.sequence
    for deed in (policies.apply, policies.check):
        with pytest.raises(RefusedError, match="ring all names PoP nix, which the fleet does not have"):
            deed(house.store, VIEWER if deed is policies.check else APPROVER, house.policy(text))
    with pytest.raises(ForbiddenError, match="takes the role approver"):
        policies.apply(house.store, OPERATOR, house.policy(text))
    assert house.sequence == before


SITED = (
    FLEET
    + '[[account]]\nid = "acme"\n[[site]]\nid = "s1"\naccount = "acme"\nprimary = "lis1"\nsecondary = "fra1"\n'
)


def test_sites_are_kept_compared_and_counted_with_the_fleet(house: Practice) -> None:
    said = fleets.apply(house.store, OPERATOR, house.fleet(SITED))
    assert (said.added, said.sites) == (("account acme", "site s1"), 1)
    with house.store.read() as view:
        assert [site.secondary for site in sites_of(view).values()] == ["fra1"]
        assert not fleet_of(view).sites, "choices that are not about sites do not load them"
    assert not fleets.apply(house.store, OPERATOR, house.fleet(SITED)).added
    moved = house.fleet(SITED.replace('primary = "lis1"\nsecondary = "fra1"', 'primary = "fra1"'))
    said = fleets.check(house.store, VIEWER, moved)
    assert said.changed == ("site s1",)
    assert said.consequences == (
        "1 site moves from lis1 to fra1 as primary PoP",
        "1 site moves to fra1 alone: single-homed",
    )
    assert summary.summary(house.store, VIEWER).fleet.sites == {"appliance": 1}
    assert fleets.apply(house.store, OPERATOR, house.fleet(FLEET)).removed == ("account acme", "site s1")


def test_a_large_difference_is_counted_and_its_first_names_are_given(house: Practice) -> None:
    sites = "".join(
        f'[[site]]\nid = "t{number}"\naccount = "acme"\nprimary = "lis1"\n' for number in range(1_500)
    )
    said = fleets.apply(house.store, OPERATOR, house.fleet(SITED + sites))
    assert said.counts["added"] == {"account": 1, "site": 1_501}
    assert len(said.added) == fleets.NAMES_GIVEN_MAX
    assert house.last() == "2 PoPs, 8 nodes, 1501 sites: 1502 added (1 account, 1501 sites)"


def test_a_part_of_the_fleet_is_shown_with_who_uses_it(house: Practice) -> None:
    fleets.apply(house.store, OPERATOR, house.fleet(SITED))
    seen = summary.part(house.store, VIEWER, pop="fra1")
    assert list(seen.fleet.pops) == ["fra1"]
    assert seen.sites_of["fra1"] == summary.SitesOfPop(primary=0, secondary=1, single_homed=0)
    assert set(summary.part(house.store, VIEWER, region="emea").sites_of) == {"lis1", "fra1"}
    for wrong in ({"pop": "nix"}, {"region": "nix"}, {"pop": "fra1", "region": "apac"}):
        with pytest.raises(UnknownError, match="there is no"):
            summary.part(house.store, VIEWER, **wrong)


def test_a_fleet_that_is_too_large_is_not_given_whole(house: Practice) -> None:
    texts = "".join(pop_text(f"p{number}", 1_000) for number in range(21))
    fleets.apply(house.store, OPERATOR, house.fleet(FLEET + texts))
    with pytest.raises(RefusedError, match=r"21008 nodes.*ask for /v1/fleet/summary"):
        summary.part(house.store, VIEWER)
    assert summary.summary(house.store, VIEWER).fleet.nodes == 21_008
    assert len(summary.part(house.store, VIEWER, pop="p3").fleet.pops[PopId("p3")].nodes) == 1_000
