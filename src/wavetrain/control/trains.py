"""Trains: what does the plan of a train look like, as it would be, as it is, or as it was?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from wavetrain.control.facts import policy_of, wished_fleet_of
from wavetrain.control.ports import Optimizer, Store
from wavetrain.control.rollouts import found
from wavetrain.control.stops import stops_of, table_of
from wavetrain.decide import (
    improvement,
    layout,
    pop_load,
    timetable,
    timetable_bound,
    timetable_check,
    visibility,
    work,
)
from wavetrain.decide.demand import summed
from wavetrain.decide.evidence_kept import PopWatch
from wavetrain.decide.layout import Asked
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.decide.rings import Unplannable
from wavetrain.decide.timetable_check import Broken
from wavetrain.decide.visibility import WaveSight
from wavetrain.errors import RefusedError
from wavetrain.model.demand import Demand
from wavetrain.model.fleet import Fleet, PopId
from wavetrain.model.lane import LANES, Lane
from wavetrain.model.policy import Policy
from wavetrain.model.rollout import Fairness, Rollout, Stop, Turn, Unmet, Wave
from wavetrain.model.window import Freeze

BROKEN_SHOWN = 20


class StopSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A PoP's stop."""

    pop: str
    region: str
    wave: int
    ring: str
    opens: datetime
    closes: datetime
    ends: datetime | None = None
    beside: bool = False
    """A straggler, for which no other wave waits."""
    why: str = ""
    """Why it is not where it was planned first; in a first plan, why it goes late, or not with its ring."""


class PlanWaveSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A wave: its ring, how many PoPs go in it, and from when to when they are planned to."""

    ordinal: int
    ring: str
    pops: int
    starts: datetime
    ends: datetime


class ProofSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What the checker found, which is no part of the planner: the stops and rules checked, and what is broken."""

    stops: int
    rules: tuple[str, ...]
    count: int
    broken: tuple[Broken, ...] = ()


class OptimizedSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What a solver made of it: the cost before, whether nothing better exists, and how long it took."""

    cost_before: float
    proven: bool
    seconds: float


class PlanSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A plan for people, programs and files."""

    rollout: str
    number: int
    reason: str
    departs: datetime
    pace: str
    pops: int
    windows: int
    lower_bound: int | None
    """The proven least number of windows; None where it was not worked out."""
    waves: tuple[PlanWaveSeen, ...]
    stops: tuple[StopSeen, ...]
    cost: float = 0.0
    unmet: tuple[Unmet, ...] = ()
    unmet_sites: dict[str, int] = {}
    uncovered: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    """Stragglers: no ring waits for them."""
    late: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    short: tuple[str, ...] = ()
    proof: ProofSeen
    optimized: OptimizedSeen | None = None
    sight: tuple[WaveSight, ...] = ()
    """What each wave will see of a bad release, where pre-periods were given or asked for."""


