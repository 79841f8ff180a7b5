"""Timetable bound: how few windows could any plan of this train use?

A wave belongs to one ring and lasts at most one night (`work.night_seconds`). A PoP may go later than its ring, never
earlier. So whatever the soaks: the rings before ring i need a wave each, and all PoPs of ring i and of those after it
go in the waves that follow. The bound is the greatest, over i, of i + b(i), where b(i) bounds the waves that these PoPs
need:

- at any moment at most `size` PoPs of a region are worked on. Work that is never more than `size` deep can be sorted
  into `size` tracks in which nothing overlaps (interval graphs are perfect), and one track holds at most `k` works in a
  night, where `k` is found by taking the earliest end again and again (optimal for intervals of one length, and no
  member's work is shorter than the length used). So n members of a region need at least n / (size x k) waves;
- works on the members of a redundancy group are pairwise apart by the gap. How many of them one night holds is found
  by trying every order in which they can follow each other, each as early as its own windows let it (which no later
  start can better); groups of more than `TRIED_MAX` members are taken as regions are, with one track and works that are
  longer by the gap. So m members of a group in the ring need at least m / k waves.

- so many nights have to begin somewhere, the same for all: where no choice of one instant, or of two, lets all PoPs of
  all zones and all members of every group in, one night, or two, are too few.

A member may start at the slots of its window from which its shortest work and its undo fit. Freezes, loads and
black-outs are left out: that can only lower the bound.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from itertools import combinations_with_replacement, permutations

from wavetrain.decide import waves
from wavetrain.decide.almanac import DAY
from wavetrain.decide.board import region_sizes
from wavetrain.decide.rings import Crew
from wavetrain.decide.work import Works, night_seconds, seconds, undo_seconds
from wavetrain.model.fleet import PopId
from wavetrain.model.window import WindowRule

TRIED_MAX = 4
TOGETHER_MAX = 2
Able = tuple[WindowRule, str, int, int]
"""What decides when a PoP may start: its window, its zone, its shortest work, its undo."""


def lower_bound(works: Works, crews: Sequence[Crew], tail: Collection[PopId] = ()) -> int:
    """The proven least number of windows for all PoPs but those that go after the train's days."""
    bound, best = _Bound(works), 0
    rings = [tuple(pop for pop in crew.pops if pop not in tail) for crew in crews]
    for index, pops in enumerate(rings):
        if pops:
            rest = [pop for ring in rings[index:] for pop in ring]
            best = max(best, sum(1 for ring in rings[:index] if ring) + bound.waves_of(rest))
    return best


class _Bound:
    def __init__(self, works: Works) -> None:
        self._works = works
        self._sizes = region_sizes(works.fleet, works.policy.budgets)
        self._gap = works.policy.budgets.gap_minutes * 60
        self._starts: dict[Able, list[int]] = {}
        self._most: dict[tuple[tuple[Able, ...], int], int] = {}

    def waves_of(self, pops: Sequence[PopId]) -> int:
        fleet, night, least = self._works.fleet, night_seconds(self._works, pops), 1
        regions: dict[PopId | str, list[PopId]] = {}
        for pop in pops:
            regions.setdefault(fleet.pops[pop].region, []).append(pop)
        for members in regions.values():
            size = self._sizes[fleet.pops[members[0]].region]
            if len(members) > size:
                track = self._track({self._able(pop) for pop in members}, night, 0)
                least = max(least, -(-len(members) // (size * track)))
        here, groups = set(pops), set[tuple[Able, ...]]()
        for group in fleet.groups.values():
            able = sorted((self._able(pop) for pop in set(group.members) & here), key=repr)
            if len(able) > 1:
                groups.add(tuple(able))
                least = max(least, -(-len(able) // self._together(tuple(able), night)))
        wants = [*sorted(groups, key=lambda able: (-len(able), repr(able)))]
        wants += [(able,) for able in sorted({self._able(pop) for pop in pops}, key=repr)]
        begins = self._begins(pops)
        while least <= TOGETHER_MAX and not self._can_be(least, wants, begins, night):
            least += 1
        return least

    def _begins(self, pops: Sequence[PopId]) -> list[int]:
        """Every instant at which a wave of these PoPs may begin: the starts of the train's days."""
        works = self._works
        return sorted(
            {
                start
                for pop in pops
                for start in self._starts[self._able(pop)]
                if start < works.begin(pop) + works.days * DAY
            }
        )

    def _can_be(self, count: int, wants: list[tuple[Able, ...]], begins: Sequence[int], night: int) -> bool:
        """Whether so many nights, wherever they begin, could hold the members of every group, and every PoP."""
        held: dict[tuple[tuple[Able, ...], int], int] = {}

        def holds(able: tuple[Able, ...], at: int) -> int:
            known = held.get((able, at))
            if known is None:
                orders = permutations(able) if len(able) <= TRIED_MAX else ()
                known = max((self._in_order(order, at, at + night) for order in orders), default=len(able))
                held[able, at] = known
            return known

        for chosen in combinations_with_replacement(begins, count):
            for place, able in enumerate(wants):
                if sum(holds(able, at) for at in chosen) < len(able):
                    wants.insert(
                        0, wants.pop(place)
                    )  # what stands against one choice often does against the next
                    break
            else:
                return True
        return False

    def _able(self, pop: PopId) -> Able:
        works, place = self._works, self._works.fleet.pops[pop]
        nodes, policy = len(place.nodes), works.policy
        length = seconds(policy, works.lane.bakes, nodes, waves.share_of(nodes, policy.budgets.pop_share))
        able = (place.window, place.zone, length, undo_seconds(policy, nodes))
        if able not in self._starts:
            need, slots = length + able[3], works.slots(place)
            fitting = [slot.start for slot in slots if slot.start + need <= slot.closes]
            self._starts[able] = fitting or [slot.start for slot in slots]
        return able

    def _together(self, able: tuple[Able, ...], night: int) -> int:
        """The most members of a group that one night holds."""
        if len(able) > TRIED_MAX:
            return self._track(set(able), night, self._gap)
        known = self._most.get((able, night))
        if known is None:
            firsts = {start for one in able for start in self._starts[one]}
            known = max(
                (
                    self._in_order(order, first, first + night)
                    for first in firsts
                    for order in permutations(able)
                ),
                default=1,
            )
            self._most[able, night] = known = max(1, known)
        return known

    def _in_order(self, order: Sequence[Able], at: int, ends: int) -> int:
        """How many follow each other from an instant on, each as early as it can; who cannot is left out."""
        count = 0
        for able in order:
            starts = self._starts[able]
            index = bisect_left(starts, at)
            if index < len(starts) and starts[index] + able[2] <= ends:
                count, at = count + 1, starts[index] + able[2] + self._gap
        return count

    def _track(self, able: Iterable[Able], night: int, gap: int) -> int:
        """How many works, each followed by the gap, one night holds at most if no two overlap."""
        every = set(able)
        starts = sorted({start for one in every for start in self._starts[one]})
        length, most = min(one[2] for one in every), 1
        for first in starts:
            count, at = 0, first
            while (index := bisect_left(starts, at)) < len(starts):
                if starts[index] + length > first + night:
                    break
                count, at = count + 1, starts[index] + length + gap
            most = max(most, count)
        return most
