from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.big_fleet import big_fleet
from tests.decide.engine import fleet, pop

from wavetrain.decide import demand
from wavetrain.model.demand import Blackday, Pair
from wavetrain.model.fleet import Account, AccountId, Blackout, Fleet, PopId, Site, SiteId, SiteKind

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 15)


def asked(*sites: Site, accounts: tuple[Account, ...] = ()) -> Fleet:
    where = fleet(pop("a", 2), pop("b", 2), pop("c", 2))
    return Fleet(
        regions=where.regions,
        pops=where.pops,
        accounts={one.id: one for one in accounts},
        sites={one.id: one for one in sites},
    )


def site(number: int, primary: str, secondary: str = "", account: str = "x") -> Site:
    return Site(
        id=SiteId(f"s{number}"),
        account=AccountId(account),
        primary=PopId(primary),
        secondary=PopId(secondary),
        kind=SiteKind.IPSEC if number % 2 else SiteKind.APPLIANCE,
    )


def test_sites_are_summed_up_by_pop_and_pairs_count_both_directions_as_one() -> None:
    found = demand.summed(
        asked(site(1, "a", "b"), site(2, "b", "a"), site(3, "a"), site(4, "c", "a")), FIRST, LAST, 2
    )
    assert found.sites == {"a": 2, "b": 1, "c": 1}
    assert found.pairs == (Pair(PopId("a"), PopId("b"), 2), Pair(PopId("a"), PopId("c"), 1))
    assert found.kinds == {"a": ("ipsec",), "b": ("appliance",), "c": ("appliance",)}
    assert found.paired[PopId("a")] == [("b", 2), ("c", 1)]


def test_only_the_heaviest_black_out_days_of_a_pop_are_weighed() -> None:
    def day(number: int) -> Blackout:
        return Blackout(first=date(2026, 3, number), last=date(2026, 3, number))

    accounts = (
        Account(id=AccountId("x"), blackouts=(day(3), day(4), day(5))),
        Account(id=AccountId("y"), blackouts=(day(5), day(20)), early=True),
    )
    found = demand.summed(
        asked(site(1, "a"), site(2, "a"), site(3, "a", account="y"), accounts=accounts), FIRST, LAST, 2
    )
    assert found.blackouts == {"a": (Blackday(date(2026, 3, 5), 3), Blackday(date(2026, 3, 3), 2))}
    assert found.early == {"a": 1}
    assert demand.summed(asked(site(1, "a"), accounts=accounts), FIRST, LAST, 0).blackouts == {}


def test_sites_of_pops_that_the_fleet_does_not_have_are_left_out() -> None:
    assert demand.summed(asked(site(1, "nowhere", "a")), FIRST, LAST, 2).sites == {}


def test_a_train_of_years_is_refused() -> None:
    with pytest.raises(ValueError, match="give 0 to 400 days"):
        demand.summed(asked(), FIRST, date(2028, 1, 1), 2)


@given(st.integers(0, 200), st.integers(0, 9))
def test_every_site_with_a_secondary_is_in_one_pair(count: int, seed: int) -> None:
    where = big_fleet(12, count, seed, regions=3)
    found = demand.summed(where, FIRST, LAST, 2)
    assert sum(found.sites.values()) == count
    assert sum(pair.sites for pair in found.pairs) == sum(bool(one.secondary) for one in where.sites.values())
    assert all(pair.one < pair.other for pair in found.pairs)
    assert all(len(days) <= 2 for days in found.blackouts.values())