def outlook(
    fleet: Fleet,
    policy: Policy,
    freezes: Sequence[Freeze],
    departs: datetime,
    now: datetime,
    *,
    optimizer: Optimizer | None = None,
    seconds: float = 0.0,
    name: str = "",
    watches: Mapping[str, PopWatch] | None = None,
    worse_by: float | None = None,
) -> PlanSeen:
    """What a train would look like that nobody has asked for yet; `RefusedError` names the rule that cannot be met.

    With `watches`, the PoPs' pre-periods, it says what each wave will see; `worse_by` as in `visibility.of_waves`.
    """
    lane = LANES[policy.lane]
    if not lane.windowed:
        raise RefusedError(f"lane {lane.name} has no windows, so its trains have no timetable; plan lane pop")
    fleet = fleet.serving(lane.serves)
    asked = Asked(
        lane=lane,
        policy=policy,
        fleet=fleet,
        freezes=tuple(freezes),
        departs=departs,
        now=now,
        demand=demand_of(fleet, policy, departs),
        fairness=Fairness(lane=lane.name),
    )
    laid = layout.lay(asked)
    if isinstance(laid, Unplannable):
        raise RefusedError(f"the train cannot be planned: {laid.text}")
    plan = timetable.plan_of(laid)
    optimized = None
    if optimizer is not None:
        problem = improvement.problem_of(laid)
        better = optimizer.improve(problem, seconds)
        optimized = OptimizedSeen(
            cost_before=plan.cost, proven=better.proven, seconds=round(better.seconds, 3)
        )
        laid = improvement.taken(laid, problem, better.places)
        plan = timetable.plan_of(laid)
    rings = tuple(wave.ring.name for wave in plan.waves)
    case = timetable_check.Case(
        lane=lane,
        policy=policy,
        fleet=fleet,
        freezes=asked.freezes,
        departs=departs,
        now=now,
        rings=rings,
    )
    return PlanSeen(
        rollout=name,
        number=1,
        reason=f"{len(plan.stops)} stops in {len(plan.waves)} waves",
        departs=departs,
        pace=policy.timing.pace.value,
        pops=len(plan.stops),
        windows=plan.windows,
        lower_bound=timetable_bound.lower_bound(laid.works, laid.crews, set(plan.beside)),
        waves=_waves(plan.stops, rings),
        stops=tuple(_stop(fleet, stop) for stop in plan.stops),
        cost=round(plan.cost, 3),
        unmet=plan.unmet,
        unmet_sites=plan.unmet_sites,
        uncovered=plan.uncovered,
        beside=plan.beside,
        late=plan.late,
        tail=plan.tail,
        short=plan.short,
        proof=_proof(case, plan.stops),
        optimized=optimized,
        sight=_sight(fleet, policy, rings, plan.stops, watches, worse_by) if watches is not None else (),
    )


def demand_of(fleet: Fleet, policy: Policy, departs: datetime) -> Demand:
    """What the sites of a fleet ask of the train that leaves then."""
    first = departs.date() - timedelta(days=1)
    last = first + timedelta(days=policy.timing.spread_days + work.OVERTIME_DAYS)
    return summed(fleet, first, last, policy.wishes.blackout_days)


def show(
    store: Store, caller: Caller, rollout_id: str, number: int = 0, *, is_sight_asked: bool = False
) -> PlanSeen:
    """The timetable of a rollout as it is now, or as an earlier number had it.

    What is proven of it: that the stops that have not begun break no hard rule. With `is_sight_asked`, what each wave
    sees by the pre-periods as the store has them.
    """
    require(caller, Act.READ)
    with store.read() as view:
        rollout = found(view, rollout_id)
        lane = LANES[rollout.lane]
        if not rollout.timetable:
            raise RefusedError(f"rollout {rollout.id} has no timetable yet; see: wavetrain why {rollout.id}")
        first, table = table_of(view, rollout.id, 1), table_of(view, rollout.id, number or rollout.timetable)
        stops = stops_of(view, rollout, table.number)
        fleet, policy = wished_fleet_of(view).serving(lane.serves), policy_of(view, rollout.policy)
        rings = tuple(
            wave.ring for wave in sorted(view.find(Wave, rollout=rollout.id), key=lambda wave: wave.ordinal)
        )
        begun = {turn.pop for turn in view.find(Turn, rollout=rollout.id) if turn.started_at is not None}
        freezes = tuple(view.find(Freeze))
        watches = {item.pop: item for item in view.find(PopWatch)} if is_sight_asked else None
    return PlanSeen(
        rollout=rollout.id,
        number=table.number,
        reason=table.reason,
        departs=rollout.departs,
        pace=policy.timing.pace.value,
        pops=len(stops),
        windows=len({stop.wave for stop in stops if not stop.beside}),
        lower_bound=None,
        waves=_waves(stops, rings),
        stops=tuple(_stop(fleet, stop) for stop in stops),
        unmet=first.unmet,
        unmet_sites=first.unmet_sites,
        uncovered=first.uncovered,
        beside=tuple(sorted(stop.pop for stop in stops if stop.beside)),
        proof=_proof_of(lane, policy, fleet, freezes, rollout, rings, stops, begun),
        sight=_sight(fleet, policy, rings, stops, watches, None) if watches is not None else (),
    )


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a PoP between two plans; `before` or `after` is missing where it joined or left."""

    pop: str
    before: StopSeen | None
    after: StopSeen | None
    why: str = ""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between two plans."""

    same: int
    moved: tuple[Moved, ...]


