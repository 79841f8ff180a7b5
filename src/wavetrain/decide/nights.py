"""Nights: into which waves does each ring go, with which start for each of its PoPs?

A wave lasts one night: from its first start no more than `DAY` goes by until its last predicted end (longer only in a
ring that holds PoPs whose work no single window holds). Waves never overlap, rings keep their order, and after a
ring's last wave its soak goes by.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec

from wavetrain.decide.board import Board
from wavetrain.decide.rings import Crew, Unplannable
from wavetrain.decide.work import DAY, FOREVER, HOUR, Start, Works
from wavetrain.model.fleet import PopId, RegionId
from wavetrain.model.policy import Ring
from wavetrain.model.release import Stage

PASSES_MAX = 6
LONG = 4 * HOUR
"""Work that lasts longer than this is given nights of more than a day."""
LEAST_GAIN = 1e-9


class Laid(msgspec.Struct, frozen=True):
    """One wave of a plan. Its starts lie at or after `after`, its ends at or before `before`."""

    ring: Ring
    last_of_ring: bool
    after: int
    before: int
    starts: dict[PopId, Start]

    @property
    def ends(self) -> int:
        """When its last work is predicted to be over."""
        return max(start.end for start in self.starts.values())


class _Night(msgspec.Struct):
    """A wave in the making."""

    after: int
    before: int
    starts: dict[PopId, Start]


class Nights:
    """Lays rings into waves on a board. Lives within one decision."""

    def __init__(self, works: Works, board: Board, *, gentle: bool, targets: Sequence[int] = ()) -> None:
        """`gentle`: no region gives more than its share in a night, no group more than one PoP.

        `targets`: before which instant each wave does not begin.
        """
        self._works, self._board, self._gentle, self._targets = works, board, gentle, targets
        self._sizes = board.sizes

    def lay(self, crews: Sequence[Crew], *, weigh: bool = True) -> list[Laid] | Unplannable:
        """Every ring, in order. Without `weigh` the wishes are left out: the waves are as many, and it is quicker."""
        made: list[Laid] = []
        begin = ready = min(self._works.begin(pop) for crew in crews for pop in crew.pops)
        for crew in crews:
            nights = self._fill(crew, ready, len(made))
            if isinstance(nights, Unplannable):
                return nights
            ends = max(start.end for start in nights[-1].starts.values())
            # Room for wishes is taken neither from the rings that follow nor from the days that are kept for slips.
            planned = 0 if crew is not crews[-1] else begin + self._works.policy.timing.planned_to_day * DAY
            nights[-1].before = min(nights[-1].before, max(ends, planned))
            if weigh:
                self._improve(crew, nights)
            kept = [night for night in nights if night.starts]
            made += [
                Laid(crew.ring, night is kept[-1], night.after, night.before, night.starts) for night in kept
            ]
            ready = made[-1].ends + crew.ring.soak_minutes * 60
        return made

    def _fill(self, crew: Crew, ready: int, waves: int) -> list[_Night] | Unplannable:
        """First fit: each night takes whom it can, the PoPs in redundancy groups first, then who can start first.

        So the members of a group follow each other through one night where their windows allow it.
        """
        works, mates = self._works, self._board.mates
        nights: list[_Night] = []
        left = list(crew.pops)
        firsts = {pop: works.first(pop, ready) for pop in left}
        length = night_seconds(works, crew.pops)
        while left:
            index = waves + len(nights)
            after = max(ready, self._targets[index] if index < len(self._targets) else 0)
            for pop in left:
                first = firsts[pop]
                if first is not None and first.start < after:
                    firsts[pop] = first = works.first(pop, after)
                if first is None:
                    return Unplannable("", crew.ring.name, (pop, *(one for one in left if one != pop)))
            after = min(first.start for first in firsts.values() if first is not None)
            left.sort(key=lambda pop: (-len(mates.get(pop, ())), first_of(firsts[pop])))
            night = _Night(after, after + length, {})
            self._take(left, night)
            if not night.starts:
                ready = after + HOUR
                continue
            left = [pop for pop in left if pop not in night.starts]
            for pop in night.starts:
                del firsts[pop]
            nights.append(night)
            ready = max(start.end for start in night.starts.values())
        for night, following in zip(nights, nights[1:], strict=False):
            night.before = min(night.before, following.after)
        return nights

    def _take(self, left: Sequence[PopId], night: _Night) -> None:
        board, regions = self._board, Counter[RegionId]()
        for pop in left:
            region = board.region_of[pop]
            if self._gentle and not self._is_spare(pop, regions[region], night):
                continue
            for start in self._works.starts(pop, night.after, night.before):
                if board.fits(pop, start.start, start.end):
                    board.place(pop, start.start, start.end)
                    night.starts[pop] = start
                    regions[region] += 1
                    break

    def _is_spare(self, pop: PopId, beside: int, night: _Night) -> bool:
        """Whether a gentle night has room: for its region, and for its groups."""
        board = self._board
        return beside < self._sizes[board.region_of[pop]] and not any(
            other in night.starts for other in board.mates.get(pop, ())
        )

    def _improve(self, crew: Crew, nights: Sequence[_Night]) -> None:
        """Move one PoP after the other to where fewer wishes break, as long as that helps; hard rules stay whole."""
        board, last = self._board, len(nights) - 1
        is_early = crew.ring.stage is Stage.EARLY
        where = {pop: index for index, night in enumerate(nights) for pop in night.starts}
        counts = [Counter(board.region_of[pop] for pop in night.starts) for night in nights]
        choices = {
            pop: [
                (start, index)
                for index, night in enumerate(nights)
                for start in self._works.starts(pop, night.after, night.before)
            ]
            for pop in crew.pops
        }
        turn = [pop for pop in crew.pops if len(choices[pop]) > 1]
        for _ in range(PASSES_MAX):
            moved: set[PopId] = set()
            for pop in turn:
                listed = choices[pop]
                starts = [start for start, _ in listed]
                firsts = [1 - index / last for _, index in listed] if last else []
                costs = board.costs(pop, starts, firsts, is_early=is_early)
                here = nights[where[pop]].starts[pop]
                now = costs[starts.index(here)]
                if now <= LEAST_GAIN:
                    continue
                better = sorted((cost, number) for number, cost in enumerate(costs) if cost < now - LEAST_GAIN)
                if better and self._moved(pop, [listed[number] for _, number in better], nights, where, counts):
                    moved.add(pop)
            if not moved:
                return
            near = {other for pop in moved for other, _ in board.paired.get(pop, ())}
            near |= {pop for pop in turn if board.mates.get(pop)} | moved
            turn = [pop for pop in turn if pop in near]

    def _moved(
        self,
        pop: PopId,
        choices: Sequence[tuple[Start, int]],
        nights: Sequence[_Night],
        where: dict[PopId, int],
        counts: Sequence[Counter[RegionId]],
    ) -> bool:
        board, old = self._board, where[pop]
        region = board.region_of[pop]
        before = board.lift(pop)
        for start, index in choices:
            if self._gentle and index != old and not self._is_spare(pop, counts[index][region], nights[index]):
                continue
            if board.fits(pop, start.start, start.end):
                board.place(pop, start.start, start.end)
                del nights[old].starts[pop]
                nights[index].starts[pop] = start
                counts[old][region] -= 1
                counts[index][region] += 1
                where[pop] = index
                return True
        board.place(pop, *before)
        return False




def first_of(start: Start | None) -> int:
    """The order of first starts; who has none comes last."""
    return FOREVER if start is None else start.start


def night_seconds(works: Works, pops: Sequence[PopId]) -> int:
    """The longest that a wave of a ring may last: a day, and more where a member's work takes more than one window."""
    starts = [works.first(pop, works.begin(pop)) for pop in pops]
    longest = max((start.end - start.start for start in starts if start is not None), default=0)
    return DAY if longest <= LONG else DAY * (1 + -(-longest // DAY))
