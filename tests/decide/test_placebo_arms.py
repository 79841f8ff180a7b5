"""Nodes that were restarted beside the canaries: their control, and a placebo against those that were left alone."""

import pytest
from tests.decide.engine import NEW, OLD, Engine, fleet, measured, pop
from tests.decide.test_comparison import a_bin, calibrated_by, sample

from wavetrain.decide import comparison
from wavetrain.decide.evidence_kept import PopWatch
from wavetrain.decide.running_test import ArmsOf, RunningTest
from wavetrain.model.fleet import UnitId
from wavetrain.model.health import PopCounts
from wavetrain.model.rollout import Turn, TurnPhase

POLICY = measured()
NODES = ("a1", "a2", "a3", "a4")
USUAL, COLD, BAD = 2.0, 12.0, 30.0
"""Failures of a thousand operations."""


def baking(*, restarted: bool = True) -> Turn:
    """The turn of a PoP of four whose canary bakes, beside the last of its order."""
    engine = Engine(fleet(pop("a", 4)), POLICY)
    engine.tick()
    engine.obey()
    engine.tick(1)
    turn = engine.turn("a")
    last = turn.order[-1:] if restarted else ()
    return turn.changed(placebos=last, restarted=last)


def seen(turn: Turn, *, canary: float, restarted: float) -> PopCounts:
    """A bin in which the canary and the last node fail so often."""
    first, last = turn.order[0], turn.order[-1]
    says = {first: canary, last: restarted}
    releases = {node: NEW if node == first else OLD for node in NODES}
    return a_bin(*(sample(node, releases[node], failed=says.get(UnitId(node), USUAL)) for node in NODES))


def judged(arms_of: ArmsOf, turn: Turn, bins: int = 60, **said: float) -> RunningTest:
    """A test, calibrated on quiet nodes, that has seen so many bins."""
    watch = PopWatch(pop="a")
    for _ in range(40):
        watch = comparison.watched(watch, a_bin(*(sample(node) for node in NODES)), POLICY)
    test = RunningTest("r", POLICY, arms_of=arms_of)
    test.calibrate(comparison.calibrated("r", "a", watch, POLICY))
    for _ in range(bins):
        test.compare([(turn, seen(turn, **said))], NEW, 1.0)
    test.judge()
    return test


def names(turn: Turn, mask: object) -> set[str]:
    return {node for node, is_in in zip(NODES, mask, strict=True) if is_in}  # type: ignore[call-overload]


def test_the_control_is_the_node_that_was_restarted_beside_the_canary() -> None:
    turn = baking()
    arms = comparison.arms_of(turn, seen(turn, canary=USUAL, restarted=USUAL), NEW)
    assert arms is not None
    assert [names(turn, mask) for mask in arms] == [{turn.order[0]}, {turn.order[-1]}]
    placebo = comparison.placebo_arms(turn, seen(turn, canary=USUAL, restarted=USUAL), NEW)
    assert placebo is not None
    assert [names(turn, mask) for mask in placebo] == [{turn.order[-1]}, set(turn.order[1:-1])]


def test_without_restarted_nodes_all_that_are_unexposed_are_the_control_and_there_is_no_placebo() -> None:
    turn = baking(restarted=False)
    arms = comparison.arms_of(turn, seen(turn, canary=USUAL, restarted=USUAL), NEW)
    assert arms is not None
    assert names(turn, arms[1]) == set(turn.order[1:])
    assert comparison.placebo_arms(turn, seen(turn, canary=USUAL, restarted=USUAL), NEW) is None


def test_where_a_canary_has_lost_its_like_all_that_are_unexposed_are_the_control() -> None:
    turn = baking().changed(canaries=2)
    arms = comparison.arms_of(turn, seen(turn, canary=USUAL, restarted=USUAL), NEW)
    assert arms is not None
    assert names(turn, arms[1]) == set(turn.order[1:])


def test_the_rest_that_follows_is_younger_and_is_not_compared() -> None:
    turn = baking()
    turn = turn.changed(phase=TurnPhase.REST, cursor=2)
    bin_ = a_bin(*(sample(node, NEW if node in turn.order[:2] else OLD) for node in NODES))
    arms = comparison.arms_of(turn, bin_, NEW)
    assert arms is not None
    assert [names(turn, mask) for mask in arms] == [{turn.order[0]}, {turn.order[-1]}]
    done = turn.changed(cursor=4)
    everywhere = a_bin(*(sample(node, NEW) for node in NODES))
    assert comparison.arms_of(done, everywhere, NEW) is None
    assert comparison.placebo_arms(done, everywhere, NEW) is None


@pytest.mark.parametrize("phase", [TurnPhase.PLACEBO, TurnPhase.WAITING, TurnPhase.BACK, TurnPhase.DONE])
def test_nothing_is_compared_before_the_canaries_or_on_the_way_back(phase: TurnPhase) -> None:
    turn = baking().changed(phase=phase)
    bin_ = seen(turn, canary=USUAL, restarted=USUAL)
    assert comparison.arms_of(turn, bin_, NEW) is None
    assert comparison.placebo_arms(turn, bin_, NEW) is None


def test_a_restart_that_hurts_fails_a_sound_release_only_where_its_like_was_not_restarted() -> None:
    apart, beside = baking(restarted=False), baking()
    assert judged(comparison.arms_of, apart, canary=COLD, restarted=USUAL).record.failed
    assert not judged(comparison.arms_of, beside, canary=COLD, restarted=COLD).record.failed
    assert judged(comparison.placebo_arms, beside, canary=COLD, restarted=COLD).record.failed


def test_a_bad_release_fails_against_its_like_while_the_placebo_is_quiet() -> None:
    turn = baking()
    assert judged(comparison.arms_of, turn, canary=BAD, restarted=USUAL).record.failed
    assert not judged(comparison.placebo_arms, turn, canary=BAD, restarted=USUAL).record.failed


def test_the_share_of_a_canary_is_told_against_its_whole_pop() -> None:
    """Beside another empty node it would look as if it carried its share."""
    turn = baking()
    empty = [sample(node, NEW if node == turn.order[0] else OLD, sessions=5) for node in turn.order[:1]]
    empty += [sample(turn.order[-1], sessions=5)] + [sample(node, sessions=45) for node in turn.order[1:-1]]
    test = calibrated_by(None)
    test.compare([(turn, a_bin(*empty))], NEW, 1.0)
    share = test.pops["a"].share
    assert share is not None
    assert share < POLICY.bake.share_min
    assert test.pops["a"].compared_s == 0.0
