"""Practice: which fleet and which policies does one history run with?"""

from random import Random

import msgspec

from wavetrain.model.fleet import (
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
from wavetrain.model.policy import (
    Bake,
    Budgets,
    MetricRule,
    PlaceboLock,
    Policy,
    Ring,
    Succession,
    Timing,
    Verdicts,
)
from wavetrain.model.release import Stage
from wavetrain.model.window import WindowRule

BASELINE = "1.0.0"
PILOT = PopId("pop-0")
ZONES = ("Europe/Lisbon", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "America/Sao_Paulo")
SIZES = (1, 1, 2, 3, 4, 4, 6, 8)
FAILURES = MetricRule(
    name="failures", events="failures_total", exposure="operations_total", weight=1.0, excess_max=0.004
)


def fleet(random: Random) -> Fleet:
    """Two regions, three to six PoPs of one to eight nodes, perhaps a redundancy group of two or three."""
    regions = {RegionId(name): Region(id=RegionId(name), name=name) for name in ("east", "west")}
    pops: dict[PopId, Pop] = {}
    for index in range(random.randint(3, 5)):
        size = random.choice((3, 4)) if index == 0 else random.choice(SIZES)
        pops[PopId(f"pop-{index}")] = _pop(random, index, size)
    groups: dict[GroupId, Group] = {}
    names = list(pops)
    if random.random() < 0.8:
        members = tuple(random.sample(names, k=min(len(names), random.choice((2, 2, 3)))))
        groups[GroupId("metro")] = Group(id=GroupId("metro"), members=members)
    accounts = {AccountId(f"acme-{index}"): Account(id=AccountId(f"acme-{index}")) for index in range(10)}
    return Fleet(regions=regions, pops=pops, groups=groups, accounts=accounts)


def _pop(random: Random, index: int, size: int) -> Pop:
    zone = random.choice(ZONES)
    rule = random.choice(("FREQ=DAILY", "FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,TU,TH"))
    # A PoP of one node is out while that node is; a load that it cannot spare would only be refused for ever.
    load = random.choice((0.2, 0.4, 0.5)) if size > 2 else random.choice((0.2, 0.4))
    return Pop(
        id=PopId(f"pop-{index}"),
        region=RegionId("east" if index % 2 else "west"),
        place=f"Place {index}",
        zone=zone,
        window=WindowRule(rule=rule, starts="01:00", minutes=random.choice((180, 240)), zone=zone),
        nodes=tuple(NodeId(f"pop-{index}-n{number}") for number in range(size)),
        load=load,
    )


def policies(random: Random) -> tuple[Policy, ...]:
    """One for each lane that the simulation carries."""
    soak = random.choice((0, 30, 60))
    rings = (
        Ring(name="pilot", stage=Stage.EARLY, pops=(PILOT,), soak_minutes=soak),
        Ring(name="third", stage=Stage.GENERAL, share_percent=34, soak_minutes=soak),
        Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=soak),
    )
    pop = Policy(
        lane="pop",
        rings=rings,
        approve_general=random.random() < 0.2,
        budgets=Budgets(pop_share=random.choice((0.25, 0.34, 0.5)), region_pops_min=random.choice((1, 2))),
        bake=Bake(minutes=random.choice((5, 15, 30))),
        verdicts=Verdicts(pre_period_s=120.0, lock=PlaceboLock.TRUST, metrics=(FAILURES,)),
        timing=Timing(cadence_weeks=random.choice((1, 2)), planned_to_day=3, spread_days=6),
        succession=Succession(bake_wait_minutes=20, cuts_max=1),
    )
    content = Policy(
        lane="content",
        rings=rings,
        bake=Bake(minutes=2),
        timing=Timing(cadence_weeks=1, planned_to_day=0, spread_days=1),
    )
    feature = Policy(
        lane="feature",
        rings=(
            Ring(name="early", stage=Stage.EARLY, share_percent=10, soak_minutes=60),
            Ring(name="half", stage=Stage.GENERAL, share_percent=50, soak_minutes=120),
            Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0),
        ),
        timing=Timing(cadence_weeks=1, planned_to_day=0, spread_days=1),
    )
    return (pop, content, feature)


def with_placebo_waves(rules: tuple[Policy, ...]) -> tuple[Policy, ...]:
    """The same policies, of which those with checks have nodes restarted before their canaries."""
    return tuple(
        msgspec.structs.replace(
            rule, verdicts=msgspec.structs.replace(rule.verdicts, placebo_waves=bool(rule.verdicts.metrics))
        )
        for rule in rules
    )
