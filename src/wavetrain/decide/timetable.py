"""Timetable: which PoP goes in which window?"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from wavetrain.decide import calendar, cohort, waves
from wavetrain.model.fleet import Fleet, PopId, UnitId
from wavetrain.model.lane import Lane, UnitKind
from wavetrain.model.policy import Policy, Ring
from wavetrain.model.rollout import Stop
from wavetrain.model.window import Freeze


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """One wave of the plan: its ring, and the units of each turn in the order in which they go."""

    ring: Ring
    last_of_ring: bool
    turns: dict[PopId, tuple[UnitId, ...]]


class Unplannable(msgspec.Struct, frozen=True):
    """A rule that cannot be met, and what would free it."""

    text: str


def legs(lane: Lane, policy: Policy, fleet: Fleet, salt: str) -> list[Leg] | Unplannable:
    """Rings in order, each cut into waves; a unit belongs to the first ring that names it.

    `salt` (the release) decides by stable hash who is first inside a PoP, so that it is not always the same node.
    """
    if lane.unit is UnitKind.ACCOUNT:
        return _account_legs(policy, fleet, salt)
    made: list[Leg] = []
    left = list(cohort.rank(sorted(fleet.pops), "ring"))
    for ring in policy.rings:
        members = [PopId(name) for name in _members(ring, left, len(fleet.pops))]
        unknown = [name for name in ring.pops if name not in fleet.pops]
        if unknown:
            return Unplannable(
                f"ring {ring.name} names {unknown[0]}, which the fleet does not have; apply a policy"
            )
        left = [name for name in left if name not in members]
        parts = waves.cut(members, fleet, policy.budgets)
        made += [
            Leg(
                ring=ring,
                last_of_ring=index == len(parts) - 1,
                turns={pop: _order(fleet.pops[pop].nodes, lane.suffix, salt) for pop in part},
            )
            for index, part in enumerate(parts)
        ]
    return made or Unplannable("no ring of the policy has a member; apply a policy whose rings name PoPs")


def _account_legs(policy: Policy, fleet: Fleet, salt: str) -> list[Leg] | Unplannable:
    left = list(cohort.rank(sorted(fleet.accounts), salt))
    count = len(left)
    made: list[Leg] = []
    for ring in policy.rings:
        members = _members(ring, left, count)
        left = [name for name in left if name not in members]
        if members:
            order = tuple(UnitId(name) for name in members)
            made.append(Leg(ring=ring, last_of_ring=True, turns={PopId(f"share:{ring.name}"): order}))
    return made or Unplannable("no ring of the policy has a member; the fleet names no accounts")


def _members(ring: Ring, left: Sequence[str], count: int) -> list[str]:
    if ring.pops:
        return [name for name in ring.pops if name in left]
    if ring.rest:
        return list(left)
    return list(left[: max(1, count * ring.share_percent // 100)])


def _order(nodes: Sequence[str], suffix: str, salt: str) -> tuple[UnitId, ...]:
    return tuple(UnitId(name + suffix) for name in cohort.rank(nodes, salt))


def stops(
    plan: Sequence[Leg],
    lane: Lane,
    policy: Policy,
    fleet: Fleet,
    freezes: Sequence[Freeze],
    departs: datetime,
) -> tuple[Stop, ...] | Unplannable:
    """Give every turn its window: waves in order, spread evenly from the departure to the last planned day.

    A wave opens no earlier than the end of the one before it plus its ring's soak. The release does not depart in
    a PoP before the departure's wall-clock time there; windows do the rest, since they open in local time.
    """
    spread = timedelta(days=policy.timing.planned_to_day)
    needed = 2 * timedelta(minutes=policy.timing.unit_minutes)
    earliest = departs
    made: list[Stop] = []
    for index, leg in enumerate(plan):
        earliest = max(earliest, departs + spread * index / len(plan))
        ends = earliest
        for pop in leg.turns:
            if not lane.windowed:
                closes = earliest + timedelta(days=max(1, policy.timing.spread_days))
                made.append(Stop(pop=pop, wave=index, ring=leg.ring.name, opens=earliest, closes=closes))
                continue
            opening = next_start(fleet, pop, freezes, earliest, needed, lane.name)
            if opening is None:
                return Unplannable(
                    f"PoP {pop} has no opening of {needed} outside freezes within two years of "
                    f"{earliest:%Y-%m-%d %H:%M} UTC; change its window rule or remove a freeze"
                )
            made.append(Stop(pop=pop, wave=index, ring=leg.ring.name, opens=opening[0], closes=opening[1]))
            ends = max(ends, opening[1])
        earliest = ends + timedelta(minutes=leg.ring.soak_minutes)
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

    In each PoP's own zone the train begins with the first window that opens after this.
    """
    if not lane.windowed:
        return after
    return calendar.departure("SU", policy.timing.cadence_weeks, "UTC", after)
