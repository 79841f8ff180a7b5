"""What a change does not force stays where it is, and what moves breaks no rule."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.decide.planned import proof_of, small

from wavetrain.decide.board import Board
from wavetrain.decide.layout import Asked
from wavetrain.decide.replan import Move, PlanWave, Replan, Standing
from wavetrain.decide.timetable import Plan
from wavetrain.decide.work import Works
from wavetrain.model.fleet import PopId
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Stop
from wavetrain.model.window import Freeze


def replanned(
    asked: Asked,
    plan: Plan,
    *,
    at: int,
    freezes: tuple[Freeze, ...] = (),
    missed: tuple[str, ...] = (),
    stays: bool = False,
) -> tuple[list[Move], Plan, frozenset[str]]:
    """The moves after a change at the start of stop number `at`; the plan then; who had begun."""
    works = Works(asked.lane, asked.policy, asked.fleet, freezes, asked.departs, asked.now)
    board = Board(asked.fleet, asked.policy, asked.demand, asked.fairness)
    stops = sorted(plan.stops, key=lambda stop: (stop.opens, stop.pop))
    now = works.at(stops[at].opens)
    standing = {
        stop.pop: Standing(
            stop.wave,
            works.at(stop.opens),
            works.at(stop.ends or stop.opens),
            works.at(stop.closes),
            is_free=works.at(stop.opens) > now or stop.pop in missed,
            holds=not stop.beside,
        )
        for stop in stops
    }
    waves = [
        PlanWave(
            wave.ring.soak_minutes * 60 if wave.last_of_ring else 0,
            is_general=wave.ring.stage is Stage.GENERAL,
            ring=wave.ring.name,
        )
        for wave in plan.waves
    ]
    made = Replan(works, board, waves, standing, now)
    forced = {PopId(name): f"{name} missed its window" for name in missed}
    moves = made.moves(forced, check=bool(freezes), stays=stays)
    assert not made.homeless
    moved = {stop.pop: stop for stop in plan.stops}
    for move in moves:
        moved[move.pop] = msgspec.structs.replace(
            moved[move.pop],
            wave=move.wave,
            opens=works.instant(move.start.start),
            ends=works.instant(move.start.end),
            closes=works.instant(move.start.closes),
            beside=move.beside,
        )
    begun = frozenset(pop for pop, stop in standing.items() if not stop.is_free)
    return moves, msgspec.structs.replace(plan, stops=tuple(moved.values())), begun


def ice(stop: Stop, hours: float, *scope: str) -> Freeze:
    return Freeze(
        id="ice", starts=stop.opens, ends=stop.opens + timedelta(hours=hours), reason="x", by="x", scope=scope
    )


def in_the_way(asked: Asked, plan: Plan, freeze: Freeze) -> set[str]:
    """The PoPs whose own work, or its undo, the freeze covers."""
    return {
        stop.pop
        for stop in plan.stops
        if stop.opens < freeze.ends
        and freeze.starts < (stop.ends or stop.opens) + timedelta(hours=1)
        and {stop.pop, asked.fleet.pops[stop.pop].region} & set(freeze.scope)
    }


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 30), st.integers(5, 50), st.floats(1, 60), st.booleans())
def test_a_freeze_moves_those_it_covers_and_those_behind_them_and_breaks_nothing(
    seed: int, at: int, hours: float, whole: bool
) -> None:
    asked, _, plan = small(60, seed, sites=100)
    stops = sorted(plan.stops, key=lambda stop: (stop.opens, stop.pop))
    target = stops[min(at + 3, len(stops) - 1)]
    freeze = ice(target, hours, asked.fleet.pops[target.pop].region if whole else target.pop)
    moves, after, begun = replanned(asked, plan, at=at, freezes=(freeze,))
    covered = in_the_way(asked, plan, freeze)
    for move in moves:
        assert move.pop in covered or "later than planned" in move.why, move
        assert move.pop not in begun
    found = proof_of(msgspec.structs.replace(asked, freezes=(freeze,)), after)
    ours = [item for item in found.broken if not begun.issuperset(item.pops)]
    assert not ours, ours[:3]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 30), st.integers(0, 59))
def test_a_slip_moves_the_pop_that_slipped_and_only_who_has_to_wait_for_it(seed: int, at: int) -> None:
    asked, _, plan = small(60, seed, sites=100)
    stops = sorted(plan.stops, key=lambda stop: (stop.opens, stop.pop))
    slipped = stops[at]
    moves, after, begun = replanned(asked, plan, at=at, missed=(slipped.pop,))
    assert slipped.pop in {move.pop for move in moves}
    for move in moves:
        assert move.pop == slipped.pop or "later than planned" in move.why
    found = proof_of(asked, after)
    ours = [item for item in found.broken if not begun.issuperset(item.pops)]
    assert not ours, ours[:3]


def test_a_slip_in_a_general_ring_goes_along_with_a_later_wave_and_holds_nobody_up() -> None:
    """The first of its wave has still missed its window when the last one starts."""
    asked, _, plan = small()
    order = sorted(plan.stops, key=lambda stop: (stop.opens, stop.pop))
    wave = next(ordinal for ordinal, one in enumerate(plan.waves) if one.ring.stage is Stage.GENERAL)
    mine = [stop for stop in order if stop.wave == wave]
    moves, _, _ = replanned(asked, plan, at=order.index(mine[-1]), missed=(mine[0].pop,))
    assert [move.pop for move in moves] == [mine[0].pop]
    assert moves[0].wave > wave
    assert f"goes along with wave {moves[0].wave}" in moves[0].why
    held, _, _ = replanned(asked, plan, at=order.index(mine[-1]), missed=(mine[0].pop,), stays=True)
    assert next(move for move in held if move.pop == mine[0].pop).wave == wave


def test_an_early_ring_waits_for_who_slipped_since_nobody_else_shows_the_release() -> None:
    asked, _, plan = small()
    order = sorted(plan.stops, key=lambda stop: (stop.opens, stop.pop))
    first = order[0]
    moves, _, _ = replanned(asked, plan, at=0, missed=(first.pop,))
    mine = next(move for move in moves if move.pop == first.pop)
    assert mine.wave == first.wave


@pytest.mark.parametrize("seed", range(3))
def test_where_nothing_has_changed_nothing_moves(seed: int) -> None:
    asked, _, plan = small(60, seed)
    assert replanned(asked, plan, at=10, freezes=(ice(plan.stops[0], 1, "nowhere"),))[0] == []
