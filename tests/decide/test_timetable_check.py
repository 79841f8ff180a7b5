"""Every hard rule is proven to be watched over: a plan that breaks just this one is caught."""

from collections.abc import Callable
from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.decide.planned import proof_of, small

from wavetrain.decide.layout import Asked
from wavetrain.model.fleet import Account, Blackout
from wavetrain.model.policy import Pace
from wavetrain.model.rollout import Stop
from wavetrain.model.window import Freeze

ASKED, _, PLAN = small()
Plant = Callable[[Asked, list[Stop]], Asked]


def with_stop(stops: list[Stop], index: int, **changes: object) -> None:
    stops[index] = msgspec.structs.replace(stops[index], **changes)


def shifted(stop: Stop, by: timedelta) -> dict[str, object]:
    assert stop.ends is not None
    return {"opens": stop.opens + by, "ends": stop.ends + by, "closes": stop.closes + by}


def twice(asked: Asked, stops: list[Stop]) -> Asked:
    stops.append(stops[3])
    return asked


def forgotten(asked: Asked, stops: list[Stop]) -> Asked:
    stops.pop()
    return asked


def too_soon(asked: Asked, stops: list[Stop]) -> Asked:
    with_stop(stops, 0, **shifted(stops[0], -timedelta(days=1)))
    return asked


def outside(asked: Asked, stops: list[Stop]) -> Asked:
    with_stop(stops, -1, **shifted(stops[-1], timedelta(hours=7)))
    return asked


def too_late_in_its_window(asked: Asked, stops: list[Stop]) -> Asked:
    last = stops[-1]
    assert last.ends is not None
    by = last.closes - last.ends
    with_stop(stops, -1, opens=last.opens + by, ends=last.ends + by)
    return asked


def too_short(asked: Asked, stops: list[Stop]) -> Asked:
    with_stop(stops, -1, ends=stops[-1].opens + timedelta(minutes=5))
    return asked


def frozen(asked: Asked, stops: list[Stop]) -> Asked:
    at = stops[-1].opens
    ice = Freeze(
        id="ice", starts=at, ends=at + timedelta(minutes=1), reason="x", by="x", scope=(stops[-1].pop,)
    )
    return msgspec.structs.replace(asked, freezes=(ice,))


def blacked_out(asked: Asked, stops: list[Stop]) -> Asked:
    stop = next(stop for stop in stops if asked.fleet.pops[stop.pop].dedicated)
    name = asked.fleet.pops[stop.pop].dedicated
    day = stop.opens.date()
    spans = (Blackout(first=day - timedelta(days=1), last=day + timedelta(days=1)),)
    accounts = {**asked.fleet.accounts, name: Account(id=name, blackouts=spans)}
    return msgspec.structs.replace(asked, fleet=msgspec.structs.replace(asked.fleet, accounts=accounts))


def overloaded(asked: Asked, stops: list[Stop]) -> Asked:
    pop = next(asked.fleet.pops[stop.pop] for stop in stops if len(asked.fleet.pops[stop.pop].nodes) > 1)
    full = msgspec.structs.replace(pop, hours=(0.99,) * 24, load=0.99)
    pops = {**asked.fleet.pops, pop.id: full}
    return msgspec.structs.replace(asked, fleet=msgspec.structs.replace(asked.fleet, pops=pops))


def together(asked: Asked, stops: list[Stop]) -> Asked:
    """Two of one wave and region, made members of one group."""
    one, other = _neighbours(asked, stops)
    group = next(iter(asked.fleet.groups.values()))
    groups = {group.id: msgspec.structs.replace(group, members=(one.pop, other.pop))}
    return msgspec.structs.replace(asked, fleet=msgspec.structs.replace(asked.fleet, groups=groups))


def crowded(asked: Asked, stops: list[Stop]) -> Asked:
    budgets = msgspec.structs.replace(asked.policy.budgets, region_share=0.0, region_pops_min=1)
    _neighbours(asked, stops)
    return msgspec.structs.replace(asked, policy=msgspec.structs.replace(asked.policy, budgets=budgets))


def out_of_order(asked: Asked, stops: list[Stop]) -> Asked:
    last = max(stop.wave for stop in stops)
    index = next(index for index, stop in enumerate(stops) if stop.wave == last)
    with_stop(stops, index, **shifted(stops[index], -timedelta(days=1)))
    return asked


def before_its_ring(asked: Asked, stops: list[Stop]) -> Asked:
    with_stop(stops, 0, ring="all")
    with_stop(stops, -1, ring="all", wave=stops[0].wave)
    return asked


def _neighbours(asked: Asked, stops: list[Stop]) -> tuple[Stop, Stop]:
    pops = asked.fleet.pops
    return next(
        (one, other)
        for one in stops
        for other in stops
        if one.pop < other.pop
        and pops[one.pop].region == pops[other.pop].region
        and abs(one.opens - other.opens) < timedelta(minutes=30)
    )


PLANTED: list[tuple[str, Plant]] = [
    ("whole", twice),
    ("whole", forgotten),
    ("departure", too_soon),
    ("window", outside),
    ("window", too_late_in_its_window),
    ("length", too_short),
    ("freeze", frozen),
    ("dedicated black-out", blacked_out),
    ("capacity", overloaded),
    ("redundancy group", together),
    ("region share", crowded),
    ("ring order", out_of_order),
    ("ring order", before_its_ring),
]


def test_a_plan_as_it_is_made_breaks_nothing() -> None:
    assert proof_of(ASKED, PLAN).broken == ()
    assert proof_of(ASKED, PLAN).stops == len(ASKED.fleet.pops)


@pytest.mark.parametrize(("rule", "plant"), PLANTED, ids=lambda item: getattr(item, "__name__", str(item)))
def test_a_planted_breach_of_a_hard_rule_is_found_under_its_own_name(rule: str, plant: Plant) -> None:
    stops = list(PLAN.stops)
    asked = plant(ASKED, stops)
    found = proof_of(asked, msgspec.structs.replace(PLAN, stops=tuple(stops)))
    assert rule in {item.rule for item in found.broken}
    assert found.count == len(found.broken)


@settings(max_examples=25, deadline=None)
@given(st.integers(24, 90), st.integers(0, 99), st.sampled_from(list(Pace)))
def test_whatever_the_fleet_no_hard_rule_is_broken(count: int, seed: int, pace: Pace) -> None:
    asked, _, plan = small(count, seed, pace, sites=200)
    found = proof_of(asked, plan)
    assert found.count == 0, found.broken[:3]
    assert len({stop.pop for stop in plan.stops}) == count


def test_a_black_out_of_a_shared_pop_breaks_no_hard_rule() -> None:
    account = next(iter(ASKED.fleet.accounts))
    spans = (Blackout(first=date(2026, 3, 1), last=date(2026, 3, 20)),)
    accounts = {**ASKED.fleet.accounts, account: Account(id=account, blackouts=spans)}
    where = msgspec.structs.replace(
        ASKED.fleet,
        accounts=accounts,
        pops={name: msgspec.structs.replace(one, dedicated="") for name, one in ASKED.fleet.pops.items()},
    )
    assert proof_of(msgspec.structs.replace(ASKED, fleet=where), PLAN).count == 0
