"""Unmet: which wishes does a timetable not grant, with whom do they touch?"""

from collections.abc import Iterator, Sequence

import msgspec

from wavetrain.decide.board import Board
from wavetrain.decide.nights import Laid
from wavetrain.decide.work import Works
from wavetrain.model.fleet import PopId
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Unmet

LISTED_MAX = 100
KINDS = ("pair", "blackout", "early", "fairness")


class Listed(msgspec.Struct, frozen=True):
    """The dearest broken wishes, and the totals of all: sites by kind, and the whole cost in weighted sites."""

    unmet: tuple[Unmet, ...]
    sites: dict[str, int]
    cost: float


def listed(works: Works, board: Board, laid: Sequence[Laid]) -> Listed:
    """What the waves break of the wishes that the board knows."""
    every = [*_pairs(works, board), *_own(works, board, laid)]
    every.sort(key=lambda item: (-item.cost, item.kind, item.pops))
    sites = {kind: sum(item.sites for item in every if item.kind == kind) for kind in KINDS}
    return Listed(
        tuple(every[:LISTED_MAX]),
        {kind: count for kind, count in sites.items() if count},
        sum(item.cost for item in every),
    )


def _pairs(works: Works, board: Board) -> Iterator[Unmet]:
    gap, weight = works.policy.budgets.gap_minutes * 60, works.policy.wishes.pair
    for pair in board.demand.pairs:
        one, other = board.placed.get(pair.one), board.placed.get(pair.other)
        if one is None or other is None:
            continue
        if one[0] < other[1] + gap and other[0] < one[1] + gap:
            both = f"{_clock(works, one)} and {_clock(works, other)}"
            yield Unmet(
                kind="pair",
                pops=(pair.one, pair.other),
                sites=pair.sites,
                cost=pair.sites * weight,
                detail=f"within {gap // 60} min of each other: {both} UTC",
            )


def _own(works: Works, board: Board, laid: Sequence[Laid]) -> Iterator[Unmet]:
    """What a PoP's own place breaks: black-outs, being early, not being first again."""
    wishes, demand = works.policy.wishes, board.demand
    of_ring: dict[str, list[Laid]] = {}
    for one in laid:
        of_ring.setdefault(one.ring.name, []).append(one)
    for waves in of_ring.values():
        last = len(waves) - 1
        for index, one in enumerate(waves):
            for pop, start in one.every.items():
                sites = board.blacked(pop, start.day)
                if sites:
                    day = works.instant(start.start)
                    yield _unmet(
                        "blackout", pop, sites, sites * wishes.blackout, f"goes {day:%Y-%m-%d %H:%M} UTC"
                    )
                if not last:
                    continue
                sites = demand.early.get(pop, 0)
                if sites and index and one.ring.stage is not Stage.EARLY:
                    text = f"goes in wave {index + 1} of {last + 1} of ring {one.ring.name}"
                    yield _unmet("early", pop, sites, sites * wishes.early, text)
                past, first = board.past(pop), 1 - index / last
                if past * first > 0:
                    sites = max(1, demand.sites.get(pop, 0))
                    text = f"was early in past trains ({past:.2f} of 1) and is so again"
                    yield _unmet("fairness", pop, sites, past * first * sites * wishes.fairness, text)


def _unmet(kind: str, pop: PopId, sites: int, cost: float, detail: str) -> Unmet:
    return Unmet(kind=kind, pops=(pop,), sites=sites, cost=cost, detail=detail)


def _clock(works: Works, busy: tuple[int, int]) -> str:
    return f"{works.instant(busy[0]):%Y-%m-%d %H:%M}"
