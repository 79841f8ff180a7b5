"""Sample: what does a realistic fleet of a given size look like?"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

import msgspec

from wavetrain.errors import RefusedError
from wavetrain.model.fleet import (
    NODES_PER_POP_MAX,
    POPS_MAX,
    Fleet,
    Group,
    GroupId,
    NodeId,
    Pop,
    PopId,
    Region,
    RegionId,
)
from wavetrain.model.window import WindowRule
from wavetrain.simulate.places import Metro, metros
from wavetrain.simulate.sample_sites import Customers
from wavetrain.wire.fleet_parts import SITES_MAX

HARDWARE = ("gen4", "gen5", "gen6", "gen6-arm")
_PREVALENCE = (0.2, 0.42, 0.3, 0.08)
RULES = ("FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU,MO,TU,WE,TH", "FREQ=WEEKLY;BYDAY=TU,TH", "FREQ=WEEKLY;BYDAY=SU")
_RULE_SHARES = (0.8, 0.15, 0.04, 0.01)
STARTS = ("23:00", "00:00", "00:30", "01:00", "01:30", "02:00", "02:30", "03:00")
_START_SHARES = (0.04, 0.1, 0.06, 0.24, 0.08, 0.34, 0.06, 0.08)
MINUTES = (180, 240, 300, 360)
_MINUTE_SHARES = (0.08, 0.76, 0.08, 0.08)
_HEADROOM = 1.1
"""The policy's default: what a PoP needs beyond its load, so that one of its nodes can be spared at all."""
_DEGREES = 0.15

# The shares of the peak by local hour, of a place of offices and of one of homes.
_OFFICE = [0.3, 0.27, 0.25, 0.25, 0.27, 0.33, 0.45, 0.62, 0.82, 0.95, 1.0, 0.99]
_OFFICE += [0.93, 0.95, 0.99, 0.97, 0.9, 0.78, 0.64, 0.54, 0.47, 0.42, 0.38, 0.34]
_HOME = [0.52, 0.4, 0.32, 0.28, 0.27, 0.29, 0.36, 0.46, 0.54, 0.6, 0.63, 0.65]
_HOME += [0.68, 0.68, 0.68, 0.7, 0.74, 0.8, 0.88, 0.95, 1.0, 0.99, 0.88, 0.7]


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. `nodes` in each PoP; with `skewed` their number differs around it."""

    pops: int
    nodes: int
    sites: int
    seed: int
    skewed: bool = False

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("pops", self.pops, 1, POPS_MAX),
            ("nodes", self.nodes, 1, NODES_PER_POP_MAX),
            ("sites", self.sites, 0, SITES_MAX),
        ):
            if not least <= value <= most:
                raise RefusedError(f"--{name} is {value}; give {least} to {most}")


def sample(size: Size, say: Callable[[str, int, int], None] = lambda *_: None) -> Fleet:
    """The fleet of this size; the same one for the same size, seed and version of the places.

    `say` hears what is being made, how many of it there are, and how many there will be.
    """
    random = Random(f"fleet {size.seed}")  # noqa: S311 (nothing is kept secret by it)
    cities = metros(size.pops, random)
    pops: dict[PopId, Pop] = {}
    homes: list[list[PopId]] = []
    for metro in cities:
        homes.append([])
        for number in range(1, metro.pops + 1):
            pop = _pop(metro, number, size, random)
            pops[pop.id] = pop
            homes[-1].append(pop.id)
        say("PoPs", len(pops), size.pops)
    customers = Customers(cities, homes, pops, size.sites, random)
    sites = customers.sites(say)
    pops.update(customers.dedicated)
    groups = {group.id: group for group in (*_metro_pairs(cities, homes), *customers.groups())}
    regions = dict.fromkeys(metro.region for metro in cities)
    return Fleet(
        regions={
            RegionId(name): Region(
                id=RegionId(name), name=name.replace("-", " ").title().replace("Us ", "US ")
            )
            for name in regions
        },
        pops=pops,
        groups=groups,
        accounts=customers.accounts,
        sites=sites,
    )


def _pop(metro: Metro, number: int, size: Size, random: Random) -> Pop:
    name = f"{metro.code}{number}"
    count = size.nodes
    if size.skewed:
        count = min(NODES_PER_POP_MAX, max(1, round(size.nodes * random.lognormvariate(-0.18, 0.6))))
    nodes = tuple(NodeId(f"{name}-n{index}") for index in range(1, count + 1))
    hours = _hours(count, random)
    window = WindowRule(
        rule=random.choices(RULES, _RULE_SHARES)[0],
        starts=random.choices(STARTS, _START_SHARES)[0],
        minutes=random.choices(MINUTES, _MINUTE_SHARES)[0],
        zone=metro.zone,
    )
    great = 1.0 / math.sqrt(number)
    return Pop(
        id=PopId(name),
        region=RegionId(metro.region),
        place=metro.city,
        zone=metro.zone,
        window=window,
        nodes=nodes,
        load=max(hours),
        hours=hours,
        capacity=round(count * great * random.lognormvariate(0.0, 0.6) + 0.1, 1),
        hardware=_hardware(nodes, random),
        latitude=round(max(-89.0, min(89.0, metro.latitude + random.uniform(-_DEGREES, _DEGREES))), 4),
        longitude=round(max(-179.0, min(179.0, metro.longitude + random.uniform(-_DEGREES, _DEGREES))), 4),
    )


def _hours(nodes: int, random: Random) -> tuple[float, ...]:
    """The load by local hour: a mix of offices and homes, such that the PoP can spare a node even at its peak."""
    spared = (nodes - 1) / nodes / _HEADROOM if nodes > 1 else 1.0
    peak = min(random.triangular(0.4, 0.8, 0.6), spared - 0.01)
    offices = random.random()
    return tuple(
        round(peak * (offices * office + (1 - offices) * home) * random.uniform(0.97, 1.0), 3)
        for office, home in zip(_OFFICE, _HOME, strict=True)
    )


def _hardware(nodes: Sequence[NodeId], random: Random) -> dict[str, tuple[NodeId, ...]]:
    """One to three classes in a PoP: most of its nodes are alike, some were added later."""
    wanted = random.choices((1, 2, 3), (0.35, 0.5, 0.15))[0]
    names = list(dict.fromkeys(random.choices(HARDWARE, _PREVALENCE, k=wanted)))
    left = list(nodes)
    made: dict[str, tuple[NodeId, ...]] = {}
    for name in names:
        share = len(left) if name == names[-1] else round(len(left) * random.uniform(0.5, 0.85))
        part, left = left[:share], left[share:]
        if part:
            made[name] = tuple(part)
    return made


def _metro_pairs(cities: Sequence[Metro], homes: Sequence[Sequence[PopId]]) -> list[Group]:
    """The PoPs of a city stand in for each other, two by two."""
    return [
        Group(id=GroupId(f"metro-{metro.code}-{index // 2 + 1}"), members=pair, kind="metro")
        for metro, names in zip(cities, homes, strict=True)
        for index, pair in enumerate(pairwise(names))
        if index % 2 == 0
    ]
