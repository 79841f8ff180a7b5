"""Nights: into which waves does each ring go, with which start for each of its PoPs?

A wave lasts one night: from its first start no more than `DAY` goes by until its last predicted end (longer only in a
ring that holds PoPs whose work no single window holds). Waves never overlap, rings keep their order, and after a
ring's last wave its soak goes by. Stragglers (`stragglers`) are in no night: they go beside the waves that follow, from
their ring's first night on; one that has no window left in the train goes after its last day.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

import msgspec

from wavetrain.decide import stragglers
from wavetrain.decide.almanac import DAY, HOUR
from wavetrain.decide.board import Board
from wavetrain.decide.rings import Crew, Unplannable
from wavetrain.decide.work import FOREVER, Start, Works, night_seconds
from wavetrain.model.fleet import PopId, RegionId
from wavetrain.model.policy import Ring
from wavetrain.model.release import Stage

PASSES_MAX = 6
LEAST_GAIN = 1e-9
SQUEEZED_SHARE = 0.02
DELAY_MAX, DELAY_STEP = 2 * DAY, 4 * HOUR


class Laid(msgspec.Struct, frozen=True):
    """One wave of a plan. Its starts lie at or after `after`, its ends at or before `before`."""

    ring: Ring
    last_of_ring: bool
    after: int
    before: int
    starts: dict[PopId, Start]
    beside: dict[PopId, Start] = {}
    """The stragglers of its ring, in the ring's first wave: no other wave waits for them."""

    @property
    def every(self) -> dict[PopId, Start]:
        """Its starts, those of stragglers included."""
        return {**self.starts, **self.beside}

    @property
    def ends(self) -> int:
        """When its last work is predicted to be over, stragglers left out."""
        return max((start.end for start in self.starts.values()), default=self.after)


class _Night(msgspec.Struct):
    """A wave in the making."""

    after: int
    before: int
    starts: dict[PopId, Start]


class _Filled(msgspec.Struct):
    """The nights of a ring, its stragglers, and the PoPs that go along with a later ring."""

    nights: list[_Night]
    beside: dict[PopId, Start]
    carried: tuple[PopId, ...]


