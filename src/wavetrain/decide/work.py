"""Work: how long does a PoP take, and when may it start?

Instants are whole seconds after the plan's epoch (UTC), because a plan compares them millions of times.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple

from wavetrain.decide import calendar, demand, waves
from wavetrain.model.fleet import Account, Fleet, Pop, PopId
from wavetrain.model.lane import Lane
from wavetrain.model.policy import Bake, Policy
from wavetrain.model.window import Freeze, WindowRule

HOUR, DAY = 3_600, 86_400
FOREVER = 1 << 62
_EPSILON = 1e-9


class Start(NamedTuple):
    """A place in time that a PoP may take: its work lies in [start, end), its window closes at `closes`.

    `day` is the local day on which it starts, as `date.toordinal` counts them.
    """

    start: int
    end: int
    closes: int
    day: int


class Slot(NamedTuple):
    """A start slot of a window rule, with the local hours that follow each other from it on."""

    start: int
    opens: int
    closes: int
    day: int
    past_hour: int
    """Seconds since the local hour began."""
    hours: tuple[int, ...]


def seconds(policy: Policy, bakes: bool, nodes: int, batch: int) -> int:
    """The predicted work on a PoP of `nodes`, so many of them at once: canaries, their bake, then the rest."""
    unit, canaries = policy.timing.unit_minutes * 60, min(policy.bake.canaries, nodes)
    if not bakes or canaries >= nodes:
        return -(-nodes // batch) * unit
    return (-(-canaries // batch) - (-(nodes - canaries) // batch)) * unit + policy.bake.minutes * 60


def undo_seconds(policy: Policy, nodes: int) -> int:
    """The predicted way back of a whole PoP, by the revert's own budget."""
    batch = waves.share_of(nodes, policy.budgets.revert_share)
    return -(-nodes // batch) * policy.timing.unit_minutes * 60


def spared(nodes: int, load: float, headroom: float) -> int:
    """How many nodes a PoP can do without at a load, a share of its capacity; one that has one node does without it."""
    if nodes == 1:
        return 1
    return int(nodes * (1 - min(1.0, load * headroom)) + _EPSILON * nodes)


def leaves(departs: datetime, policy: Policy, zone: str) -> datetime:
    """When a train leaves in a zone: at its own midnight of the departure's day; off the grid, at the instant itself."""
    if departs != calendar.departure("SU", policy.timing.cadence_weeks, "UTC", departs):
        return departs
    return calendar.localise(datetime.combine(departs.date(), time()), zone)


class Works:
    """The work of every PoP of a fleet in one train. Lives within one decision; fills itself as it is asked."""

    def __init__(
        self,
        lane: Lane,
        policy: Policy,
        fleet: Fleet,
        freezes: Sequence[Freeze],
        departs: datetime,
        now: datetime,
    ) -> None:
        """`departs` is the train's departure; where it is past, the train begins `now`."""
        self.lane, self.policy, self.fleet, self.freezes = lane, policy, fleet, tuple(freezes)
        self.departs, self.now = departs, now
        self.epoch = (departs - timedelta(days=2)).replace(minute=0, second=0, microsecond=0)
        self.days = policy.timing.spread_days
        self._slots: dict[tuple[WindowRule, str], list[Slot]] = {}
        self._begins: dict[str, int] = {}
        self._frozen: dict[PopId, list[tuple[int, int]]] = {}

    def at(self, instant: datetime) -> int:
        """An instant as seconds after the epoch, rounded up."""
        return -((self.epoch - instant) // timedelta(seconds=1))

    def instant(self, at: int) -> datetime:
        """The instant of so many seconds after the epoch."""
        return self.epoch + timedelta(seconds=at)

    def begin(self, pop: PopId) -> int:
        """When the train begins in a PoP."""
        return self.begin_in(self.fleet.pops[pop].zone)

    def begin_in(self, zone: str) -> int:
        """When the train begins in a zone: its own departure, or now where that is past."""
        known = self._begins.get(zone)
        if known is None:
            known = self._begins[zone] = self.at(max(self.now, leaves(self.departs, self.policy, zone)))
        return known

    def first(self, pop: PopId, after: int) -> Start | None:
        """The first place from `after` on, or None when the train has none."""
        return next(self.starts(pop, after), None)

    def starts(self, pop: PopId, after: int, before: int = FOREVER) -> Iterator[Start]:
        """Every place from `after` on that ends by `before` and breaks no rule of the PoP alone, in order.

        Those are: its window with the predicted work and its undo, freezes, the capacity that its load leaves, and the
        black-outs of the account that it is dedicated to.
        """
        place = self.fleet.pops[pop]
        slots = self.slots(place)
        nodes, share = len(place.nodes), waves.share_of(len(place.nodes), self.policy.budgets.pop_share)
        bakes, undo, frozen = self.lane.bakes, undo_seconds(self.policy, nodes), self.frozen(pop)
        plain = 0 if place.hours else self._plain(place, nodes, share)
        barred = self._barred(place)
        for index in range(bisect_left(slots, (after,)), len(slots)):
            slot = slots[index]
            if slot.start >= before:
                break
            if slot.day in barred:
                continue
            length = plain
            if place.hours:
                batch = self._batch(place, slot, nodes, share)
                if not batch:
                    continue
                length = seconds(self.policy, bakes, nodes, batch)
            end = slot.start + length
            if end + undo <= slot.closes:
                if end <= before and not _hits(frozen, slot.start, end + undo):
                    yield Start(slot.start, end, slot.closes, slot.day)
            elif slot.closes - slot.opens < length + undo:
                split = self._walked(place, slot, length)
                if split is not None and split <= before:
                    yield Start(slot.start, split, slot.closes, slot.day)

    def slots(self, place: Pop) -> list[Slot]:
        """Every start slot of a PoP's window in this train, in order."""
        key = (place.window, place.zone)
        known = self._slots.get(key)
        if known is None:
            known = self._slots[key] = self._expanded(place.window, self.begin_in(place.zone))
        return known

    def frozen(self, pop: PopId) -> list[tuple[int, int]]:
        """The spans in which a PoP is frozen."""
        known = self._frozen.get(pop)
        if known is None:
            names = {pop, self.fleet.pops[pop].region, self.lane.name}
            known = self._frozen[pop] = [
                (self.at(freeze.starts), self.at(freeze.ends))
                for freeze in self.freezes
                if not freeze.scope or not names.isdisjoint(freeze.scope)
            ]
        return known

    def short(self) -> tuple[PopId, ...]:
        """The PoPs that cannot do without a single node at the one load that is known of them."""
        headroom = self.policy.budgets.headroom
        return tuple(
            pop.id
            for pop in self.fleet.pops.values()
            if not pop.hours and not spared(len(pop.nodes), pop.load, headroom)
        )

    def _plain(self, place: Pop, nodes: int, share: int) -> int:
        """Where the load of each hour is not known, the gate decides in the hour itself: one at a time at least."""
        batch = max(1, min(share, spared(nodes, place.load, self.policy.budgets.headroom)))
        return seconds(self.policy, self.lane.bakes, nodes, batch)

    def _batch(self, place: Pop, slot: Slot, nodes: int, share: int) -> int:
        """How many nodes at once the load leaves in all the hours that the work then takes; 0: none."""
        batch, headroom = share, self.policy.budgets.headroom
        while batch:
            length = seconds(self.policy, self.lane.bakes, nodes, batch)
            touched = slot.hours[: max(1, -(-(slot.past_hour + length) // HOUR))]
            left = spared(nodes, max(place.hours[hour] for hour in touched), headroom)
            if left >= batch:
                return batch
            batch = left
        return 0

    def _barred(self, place: Pop) -> set[int]:
        account: Account | None = self.fleet.accounts.get(place.dedicated) if place.dedicated else None
        if account is None or not account.blackouts:
            return set()
        first = self.epoch.date() - timedelta(days=1)
        days = demand.days_of(account.blackouts, first, first + timedelta(days=self.days + 6))
        return {day.toordinal() for day in days}

    def _walked(self, place: Pop, slot: Slot, length: int) -> int | None:
        """The end of work that no window of the PoP holds as a whole: unit by unit, each with its undo in a window."""
        unit, frozen = self.policy.timing.unit_minutes * 60, self.frozen(place.id)
        left, at, bake = length, slot.start, self._bake(self.policy.bake, place)
        spans = dict.fromkeys((one.opens, one.closes) for one in self.slots(place) if one.closes > at)
        for opens, closes in spans:
            at = max(at, opens)
            while left > 0 and at + 2 * unit <= closes and not _hits(frozen, at, at + 2 * unit):
                at, left = at + unit, left - unit
                if bake:
                    at, left, bake = at + bake, left - bake, 0
            if left <= 0:
                return at
            if at == slot.start:
                return None
        return None

    def _bake(self, bake: Bake, place: Pop) -> int:
        return bake.minutes * 60 if self.lane.bakes and bake.canaries < len(place.nodes) else 0

    def _expanded(self, rule: WindowRule, begin: int) -> list[Slot]:
        last = self.instant(begin) + timedelta(days=self.days)
        first = self.instant(begin)
        openings = list(calendar.openings(rule, first, last)) if self.days else []
        under_way = calendar.opening_at(rule, first)
        if under_way is not None and under_way.opens < first:
            openings.insert(0, under_way)
        made: list[Slot] = []
        for opening in openings:
            opens, closes = self.at(opening.opens), self.at(opening.closes)
            starts = [self.at(start) for start in calendar.start_slots(opening)]
            if opens < begin:
                starts = [begin, *(start for start in starts if start > begin)]
            made += [self._slot(rule.zone, start, max(opens, begin), closes) for start in starts]
        return sorted(set(made))

    def _slot(self, zone: str, start: int, opens: int, closes: int) -> Slot:
        clock = calendar.local(self.instant(start), zone)
        past = clock.minute * 60 + clock.second
        marks = range(start - past, closes, HOUR)
        hours = tuple(calendar.local(self.instant(mark), zone).hour for mark in marks)
        return Slot(start, opens, closes, clock.toordinal(), past, hours)


def _hits(spans: Iterable[tuple[int, int]], start: int, end: int) -> bool:
    return any(start < ends and starts < end for starts, ends in spans)


