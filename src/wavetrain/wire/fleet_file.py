"""Fleet file: TOML text to regions, PoPs, redundancy groups and accounts."""

from datetime import datetime

from wavetrain.decide import calendar
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import (
    NODES_PER_POP_MAX,
    POPS_MAX,
    Account,
    AccountId,
    Fleet,
    Group,
    GroupId,
    NodeId,
    Pop,
    PopId,
    Region,
    RegionId,
)
from wavetrain.model.window import MINUTES_MAX, WindowRule
from wavetrain.wire.toml_table import Table, open_table

ACCOUNTS_MAX = 1_000_000
REGIONS_MAX = 1_000
GROUPS_MAX = 20_000


def read_fleet(text: str, now: datetime, name: str = "fleet file") -> Fleet:
    """The fleet that the text says, or one `RefusedError` with every fault, its place and the way out.

    `now` (aware, UTC): every window rule must open within two years of it.
    """
    top = open_table(text, name)
    regions = _regions(top)
    pops = _pops(top, regions, now)
    groups = _groups(top, pops)
    accounts = _accounts(top)
    top.end()
    if not pops:
        top.fault("pop", "the fleet has no PoP", "add at least one [[pop]]")
    top.faults.refuse()
    return Fleet(regions=regions, pops=pops, groups=groups, accounts=accounts)


def _once(table: Table, noun: str, key: str, known: object) -> str:
    """The table's id, which none before it may have."""
    value = table.name(key)
    assert isinstance(known, dict)
    if value in known:
        table.fault(key, f"{noun} {value} is there twice", f"give each {noun} its own id, or remove one")
    return value


def _regions(top: Table) -> dict[RegionId, Region]:
    regions: dict[RegionId, Region] = {}
    for table in top.tables("region", REGIONS_MAX):
        region = RegionId(_once(table, "region", "id", regions))
        regions[region] = Region(id=region, name=table.text("name", region))
        table.end()
    return regions


def _pops(top: Table, regions: dict[RegionId, Region], now: datetime) -> dict[PopId, Pop]:
    pops: dict[PopId, Pop] = {}
    homes: dict[str, str] = {}
    for table in top.tables("pop", POPS_MAX):
        pop_id = PopId(_once(table, "PoP", "id", pops))
        region = RegionId(table.name("region"))
        if region and region not in regions:
            table.fault("region", f"there is no region {region}", f'add [[region]] with id = "{region}"')
        zone = table.text("zone")
        place, load = table.text("place"), table.number("load", 0.0, 1.0, 0.5)
        window = _window(table.table("window", required=True), zone, now)
        nodes = _nodes(table, pop_id, homes)
        table.end()
        if window is not None and nodes:
            pops[pop_id] = Pop(
                id=pop_id, region=region, place=place, zone=zone, window=window, nodes=nodes, load=load
            )
        elif pop_id:
            pops[pop_id] = _STAND_IN
    return pops


_STAND_IN = Pop(
    id=PopId("?"),
    region=RegionId("?"),
    place="",
    zone="UTC",
    window=WindowRule("FREQ=DAILY", "00:00", 1, "UTC"),
    nodes=(NodeId("?"),),
)
"""Holds the place of a faulty PoP, so that what refers to it is not a second fault; never leaves this module."""


def _nodes(table: Table, pop: str, homes: dict[str, str]) -> tuple[NodeId, ...]:
    before = len(table.faults.found)
    names = table.names("nodes")
    if not names and len(table.faults.found) == before:
        table.fault("nodes", f"PoP {pop} has no nodes", "name at least one")
    if len(names) > NODES_PER_POP_MAX:
        table.fault("nodes", f"PoP {pop} has {len(names)} nodes", f"give at most {NODES_PER_POP_MAX}")
    for name in names:
        table.check_name("nodes", name)
        if name in homes:
            table.fault("nodes", f"node {name} is in PoP {homes[name]} already", "name each node once")
        homes[name] = pop
    return tuple(NodeId(name) for name in dict.fromkeys(names))[:NODES_PER_POP_MAX]


def _window(table: Table, zone: str, now: datetime) -> WindowRule | None:
    """`rule`, `starts`, and `hours` or `minutes`, in the PoP's zone."""
    before = len(table.faults.found)
    rule, starts = table.text("rule"), table.text("starts")
    if table.has("hours") and table.has("minutes"):
        table.fault("minutes", "the window has both hours and minutes", "give one of them")
    if table.has("hours"):
        minutes = round(table.number("hours", 1 / 60, MINUTES_MAX / 60) * 60)
        table.drop("minutes")
    else:
        table.drop("hours")
        minutes = table.whole("minutes", 1, MINUTES_MAX)
    table.end()
    if len(table.faults.found) > before or not zone:
        return None
    try:
        window = WindowRule(rule, starts, minutes, zone)
        calendar.check(window, now)
    except (RefusedError, ValueError) as error:
        text, _, way_out = str(error).partition("; ")
        table.faults.add(table.place, text, way_out or "correct the window")
        return None
    return window


def _groups(top: Table, pops: dict[PopId, Pop]) -> dict[GroupId, Group]:
    groups: dict[GroupId, Group] = {}
    for table in top.tables("group", GROUPS_MAX):
        group = GroupId(_once(table, "group", "id", groups))
        members = table.names("members")
        table.end()
        for member in members:
            if member not in pops:
                table.fault("members", f"there is no PoP {member}", "correct the name, or add that [[pop]]")
        if len(set(members)) < len(members):
            table.fault("members", f"group {group} names a PoP twice", "name each once")
        if len(set(members)) < 2:
            table.fault("members", f"group {group} has fewer than two members", "name at least two PoPs")
            continue
        groups[group] = Group(id=group, members=tuple(PopId(member) for member in members))
    return groups


def _accounts(top: Table) -> dict[AccountId, Account]:
    accounts: dict[AccountId, Account] = {}
    for table in top.tables("account", ACCOUNTS_MAX):
        account = AccountId(_once(table, "account", "id", accounts))
        accounts[account] = Account(id=account, name=table.text("name", ""))
        table.end()
    return accounts
