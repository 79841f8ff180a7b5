"""Policy file: TOML text to the policy of one lane, checked against a fleet."""

from typing import TypeVar

import msgspec

from wavetrain.model.fleet import Fleet
from wavetrain.model.hotfix import How
from wavetrain.model.lane import LANES, UnitKind
from wavetrain.model.policy import (
    COVER_MAX,
    RINGS_MAX,
    TIMINGS,
    Announce,
    Bake,
    Budgets,
    Pace,
    PlaceboLock,
    Policy,
    Ring,
    Succession,
    Timing,
    Verdicts,
    Wishes,
)
from wavetrain.model.release import Stage
from wavetrain.wire.policy_checks import read_checks
from wavetrain.wire.toml_table import Table, open_table

P = TypeVar("P", bound=msgspec.Struct)

POLICY_BYTES_MAX = 256 * 1024
_YEAR_MINUTES = 366 * 24 * 60
_RANGES: dict[type[msgspec.Struct], dict[str, tuple[float, float]]] = {
    Budgets: {
        "pop_share": (0.0, 1.0),
        "region_share": (0.0, 1.0),
        "region_pops_min": (1, 10_000),
        "revert_share": (0.0, 1.0),
        "headroom": (1.0, 10.0),
        "gap_minutes": (0, 7 * 24 * 60),
    },
    Bake: {
        "minutes": (0, _YEAR_MINUTES),
        "exposure_min": (0.0, 1e15),
        "canaries": (1, 100),
        "share_min": (0.0, 1.0),
        "mixed_hours_max": (1, 366 * 24),
        "telemetry_away_s": (1.0, 86_400.0),
    },
    Verdicts: {
        "alpha": (1e-9, 0.2),
        "beta": (1e-9, 0.5),
        "tau_floor": (0.0, 10.0),
        "pre_period_s": (0.0, 366 * 86_400.0),
        "gauge_block_s": (1.0, 86_400.0),
    },
    Timing: {
        "cadence_weeks": (1, 52),
        "spread_days": (1, 366),
        "planned_to_day": (1, 366),
        "unit_minutes": (1, 24 * 60),
        "permission_s": (1.0, 86_400.0),
        "report_late_s": (1.0, 86_400.0),
    },
    Wishes: {
        "pair": (0.0, 1000.0),
        "blackout": (0.0, 1000.0),
        "early": (0.0, 1000.0),
        "fairness": (0.0, 1000.0),
        "blackout_days": (0, 366),
    },
    Succession: {
        "bake_wait_minutes": (0, _YEAR_MINUTES),
        "cuts_max": (0, 100),
        "credit_waves_max": (0, 10_000),
    },
    Announce: {
        "days_ahead": (0, 366),
        "hours_before": (0, 366 * 24),
    },
}
"""What each number of a policy may be, both ends included."""


def read_policy(text: str, fleet: Fleet | None = None, name: str = "policy file") -> Policy:
    """The policy that the text says; with a fleet, its rings must name what that fleet has.

    `RefusedError` lists every fault. What is left out takes the default of `wavetrain.model.policy`.
    """
    top = open_table(text, name)
    lane = top.one_of("lane", sorted(LANES))
    gates = top.names("gates_required", ("build", "tests"))
    approve_general = top.flag("approve_general", False)
    fix_departs_at_once = top.flag("fix_departs_at_once", True)
    failures_max = top.whole("failures_max", 0, 10_000, 1)
    rings = _rings(top, lane, fleet)
    budgets = _numbers(top.table("budgets"), Budgets())
    bake = _numbers(top.table("bake"), Bake())
    verdicts = _verdicts(top.table("verdicts"))
    timing = _timing(top.table("timing"), TIMINGS.get(lane, Timing()))
    wishes = _numbers(top.table("wishes"), Wishes())
    succession = _succession(top.table("succession"))
    announce = _numbers(top.table("announce"), Announce())
    if timing.planned_to_day > timing.spread_days:
        top.fault(
            "timing.planned_to_day",
            f"the plan's last day {timing.planned_to_day} lies after the train's end on day {timing.spread_days}",
            "make it at most spread_days",
        )
    top.end()
    top.faults.refuse()
    return Policy(
        lane=lane,
        rings=rings,
        gates_required=gates,
        approve_general=approve_general,
        fix_departs_at_once=fix_departs_at_once,
        failures_max=failures_max,
        budgets=budgets,
        bake=bake,
        verdicts=verdicts,
        timing=timing,
        wishes=wishes,
        succession=succession,
        announce=announce,
    )


def _numbers(table: Table, defaults: P, *, end: bool = True) -> P:
    """A section that holds nothing but numbers, each within its range."""
    values: dict[str, float] = {}
    for key, (low, high) in _RANGES[type(defaults)].items():
        default = getattr(defaults, key)
        if isinstance(default, int):
            values[key] = table.whole(key, int(low), int(high), default)
        else:
            values[key] = table.number(key, low, high, default)
    if end:
        table.end()
    return msgspec.structs.replace(defaults, **values)


