"""Improvement: which other places could the PoPs of a laid train take, without one more window?

A solver outside sees numbers only: for each PoP its places with what each would cost by itself, which PoPs have to be
apart, and what it costs if others are not. Waves keep their bounds, so no order of rings can break.
"""

from collections.abc import Sequence

import msgspec

from wavetrain.decide.layout import Layout
from wavetrain.decide.nights import Laid
from wavetrain.decide.work import FOREVER, Start
from wavetrain.model.fleet import PopId
from wavetrain.model.release import Stage

SCALE = 1_000
"""Costs are whole thousandths of a site."""


class Place(msgspec.Struct, frozen=True):
    """One place that a PoP may take: its wave, its work, what it costs by itself in thousandths of a site."""

    wave: int
    start: Start
    cost: int


class Mover(msgspec.Struct, frozen=True):
    """A PoP with the places that it may take, and the one that it has now."""

    pop: PopId
    region: str
    ring: int
    places: tuple[Place, ...]
    now: int


class Problem(msgspec.Struct, frozen=True):
    """Everything that a solver needs. Movers are named by their index."""

    movers: tuple[Mover, ...]
    pairs: tuple[tuple[int, int, int], ...]
    """Two movers and what it costs if they are within the gap of each other."""
    apart: tuple[tuple[int, int], ...]
    """Two movers that may never be within the gap of each other."""
    sizes: dict[str, int]
    """How many of a region may be worked on at once."""
    gap: int
    """In seconds."""


class Improved(msgspec.Struct, frozen=True, kw_only=True):
    """A solver's answer: the place of each mover, by index, and whether none better exists."""

    places: tuple[int, ...]
    proven: bool
    seconds: float


def problem_of(layout: Layout) -> Problem:
    """The laid train as a problem; what is given up is nothing but the waves' own bounds."""
    board, wishes = layout.board, layout.works.policy.wishes
    ring_of = _rings_of(layout.waves)
    movers: list[Mover] = []
    for number in range(ring_of[-1] + 1):
        ordinals = [ordinal for ordinal, ring in enumerate(ring_of) if ring == number]
        last = len(ordinals) - 1
        for ordinal in ordinals:
            for pop, start in layout.waves[ordinal].starts.items():
                places = _places(layout, pop, ordinals, last)
                now = next(i for i, place in enumerate(places) if place.start == start)
                movers.append(Mover(pop, board.region_of[pop], number, tuple(places), now))
            for pop, start in layout.waves[ordinal].beside.items():
                movers.append(Mover(pop, board.region_of[pop], number, (Place(ordinal, start, 0),), 0))
    index = {mover.pop: number for number, mover in enumerate(movers)}
    beside = {pop for wave in layout.waves for pop in wave.beside}

    def may_meet(one: PopId, other: PopId) -> bool:
        """Rings follow each other; a straggler alone goes beside rings that are not its own."""
        return movers[index[one]].ring == movers[index[other]].ring or one in beside or other in beside

    return Problem(
        movers=tuple(movers),
        pairs=tuple(
            (index[pair.one], index[pair.other], round(pair.sites * wishes.pair * SCALE))
            for pair in board.demand.pairs
            if pair.one in index and pair.other in index and may_meet(pair.one, pair.other)
        ),
        apart=tuple(
            (index[pop], index[other])
            for pop, others in board.mates.items()
            for other in others
            if pop < other and pop in index and other in index
        ),
        sizes={str(region): size for region, size in board.sizes.items()},
        gap=layout.works.policy.budgets.gap_minutes * 60,
    )


def taken(layout: Layout, problem: Problem, places: Sequence[int]) -> Layout:
    """The same train with the places that were chosen."""
    starts: list[dict[PopId, Start]] = [{} for _ in layout.waves]
    for mover, chosen in zip(problem.movers, places, strict=True):
        place = mover.places[chosen]
        if mover.pop not in layout.waves[place.wave].beside:
            starts[place.wave][mover.pop] = place.start
        layout.board.lift(mover.pop)
        layout.board.place(mover.pop, place.start.start, place.start.end)
    rings = _rings_of(layout.waves)
    kept = [ordinal for ordinal, found in enumerate(starts) if found or layout.waves[ordinal].beside]
    waves = [
        msgspec.structs.replace(
            layout.waves[ordinal],
            starts=starts[ordinal],
            last_of_ring=all(rings[other] != rings[ordinal] for other in kept if other > ordinal),
        )
        for ordinal in kept
    ]
    return msgspec.structs.replace(layout, waves=waves)


def _rings_of(waves: Sequence[Laid]) -> list[int]:
    made, ring = [], 0
    for wave in waves:
        made.append(ring)
        ring += wave.last_of_ring
    return made


def _places(layout: Layout, pop: PopId, ordinals: Sequence[int], last: int) -> list[Place]:
    """Every place of a PoP in the waves of a ring, in order; a wave keeps at least the bounds that it has."""
    starts: list[tuple[int, Start]] = []
    for ordinal in ordinals:
        wave = layout.waves[ordinal]
        before = min(wave.before, _next_start(layout, ordinal))
        known = wave.starts.get(pop)
        if not wave.starts:
            continue  # a wave of stragglers alone
        found = list(layout.works.starts(pop, wave.after, before))
        if known is not None and known not in found:
            found = sorted([*found, known])
        starts += [(ordinal, start) for start in found]
    firsts = [1 - (ordinal - ordinals[0]) / last for ordinal, _ in starts] if last else []
    is_early = layout.waves[ordinals[0]].ring.stage is Stage.EARLY
    costs = layout.board.own_costs(pop, [start for _, start in starts], firsts, is_early=is_early)
    return [
        Place(ordinal, start, round(cost * SCALE))
        for (ordinal, start), cost in zip(starts, costs, strict=True)
    ]


def _next_start(layout: Layout, ordinal: int) -> int:
    if ordinal + 1 == len(layout.waves):
        return FOREVER
    soak = layout.waves[ordinal].ring.soak_minutes * 60 if layout.waves[ordinal].last_of_ring else 0
    return layout.waves[ordinal + 1].after - soak
