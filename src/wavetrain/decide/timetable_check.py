"""Timetable check: does a plan keep every hard rule?

Written apart from the planner: it shares with it the calendar alone, counts in datetimes, and works the length of a
PoP's work out unit by unit. What it returns is the proof that is printed with a plan.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import msgspec

from wavetrain.decide import calendar
from wavetrain.model.fleet import Fleet, Pop, PopId
from wavetrain.model.lane import Lane
from wavetrain.model.policy import Policy
from wavetrain.model.rollout import Stop
from wavetrain.model.window import Freeze

BROKEN_MAX = 1_000
RULES = (
    "whole",
    "departure",
    "window",
    "length",
    "freeze",
    "dedicated black-out",
    "capacity",
    "redundancy group",
    "region share",
    "ring order",
)


class Broken(msgspec.Struct, frozen=True):
    """A hard rule that a plan breaks, with where and how."""

    rule: str
    pops: tuple[PopId, ...]
    text: str


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What was checked: how many stops, under which rules; what is broken is listed up to `BROKEN_MAX`, and counted."""

    stops: int
    rules: tuple[str, ...] = RULES
    broken: tuple[Broken, ...] = ()
    count: int = 0


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """All that a plan is checked against. `rings` names the ring of each wave."""

    lane: Lane
    policy: Policy
    fleet: Fleet
    freezes: tuple[Freeze, ...]
    departs: datetime
    now: datetime
    rings: tuple[str, ...]
    expected: frozenset[PopId] | None = None
    """Who has to have a stop; None: every PoP of the fleet, where the last ring takes the rest."""


def check(case: Case, stops: Sequence[Stop]) -> Proof:
    """The proof that the stops keep every hard rule, or the rules that they break."""
    broken = list(_whole(case, stops))
    known = [stop for stop in stops if stop.pop in case.fleet.pops]
    for stop in known:
        broken += _alone(case, case.fleet.pops[stop.pop], stop)
    broken += [*_groups(case, known), *_regions(case, known), *_order(case, known)]
    return Proof(stops=len(stops), broken=tuple(broken[:BROKEN_MAX]), count=len(broken))


def _whole(case: Case, stops: Sequence[Stop]) -> Iterator[Broken]:
    seen: set[PopId] = set()
    for stop in stops:
        if stop.pop in seen:
            yield Broken("whole", (stop.pop,), f"{stop.pop} has two stops")
        if stop.pop not in case.fleet.pops:
            yield Broken("whole", (stop.pop,), f"{stop.pop} is not in the fleet")
        seen.add(stop.pop)
    everyone = frozenset(case.fleet.pops) if case.policy.rings[-1].rest else frozenset()
    for pop in everyone if case.expected is None else case.expected:
        if pop not in seen:
            yield Broken("whole", (pop,), f"{pop} has no stop")


def _alone(case: Case, pop: Pop, stop: Stop) -> Iterator[Broken]:
    """The rules of one PoP by itself."""
    unit = timedelta(minutes=case.policy.timing.unit_minutes)
    ends = stop.ends or stop.opens
    begins = _begin(case, pop)
    if not begins <= stop.opens:
        yield _broken(
            "departure", stop, f"starts before the train leaves there at {begins:%Y-%m-%d %H:%M} UTC"
        )
    opening = calendar.opening_at(pop.window, stop.opens)
    batch = _batch(case, pop, ends - stop.opens)
    if not batch:
        yield _broken(
            "length", stop, f"its work cannot be done by {ends:%Y-%m-%d %H:%M} UTC, however many go at once"
        )
        batch = 1
    undo = _rounds(len(pop.nodes), _share(len(pop.nodes), case.policy.budgets.revert_share)) * unit
    if opening is None or opening.closes != stop.closes:
        yield _broken("window", stop, "starts outside its window")
        return
    least = _length(case, pop, _share(len(pop.nodes), case.policy.budgets.pop_share)) + undo
    is_split = least > opening.closes - opening.opens
    clear = stop.opens + 2 * unit if is_split else ends + undo
    if clear > opening.closes:
        yield _broken(
            "window", stop, f"does not end, undo included, before it closes at {opening.closes:%H:%M} UTC"
        )
    scope = (pop.id, pop.region, case.lane.name)
    freeze = calendar.frozen_between(case.freezes, stop.opens, clear, scope)
    if freeze is not None:
        yield _broken("freeze", stop, f"falls into freeze {freeze.id}")
    day = calendar.local(stop.opens, pop.window.zone).date()
    account = case.fleet.accounts.get(pop.dedicated) if pop.dedicated else None
    if account is not None and any(span.first <= day <= span.last for span in account.blackouts):
        yield _broken(
            "dedicated black-out", stop, f"account {pop.dedicated} asks for no disturbance on {day}"
        )
    yield from _capacity(case, pop, stop, batch, min(ends, opening.closes))


