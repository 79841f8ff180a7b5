"""Tick bench: how long does a tick take, over a large wave on a disk or over a small fleet in memory?"""

import gc
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import msgspec

from wavetrain.adapters.sql_store import SqlStore
from wavetrain.control.tick import Ticker
from wavetrain.model.fleet import Fleet
from wavetrain.model.policy import Bake, Budgets, Policy, Ring, Timing, Verdicts
from wavetrain.model.release import Stage
from wavetrain.simulate import made_up
from wavetrain.simulate.clock import VirtualClock
from wavetrain.simulate.mishaps import CALM, Mishaps
from wavetrain.simulate.rehearsal import Plan, Rehearsal
from wavetrain.simulate.run_rehearsal import settled

STEP_S = 5.0
"""Between two ticks, as the control plane in service has it, roughly."""
COLD_EACH = 40
SMALL_STEP_S = 10.0


class Ticks(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds that ticks took: those of a process at work, and first ones of a process that has just begun."""

    pops: int
    nodes: int
    warm: int
    cold: int
    warm_p50_s: float
    warm_p99_s: float
    warm_max_s: float
    warm_cpu_p99_s: float
    """Of the processor: what it would be where nobody else works."""
    cold_p50_s: float
    cold_p99_s: float
    cold_cpu_p99_s: float


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Ticks that changed something, with all that others, nodes, telemetry and guards do between them."""

    pops: int
    nodes: int
    changing: int
    seconds: float
    per_minute: float
    """How many fit in a minute: the median of the runs."""
    per_cpu_minute: float
    """How many fit in a minute of one processor."""


def one_wave(fleet: Fleet) -> Policy:
    """All PoPs in one wave, bound by nothing but their own budgets and windows."""
    names = tuple(sorted(fleet.pops))
    return Policy(
        lane="pop",
        rings=(Ring(name="all", stage=Stage.EARLY, pops=names, soak_minutes=0),),
        budgets=Budgets(region_share=1.0),
        bake=Bake(minutes=5),
        verdicts=Verdicts(),
        timing=Timing(permission_s=300.0, report_late_s=120.0),
    )


def ticks(
    folder: Path, pops: int, nodes: int, most: int, told: Callable[[int], None] = lambda _: None
) -> Ticks:
    """Ticks over a wave on a SQLite store in this folder, at most so many; of each `COLD_EACH` one is a first one."""
    fleet = msgspec.structs.replace(made_up.fleet(pops, nodes, 0, 1), groups={})
    plan = Plan(
        fleet=fleet, policy=one_wave(fleet), mishaps=Mishaps(1, CALM), step_s=STEP_S, sweep_each=0, days=3.0
    )
    warm: list[tuple[float, float]] = []
    cold: list[tuple[float, float]] = []
    clock = VirtualClock()
    with ExitStack() as left:
        store = left.enter_context(closing(SqlStore(folder / "bench.sqlite", exclusive=True, clock=clock)))
        run = Rehearsal(plan, store=store, clock=clock)
        stands = run.play()
        # As `wavetrain up` does before it serves. The fleet that is played here is no part of a control plane.
        gc.collect()
        gc.freeze()
        left.callback(gc.unfreeze)
        for _ in stands:
            if run.ground.under_way:
                warm.append((run.took_s, run.took_cpu_s))
                told(len(warm))
            if run.ground.under_way and run.ticks % COLD_EACH == 0:
                fresh = Ticker(store, run.telemetry)
                began, cpu = perf_counter(), process_time()
                fresh.tick()
                cold.append((perf_counter() - began, process_time() - cpu))
            if len(warm) >= most:
                break
    return Ticks(
        pops=pops,
        nodes=pops * nodes,
        warm=len(warm),
        cold=len(cold),
        warm_p50_s=share([took for took, _ in warm], 0.5),
        warm_p99_s=share([took for took, _ in warm], 0.99),
        warm_max_s=max((took for took, _ in warm), default=0.0),
        warm_cpu_p99_s=share([cpu for _, cpu in warm], 0.99),
        cold_p50_s=share([took for took, _ in cold], 0.5),
        cold_p99_s=share([took for took, _ in cold], 0.99),
        cold_cpu_p99_s=share([cpu for _, cpu in cold], 0.99),
    )


def pace(pops: int, nodes: int, rounds: int) -> Pace:
    """How fast a small fleet is rehearsed, in ticks that committed something, over several seeds."""
    changing: list[int] = []
    seconds: list[float] = []
    cpu_seconds: list[float] = []
    for seed in range(rounds):
        fleet = made_up.fleet(pops, nodes, 0, seed)
        plan = Plan(
            fleet=fleet, policy=made_up.policy(fleet, 0), mishaps=Mishaps(seed, CALM), step_s=SMALL_STEP_S
        )
        run = Rehearsal(plan)
        with settled():
            began, cpu = perf_counter(), process_time()
            for _ in run.play():
                pass
            seconds.append(perf_counter() - began)
            cpu_seconds.append(process_time() - cpu)
        changing.append(run.changing)
    return Pace(
        pops=pops,
        nodes=pops * nodes,
        changing=sum(changing),
        seconds=sum(seconds),
        per_minute=rate(changing, seconds),
        per_cpu_minute=rate(changing, cpu_seconds),
    )


def rate(counts: list[int], took: list[float]) -> float:
    """How many a minute, as the median of the runs."""
    return median(60.0 * count / seconds for count, seconds in zip(counts, took, strict=True))


def share(took: list[float], rank: float) -> float:
    """The time that this share of them did not exceed; 0 for none."""
    return sorted(took)[min(len(took) - 1, int(rank * len(took)))] if took else 0.0
