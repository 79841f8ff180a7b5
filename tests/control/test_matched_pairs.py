"""A gauge of which no pre-period tells how it varies is judged by matched pairs; where those say nothing it holds."""

import msgspec
import pytest
from tests.control.measuring import ERRORS, Measuring
from tests.control.practice import ROLLOUT, VIEWER, Practice

from wavetrain.control import explain, verdicts
from wavetrain.control.verdicts import CheckSeen
from wavetrain.decide.evidence_kept import PopEvidence, RolloutEvidence
from wavetrain.doors import verdict_page
from wavetrain.model.policy import Kind, MetricRule
from wavetrain.model.rollout import Rollout, Status, TurnPhase

HEAP = MetricRule(name="heap", kind=Kind.GAUGE, gauge="heap", weight=0.5, excess_max=100.0)


def quiet(node: str, is_new: bool, number: int) -> float:
    return 1000.0 + (number + int(node.split("-n")[1])) % 3


def larger(node: str, is_new: bool, number: int) -> float:
    return quiet(node, is_new, number) + (50.0 if is_new else 0.0)


def much_larger(node: str, is_new: bool, number: int) -> float:
    return quiet(node, is_new, number) + (500.0 if is_new else 0.0)


def begun(house: Practice, nodes: int, canaries: int, **more: object) -> Measuring:
    """The counters were watched, the gauge was not."""
    made = Measuring(house, ERRORS, HEAP, nodes=nodes, canaries=canaries, **more)  # type: ignore[arg-type]
    made.run(60)
    made.begin()
    return made


def heap(house: Practice) -> CheckSeen:
    return verdicts.verdict(house.store, VIEWER, ROLLOUT).checks[1]


def test_a_larger_heap_fails_by_pairs_and_the_verdict_says_so(house: Practice) -> None:
    made = begun(house, 32, 16)
    made.run(12, gauge=larger)
    with house.store.read() as view:
        rollout = view.get(Rollout, ROLLOUT)
    assert rollout is not None
    assert rollout.status is not Status.ROLLING
    seen = verdicts.verdict(house.store, VIEWER, ROLLOUT)
    check = heap(house)
    assert (seen.verdict, check.pairs) == ("fail", 16)
    assert [(held.pop, held.by_pairs) for held in check.strata] == [("lis1", True)]
    assert check.log_e == pytest.approx(check.strata[0].log_e)
    assert check.compared_s >= 300
    assert "heap is judged by matched pairs" in verdict_page.page(seen)
    assert "16 of them" in verdict_page.page(seen)


def test_a_heap_that_is_as_it_was_passes_by_pairs(house: Practice) -> None:
    made = begun(house, 16, 8)
    made.run(70, gauge=quiet)
    assert made.phase is TurnPhase.REST
    assert heap(house).pairs == 8


def test_a_heap_that_is_worse_by_more_than_it_may_be_does_not_pass(house: Practice) -> None:
    made = begun(house, 16, 8)
    made.run(70, gauge=much_larger)
    assert made.phase is TurnPhase.BAKING
    assert "heap: excess below unknown, must be below 100" in explain.why(house.store, VIEWER, "lis1").answer


@pytest.mark.parametrize(("gauge", "waits"), [(quiet, "heap: 1 of 6 matched pairs"), (None, "heap: 0 of 1")])
def test_too_few_pairs_and_none_at_all_hold(house: Practice, gauge: object, waits: str) -> None:
    made = begun(house, 4, 1)
    made.run(130, gauge=gauge)  # type: ignore[arg-type]
    assert made.phase is TurnPhase.BAKING
    assert waits in explain.why(house.store, VIEWER, "lis1").answer


def test_pairs_are_of_one_hardware_class(house: Practice) -> None:
    """The new nodes of one class are compared with nobody: they are alone in theirs."""
    small = tuple(f"lis1-n{number}" for number in range(1, 9))
    large = tuple(f"lis1-n{number}" for number in range(9, 17))
    made = begun(house, 16, 8, hardware={"small": small, "large": large})
    made.run(20, gauge=quiet)
    assert heap(house).pairs == 0
    assert made.phase is TurnPhase.BAKING


def test_after_a_restart_no_pair_bets_again(house: Practice) -> None:
    made = begun(house, 32, 4)
    made.run(15, gauge=larger)
    made.restart()
    made.run(30, gauge=larger)
    with house.store.read() as view:
        kept, whole = view.get(PopEvidence, ROLLOUT, "lis1"), view.get(RolloutEvidence, ROLLOUT)
    assert kept is not None
    assert whole is not None
    assert len(kept.paired) == len(set(kept.paired)) == 8
    assert kept.pairs
    assert heap(house).pairs == 4


def test_a_gauge_may_be_the_only_gate(house: Practice) -> None:
    made = Measuring(house, msgspec.structs.replace(ERRORS, gate=False), HEAP, nodes=16, canaries=8)
    made.run(60)
    made.begin()
    made.run(5, gauge=quiet)
    assert made.phase is TurnPhase.BAKING
    made.run(65, gauge=quiet)
    assert made.phase is TurnPhase.REST  # type: ignore[comparison-overlap]


def test_where_a_pre_period_tells_how_it_varies_blocks_judge_and_nothing_is_paired(house: Practice) -> None:
    made = Measuring(house, ERRORS, HEAP, nodes=16, canaries=8)
    made.run(200, gauge=quiet)
    made.begin()
    made.run(70, gauge=quiet)
    check = heap(house)
    assert (check.pairs, [held.by_pairs for held in check.strata]) == (0, [False])
    assert check.new_exposure > 0
    assert made.phase is TurnPhase.REST
