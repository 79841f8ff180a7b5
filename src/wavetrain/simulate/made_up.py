"""Made-up fleet: which fleet of a wanted size is there to rehearse on, where an operator gives none?"""

from random import Random

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
    Site,
    SiteId,
    SiteKind,
)
from wavetrain.model.policy import Bake, MetricRule, PlaceboLock, Policy, Ring, Timing, Verdicts
from wavetrain.model.release import Stage
from wavetrain.model.window import WindowRule
from wavetrain.simulate.sample_policy import failures_max

ZONES = (
    "Europe/Lisbon",
    "Europe/Berlin",
    "Europe/Helsinki",
    "Europe/London",
    "Africa/Lagos",
    "Africa/Johannesburg",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Asia/Seoul",
    "Asia/Kathmandu",
    "Australia/Sydney",
    "Australia/Perth",
    "Pacific/Auckland",
    "Pacific/Honolulu",
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Toronto",
    "America/Sao_Paulo",
    "America/Bogota",
    "America/St_Johns",
)
"""One for each region, around the world."""

SITES_MAX = 1_000_000
METRICS = 8
EXCESS_MAX = 0.004


def fleet(pops: int, nodes: int, sites: int, seed: int) -> Fleet:
    """PoPs around the world in pairs, with sites that have a primary and mostly a secondary near by.

    `nodes` is the number in each PoP. RefusedError for a size out of range.
    """
    for name, value, most in (
        ("--pops", pops, POPS_MAX),
        ("--nodes", nodes, NODES_PER_POP_MAX),
        ("--sites", sites + 1, SITES_MAX + 1),
    ):
        if not 1 <= value <= most:
            raise RefusedError(f"{name} is out of range; give at most {most}")
    random = Random(seed)  # noqa: S311 - practice, not secrecy
    zones = ZONES[: max(1, min(len(ZONES), pops // 3))]
    regions = {RegionId(_region(zone)): Region(id=RegionId(_region(zone)), name=zone) for zone in zones}
    made: dict[PopId, Pop] = {}
    homes: dict[str, list[PopId]] = {}
    for index in range(pops):
        zone = zones[index % len(zones)]
        name = PopId(f"{_region(zone)}-{index // len(zones):03d}")
        made[name] = Pop(
            id=name,
            region=RegionId(_region(zone)),
            place=zone.rpartition("/")[2].replace("_", " "),
            zone=zone,
            window=WindowRule(rule="FREQ=DAILY", starts="01:00", minutes=240, zone=zone),
            nodes=tuple(NodeId(f"{name}-n{number:03d}") for number in range(nodes)),
            load=random.choice((0.3, 0.4, 0.5)) if nodes > 3 else 0.2,
        )
        homes.setdefault(zone, []).append(name)
    groups: dict[GroupId, Group] = {}
    for names in homes.values():
        for first, second in zip(names[::4], names[1::4], strict=False):
            groups[GroupId(f"pair-{first}")] = Group(id=GroupId(f"pair-{first}"), members=(first, second))
    accounts = {
        AccountId(f"account-{index}"): Account(id=AccountId(f"account-{index}"))
        for index in range(max(1, sites // 40) if sites else 0)
    }
    return Fleet(
        regions=regions,
        pops=made,
        groups=groups,
        accounts=accounts,
        sites=_sites(random, sites, homes, len(accounts)),
    )


def _region(zone: str) -> str:
    return zone.rpartition("/")[2].lower().replace("_", "-")


def _sites(random: Random, count: int, homes: dict[str, list[PopId]], accounts: int) -> dict[SiteId, Site]:
    zones = list(homes)
    kinds = (SiteKind.APPLIANCE, SiteKind.APPLIANCE, SiteKind.IPSEC, SiteKind.INTERCONNECT)
    made: dict[SiteId, Site] = {}
    for index in range(count):
        zone = random.choice(zones)
        near = homes[zone]
        primary = near[int(len(near) * random.random() ** 1.5)]
        second = random.choice(near) if random.random() < 0.85 else primary
        made[SiteId(f"site-{index}")] = Site(
            id=SiteId(f"site-{index}"),
            account=AccountId(f"account-{int(accounts * random.random() ** 2)}"),
            primary=primary,
            secondary=second if second != primary else PopId(""),
            kind=random.choice(kinds),
            zone=zone,
        )
    return made


def policy(fleet: Fleet, metrics: int = METRICS) -> Policy:
    """The lane `pop` with rings lab, canary, pilot, 10 %, 35 %, all, for a fleet of any size."""
    names = sorted(fleet.pops)
    by_region: dict[str, PopId] = {}
    for name in names:
        by_region.setdefault(fleet.pops[PopId(name)].region, name)
    spread = list(by_region.values())
    lab, left = names[:1], [name for name in spread if name != names[0]]
    canary, pilot = left[: max(1, len(left) // 4)], left[max(1, len(left) // 4) :][: max(1, len(left) // 2)]
    early = [("lab", lab, 60), ("canary", canary, 60), ("pilot", pilot, 720)]
    rings = [
        Ring(name=name, stage=Stage.EARLY, pops=tuple(pops), soak_minutes=soak)
        for name, pops, soak in early
        if pops
    ]
    rings += [
        Ring(name="10%", stage=Stage.GENERAL, share_percent=10, soak_minutes=720),
        Ring(name="35%", stage=Stage.GENERAL, share_percent=35, soak_minutes=1_440),
        Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0),
    ]
    return Policy(
        lane="pop",
        rings=tuple(rings),
        failures_max=failures_max(fleet),
        bake=Bake(minutes=30),
        verdicts=Verdicts(metrics=rules(metrics), pre_period_s=86_400.0, lock=PlaceboLock.TRUST),
        timing=Timing(permission_s=300.0, report_late_s=120.0),
    )


def rules(metrics: int) -> tuple[MetricRule, ...]:
    """So many metrics, of which the first four are gates."""
    weight = 1.0 / metrics if metrics else 0.0
    return tuple(
        MetricRule(
            name=f"metric {index}",
            events=f"failures_{index}_total",
            exposure=f"operations_{index}_total",
            weight=weight,
            excess_max=EXCESS_MAX,
            gate=index < 4,
        )
        for index in range(metrics)
    )
