"""Fleets: any fleet that a file may say, for properties."""

from datetime import date, timedelta

from hypothesis import strategies as st

from wavetrain.model.fleet import (
    Account,
    AccountId,
    Blackout,
    Fleet,
    Group,
    GroupId,
    NodeId,
    Pop,
    PopId,
    Region,
    RegionId,
    Site,
    SiteId,
    SiteKind,
)
from wavetrain.model.window import WindowRule

ZONES = ("UTC", "Europe/Lisbon", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York")
IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
DAYS = st.dates(min_value=date(2026, 1, 1), max_value=date(2030, 1, 1))
SHARES = st.floats(0, 1)


@st.composite
def windows(draw: st.DrawFn, zone: str) -> WindowRule:
    """One that opens."""
    rule = draw(st.sampled_from(("FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU", "FREQ=MONTHLY;BYDAY=1TU")))
    return WindowRule(
        rule, draw(st.sampled_from(("00:00", "02:30", "23:59"))), draw(st.integers(1, 10_080)), zone
    )


@st.composite
def pops(draw: st.DrawFn, name: str, region: str, accounts: list[str]) -> Pop:
    """With hardware, hours, coordinates and an account of its own, or without."""
    nodes = tuple(NodeId(f"{name}-{index}") for index in range(draw(st.integers(1, 4))))
    hours = tuple(draw(st.lists(SHARES, min_size=24, max_size=24))) if draw(st.booleans()) else ()
    split = draw(st.integers(0, len(nodes)))
    parts = {draw(IDS): nodes[:split], draw(IDS): nodes[split:]}
    place = draw(st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180)))
    zone = draw(st.sampled_from(ZONES))
    return Pop(
        id=PopId(name),
        region=RegionId(region),
        place=draw(TEXTS),
        zone=zone,
        window=draw(windows(zone)),
        nodes=nodes,
        load=max(hours) if hours else draw(SHARES),
        hours=hours,
        capacity=draw(st.floats(0.001, 1e9)),
        hardware={
            name: part for name, part in parts.items() if part and sum(map(len, parts.values())) == len(nodes)
        },
        dedicated=AccountId(draw(st.sampled_from(["", *accounts]))),
        latitude=place[0] if place else None,
        longitude=place[1] if place else None,
    )


@st.composite
def accounts_of(draw: st.DrawFn, name: str) -> Account:
    """With black-outs or without."""
    firsts = draw(st.lists(DAYS, max_size=3))
    return Account(
        id=AccountId(name),
        name=draw(st.just("") | TEXTS),
        early=draw(st.booleans()),
        blackouts=tuple(
            Blackout(first=first, last=first + timedelta(days=draw(st.integers(0, 9)))) for first in firsts
        ),
        licences=tuple(draw(st.lists(IDS, max_size=3))),
        appliance=draw(st.sampled_from(["", "9.1", "9.2-rc1"])),
        client=draw(st.sampled_from(["", "5.4.1"])),
    )


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    """One with every part, each of any number."""
    regions = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))
    accounts = draw(st.lists(IDS, max_size=3, unique=True))
    names = draw(st.lists(IDS, min_size=1, max_size=4, unique=True))
    made = {PopId(name): draw(pops(name, draw(st.sampled_from(regions)), accounts)) for name in names}
    pairs = st.lists(st.sampled_from(names), min_size=2, max_size=3, unique=True)
    groups = draw(st.lists(IDS, max_size=2, unique=True)) if len(names) > 1 else []
    sites = draw(st.lists(IDS, max_size=4, unique=True)) if accounts else []
    return Fleet(
        regions={RegionId(name): Region(id=RegionId(name), name=draw(TEXTS)) for name in regions},
        pops=made,
        groups={
            GroupId(name): Group(id=GroupId(name), members=tuple(map(PopId, draw(pairs))), kind=draw(TEXTS))
            for name in groups
        },
        accounts={AccountId(name): draw(accounts_of(name)) for name in accounts},
        sites={SiteId(name): draw(sites_of(name, accounts, names)) for name in sites},
    )


@st.composite
def sites_of(draw: st.DrawFn, name: str, accounts: list[str], names: list[str]) -> Site:
    """Of any kind, with a second PoP or without."""
    primary = draw(st.sampled_from(names))
    others = [other for other in names if other != primary]
    return Site(
        id=SiteId(name),
        account=AccountId(draw(st.sampled_from(accounts))),
        primary=PopId(primary),
        secondary=PopId(draw(st.sampled_from(["", *others]))),
        kind=draw(st.sampled_from(list(SiteKind))),
        zone=draw(st.sampled_from(ZONES)),
        users=draw(st.integers(0, 10_000_000)),
        ha=draw(st.booleans()),
        detection_s=draw(st.floats(0, 3_600)),
    )
