"""Replan: which stops does a change force to move, where do they go?

Everything that still keeps the hard rules stays where it is. What cannot stay takes the nearest place that moves nobody
else: in its own wave, else along with a later wave. Where there is none it goes later in its own wave, and the waves
behind do not wait for it (`stragglers`), as long as they wait for half of the ring. An early ring is waited for: for a
place up to a day away the waves behind move in their turn.
"""

from collections.abc import Mapping, Sequence
from math import ceil

import msgspec

from wavetrain.decide import stragglers
from wavetrain.decide.almanac import DAY
from wavetrain.decide.board import Board
from wavetrain.decide.work import FOREVER, Start, Works
from wavetrain.model.fleet import PopId


class Standing(msgspec.Struct, frozen=True):
    """A stop as it stands: its wave and its work.

    `is_free`: it has not started, so that it can be moved. `holds`: its wave is not over before it is.
    """

    wave: int
    start: int
    end: int
    closes: int
    is_free: bool
    holds: bool = True


class PlanWave(msgspec.Struct, frozen=True):
    """What a replan needs to know of a wave."""

    soak: int
    """Seconds of soak after it; 0 unless it is the last of its ring."""
    is_general: bool
    """Its PoPs may go along with a later wave, and it takes in those of earlier ones; an early ring shows a release."""
    has_begun: bool = False
    """Whether some of its PoPs have gone already, so that it is not empty when all others leave it."""
    size: int = 0
    """How many PoPs are in it, those included that are done."""
    ring: str = ""


class Move(msgspec.Struct, frozen=True):
    """A PoP's new place, with the reason that forced it."""

    pop: PopId
    wave: int
    start: Start
    why: str
    beside: bool = False
    """No other wave waits for it."""