def difference(before: Iterable[StopSeen], after: Iterable[StopSeen]) -> Difference:
    """Every PoP whose wave or start differs, in the order of the newer plan's time."""
    old, new = {stop.pop: stop for stop in before}, {stop.pop: stop for stop in after}
    moved: list[Moved] = []
    for pop in sorted(old.keys() | new.keys()):
        was, now = old.get(pop), new.get(pop)
        if was is None or now is None or (was.wave, was.opens) != (now.wave, now.opens):
            moved.append(Moved(pop=pop, before=was, after=now, why=now.why if now is not None else "left"))
    stayed = [item for item in moved if item.after is not None]
    stayed.sort(key=lambda item: (new[item.pop].opens, item.pop))
    gone = [item for item in moved if item.after is None]
    return Difference(same=len(old.keys() & new.keys()) - _both(moved), moved=(*stayed, *gone))


def _both(moved: Sequence[Moved]) -> int:
    return sum(item.before is not None and item.after is not None for item in moved)


def _proof_of(
    lane: Lane,
    policy: Policy,
    fleet: Fleet,
    freezes: tuple[Freeze, ...],
    rollout: Rollout,
    rings: tuple[str, ...],
    stops: Sequence[Stop],
    begun: set[PopId],
) -> ProofSeen:
    ahead = [stop for stop in stops if stop.pop not in begun and stop.pop in fleet.pops]
    case = timetable_check.Case(
        lane=lane,
        policy=policy,
        fleet=fleet,
        freezes=freezes,
        departs=max(rollout.departs, rollout.not_before),
        now=rollout.not_before,
        rings=rings,
        expected=frozenset(),
    )
    return _proof(case, ahead if lane.windowed else [])


def _proof(case: timetable_check.Case, stops: Sequence[Stop]) -> ProofSeen:
    proof = timetable_check.check(case, stops)
    return ProofSeen(
        stops=proof.stops, rules=proof.rules, count=proof.count, broken=proof.broken[:BROKEN_SHOWN]
    )


def _waves(stops: Sequence[Stop], rings: Sequence[str]) -> tuple[PlanWaveSeen, ...]:
    of: dict[int, list[Stop]] = {}
    for stop in stops:
        of.setdefault(stop.wave, []).append(stop)
    return tuple(
        PlanWaveSeen(
            ordinal=ordinal,
            ring=rings[ordinal],
            pops=len(mine),
            starts=min(stop.opens for stop in mine),
            ends=max(stop.ends or stop.closes for stop in mine),
        )
        for ordinal, mine in sorted(of.items())
    )


def _sight(
    fleet: Fleet,
    policy: Policy,
    rings: Sequence[str],
    stops: Sequence[Stop],
    watches: Mapping[str, PopWatch],
    worse_by: float | None,
) -> tuple[WaveSight, ...]:
    of: dict[int, list[str]] = {}
    for stop in stops:
        of.setdefault(stop.wave, []).append(stop.pop)
    loads: dict[str, pop_load.PopLoad] = {
        stop.pop: pop_load.load_of(stop.pop, len(fleet.pops[stop.pop].nodes), watches.get(stop.pop), policy)
        for stop in stops
        if stop.pop in fleet.pops
    }
    planned = [
        visibility.Planned(ordinal, rings[ordinal], tuple(pops)) for ordinal, pops in sorted(of.items())
    ]
    return visibility.of_waves(policy, planned, loads, worse_by)


def _stop(fleet: Fleet, stop: Stop) -> StopSeen:
    place = fleet.pops.get(stop.pop)
    return StopSeen(
        pop=stop.pop,
        region=place.region if place is not None else "",
        wave=stop.wave,
        ring=stop.ring,
        opens=stop.opens,
        closes=stop.closes,
        ends=stop.ends,
        beside=stop.beside,
        why=stop.why,
    )
