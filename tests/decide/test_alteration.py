"""What one fleet changes of another is told record by record, field by field, and for people."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire.fleets import fleets

from wavetrain.decide import alteration
from wavetrain.model.fleet import (
    Account,
    AccountId,
    Fleet,
    NodeId,
    Pop,
    PopId,
    Region,
    RegionId,
    Site,
    SiteId,
)
from wavetrain.model.window import WindowRule


def pop(name: str, size: int = 3, starts: str = "02:00", **more: object) -> Pop:
    fields = {
        "id": PopId(name),
        "region": RegionId("emea"),
        "place": name,
        "zone": "UTC",
        "window": WindowRule("FREQ=DAILY", starts, 240, "UTC"),
        "nodes": tuple(NodeId(f"{name}-n{index}") for index in range(size)),
    }
    return Pop(**{**fields, **more})  # type: ignore[arg-type]


def site(name: str, primary: str, secondary: str = "") -> Site:
    return Site(
        id=SiteId(name), account=AccountId("acme"), primary=PopId(primary), secondary=PopId(secondary)
    )


def fleet(*pops: Pop, sites: tuple[Site, ...] = ()) -> Fleet:
    return Fleet(
        regions={RegionId("emea"): Region(id=RegionId("emea"), name="Europe")},
        pops={item.id: item for item in pops},
        accounts={AccountId("acme"): Account(id=AccountId("acme"))},
        sites={item.id: item for item in sites},
    )


def told(before: Fleet, after: Fleet) -> tuple[str, ...]:
    return alteration.consequences(alteration.compare(before, after), before, after)


def test_pops_and_nodes_that_come_and_go_are_told() -> None:
    before = fleet(pop("lis1"), pop("fra1"), pop("par1", 1))
    moved = pop("lis1", starts="03:00", nodes=("lis1-n0", "lis1-n3", "fra1-n2", "lis1-n4"))
    after = fleet(moved, pop("fra1", 2), pop("jnb1", 2, dedicated=AccountId("acme")))
    assert told(before, after) == (
        "PoP jnb1 joins region emea with 2 nodes",
        "PoP par1 leaves with 1 node",
        "PoP lis1 is worked on at 03:00 for 240 min, FREQ=DAILY, UTC instead of 02:00 for 240 min, FREQ=DAILY, UTC",
        "PoP lis1: each of 2 nodes (lis1-n3 ...) joins",
        "PoP lis1: each of 2 nodes (lis1-n1 ...) leaves",
        "PoP lis1: node fra1-n2 comes from fra1",
    )


def test_sites_that_change_their_pop_are_counted_by_the_way_they_go() -> None:
    pops = (pop("lis1"), pop("fra1"), pop("par1"))
    before = fleet(*pops, sites=tuple(site(f"s{index}", "lis1", "fra1") for index in range(6)))
    sites = (
        site("s0", "par1", "fra1"),
        site("s1", "par1", "fra1"),
        site("s2", "lis1"),
        site("s3", "lis1", "par1"),
    )
    after = fleet(*pops, sites=(*sites, site("s4", "lis1", "fra1"), site("s6", "fra1")))
    assert told(before, after) == (
        "2 sites move from lis1 to par1 as primary PoP",
        "1 site moves to lis1 alone: single-homed",
        "1 site moves from fra1 to par1 as secondary PoP",
        "1 site joins, 1 of them single-homed",
        "1 site leaves, 0 of them single-homed",
    )


def test_a_changed_field_is_told_with_both_values_and_of_a_list_only_what_differs() -> None:
    old, new = pop("lis1"), pop("lis1", 4, load=0.75)
    assert [(item.field, item.before, item.after) for item in alteration.fields(old, new)] == [
        ("nodes", "-", "lis1-n3"),
        ("load", "0.5", "0.75"),
    ]


def test_very_many_consequences_are_counted() -> None:
    said = told(fleet(pop("lis1")), fleet(pop("lis1"), *(pop(f"p{index}") for index in range(500))))
    assert len(said) == alteration.CONSEQUENCES_MAX + 1
    assert said[-1] == "and 400 more"


@settings(max_examples=40, deadline=None)
@given(fleets(), fleets(), st.integers(1, 9))
def test_what_is_told_leads_from_one_fleet_to_the_other(before: Fleet, after: Fleet, version: int) -> None:
    altered = alteration.compare(before, after)
    for kind in alteration.KINDS:
        made = dict(alteration.part(before, kind))
        for record in altered.removed:
            if isinstance(record, kind):
                del made[record.key[0]]
        for record in (*altered.added, *(new for _, new in altered.changed)):
            if isinstance(record, kind):
                made[record.key[0]] = record
        assert made == alteration.part(after, kind)
    assert alteration.compare(after, after).empty
    kept = msgspec.structs.replace(
        after, pops={name: item.changed(version=version) for name, item in after.pops.items()}
    )
    assert alteration.compare(kept, after).empty, "the version that a store gives is no difference"
    assert altered.empty == (before == after)
    alteration.consequences(altered, before, after)
    assert all(alteration.fields(*pair) for pair in altered.changed)