def _timing(table: Table, default: Timing) -> Timing:
    pace = table.one_of("pace", [one.value for one in Pace]) if table.has("pace") else default.pace.value
    numbers = _numbers(table, default)
    return msgspec.structs.replace(numbers, pace=Pace(pace)) if pace else numbers


def _verdicts(table: Table) -> Verdicts:
    metrics = read_checks(table)
    numbers = _numbers(table, Verdicts(), end=False)
    sessions = table.text("sessions", numbers.sessions)
    placebo_waves = table.flag("placebo_waves", numbers.placebo_waves)
    lock = (
        table.one_of("lock", [one.value for one in PlaceboLock]) if table.has("lock") else numbers.lock.value
    )
    table.end()
    if lock:
        numbers = msgspec.structs.replace(numbers, lock=PlaceboLock(lock))
    return msgspec.structs.replace(numbers, sessions=sessions, placebo_waves=placebo_waves, metrics=metrics)


def _succession(table: Table) -> Succession:
    numbers = _numbers(table, Succession(), end=False)
    ways = table.names("approve", tuple(way.value for way in numbers.approve))
    for way in ways:
        if way not in {known.value for known in How} - {How.TRAIN.value}:
            known = ", ".join(how.value for how in How if how is not How.TRAIN)
            table.fault("approve", f"`{way[:80]}` is no way for a hotfix", f"give some of: {known}")
    table.end()
    return msgspec.structs.replace(
        numbers, approve=tuple(How(way) for way in dict.fromkeys(ways) if way in set(How))
    )


def _rings(top: Table, lane: str, fleet: Fleet | None) -> tuple[Ring, ...]:
    tables = top.tables("ring", RINGS_MAX)
    if not tables:
        top.fault("ring", "the policy has no rings", "add at least one [[ring]]")
    rings: list[Ring] = []
    placed: dict[str, str] = {}
    general = ""
    for index, table in enumerate(tables):
        ring = _ring(table, lane, is_last=index == len(tables) - 1)
        if ring is None:
            continue
        if ring.name in {known.name for known in rings}:
            table.fault("name", f"ring {ring.name} is there twice", "give each ring its own name")
        if ring.stage is Stage.EARLY and general:
            table.fault(
                "stage", f"early ring {ring.name} follows general ring {general}", f"put it before {general}"
            )
        general = ring.name if ring.stage is Stage.GENERAL else general
        _check_members(table, ring, fleet, placed)
        rings.append(ring)
    return tuple(rings)


def _ring(table: Table, lane: str, *, is_last: bool) -> Ring | None:
    name = table.name("name")
    stage = table.one_of("stage", [Stage.EARLY.value, Stage.GENERAL.value])
    pops = table.names("pops", ())
    share = table.whole("share_percent", 1, 100, 0) if table.has("share_percent") else 0
    cover = table.whole("cover", 1, COVER_MAX, 0) if table.has("cover") else 0
    rest = table.flag("rest", False)
    soak = table.whole("soak_minutes", 0, _YEAR_MINUTES, 60)
    table.end()
    ways = sum((bool(pops), share > 0, cover > 0, rest))
    if ways == 0:
        table.faults.add(
            table.place,
            f"ring {name} names nothing",
            "give one of: pops = [...], share_percent = N, cover = N, rest = true",
        )
    if ways > 1:
        table.faults.add(
            table.place,
            f"ring {name} says twice who is in it",
            "keep one of: pops, share_percent, cover, rest",
        )
    if rest and not is_last:
        table.fault("rest", f"ring {name} takes the rest before other rings", "move it to the end")
    for key, given in (("pops", bool(pops)), ("cover", cover > 0)):
        if given and lane in LANES and LANES[lane].unit is UnitKind.ACCOUNT:
            table.fault(key, f"lane {lane} moves accounts, not PoPs", "use share_percent or rest")
    if ways != 1 or not stage:
        return None
    return Ring(
        name=name,
        stage=Stage(stage),
        pops=pops,
        share_percent=share,
        cover=cover,
        rest=rest,
        soak_minutes=soak,
    )


def _check_members(table: Table, ring: Ring, fleet: Fleet | None, placed: dict[str, str]) -> None:
    for pop in ring.pops:
        if pop in placed:
            table.fault(
                "pops", f"PoP {pop} is in ring {placed[pop]} already", "name each PoP in one ring, once"
            )
        placed[pop] = ring.name
        if fleet is not None and pop not in fleet.pops:
            table.fault(
                "pops", f"the fleet has no PoP {pop}", "correct the name, or apply a fleet that has it"
            )
