"""Fleet PoP: which PoP does one table of a fleet file say?"""

from datetime import datetime
from typing import NamedTuple

from wavetrain.decide import calendar
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import HOURS, NODES_PER_POP_MAX, AccountId, NodeId, Pop, PopId, RegionId, Serves
from wavetrain.model.window import MINUTES_MAX, WindowRule
from wavetrain.wire.toml_table import Table

CLASSES_MAX = 32
"""Hardware classes of one PoP."""
CAPACITY_MAX = 1e15


class PopRead(NamedTuple):
    """What a table refers to, and the PoP, or None after a fault that leaves none."""

    region: RegionId
    dedicated: AccountId
    pop: Pop | None


def read_pop(table: Table, pop: PopId, now: datetime, homes: dict[str, PopId]) -> PopRead:
    """The PoP as far as it can be read.

    `homes` says in which PoP each node is; those of this PoP are added.
    """
    region, place, zone = RegionId(table.name("region")), table.text("place"), table.text("zone")
    hours = table.numbers("hours", 0.0, 1.0)
    if hours and len(hours) != HOURS:
        table.fault(
            "hours", f"it has {len(hours)} shares", f"give {HOURS} shares of the capacity, from midnight on"
        )
        hours = ()
    load = _load(table, hours)
    capacity = table.number("capacity", 0.0, CAPACITY_MAX, 1.0)
    if not capacity:
        table.fault("capacity", "it is 0", "give more than 0, in a unit that is the same for all PoPs")
    dedicated = AccountId(table.name("dedicated") if table.has("dedicated") else _absent(table, "dedicated"))
    latitude, longitude = _coordinates(table)
    serves = table.one_of("serves", [one.value for one in Serves], Serves.EDGE.value)
    window = _window(table.table("window", required=True), zone, now)
    nodes = _nodes(table, pop, homes)
    hardware = _hardware(table, pop, nodes)
    table.end()
    if window is None or not nodes or not capacity:
        return PopRead(region, dedicated, None)
    made = Pop(
        id=pop,
        region=region,
        place=place,
        zone=window.zone,
        window=window,
        nodes=nodes,
        load=load,
        hours=hours,
        capacity=capacity,
        hardware=hardware,
        dedicated=dedicated,
        latitude=latitude,
        longitude=longitude,
        serves=Serves(serves or Serves.EDGE.value),
    )
    return PopRead(region, dedicated, made)


def _absent(table: Table, key: str) -> str:
    table.drop(key)
    return ""


def _load(table: Table, hours: tuple[float, ...]) -> float:
    """The greatest of a day, where its hours are known."""
    greatest = max(hours, default=0.5)
    load = table.number("load", 0.0, 1.0, greatest)
    if hours and load < greatest:
        table.fault(
            "load",
            f"{load:g} is less than the greatest of `hours`, {greatest:g}",
            "give that, or leave it out",
        )
    return load


def _coordinates(table: Table) -> tuple[float | None, float | None]:
    """In degrees, north and east; both or none."""
    given = {
        key: table.number(key, -limit, limit) if table.has(key) else None
        for key, limit in (("latitude", 90.0), ("longitude", 180.0))
    }
    for key, value in given.items():
        if value is None:
            table.drop(key)
            if any(other is not None for other in given.values()):
                table.fault(key, f"`{key}` is missing", "give both latitude and longitude, or none")
    return given["latitude"], given["longitude"]


def _nodes(table: Table, pop: PopId, homes: dict[str, PopId]) -> tuple[NodeId, ...]:
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


def _hardware(table: Table, pop: PopId, nodes: tuple[NodeId, ...]) -> dict[str, tuple[NodeId, ...]]:
    """The classes with their nodes, which are the PoP's own objects: a fleet names each node once in memory."""
    own = {str(node): node for node in nodes}
    taken: dict[str, str] = {}
    made: dict[str, tuple[NodeId, ...]] = {}
    for name, members in table.lists("hardware", CLASSES_MAX).items():
        table.check_name("hardware", name)
        key = f"hardware.{name}"
        for node in members:
            if node not in own:
                table.fault(key, f"PoP {pop} has no node {node[:80]}", "name nodes of this PoP alone")
            elif node in taken:
                table.fault(
                    key, f"node {node} is of class {taken[node]} already", "name each node in one class"
                )
            taken[node] = name
        if not members:
            table.fault(key, f"class {name} has no nodes", "name some, or leave the class out")
        made[name] = tuple(own[node] for node in members if node in own)
    return made


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
        table.fault_here(text, way_out or "correct the window")
        return None
    return window