class Nights:
    """Lays rings into waves on a board. Lives within one decision."""

    def __init__(
        self,
        works: Works,
        board: Board,
        *,
        gentle: bool,
        targets: Sequence[int] = (),
        urgent: Collection[PopId] = (),
    ) -> None:
        """`gentle`: no region gives more than its share in a night, no group more than one PoP; `targets`: before which
        instant each wave does not begin; `urgent`: who goes first in each night.
        """
        self._works, self._board, self._gentle, self._targets = works, board, gentle, targets
        self._urgent, self._sizes = urgent, board.sizes

    def lay(self, crews: Sequence[Crew], *, weigh: bool = True) -> list[Laid] | Unplannable:
        """Every ring, in order. Without `weigh` the wishes are left out: the waves are as many, and it is quicker."""
        made: list[Laid] = []
        begin = ready = min(self._works.begin(pop) for crew in crews for pop in crew.pops)
        carried: tuple[PopId, ...] = ()
        for crew in crews:
            pops = (*crew.pops, *carried)
            filled = self._filled(crew, pops, ready, len(made), is_last=crew is crews[-1])
            if isinstance(filled, Unplannable):
                return filled
            nights, carried = filled.nights, filled.carried
            # Room for wishes is taken neither from the rings that follow nor from the days that are kept for slips.
            planned = 0 if crew is not crews[-1] else begin + self._works.policy.timing.planned_to_day * DAY
            for night in nights[-1:]:
                ends = max(start.end for start in night.starts.values())
                night.before = min(night.before, max(ends, planned))
            if weigh:
                self._improve(crew.ring, [pop for night in nights for pop in night.starts], nights)
            kept = [night for night in nights if night.starts] or [_alone(filled.beside)]
            made += [
                Laid(
                    crew.ring,
                    night is kept[-1],
                    night.after,
                    night.before,
                    night.starts,
                    filled.beside if night is kept[0] else {},
                )
                for night in kept
            ]
            ready = made[-1].ends + crew.ring.soak_minutes * 60
        return made

    def _filled(
        self, crew: Crew, pops: Sequence[PopId], ready: int, waves: int, *, is_last: bool
    ) -> _Filled | Unplannable:
        """The ring as soon as it can go, or up to `DELAY_MAX` later where that saves a night: a week has days off."""
        best = self._fill(crew, pops, ready, waves, is_last=is_last)
        if self._gentle or isinstance(best, Unplannable):
            return best
        delay = self._delay(pops, ready)
        if not delay or len(best.nights) <= 1:
            return best
        self._take_back(best)
        tried = self._fill(crew, pops, ready + delay, waves, is_last=is_last)
        if not isinstance(tried, Unplannable):
            is_shorter = len(tried.nights) < len(best.nights) and len(tried.beside) <= len(best.beside)
            if is_shorter and _ends(tried.nights) <= _ends(best.nights) + DAY:
                return tried
            self._take_back(tried)
        self._put_back(best)
        return best

    def _delay(self, pops: Sequence[PopId], ready: int) -> int:
        """How much later the ring meets the windows of those that do not open every day in the fewest nights."""
        works = self._works
        seldom = [pop for pop in pops if works.is_seldom(pop) and works.first(pop, ready + DELAY_MAX)]
        if not seldom:
            return 0

        def nights(delay: int) -> int:
            at = ready + delay
            ends = max(first.end for pop in seldom if (first := works.first(pop, at)) is not None)
            return -(-(ends - at) // DAY)

        return min(range(0, DELAY_MAX + 1, DELAY_STEP), key=lambda delay: (nights(delay), delay))

    def _take_back(self, filled: _Filled) -> None:
        for pop in _starts_of(filled):
            self._board.lift(pop)

    def _put_back(self, filled: _Filled) -> None:
        for pop, start in _starts_of(filled).items():
            self._board.place(pop, start.start, start.end)

    def _fill(
        self, crew: Crew, pops: Sequence[PopId], ready: int, waves: int, *, is_last: bool
    ) -> _Filled | Unplannable:
        """First fit: each night takes whom it can. First go those whose windows are rare, then those in most redundancy
        groups, then who can start first.

        So the members of a group follow each other through one night where their windows allow it. When only stragglers
        are left, or few that are not worth a night of their own, there is no further night; those few go along with the
        next ring.
        """
        works, mates = self._works, self._board.mates
        nights: list[_Night] = []
        left = list(pops)
        firsts = {pop: works.first(pop, ready) for pop in left}
        rare = {pop for pop in left if works.is_sparse(pop)}
        since, length, own = ready, night_seconds(works, pops), set(crew.pops)
        while left:
            index = waves + len(nights)
            ready = max(ready, self._targets[index] if index < len(self._targets) else 0)
            self._look_on(firsts, ready)
            after = min(map(first_of, firsts.values()))
            stuck = self._stuck(left, firsts, since) if is_last else ()
            if stuck:
                return Unplannable("", crew.ring.name, (*stuck, *(one for one in left if one not in stuck)))
            is_shown = is_last or stragglers.may_go_on(len(own.difference(left)), len(own))
            is_rare, is_far = rare.issuperset(left), after > ready + DAY
            is_enough = (
                (is_rare and (is_far or not self._gentle))
                if is_last
                else (is_rare or is_far or len(left) <= stragglers.few_of(len(pops)))
            )
            if (nights and is_shown and is_enough) or (is_last and after == FOREVER):
                break
            if after == FOREVER:
                return Unplannable("", crew.ring.name, tuple(left))
            later = {
                pop: (pop not in self._urgent, pop not in rare, -len(mates.get(pop, ()))) for pop in left
            }
            left.sort(key=lambda pop: (*later[pop], first_of(firsts[pop])))
            night = _Night(after, after + length, {})
            self._take(left, night)
            if not night.starts:
                ready = after + HOUR
                continue
            left = [pop for pop in left if pop not in night.starts]
            for pop in night.starts:
                del firsts[pop]
            nights.append(night)
            if len(nights) > 2:  # the last but one may still take in all of the last
                nights[-3].before = min(nights[-3].before, nights[-2].after)
            ready = max(start.end for start in night.starts.values())
            if len(nights) > 1 and len(night.starts) <= max(1, len(pops) * SQUEEZED_SHARE):
                self._squeeze(nights)
                early = self._overrun(nights) if nights[-1] is night else []
                left += early
                firsts |= {pop: works.first(pop, ready) for pop in early}
        for night, following in pairwise(nights):
            night.before = min(night.before, following.after)
        straggling = [pop for pop in left if is_last or pop in rare or stragglers.is_far(firsts[pop], ready)]
        beside = stragglers.placed(
            works, self._board, straggling, nights[0].after if nights else since, since
        )
        carried = tuple(pop for pop in left if pop not in beside)
        if is_last and carried:
            return Unplannable("", crew.ring.name, carried)
        return _Filled(nights, beside, carried)

    def _look_on(self, firsts: dict[PopId, Start | None], ready: int) -> None:
        """Bring the first starts up to an instant."""
        for pop, first in firsts.items():
            if first is not None and first.start < ready:
                firsts[pop] = self._works.first(pop, ready)

    def _stuck(
        self, left: Sequence[PopId], firsts: dict[PopId, Start | None], since: int
    ) -> tuple[PopId, ...]:
        """The first of a last ring that has no place left in the train and may not go after it, or nobody."""
        found = (pop for pop in left if firsts[pop] is None)
        stuck = next((pop for pop in found if not stragglers.may_be_late(self._works, pop, since)), None)
        return () if stuck is None else (stuck,)

    def _squeeze(self, nights: list[_Night]) -> None:
        """Do without the last night if each of its few PoPs finds a place in an earlier one.

        One that is in its way may be moved to another place of the earlier nights for it; the rest stays. So few may
        share a gentle night with more of their region than others do.
        """
        board, last = self._board, nights[-1]
        for pop, start in list(last.starts.items()):
            board.lift(pop)
            if any(self._pushed(pop, night, nights[:-1]) for night in nights[:-1]):
                del last.starts[pop]
            else:
                board.place(pop, start.start, start.end)
        if not last.starts:
            nights.pop()

    def _overrun(self, nights: list[_Night]) -> list[PopId]:
        """Those of the last night who begin before the one ahead of it ends; they go later."""
        last, ends = nights[-1], max(start.end for start in nights[-2].starts.values())
        early = [pop for pop, start in last.starts.items() if start.start < ends]
        for pop in early:
            self._board.lift(pop)
            del last.starts[pop]
        last.after = max(last.after, ends)
        if not last.starts:
            nights.pop()
        return early

    def _pushed(self, pop: PopId, night: _Night, nights: Sequence[_Night]) -> bool:
        board = self._board
        for start in self._starts(pop, night):
            other = board.blocker(pop, start.start, start.end)
            if other is None and self._gentle and not board.is_full(pop, start.start, start.end):
                board.place(pop, start.start, start.end)
                night.starts[pop] = start
                return True
            if self._gentle or other is None or other not in night.starts:
                continue
            old = night.starts[other]
            board.lift(other)
            if board.fits(pop, start.start, start.end):
                board.place(pop, start.start, start.end)
                for home in (night, *(one for one in nights if one is not night)):
                    for place in self._starts(other, home):
                        if board.fits(other, place.start, place.end):
                            board.place(other, place.start, place.end)
                            del night.starts[other]
                            night.starts[pop], home.starts[other] = start, place
                            return True
                board.lift(pop)
            board.place(other, old.start, old.end)
        return False

    def _take(self, left: Sequence[PopId], night: _Night) -> None:
        board, regions = self._board, Counter[RegionId]()
        for pop in left:
            region = board.region_of[pop]
            if self._gentle and not self._is_spare(pop, regions[region], night):
                continue
            for start in self._starts(pop, night):
                if board.fits(pop, start.start, start.end):
                    board.place(pop, start.start, start.end)
                    night.starts[pop] = start
                    regions[region] += 1
                    break

    def _starts(self, pop: PopId, night: _Night) -> Iterator[Start]:
        return self._works.starts(pop, night.after, night.before)

    def _is_spare(self, pop: PopId, beside: int, night: _Night) -> bool:
        """Whether a gentle night has room: for its region, and for its groups."""
        board = self._board
        return beside < self._sizes[board.region_of[pop]] and not any(
            other in night.starts for other in board.mates.get(pop, ())
        )

    def _improve(self, ring: Ring, pops: Sequence[PopId], nights: Sequence[_Night]) -> None:
        """Move one PoP after the other to where fewer wishes break, as long as that helps; hard rules stay whole."""
        board, last = self._board, len(nights) - 1
        is_early = ring.stage is Stage.EARLY
        where = {pop: index for index, night in enumerate(nights) for pop in night.starts}
        counts = [Counter(board.region_of[pop] for pop in night.starts) for night in nights]
        choices = {
            pop: [(start, index) for index, night in enumerate(nights) for start in self._starts(pop, night)]
            for pop in pops
        }
        turn = [pop for pop in pops if len(choices[pop]) > 1]
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
                better = sorted(
                    (cost, number) for number, cost in enumerate(costs) if cost < now - LEAST_GAIN
                )
                if better and self._moved(
                    pop, [listed[number] for _, number in better], nights, where, counts
                ):
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
            if (
                self._gentle
                and index != old
                and not self._is_spare(pop, counts[index][region], nights[index])
            ):
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


def _starts_of(filled: _Filled) -> dict[PopId, Start]:
    starts = {pop: start for night in filled.nights for pop, start in night.starts.items()}
    return starts | filled.beside


def _alone(beside: dict[PopId, Start]) -> _Night:
    """The wave of a last ring in which everybody straggles."""
    return _Night(min(start.start for start in beside.values()), FOREVER, {})


def _ends(nights: Sequence[_Night]) -> int:
    """When the last of the nights is over."""
    return max((start.end for night in nights for start in night.starts.values()), default=0)


def first_of(start: Start | None) -> int:
    """The order of first starts; who has none comes last."""
    return FOREVER if start is None else start.start
