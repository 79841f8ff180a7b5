"""Layout: how is a train laid into waves, before it is written down as a plan?"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from wavetrain.decide import rings, stragglers, trouble
from wavetrain.decide.almanac import DAY
from wavetrain.decide.board import Board
from wavetrain.decide.nights import Laid, Nights
from wavetrain.decide.rings import Crew, Unplannable
from wavetrain.decide.work import Start, Works
from wavetrain.model.demand import Demand
from wavetrain.model.fleet import Fleet, PopId
from wavetrain.model.lane import Lane
from wavetrain.model.policy import Pace, Policy
from wavetrain.model.rollout import Fairness
from wavetrain.model.window import Freeze

_WAYS = ((True, True), (True, False), (False, True), (False, False))
"""Gently or not, spread over the days or not; the first way that fits is taken."""
TRIES_MAX = 8
"""So often it is tried again with those first who were left over."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a train is planned for."""

    lane: Lane
    policy: Policy
    fleet: Fleet
    freezes: tuple[Freeze, ...]
    departs: datetime
    now: datetime
    demand: Demand
    fairness: Fairness


class Layout(msgspec.Struct, frozen=True):
    """A laid train: its waves on their board, with what was found on the way."""

    works: Works
    board: Board
    crews: list[Crew]
    waves: list[Laid]
    uncovered: tuple[str, ...]

    @property
    def tail(self) -> tuple[PopId, ...]:
        """The PoPs that have a place only after the train's last day, since their windows come too seldom."""
        beside = (item for wave in self.waves for item in wave.beside.items())
        return tuple(sorted(pop for pop, start in beside if stragglers.is_behind(self.works, pop, start)))

    @property
    def late(self) -> tuple[PopId, ...]:
        """The PoPs that go after the last planned day, in the train or after it."""
        return _late(self.works, [wave.every for wave in self.waves])

    @property
    def overdue(self) -> tuple[PopId, ...]:
        """Those of them that are no stragglers."""
        return _late(self.works, [wave.starts for wave in self.waves])


def lay(
    asked: Asked, travelled: Callable[[list[Crew]], list[Crew] | Unplannable] = list
) -> Layout | Unplannable:
    """The whole train, or the hard rule that cannot be met.

    At an even pace rings are laid gently and spread over the planned days; where that does not fit, gently one after
    the other; else in as few windows as possible, spread over the days, and at last one after the other. Where even
    that leaves somebody over, it is tried again with those first for whom there was no room (squeaky wheel
    optimisation; Joslin & Clements 1999). `travelled` chooses which part of the rings goes, in which order.
    """
    policy, fleet = asked.policy, asked.fleet
    found = rings.crews(policy, fleet, asked.demand, asked.fairness)
    if isinstance(found, Unplannable):
        return found
    crews = travelled(list(found.crews))
    if isinstance(crews, Unplannable):
        return crews
    works = Works(asked.lane, policy, fleet, asked.freezes, asked.departs, asked.now)
    best, targets = None, None
    for gentle, spread in _WAYS if policy.timing.pace is Pace.EVEN else _WAYS[-1:]:
        if spread:
            targets = _spread(works, crews, fleet, gentle=gentle)
        if targets is None and (gentle or spread):
            continue
        board = Board(fleet, policy, asked.demand, asked.fairness)
        laid = Nights(works, board, gentle=gentle, targets=targets or () if spread else ()).lay(crews)
        if isinstance(laid, Unplannable):
            if gentle or spread or best is not None:
                continue
            why, urgent = laid, set[PopId]()
            while isinstance(laid, Unplannable):
                squeaks = laid.pops[:1]
                if len(urgent) == TRIES_MAX or urgent.issuperset(squeaks):
                    return trouble.explain(works, board, why, crews)
                urgent.update(squeaks)
                again = Board(fleet, policy, asked.demand, asked.fairness)
                laid = Nights(works, again, gentle=False, urgent=urgent).lay(crews)
            board = again
        made = Layout(works, board, crews, laid, found.uncovered)
        if best is None or (len(made.overdue), len(made.late)) < (len(best.overdue), len(best.late)):
            best = made
        if not made.overdue:
            break
    assert best is not None  # either something was laid, or the loop has returned why not
    return best


def _spread(works: Works, crews: Sequence[Crew], fleet: Fleet, *, gentle: bool) -> list[int] | None:
    """Before which instant each wave of an even train does not begin; None where such a train is too long.

    The waves begin at even distances, but none so late that those behind it, one after the other, would not end on the
    planned days.
    """
    board = Board(fleet, works.policy, Demand(), Fairness(lane=works.lane.name))
    tried = Nights(works, board, gentle=gentle).lay(crews, weigh=False)
    if isinstance(tried, Unplannable) or _late(works, [wave.starts for wave in tried]):
        return None
    begin, span = tried[0].after, works.policy.timing.planned_to_day * DAY
    ends = min(works.begin(pop) for wave in tried for pop in wave.starts) + span
    spare = max(0, ends - tried[-1].ends)
    return [min(begin + span * index // len(tried), wave.after + spare) for index, wave in enumerate(tried)]


def _late(works: Works, waves: Sequence[Mapping[PopId, Start]]) -> tuple[PopId, ...]:
    span = works.policy.timing.planned_to_day * DAY
    return tuple(
        pop
        for starts in waves
        for pop, start in sorted(starts.items())
        if start.end > works.begin(pop) + span
    )