def _capacity(case: Case, pop: Pop, stop: Stop, batch: int, until: datetime) -> Iterator[Broken]:
    """Where the load of each hour is known: what is left of the PoP carries it in every hour of the work."""
    if not pop.hours or len(pop.nodes) == 1:
        return
    at = stop.opens
    while at < until:
        hour = calendar.local(at, pop.window.zone).hour
        wanted = min(1.0, pop.hours[hour] * case.policy.budgets.headroom)
        if (len(pop.nodes) - batch) / len(pop.nodes) < wanted - 1e-6:
            yield _broken(
                "capacity",
                stop,
                f"{batch} of {len(pop.nodes)} nodes out at {hour}:00 leave less than {wanted:.0%}",
            )
            return
        at += timedelta(minutes=10)


def _groups(case: Case, stops: Sequence[Stop]) -> Iterator[Broken]:
    gap = timedelta(minutes=case.policy.budgets.gap_minutes)
    of = {stop.pop: stop for stop in stops}
    for group in case.fleet.groups.values():
        here = sorted((of[pop] for pop in set(group.members) if pop in of), key=lambda stop: stop.opens)
        for first, second in pairwise(here):
            if second.opens < (first.ends or first.opens) + gap:
                yield Broken(
                    "redundancy group",
                    (first.pop, second.pop),
                    f"{first.pop} and {second.pop} of group {group.id} are less than {gap} apart",
                )


def _regions(case: Case, stops: Sequence[Stop]) -> Iterator[Broken]:
    """Walk through every region's starts and ends in order of time; an end comes before a start at the same instant."""
    budgets = case.policy.budgets
    sizes: dict[str, int] = {}
    for place in case.fleet.pops.values():
        sizes[place.region] = sizes.get(place.region, 0) + 1
    events: dict[str, list[tuple[datetime, int, PopId]]] = {}
    for stop in stops:
        listed = events.setdefault(case.fleet.pops[stop.pop].region, [])
        listed += [(stop.opens, 1, stop.pop), (stop.ends or stop.opens, -1, stop.pop)]
    for region, listed in events.items():
        size = max(budgets.region_pops_min, int(sizes[region] * budgets.region_share + 1e-9))
        busy: set[PopId] = set()
        for at, step, pop in sorted(listed):
            if step > 0:
                busy.add(pop)
            else:
                busy.discard(pop)
            if step > 0 and len(busy) > size:
                text = f"{len(busy)} PoPs of {region} at once at {at:%Y-%m-%d %H:%M} UTC; at most {size}"
                yield Broken("region share", (pop,), text)


