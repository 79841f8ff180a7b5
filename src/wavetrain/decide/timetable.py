"""Timetable: which PoP goes in which window?"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from wavetrain.decide import calendar, cohort, rings, trouble, unmet
from wavetrain.decide import waves as budgets
from wavetrain.decide.board import Board
from wavetrain.decide.nights import Laid, Nights
from wavetrain.decide.rings import Crew, Unplannable
from wavetrain.decide.work import DAY, Works
from wavetrain.model.demand import Demand
from wavetrain.model.fleet import Fleet, PopId, UnitId
from wavetrain.model.lane import Lane, UnitKind
from wavetrain.model.policy import Pace, Policy, Ring
from wavetrain.model.rollout import Fairness, Stop, Unmet
from wavetrain.model.window import Freeze

__all__ = [
    "Leg",
    "Plan",
    "PlannedWave",
    "Unplannable",
    "departure",
    "legs",
    "next_start",
    "order",
    "plan",
    "stops",
]


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """One wave of the plan: its ring, and the units of each turn in the order in which they go."""

    ring: Ring
    last_of_ring: bool
    turns: dict[PopId, tuple[UnitId, ...]]


class PlannedWave(msgspec.Struct, frozen=True, kw_only=True):
    """One wave of a planned train."""

    ring: Ring
    last_of_ring: bool


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A whole train: every PoP of every ring has its stop, and no hard rule is broken."""

    waves: tuple[PlannedWave, ...]
    stops: tuple[Stop, ...]
    unmet: tuple[Unmet, ...] = ()
    unmet_sites: dict[str, int] = {}
    cost: float = 0.0
    """What all wishes cost that are not granted, in weighted sites."""
    uncovered: tuple[str, ...] = ()
    late: tuple[PopId, ...] = ()
    """PoPs that go after the last planned day: in the days that are kept for those who slip, or, where their windows
    come too seldom, even after the train's last day."""
    short: tuple[PopId, ...] = ()
    """PoPs that the forecast load does not spare a single node of, at the one load that is known."""

    @property
    def windows(self) -> int:
        """How many windows are used: waves of at most one night each."""
        return len(self.waves)


def plan(
    lane: Lane,
    policy: Policy,
    fleet: Fleet,
    freezes: Sequence[Freeze],
    departs: datetime,
    now: datetime,
    *,
    demand: Demand | None = None,
    fairness: Fairness | None = None,
    travelled: Callable[[list[Crew]], list[Crew] | Unplannable] = list,
) -> Plan | Unplannable:
    """The whole train of a lane with windows, or the hard rule that cannot be met.

    At an even pace rings are laid gently and spread over the planned days; where that does not fit, in as few
    windows as possible; what even so lies after the last planned day is listed as late. `travelled` chooses which part
    of the rings goes, in which order: a hotfix does not always travel all of them.
    """
    demand, fairness = demand or Demand(), fairness or Fairness(lane=lane.name)
    found = rings.crews(policy, fleet, demand, fairness)
    if isinstance(found, Unplannable):
        return found
    crews = travelled(list(found.crews))
    if isinstance(crews, Unplannable):
        return crews
    works = Works(lane, policy, fleet, freezes, departs, now)
    best: tuple[list[Laid], Board, tuple[PopId, ...]] | None = None
    for gentle in (True, False) if policy.timing.pace is Pace.EVEN else (False,):
        board = Board(fleet, policy, demand, fairness)
        targets = _spread(works, crews, fleet) if gentle else ()
        if targets is None:
            continue
        laid = Nights(works, board, gentle=gentle, targets=targets).lay(crews)
        if isinstance(laid, Unplannable):
            if gentle:
                continue
            if best is None:
                return trouble.explain(works, board, laid, crews)
            break
        late = _late(works, laid)
        if best is None or len(late) < len(best[2]):
            best = (laid, board, late)
        if not late:
            break
    assert best is not None  # either something was laid, or the loop has returned why not
    laid, board, late = best
    listed = unmet.listed(works, board, laid)
    return Plan(
        waves=tuple(PlannedWave(ring=one.ring, last_of_ring=one.last_of_ring) for one in laid),
        stops=_stops(works, laid),
        unmet=listed.unmet,
        unmet_sites=listed.sites,
        cost=listed.cost,
        uncovered=found.uncovered,
        late=late,
        short=works.short(),
    )


