import pytest
from tests.decide.engine import FAILURES, NEW, OLD, Engine, fleet, measured, pop, said

from wavetrain.decide import comparison
from wavetrain.decide.evidence_kept import Calibrated, PopWatch, RolloutEvidence
from wavetrain.model.fleet import NodeId, Phase, PopId
from wavetrain.model.health import PopBin, Sample
from wavetrain.model.rollout import Turn

POLICY = measured()


def sample(
    node: str, release: str = OLD, *, failed: float = 2, operations: float = 1000, sessions: float = 25
) -> Sample:
    return Sample(
        node=NodeId(node),
        release=release,
        increments={"failures": failed, "operations": operations},
        sessions=sessions,
    )


def a_bin(*samples: Sample) -> PopBin:
    return PopBin(pop=PopId("a"), ended=0.0, seconds=10.0, samples=samples)


def baking() -> tuple[Turn, str]:
    engine = Engine(fleet(pop("a", 4)), POLICY)
    engine.tick()
    engine.obey()
    engine.tick(1)
    return engine.turn("a"), engine.turn("a").order[0]


def kept(bins: int = 40) -> RolloutEvidence:
    watch = PopWatch(pop="a")
    for _ in range(bins):
        watch = comparison.watched(watch, a_bin(*(sample(f"a{number}") for number in range(1, 5))), POLICY)
    return RolloutEvidence(rollout="r", pops={"a": comparison.calibrated(watch, POLICY)})


def fed(held: RolloutEvidence, *, failed: float, bins: int, sessions: float = 25) -> RolloutEvidence:
    turn, canary = baking()
    for _ in range(bins):
        samples = [
            sample(node, NEW, failed=failed, sessions=sessions) if node == canary else sample(node)
            for node in ("a1", "a2", "a3", "a4")
        ]
        held = comparison.compared(held, turn, a_bin(*samples), NEW, POLICY, 1.0)
    return held


def test_a_worse_canary_fails_and_an_equal_one_passes_its_gate() -> None:
    worse = fed(kept(), failed=20, bins=30)
    assert comparison.judged(worse, POLICY).failed
    equal = fed(kept(), failed=2, bins=60)
    assert not comparison.judged(equal, POLICY).failed
    answer = comparison.gate_of(equal, "a", POLICY)
    assert answer is not None
    assert answer.passed


def test_a_worse_canary_does_not_pass_its_gate_where_nothing_was_calibrated() -> None:
    """Long bins hold many events; a cap made for short ones would make them look like none more."""
    unknown = RolloutEvidence(rollout="r", pops={"a": comparison.calibrated(None, POLICY)})
    worse = fed(unknown, failed=30, bins=60)
    answer = comparison.gate_of(worse, "a", POLICY)
    assert answer is not None
    assert not answer.passed


def test_a_canary_that_does_not_carry_its_share_gives_no_evidence() -> None:
    held = fed(kept(), failed=20, bins=10, sessions=5)
    assert held.evidence.metrics == ()
    assert held.share["a"] < POLICY.bake.share_min


def test_counts_of_units_in_progress_and_of_other_releases_are_left_out() -> None:
    turn, canary = baking()
    samples = [sample(node, OLD) for node in ("a1", "a2", "a3", "a4")]
    assert comparison.compared(kept(), turn, a_bin(*samples), NEW, POLICY, 1.0).evidence.metrics == ()
    assert canary in turn.settled


def test_a_counter_that_is_absent_is_no_zero() -> None:
    bare = Sample(node=NodeId("a1"), release=OLD, increments={"operations": 5}, sessions=1)
    assert comparison.counted(FAILURES, a_bin(bare)) is None
    counted = comparison.counted(FAILURES, a_bin(bare, sample("a2")))
    assert counted is not None
    assert [count.node for count in counted.nodes] == ["a2"]


@pytest.mark.parametrize("phase", list(Phase))
def test_a_bin_in_which_a_node_moves_is_not_quiet(phase: Phase) -> None:
    moves = phase in (Phase.DRAINING, Phase.UPDATING, Phase.VERIFYING, Phase.RETURNING)
    seen = a_bin(sample("a1"), sample("a2"))
    assert comparison.is_quiet(seen, {NodeId("a2"): said("a2", "a", phase=phase)}) is not moves


def test_without_a_pre_period_the_calibration_is_assumed() -> None:
    assumed = comparison.calibrated(None, POLICY)
    assert isinstance(assumed, Calibrated)
    assert assumed.seconds == 0
    assert assumed.metrics["failures"].bins == 0
    assert kept().pops["a"].seconds == 400


def test_nothing_is_said_of_a_pop_that_was_not_compared() -> None:
    assert comparison.gate_of(None, "a", POLICY) is None
    assert comparison.gate_of(kept(), "b", POLICY) is None
