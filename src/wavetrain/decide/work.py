"""Work: how long does a PoP take, and when may it start?

Instants are whole seconds after the plan's epoch (UTC), because a plan compares them millions of times.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple

from wavetrain.decide import calendar, demand, placebo_wave, waves
from wavetrain.decide.almanac import DAY, HOUR, Almanac, Slot, epoch_of
from wavetrain.model.fleet import Account, Fleet, Pop, PopId
from wavetrain.model.lane import Lane
from wavetrain.model.policy import Bake, Policy
from wavetrain.model.window import MINUTES_MAX, Freeze, WindowRule

FOREVER = 1 << 62
LONG = 4 * HOUR
"""Work that lasts longer than this is given nights of more than a day."""
OVERTIME_DAYS = 8
EARLY = timedelta(hours=15)
"""So long before its departure in UTC a train may leave in the zones that are farthest ahead."""
_EPSILON = 1e-9


class Start(NamedTuple):
    """A place in time that a PoP may take: its work lies in [start, end), its window closes at `closes`.

    `day` is the local day on which it starts, as `date.toordinal` counts them.
    """

    start: int
    end: int
    closes: int
    day: int


def seconds(policy: Policy, bakes: bool, nodes: int, batch: int) -> int:
    """The predicted work on a PoP of `nodes`, so many of them at once: canaries, their bake, then the rest.

    Before the canaries, as many restarts one by one where the policy asks for them.
    """
    unit, canaries = policy.timing.unit_minutes * 60, min(policy.bake.canaries, nodes)
    if not bakes or canaries >= nodes:
        return -(-nodes // batch) * unit
    placebos = placebo_wave.count(policy, nodes, canaries)
    return (
        placebos - (-canaries // batch) - (-(nodes - canaries) // batch)
    ) * unit + policy.bake.minutes * 60


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
    """When a train leaves in a zone: at its own midnight of the departure's day; off the grid, at once."""
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
        almanac: Almanac | None = None,
    ) -> None:
        """`departs` is the train's departure; where it is past, the train begins `now`.

        `almanac`: one of this departure that has been asked before; it saves time, and says the same as a new one.
        """
        self.lane, self.policy, self.fleet, self.freezes = lane, policy, fleet, tuple(freezes)
        self.departs, self.now = departs, now
        self._almanac = almanac or Almanac(epoch_of(departs))
        self.epoch = self._almanac.epoch
        self.days = policy.timing.spread_days
        self._openings: dict[tuple[str, str, str, int], list[int]] = {}
        self._begins: dict[str, int] = {}
        self._frozen: dict[PopId, list[tuple[int, int]]] = {}

    def at(self, instant: datetime) -> int:
        """An instant as seconds after the epoch, rounded up."""
        return self._almanac.at(instant)

    def instant(self, at: int) -> datetime:
        """The instant of so many seconds after the epoch."""
        return self._almanac.instant(at)

    def begin(self, pop: PopId) -> int:
        """When the train begins in a PoP."""
        return self.begin_in(self.fleet.pops[pop].zone)

    def begin_in(self, zone: str) -> int:
        """When the train begins in a zone: its own departure, or now where that is past."""
        known = self._begins.get(zone)
        if known is None:
            known = self._begins[zone] = self.at(max(self.now, leaves(self.departs, self.policy, zone)))
        return known

    def first(self, pop: PopId, after: int, *, overtime: bool = False) -> Start | None:
        """The first place from `after` on, or None when the train has none."""
        return next(self.starts(pop, after, overtime=overtime), None)

    def is_sparse(self, pop: PopId) -> bool:
        """Whether its window opens on fewer than half of the train's days."""
        return 2 * self.opening_days(pop) < self.days

    def is_seldom(self, pop: PopId) -> bool:
        """Whether there are days of the train on which its window does not open."""
        return self.opening_days(pop) < self.days

    def opening_days(self, pop: PopId) -> int:
        """On how many of the train's days its window opens."""
        place = self.fleet.pops[pop]
        begin = self.begin(pop)
        opens = self._opens(place.window, begin)
        return bisect_left(opens, begin + self.days * DAY) - bisect_left(opens, begin)

    def starts(
        self, pop: PopId, after: int, before: int = FOREVER, *, overtime: bool = False
    ) -> Iterator[Start]:
        """Every place from `after` on that ends by `before` and breaks no rule of the PoP alone, in order.

        Places lie within the days of the train, with `overtime` also in the `OVERTIME_DAYS` after them.

        Those are: its window with the predicted work and its undo, freezes, the capacity that its load leaves, and the
        black-outs of the account that it is dedicated to.
        """
        place = self.fleet.pops[pop]
        nodes, share = len(place.nodes), waves.share_of(len(place.nodes), self.policy.budgets.pop_share)
        bakes, undo, frozen = self.lane.bakes, undo_seconds(self.policy, nodes), self.frozen(pop)
        plain = 0 if place.hours else self._plain(place, nodes, share)
        barred = self._barred(place)
        last = before if overtime else min(before, self.begin(pop) + self.days * DAY)
        for slot in self._from(place, after):
            if slot.start >= last:
                break
            if slot.start < after or slot.day in barred:
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
            elif place.window.minutes * 60 < length + undo:
                split = self._walked(place, slot, length)
                if split is not None and split <= before:
                    yield Start(slot.start, split, slot.closes, slot.day)

    def slots(self, place: Pop) -> list[Slot]:
        """Every start slot of a PoP's window in this train and the days after it, in order."""
        return list(self._from(place, 0))

    def _from(self, place: Pop, after: int) -> Iterator[Slot]:
        """The start slots, from the opening on in which `after` lies; expanded as far as somebody looks."""
        rule, begin = place.window, self.begin_in(place.zone)
        opens, length = self._opens(rule, begin), rule.minutes * 60
        for index in range(bisect_left(opens, after - length + 1), len(opens)):
            yield from self._almanac.slots(rule.zone, opens[index], length, begin)

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

    def freezing(self, pop: PopId, start: int, end: int) -> str:
        """The id of a freeze that binds a PoP and covers part of [start, end), or nothing; of several the first."""
        names = {pop, self.fleet.pops[pop].region, self.lane.name}
        return min(
            (
                freeze.id
                for freeze in self.freezes
                if (not freeze.scope or not names.isdisjoint(freeze.scope))
                and self.at(freeze.starts) < end
                and start < self.at(freeze.ends)
            ),
            default="",
        )

    def short(self) -> tuple[PopId, ...]:
        """The PoPs that cannot do without a single node at the one load that is known of them."""
        headroom = self.policy.budgets.headroom
        return tuple(
            pop.id
            for pop in self.fleet.pops.values()
            if not pop.hours and not spared(len(pop.nodes), pop.load, headroom)
        )

    def seconds_left(self, pop: PopId, settled: int) -> int:
        """What is left of a PoP's work when so many of its nodes have settled, at the policy's own share."""
        nodes = len(self.fleet.pops[pop].nodes)
        batch = waves.share_of(nodes, self.policy.budgets.pop_share)
        if not settled:
            return seconds(self.policy, self.lane.bakes, nodes, batch)
        return -(-max(0, nodes - settled) // batch) * self.policy.timing.unit_minutes * 60

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
        days = demand.days_of(account.blackouts, first, first + timedelta(days=self.days + OVERTIME_DAYS + 6))
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

    def _opens(self, rule: WindowRule, begin: int) -> list[int]:
        """When the window opens, from the one under way at the beginning on."""
        key = (rule.rule, rule.starts, rule.zone, begin)
        known = self._openings.get(key)
        if known is None:
            before, days = MINUTES_MAX * 60, self.days + OVERTIME_DAYS
            known = self._openings[key] = self._almanac.opens(rule, begin - before, begin + days * DAY)
        return known


def _hits(spans: Iterable[tuple[int, int]], start: int, end: int) -> bool:
    return any(start < ends and starts < end for starts, ends in spans)


def night_seconds(works: Works, pops: Sequence[PopId]) -> int:
    """The longest that a wave of a ring may last: a day, and more where a member's work takes more than one window."""
    starts = [works.first(pop, works.begin(pop)) for pop in pops]
    longest = max((start.end - start.start for start in starts if start is not None), default=0)
    return DAY if longest <= LONG else DAY * (1 + -(-longest // DAY))
