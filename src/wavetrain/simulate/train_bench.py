"""Train bench: how fast, and how well, is the train of a fleet planned, improved, planned again?"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock

import msgspec

from wavetrain.control.ports import Optimizer
from wavetrain.control.trains import demand_of
from wavetrain.decide import calendar, improvement, layout, timetable, timetable_bound, timetable_check
from wavetrain.decide.board import Board
from wavetrain.decide.layout import Asked, Layout
from wavetrain.decide.replan import PlanWave, Replan, Standing
from wavetrain.decide.rings import Unplannable
from wavetrain.decide.timetable import Plan
from wavetrain.decide.work import Works
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import Fleet
from wavetrain.model.lane import LANES
from wavetrain.model.policy import Policy
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Fairness
from wavetrain.model.window import Freeze


class TrainBench(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured. Costs are in sites, weighted as the policy says."""

    pops: int
    pairs: int
    sites: int
    demand_seconds: float
    seconds: float
    windows: int
    lower_bound: int
    beside: int
    tail: int
    hard_broken: int
    soft_unmet: float
    soft_unmet_optimized: float | None
    optimize_seconds: float | None
    optimum_proven: bool | None
    replan_seconds: float
    replan_moved: int
    replan_forced: int
    replan_hard_broken: int


def measure(
    fleet: Fleet,
    policy: Policy,
    departs: datetime,
    optimizer: Optimizer | None,
    seconds: float,
    say: Callable[[str], None] = lambda _: None,
) -> TrainBench:
    """Plan from memory, check, bound, improve; then freeze the busiest region for two nights in mid-train."""
    say("what the sites ask")
    began = time.perf_counter()
    demand = demand_of(fleet, policy, departs)
    demand_s = time.perf_counter() - began
    asked = Asked(
        lane=LANES[policy.lane],
        policy=policy,
        fleet=fleet,
        freezes=(),
        departs=departs,
        now=departs - timedelta(days=2),
        demand=demand,
        fairness=Fairness(lane=policy.lane),
    )
    say("the plan")
    began = time.perf_counter()
    laid = layout.lay(asked)
    if isinstance(laid, Unplannable):
        raise RefusedError(f"the train cannot be planned: {laid.text}")
    plan = timetable.plan_of(laid)
    plan_s = time.perf_counter() - began
    say("the check and the bound")
    broken = _check(asked, plan)
    bound = timetable_bound.lower_bound(laid.works, laid.crews, set(plan.beside))
    say("the freeze in mid-train")
    again = _replan(asked, laid, plan)
    better, improved = None, None
    if optimizer is not None:
        say(f"the solver, up to {seconds:g} s")
        problem = improvement.problem_of(laid)
        improved = optimizer.improve(problem, seconds)
        better = timetable.plan_of(improvement.taken(laid, problem, improved.places))
        broken += _check(asked, better)
    return TrainBench(
        pops=len(fleet.pops),
        pairs=len(demand.pairs),
        sites=len(fleet.sites),
        demand_seconds=round(demand_s, 3),
        seconds=round(plan_s, 3),
        windows=plan.windows,
        lower_bound=bound,
        beside=len(plan.beside),
        tail=len(plan.tail),
        hard_broken=broken,
        soft_unmet=round(plan.cost, 2),
        soft_unmet_optimized=round(better.cost, 2) if better is not None else None,
        optimize_seconds=round(improved.seconds, 3) if improved is not None else None,
        optimum_proven=improved.proven if improved is not None else None,
        replan_seconds=round(again[0], 3),
        replan_moved=again[1],
        replan_forced=again[2],
        replan_hard_broken=again[3],
    )


def sunday(day: date) -> datetime:
    """The departure of the fortnight's train on or after a day: its Sunday, 00:00 UTC."""
    return calendar.departure("SU", 2, "UTC", datetime.combine(day, clock(), UTC))


def _check(
    asked: Asked, plan: Plan, freezes: tuple[Freeze, ...] = (), begun: frozenset[str] = frozenset()
) -> int:
    """How many hard rules are broken, save by work that has begun before there was the freeze."""
    case = timetable_check.Case(
        lane=asked.lane,
        policy=asked.policy,
        fleet=asked.fleet,
        freezes=freezes,
        departs=asked.departs,
        now=asked.now,
        rings=tuple(wave.ring.name for wave in plan.waves),
    )
    broken = timetable_check.check(case, plan.stops).broken
    return sum(not begun.issuperset(item.pops) for item in broken)


def _replan(asked: Asked, laid: Layout, plan: Plan) -> tuple[float, int, int, int]:
    """Seconds, PoPs moved, PoPs whose own stop the freeze covers, rules broken afterwards."""
    works = laid.works
    middle = plan.stops[len(plan.stops) // 2]
    region = asked.fleet.pops[middle.pop].region
    freeze = Freeze(
        id="bench",
        starts=middle.opens,
        ends=middle.opens + timedelta(days=2),
        reason="bench",
        by="bench",
        scope=(region,),
    )
    covered = {
        stop.pop
        for stop in plan.stops
        if asked.fleet.pops[stop.pop].region == region
        and stop.opens < freeze.ends
        and freeze.starts < (stop.ends or stop.opens)
    }
    began = time.perf_counter()
    frozen = Works(asked.lane, asked.policy, asked.fleet, (freeze,), asked.departs, asked.now)
    board = Board(asked.fleet, asked.policy, asked.demand, asked.fairness)
    now = works.at(middle.opens - timedelta(hours=1))
    standing = {
        stop.pop: Standing(
            stop.wave,
            works.at(stop.opens),
            works.at(stop.ends or stop.opens),
            works.at(stop.closes),
            is_free=works.at(stop.opens) > now,
            holds=not stop.beside,
        )
        for stop in plan.stops
    }
    waves = [
        PlanWave(
            wave.ring.soak_minutes * 60 if wave.last_of_ring else 0,
            is_general=wave.ring.stage is Stage.GENERAL,
            ring=wave.ring.name,
        )
        for wave in plan.waves
    ]
    moves = Replan(frozen, board, waves, standing, now).moves({}, check=True)
    took = time.perf_counter() - began
    stops = {stop.pop: stop for stop in plan.stops}
    for move in moves:
        stops[move.pop] = msgspec.structs.replace(
            stops[move.pop],
            wave=move.wave,
            opens=works.instant(move.start.start),
            closes=works.instant(move.start.closes),
            ends=works.instant(move.start.end),
            beside=move.beside,
        )
    after = msgspec.structs.replace(plan, stops=tuple(stops.values()))
    begun = frozenset(pop for pop, stop in standing.items() if not stop.is_free)
    return took, len(moves), len(covered - begun), _check(asked, after, (freeze,), begun)
