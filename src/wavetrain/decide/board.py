"""Board: what stands against a PoP's start, given what is planned already?

Hard rules bind: a redundancy group's gap and a region's share. Wishes only cost, in sites.
"""

import math
from collections.abc import Sequence

from wavetrain.decide.almanac import DAY
from wavetrain.decide.work import Start
from wavetrain.model.demand import Demand
from wavetrain.model.fleet import Fleet, PopId, RegionId
from wavetrain.model.policy import Budgets, Policy
from wavetrain.model.rollout import Fairness

Busy = tuple[int, int]


def region_sizes(fleet: Fleet, budgets: Budgets) -> dict[RegionId, int]:
    """How many PoPs of each region may be worked on at once."""
    counts: dict[RegionId, int] = {}
    for pop in fleet.pops.values():
        counts[pop.region] = counts.get(pop.region, 0) + 1
    return {region: region_size(count, budgets) for region, count in counts.items()}


def region_size(pops: int, budgets: Budgets) -> int:
    """How many PoPs may be worked on at once, of a region that has so many."""
    return max(budgets.region_pops_min, math.floor(pops * budgets.region_share + 1e-9))


def mates_of(fleet: Fleet) -> dict[PopId, tuple[PopId, ...]]:
    """For each PoP of a redundancy group: the other members of all its groups."""
    mates: dict[PopId, set[PopId]] = {}
    for group in fleet.groups.values():
        members = [pop for pop in group.members if pop in fleet.pops]
        for pop in members:
            mates.setdefault(pop, set()).update(members)
    return {pop: tuple(sorted(others - {pop})) for pop, others in mates.items() if len(others) > 1}


class Board:
    """The planned work so far. Lives within one decision."""

    def __init__(self, fleet: Fleet, policy: Policy, demand: Demand, fairness: Fairness) -> None:
        self.region_of = {pop.id: pop.region for pop in fleet.pops.values()}
        self.sizes = region_sizes(fleet, policy.budgets)
        self.mates = mates_of(fleet)
        self.paired = demand.paired
        self._gap = policy.budgets.gap_minutes * 60
        self._wishes, self.demand, self._fairness = policy.wishes, demand, fairness
        self._black = {
            pop: {black.day.toordinal(): black.sites for black in days}
            for pop, days in demand.blackouts.items()
            if not fleet.pops[pop].dedicated
        }
        self._days: dict[RegionId, dict[int, list[Busy]]] = {region: {} for region in self.sizes}
        self.placed: dict[PopId, Busy] = {}

    def place(self, pop: PopId, start: int, end: int) -> None:
        """Take a PoP's work in."""
        self.placed[pop] = (start, end)
        days = self._days[self.region_of[pop]]
        for day in range(start // DAY, end // DAY + 1):
            days.setdefault(day, []).append((start, end))

    def lift(self, pop: PopId) -> Busy:
        """Take a PoP's work out again."""
        start, end = self.placed.pop(pop)
        days = self._days[self.region_of[pop]]
        for day in range(start // DAY, end // DAY + 1):
            days[day].remove((start, end))
        return start, end

    def blacked(self, pop: PopId, day: int) -> int:
        """How many sites of a shared PoP would rather not be disturbed on a local day, of those days that count."""
        return self._black.get(pop, {}).get(day, 0)

    def past(self, pop: PopId) -> float:
        """How early a PoP was in past trains, from 0 to 1."""
        return self._fairness.early.get(pop, 0.0)

    def blocker(self, pop: PopId, start: int, end: int) -> PopId | None:
        """A member of one of its redundancy groups whose work is less than the gap away, or None."""
        for other in self.mates.get(pop, ()):
            busy = self.placed.get(other)
            if busy is not None and start < busy[1] + self._gap and busy[0] < end + self._gap:
                return other
        return None

    def is_full(self, pop: PopId, start: int, end: int) -> bool:
        """Whether the region's share would be exceeded at any moment of [start, end)."""
        region = self.region_of[pop]
        size, days = self.sizes[region], self._days[region]
        busy = [
            span
            for day in range(start // DAY, end // DAY + 1)
            for span in days.get(day, ())
            if span[0] < end and start < span[1] and day == max(start, span[0]) // DAY
        ]
        if len(busy) < size:
            return False
        moments = {start, *(span[0] for span in busy if span[0] > start)}
        return any(sum(one <= moment < other for one, other in busy) >= size for moment in moments)

    def fits(self, pop: PopId, start: int, end: int) -> bool:
        """Whether no hard rule between PoPs stands against it."""
        return self.blocker(pop, start, end) is None and not self.is_full(pop, start, end)

    def own_costs(
        self, pop: PopId, starts: Sequence[Start], firsts: Sequence[float], *, is_early: bool
    ) -> list[float]:
        """What each of the starts would cost in wishes that are about the PoP alone.

        `firsts` says of each how early it is: 1 in the first wave of the PoP's ring, 0 in the last; empty for a ring
        of one wave, in which nobody is earlier than others. `is_early`: the ring is an early one.
        """
        wishes, black = self._wishes, self._black.get(pop)
        made = (
            [black.get(start[3], 0) * wishes.blackout for start in starts] if black else [0.0] * len(starts)
        )
        if firsts:
            early = 0.0 if is_early else self.demand.early.get(pop, 0) * wishes.early
            past = self._fairness.early.get(pop, 0.0) * wishes.fairness
            past *= max(1, self.demand.sites.get(pop, 0))
            for index, first in enumerate(firsts):
                made[index] += past * first + (0.0 if first == 1 else early)
        return made

    def costs(
        self, pop: PopId, starts: Sequence[Start], firsts: Sequence[float], *, is_early: bool
    ) -> list[float]:
        """What each of the starts would cost in broken wishes, those included that are about its site pairs."""
        gap, made = self._gap, self.own_costs(pop, starts, firsts, is_early=is_early)
        if not starts:
            return made
        low, high = starts[0][0] - gap, max(start[1] for start in starts) + gap
        placed, weight = self.placed, self._wishes.pair
        for other, sites in self.paired.get(pop, ()):
            busy = placed.get(other)
            if busy is None or busy[0] >= high or busy[1] <= low:
                continue
            since, until = busy[0] - gap, busy[1] + gap
            for index, start in enumerate(starts):
                if start[0] < until and since < start[1]:
                    made[index] += sites * weight
        return made