def _spread(works: Works, crews: Sequence[Crew], fleet: Fleet) -> list[int] | None:
    """Before which instant each wave of an even train does not begin; None where a gentle train is too long."""
    board = Board(fleet, works.policy, Demand(), Fairness(lane=works.lane.name))
    tried = Nights(works, board, gentle=True).lay(crews, weigh=False)
    if isinstance(tried, Unplannable) or _late(works, tried):
        return None
    begin, span = tried[0].after, works.policy.timing.planned_to_day * DAY
    return [begin + span * index // len(tried) for index in range(len(tried))]


def _late(works: Works, laid: Sequence[Laid]) -> tuple[PopId, ...]:
    span = works.policy.timing.planned_to_day * DAY
    return tuple(
        pop
        for one in laid
        for pop, start in sorted(one.starts.items())
        if start.end > works.begin(pop) + span
    )


def _stops(works: Works, laid: Sequence[Laid]) -> tuple[Stop, ...]:
    return tuple(
        Stop(
            pop=pop,
            wave=index,
            ring=one.ring.name,
            opens=works.instant(start.start),
            closes=works.instant(start.closes),
            ends=works.instant(start.end),
        )
        for index, one in enumerate(laid)
        for pop, start in sorted(one.starts.items(), key=lambda item: (item[1].start, item[0]))
    )


def legs(lane: Lane, policy: Policy, fleet: Fleet, salt: str) -> list[Leg] | Unplannable:
    """The waves of a lane without windows: rings in order, each cut by budgets; a unit is in the first that names it.

    `salt` (the release) decides by stable hash who is first inside a PoP, so that it is not always the same node.
    """
    if lane.unit is UnitKind.ACCOUNT:
        return _account_legs(policy, fleet, salt)
    made: list[Leg] = []
    left = [PopId(name) for name in cohort.rank(sorted(fleet.pops), "ring")]
    for ring in policy.rings:
        members = rings.members_of(ring, left, len(fleet.pops))
        unknown = [name for name in ring.pops if name not in fleet.pops]
        if unknown:
            return Unplannable(
                f"ring {ring.name} names {unknown[0]}, which the fleet does not have; apply a policy"
            )
        members = members or left[: ring.cover]
        left = [name for name in left if name not in members]
        parts = budgets.cut(members, fleet, policy.budgets)
        made += [
            Leg(
                ring=ring,
                last_of_ring=index == len(parts) - 1,
                turns={pop: order(fleet.pops[pop].nodes, lane.suffix, salt) for pop in part},
            )
            for index, part in enumerate(parts)
        ]
    return made or Unplannable("no ring of the policy has a member; apply a policy whose rings name PoPs")


def _account_legs(policy: Policy, fleet: Fleet, salt: str) -> list[Leg] | Unplannable:
    left = [PopId(name) for name in cohort.rank(sorted(fleet.accounts), salt)]
    count = len(left)
    made: list[Leg] = []
    for ring in policy.rings:
        members = rings.members_of(ring, left, count)
        left = [name for name in left if name not in members]
        if members:
            named = tuple(UnitId(name) for name in members)
            made.append(Leg(ring=ring, last_of_ring=True, turns={PopId(f"share:{ring.name}"): named}))
    return made or Unplannable("no ring of the policy has a member; the fleet names no accounts")


def order(nodes: Sequence[str], suffix: str, salt: str) -> tuple[UnitId, ...]:
    """The units of a PoP in the order in which they go."""
    return tuple(UnitId(name + suffix) for name in cohort.rank(nodes, salt))


def stops(plan: Sequence[Leg], policy: Policy, departs: datetime) -> tuple[Stop, ...]:
    """The stops of a lane without windows: waves spread evenly from the departure to the last planned day."""
    spread = timedelta(days=policy.timing.planned_to_day)
    stays = timedelta(days=max(1, policy.timing.spread_days))
    earliest = departs
    made: list[Stop] = []
    for index, leg in enumerate(plan):
        earliest = max(earliest, departs + spread * index / len(plan))
        made += [
            Stop(pop=pop, wave=index, ring=leg.ring.name, opens=earliest, closes=earliest + stays)
            for pop in leg.turns
        ]
        earliest += timedelta(minutes=leg.ring.soak_minutes)
    return tuple(made)


def next_start(
    fleet: Fleet, pop: PopId, freezes: Sequence[Freeze], after: datetime, needed: timedelta, lane: str
) -> tuple[datetime, datetime] | None:
    """The first opening of a PoP at or after `after` in which a unit and its undo still fit, outside freezes."""
    place = fleet.pops[pop]
    scope = (place.id, place.region, lane)
    answer = calendar.may_start(place.window, freezes, after, needed, scope)
    start = after if answer.open else answer.opens_again
    if start is None:
        return None
    opening = calendar.opening_at(place.window, start)
    return None if opening is None else (start, opening.closes)


def departure(policy: Policy, lane: Lane, after: datetime) -> datetime:
    """When the next train of the lane leaves: Sunday 00:00 UTC of its cadence; lanes without windows leave at once.

    In each PoP's own zone the train begins at its own midnight of that day.
    """
    if not lane.windowed:
        return after
    return calendar.departure("SU", policy.timing.cadence_weeks, "UTC", after)