class Replan:
    """One revision in the making. Lives within one decision."""

    def __init__(
        self,
        works: Works,
        board: Board,
        waves: Sequence[PlanWave],
        standing: Mapping[PopId, Standing],
        now: int,
    ) -> None:
        self._works, self._board, self._waves, self._now = works, board, waves, now
        self._standing = dict(standing)
        self._members: list[set[PopId]] = [set() for _ in waves]
        for pop, stop in self._standing.items():
            self._members[stop.wave].add(pop)
        self._home = {pop: stop.wave for pop, stop in self._standing.items()}
        self._sizes = [len(members) for members in self._members]
        self._moves: dict[PopId, Move] = {}
        self._stays: set[PopId] = set()
        self.homeless: dict[PopId, str] = {}
        """Those for which the train has no place any more, each with what took its old one."""

    def moves(self, forced: Mapping[PopId, str], *, check: bool = False, stays: bool = False) -> list[Move]:
        """Every move that follows from those that are forced, each with its reason.

        `check` asks of every free stop whether it still keeps the rules. `stays`: who is forced keeps its wave.
        """
        reasons = dict(forced)
        if stays:
            self._stays |= set(forced)
        for pop, stop in sorted(
            self._standing.items(), key=lambda item: (item[1].is_free, item[1].start, item[0])
        ):
            if pop in reasons:
                continue
            if check and stop.is_free:
                reason = self._broken(pop, stop)
                if reason:
                    reasons[pop] = reason
                    continue
            self._board.place(pop, stop.start, stop.end)
        for ordinal in range(len(self._waves)):
            ready = self._ready(ordinal, reasons)
            for pop in sorted(self._members[ordinal]):
                stop = self._standing[pop]
                if stop.is_free and pop in self._board.placed and stop.start < ready:
                    self._board.lift(pop)
                    known = self._moves.pop(pop, None)
                    reasons[pop] = known.why if known else f"wave {ordinal - 1} is over later than planned"
                    self._stays.add(pop)
            mine = [pop for pop in self._members[ordinal] if pop in reasons and pop not in self._board.placed]
            for pop in sorted(mine, key=lambda pop: (self._standing[pop].start, pop)):
                self._rehouse(pop, ordinal, ready, reasons[pop])
        return sorted(self._moves.values(), key=lambda move: (move.start.start, move.pop))

    def _broken(self, pop: PopId, stop: Standing) -> str:
        """Why a stop cannot stay as it is, or nothing."""
        if stop.start >= self._now:
            mine = self._works.first(pop, stop.start, overtime=True)
            if mine is None or mine.start != stop.start:
                frozen = self._works.freezing(pop, stop.start, stop.end)
                return (
                    f"freeze {frozen} covers its stop"
                    if frozen
                    else "its window, load or black-outs have changed"
                )
        other = self._board.blocker(pop, stop.start, stop.end)
        if other is not None:
            return f"{other} of its redundancy group is worked on at that time"
        if self._board.is_full(pop, stop.start, stop.end):
            return "its region's share is used at that time"
        return ""

    def _ready(self, ordinal: int, reasons: Mapping[PopId, str]) -> int:
        """When the waves before a wave are planned to be over and soaked."""
        ready = 0
        for before in range(ordinal):
            ends = [
                self._standing[pop].end
                for pop in self._members[before]
                if self._standing[pop].holds and (pop in self._moves or pop not in reasons)
            ]
            if ends:
                ready = max(ready, max(ends) + self._waves[before].soak)
        return ready

    def _first(self, ordinal: int) -> int:
        """When the next wave that has members begins; what is behind it is not looked at."""
        for following in range(ordinal + 1, len(self._waves)):
            starts = [
                self._standing[pop].start for pop in self._members[following] if pop in self._board.placed
            ]
            if starts:
                return min(starts)
        return FOREVER

    def _rehouse(self, pop: PopId, ordinal: int, ready: int, why: str) -> None:
        after = max(self._now, ready, self._standing[pop].start)  # nobody is disturbed sooner than was said
        before = self._first(ordinal) - self._waves[ordinal].soak if self._standing[pop].holds else FOREVER
        place = self._place(pop, after, before)
        if place is not None:
            self._move(pop, ordinal, place, why)
            return
        if pop not in self._stays and self._may_leave(ordinal):
            for later in range(ordinal + 1, len(self._waves)):
                starts = [
                    self._standing[other].start
                    for other in self._members[later]
                    if other in self._board.placed
                ]
                if not starts or not self._waves[later].is_general:
                    continue
                if self._waves[later].ring != self._waves[ordinal].ring and not self.may_straggle(
                    pop, ordinal
                ):
                    continue
                before = self._first(later) - self._waves[later].soak
                place = self._place(pop, max(after, min(starts)), before)
                if place is not None:
                    self._members[ordinal].discard(pop)
                    self._members[later].add(pop)
                    self._move(pop, later, place, f"{why}; it goes along with wave {later}")
                    return
        place = self._place(pop, after, FOREVER) or self._place(pop, max(self._now, ready), FOREVER)
        if place is None:
            self.homeless[pop] = why
            return
        over = max(self._over(ordinal, pop), self._now, ready)
        # It has no place before the next wave: an early ring's is waited for, for a day; a general one's is not.
        is_left = self._waves[ordinal].is_general or stragglers.is_far(place, over)
        beside = is_left and self.may_straggle(pop, ordinal)
        self._move(pop, ordinal, place, f"{why}; nobody waits for it" if beside else why, beside=beside)

    def may_straggle(self, pop: PopId, ordinal: int) -> bool:
        """Whether the waves behind a PoP's wave need not wait for it: enough others of its ring are waited for."""
        if ordinal == len(self._waves) - 1:
            return False
        ring = self._waves[ordinal].ring
        own = {place for place, wave in enumerate(self._waves) if wave.ring == ring}
        size = sum(max(self._waves[place].size, self._sizes[place]) for place in own)
        left = sum(
            other == pop or not stop.holds
            for place in own
            for other in self._members[place]
            for stop in (self._standing[other],)
        )
        left += sum(self._home[other] in own for place in self._others(own) for other in self._members[place])
        # Some of the ring may go along with a later one since the plan was made: they are in no wave of its own.
        return stragglers.may_go_on(size - left, ceil(size / (1 - stragglers.CARRIED_SHARE)))

    def _over(self, ordinal: int, pop: PopId) -> int:
        """When the others of a wave are planned to be over."""
        ends = [
            self._standing[other].end
            for other in self._members[ordinal]
            if other != pop and other in self._board.placed and self._standing[other].holds
        ]
        return max(ends, default=0)

    def _others(self, own: set[int]) -> list[int]:
        return [place for place in range(len(self._waves)) if place not in own]

    def _may_leave(self, ordinal: int) -> bool:
        wave = self._waves[ordinal]
        waited_for = sum(self._standing[pop].holds for pop in self._members[ordinal])
        return wave.is_general and (wave.has_begun or waited_for > 1)

    def _place(self, pop: PopId, after: int, before: int) -> Start | None:
        """The cheapest fitting place of the first day that has one."""
        fitting: list[Start] = []
        for start in self._works.starts(pop, after, before, overtime=True):
            if fitting and start.start > fitting[0].start + DAY:
                break
            if self._board.fits(pop, start.start, start.end):
                fitting.append(start)
        if not fitting:
            return None
        costs = self._board.costs(pop, fitting, (), is_early=False)
        return min(zip(costs, fitting, strict=True))[1]

    def _move(self, pop: PopId, wave: int, place: Start, why: str, *, beside: bool = False) -> None:
        beside |= not self._standing[pop].holds
        self._board.place(pop, place.start, place.end)
        self._standing[pop] = Standing(
            wave, place.start, place.end, place.closes, is_free=True, holds=not beside
        )
        self._moves[pop] = Move(pop, wave, place, why, beside)