def _order(case: Case, stops: Sequence[Stop]) -> Iterator[Broken]:
    place = {ring.name: index for index, ring in enumerate(case.policy.rings)}
    soaks = {ring.name: timedelta(minutes=ring.soak_minutes) for ring in case.policy.rings}
    waves: dict[int, list[Stop]] = {}
    for stop in stops:
        waves.setdefault(stop.wave, []).append(stop)
        if not 0 <= stop.wave < len(case.rings):
            yield _broken("ring order", stop, f"is in wave {stop.wave}, which the plan does not have")
        elif place[stop.ring] > place[case.rings[stop.wave]]:
            yield _broken(
                "ring order", stop, f"of ring {stop.ring} goes with the earlier {case.rings[stop.wave]}"
            )
    yield from _half(case, stops)
    ordinals = sorted(ordinal for ordinal in waves if ordinal < len(case.rings))
    free, last = datetime.min.replace(tzinfo=UTC), PopId("")
    for before, after in pairwise(ordinals):
        ring, following = case.rings[before], case.rings[after]
        if place[ring] > place[following]:
            yield Broken("ring order", (), f"wave {after} of {following} comes after wave {before} of {ring}")
        soak = soaks[ring] if ring != following else timedelta(0)
        waited = [stop for stop in waves[before] if not stop.beside]
        free, last = max([(free, last), *(((stop.ends or stop.opens) + soak, stop.pop) for stop in waited)])
        first = min(waves[after], key=lambda stop: (stop.opens, stop.pop))
        if first.opens < free:
            text = f"{first.pop} of wave {after} starts before wave {before} has ended and soaked at {free:%m-%d %H:%M}"
            yield Broken("ring order", (last, first.pop), text)


def _half(case: Case, stops: Sequence[Stop]) -> Iterator[Broken]:
    """In a whole plan the next ring waits for half of a ring at least, whoever straggles or goes along with it."""
    if case.expected is not None or not case.rings:
        return
    members: dict[str, list[Stop]] = {}
    for stop in stops:
        members.setdefault(stop.ring, []).append(stop)
    for ring, mine in members.items():
        if ring == case.rings[-1]:
            continue
        waited = sum(
            not stop.beside and 0 <= stop.wave < len(case.rings) and case.rings[stop.wave] == ring
            for stop in mine
        )
        if 2 * waited < len(mine):
            text = f"only {waited} of the {len(mine)} PoPs of ring {ring} go before the next ring; at least half must"
            yield Broken("ring order", tuple(stop.pop for stop in mine if stop.beside), text)


def _begin(case: Case, pop: Pop) -> datetime:
    """A train leaves at its own midnight of its day in each zone; a release that leaves off the grid leaves at once."""
    weeks = case.policy.timing.cadence_weeks
    on_grid = calendar.departure("SU", weeks, "UTC", case.departs) == case.departs
    leaves = case.departs
    if on_grid:
        leaves = calendar.localise(datetime.combine(case.departs.astimezone(UTC).date(), time()), pop.zone)
    return max(leaves, case.now)


def _share(count: int, share: float) -> int:
    return max(1, int(count * share + 1e-9))


def _rounds(count: int, batch: int) -> int:
    return -(-count // batch)


def _length(case: Case, pop: Pop, batch: int) -> timedelta:
    """Unit by unit: a batch goes, the next follows; after the canaries they bake."""
    unit, left, passed = timedelta(minutes=case.policy.timing.unit_minutes), len(pop.nodes), timedelta(0)
    canaries = min(case.policy.bake.canaries, left)
    if case.policy.verdicts.placebo_waves and case.policy.verdicts.metrics and case.lane.bakes:
        passed += unit * (canaries if left > 2 * canaries else 0)
    parts = [canaries, left - canaries] if case.lane.bakes and canaries < left else [left]
    for index, part in enumerate(parts):
        while part > 0:
            part, passed = part - batch, passed + unit
        if index == 0 and len(parts) > 1:
            passed += timedelta(minutes=case.policy.bake.minutes)
    return passed


def _batch(case: Case, pop: Pop, span: timedelta) -> int:
    """The fewest nodes at once that are done within a span; 0 where the policy's own share is not."""
    most = _share(len(pop.nodes), case.policy.budgets.pop_share)
    return next((batch for batch in range(1, most + 1) if _length(case, pop, batch) <= span), 0)


def _broken(rule: str, stop: Stop, text: str) -> Broken:
    return Broken(rule, (stop.pop,), f"{stop.pop} at {stop.opens:%Y-%m-%d %H:%M} UTC: {text}")


def counted(broken: Iterable[Broken]) -> dict[str, int]:
    """How often each rule is broken."""
    counts = dict.fromkeys(RULES, 0)
    for item in broken:
        counts[item.rule] += 1
    return counts
