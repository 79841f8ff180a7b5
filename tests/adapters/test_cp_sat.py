"""A solver's answer keeps every hard rule, is never dearer, and is proven where the train is small."""

import itertools

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.decide.planned import proof_of, small

from wavetrain.adapters import cp_sat
from wavetrain.adapters.cp_sat import CpSat
from wavetrain.decide import improvement, timetable
from wavetrain.decide.improvement import Problem
from wavetrain.errors import RefusedError
from wavetrain.model.policy import Pace

pytest.importorskip("ortools")


@settings(max_examples=5, deadline=None)
@example(30, 10, Pace.COMPACT)  # a straggler beside the pair of another ring
@given(st.integers(24, 70), st.integers(0, 50), st.sampled_from(list(Pace)))
def test_an_improved_train_breaks_no_hard_rule_and_is_never_dearer(count: int, seed: int, pace: Pace) -> None:
    asked, laid, plan = small(count, seed, pace, sites=300)
    problem = improvement.problem_of(laid)
    found = CpSat().improve(problem, 5.0)
    better = timetable.plan_of(improvement.taken(laid, problem, found.places))
    assert proof_of(asked, better).count == 0
    assert better.cost <= plan.cost + 1e-6
    assert len(better.stops) == count


def _cost(problem: Problem, places: tuple[int, ...]) -> int | None:
    """What a choice costs by a count of its own; None where it breaks a rule."""
    works = [
        (mover.places[place].start.start, mover.places[place].start.end)
        for mover, place in zip(problem.movers, places, strict=True)
    ]

    def near(one: int, other: int) -> bool:
        return works[one][0] < works[other][1] + problem.gap and works[other][0] < works[one][1] + problem.gap

    if any(near(one, other) for one, other in problem.apart):
        return None
    for region, size in problem.sizes.items():
        mine = [work for work, mover in zip(works, problem.movers, strict=True) if mover.region == region]
        if any(sum(start <= at < end for start, end in mine) > size for at, _ in mine):
            return None
    own = sum(mover.places[place].cost for mover, place in zip(problem.movers, places, strict=True))
    return own + sum(cost for one, other, cost in problem.pairs if near(one, other))


def test_a_proven_optimum_is_what_trying_everything_finds() -> None:
    """Of a train of 26 PoPs six may go elsewhere, so that every choice can be tried."""
    _, laid, _ = small(26, 3, sites=300)
    whole = improvement.problem_of(laid)
    free = [index for index, mover in enumerate(whole.movers) if len(mover.places) > 1][-6:]
    movers = tuple(
        mover if index in free else msgspec.structs.replace(mover, places=(mover.places[mover.now],), now=0)
        for index, mover in enumerate(whole.movers)
    )
    problem = msgspec.structs.replace(whole, movers=movers)
    found = CpSat().improve(problem, 10.0)
    assert found.proven
    choices = itertools.product(*(range(len(mover.places)) for mover in movers))
    costs = [cost for places in choices if (cost := _cost(problem, places)) is not None]
    assert _cost(problem, found.places) == min(costs)


def test_a_large_train_is_improved_in_blocks_within_its_time() -> None:
    asked, laid, plan = small(90, 2, sites=900)
    problem = improvement.problem_of(laid)
    blocks = CpSat(whole_max=10).improve(problem, 6.0)
    better = timetable.plan_of(improvement.taken(laid, problem, blocks.places))
    assert not blocks.proven
    assert blocks.seconds < 9
    assert proof_of(asked, better).count == 0
    assert better.cost < plan.cost


def test_without_or_tools_the_way_out_is_said() -> None:
    text = cp_sat.missing()
    assert isinstance(text, RefusedError)
    assert "requirements/optimize.txt" in str(text)
