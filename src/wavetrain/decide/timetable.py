"""Timetable: which PoP goes in which window?"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from wavetrain.decide import calendar, cohort, rings, stragglers, unmet
from wavetrain.decide import waves as budgets
from wavetrain.decide.layout import Asked, Layout, lay
from wavetrain.decide.nights import Laid
from wavetrain.decide.rings import Crew, Unplannable
from wavetrain.decide.work import Start, Works
from wavetrain.model.demand import Demand
from wavetrain.model.fleet import Fleet, PopId, UnitId
from wavetrain.model.lane import Lane, UnitKind
from wavetrain.model.policy import Policy, Ring
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
    beside: tuple[PopId, ...] = ()
    """Stragglers, whose windows are rare or fall badly: no ring waits for them."""
    late: tuple[PopId, ...] = ()
    """PoPs that go after the last planned day, in the days that are kept for those who slip."""
    tail: tuple[PopId, ...] = ()
    """Stragglers that go after the train's last day, with this release or a newer one."""
    short: tuple[PopId, ...] = ()
    """PoPs that the forecast load does not spare a single node of, at the one load that is known."""

    @property
    def windows(self) -> int:
        """How many windows the rings use: waves of at most one night each. Stragglers are in none."""
        behind = set(self.beside)
        return len({stop.wave for stop in self.stops if stop.pop not in behind})


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
    asked = Asked(
        lane=lane,
        policy=policy,
        fleet=fleet,
        freezes=tuple(freezes),
        departs=departs,
        now=now,
        demand=demand or Demand(),
        fairness=fairness or Fairness(lane=lane.name),
    )
    layout = lay(asked, travelled)
    return layout if isinstance(layout, Unplannable) else plan_of(layout)


def plan_of(layout: Layout) -> Plan:
    """A laid train as it is written down."""
    listed = unmet.listed(layout.works, layout.board, layout.waves)
    behind = set(layout.tail)
    return Plan(
        waves=tuple(PlannedWave(ring=one.ring, last_of_ring=one.last_of_ring) for one in layout.waves),
        stops=_stops(layout),
        unmet=listed.unmet,
        unmet_sites=listed.sites,
        cost=listed.cost,
        uncovered=layout.uncovered,
        beside=tuple(sorted(pop for one in layout.waves for pop in one.beside)),
        late=tuple(pop for pop in layout.late if pop not in behind),
        tail=layout.tail,
        short=layout.works.short(),
    )


def _stops(layout: Layout) -> tuple[Stop, ...]:
    works = layout.works
    ring_of = {pop: crew.ring.name for crew in layout.crews for pop in crew.pops}
    overdue = set(layout.overdue)
    return tuple(
        Stop(
            pop=pop,
            wave=index,
            ring=ring_of[pop],
            opens=works.instant(start.start),
            closes=works.instant(start.closes),
            ends=works.instant(start.end),
            beside=pop in one.beside,
            why=_why(works, one, pop, start, is_late=pop in overdue),
        )
        for index, one in enumerate(layout.waves)
        for pop, start in sorted(one.every.items(), key=lambda item: (item[1].start, item[0]))
    )


def _why(works: Works, wave: Laid, pop: PopId, start: Start, *, is_late: bool) -> str:
    """Why it does not go with its ring, or not on the planned days; empty where it does."""
    if pop in wave.beside:
        return stragglers.why(works, pop, wave.after, start)
    days = works.policy.timing.planned_to_day
    return f"the rings before it and its own use the {days} planned days up" if is_late else ""


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
