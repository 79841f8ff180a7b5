"""Big fleet: a fleet of any size by seed, for the tests of plans: regions, zones, pairs, groups, loads, wishes."""

from datetime import date, timedelta
from random import Random

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
from wavetrain.model.policy import Budgets, Pace, Policy, Ring, Timing
from wavetrain.model.release import Stage
from wavetrain.model.window import WindowRule

ZONES = (
    "Pacific/Auckland",
    "Australia/Sydney",
    "Asia/Tokyo",
    "Asia/Singapore",
    "Asia/Kolkata",
    "Asia/Dubai",
    "Europe/Istanbul",
    "Europe/Berlin",
    "Europe/London",
    "America/Sao_Paulo",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Pacific/Honolulu",
    "Africa/Johannesburg",
)
CLASSES = ("gen1", "gen2", "gen3")
HOURS = tuple(round(0.35 + 0.4 * min(1.0, abs(hour - 3) / 10), 3) for hour in range(24))
RINGS = (
    Ring(name="lab", stage=Stage.EARLY, cover=2, soak_minutes=60),
    Ring(name="canary", stage=Stage.EARLY, cover=8, soak_minutes=60),
    Ring(name="pilot", stage=Stage.EARLY, share_percent=3, soak_minutes=720),
    Ring(name="tenth", stage=Stage.GENERAL, share_percent=10, soak_minutes=720),
    Ring(name="third", stage=Stage.GENERAL, share_percent=35, soak_minutes=1440),
    Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0),
)


def rules(pace: Pace = Pace.EVEN, rings: tuple[Ring, ...] = RINGS, **timing: int) -> Policy:
    """The operator's six rings."""
    return Policy(lane="pop", rings=rings, timing=Timing(pace=pace, **timing), budgets=Budgets())


def big_fleet(
    pops: int, sites: int, seed: int = 1, nodes: int = 12, regions: int = 24, first: date = date(2026, 3, 1)
) -> Fleet:
    """`sites` sites over `pops` PoPs; secondaries are near; some groups, dedicated PoPs and wishes."""
    random = Random(seed)
    names = [RegionId(f"r{index}") for index in range(regions)]
    of_region: dict[RegionId, list[PopId]] = {name: [] for name in names}
    made: dict[PopId, Pop] = {}
    for index in range(pops):
        region = names[index % regions]
        name = PopId(f"p{index}")
        of_region[region].append(name)
        zone = ZONES[(index % regions) % len(ZONES)]
        size = random.choice((max(1, nodes // 4), nodes // 2 or 1, nodes, nodes, nodes * 2))
        ids = tuple(NodeId(f"{name}-{number}") for number in range(size))
        made[name] = Pop(
            id=name,
            region=region,
            place=name,
            zone=zone,
            window=WindowRule("FREQ=DAILY", random.choice(("01:00", "02:00", "02:00")), 240, zone),
            nodes=ids,
            load=max(HOURS),
            hours=HOURS,
            hardware={random.choice(CLASSES): ids},
            dedicated=AccountId("a0") if index % 97 == 5 else AccountId(""),
        )
    accounts: dict[AccountId, Account] = {}
    for index in range(max(10, sites // 40)):
        spans: tuple[Blackout, ...] = ()
        if index == 0 or random.random() < 0.15:
            start = first + timedelta(days=random.randrange(13))
            spans = (Blackout(first=start, last=start + timedelta(days=random.randrange(2))),)
        account = AccountId(f"a{index}")
        accounts[account] = Account(id=account, early=random.random() < 0.05, blackouts=spans)
    weights = [random.paretovariate(1.2) for _ in made]
    primaries = random.choices(list(made), weights, k=sites)
    owners = list(accounts)
    chosen: dict[SiteId, Site] = {}
    for index, primary in enumerate(primaries):
        near = of_region[made[primary].region]
        secondary = PopId("")
        if random.random() < 0.8 and len(near) > 1:
            at = near.index(primary)
            other = near[(at + random.randrange(1, 13)) % len(near)]
            secondary = other if other != primary else PopId("")
        site = SiteId(f"s{index}")
        chosen[site] = Site(
            id=site,
            account=random.choice(owners),
            primary=primary,
            secondary=secondary,
            kind=random.choice(list(SiteKind)),
        )
    groups: dict[GroupId, Group] = {}
    for region, members in of_region.items():
        for index in range(0, len(members) - 3, 8):
            group = GroupId(f"{region}-g{index}")
            size = random.choice((2, 2, 3))
            groups[group] = Group(id=group, members=tuple(members[index : index + size]), kind="metro")
    return Fleet(
        regions={name: Region(id=name, name=name) for name in names},
        pops=made,
        groups=groups,
        accounts=accounts,
        sites=chosen,
    )
