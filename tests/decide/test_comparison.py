import pytest
from tests.decide.engine import FAILURES, NEW, OLD, Engine, fleet, measured, pop, said

from wavetrain.decide import comparison
from wavetrain.decide.evidence_kept import PopCalibration, PopWatch
from wavetrain.decide.running_test import RunningTest
from wavetrain.evidence.processes import BINS, unpacked
from wavetrain.model.fleet import NodeId, Phase, PopId
from wavetrain.model.health import PopBin, PopCounts, Sample
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


def a_bin(*samples: Sample) -> PopCounts:
    return comparison.arrayed(PopBin(pop=PopId("a"), ended=0.0, seconds=10.0, samples=samples))


def baking() -> tuple[Turn, str]:
    engine = Engine(fleet(pop("a", 4)), POLICY)
    engine.tick()
    engine.obey()
    engine.tick(1)
    return engine.turn("a"), engine.turn("a").order[0]


def kept(bins: int = 40) -> RunningTest:
    watch = PopWatch(pop="a")
    for _ in range(bins):
        watch = comparison.watched(watch, a_bin(*(sample(f"a{number}") for number in range(1, 5))), POLICY)
    return calibrated_by(watch)


def calibrated_by(watch: PopWatch | None) -> RunningTest:
    test = RunningTest("r", POLICY)
    test.calibrate(comparison.calibrated("r", "a", watch, POLICY))
    return test


def fed(held: RunningTest, *, failed: float, bins: int, sessions: float = 25) -> RunningTest:
    turn, canary = baking()
    for _ in range(bins):
        samples = [
            sample(node, NEW, failed=failed, sessions=sessions) if node == canary else sample(node)
            for node in ("a1", "a2", "a3", "a4")
        ]
        held.compare([(turn, a_bin(*samples))], NEW, 1.0)
    held.judge()
    return held


def has_said_nothing(held: RunningTest) -> bool:
    return not unpacked(held.pops["a"].states)[:, BINS].any()


def test_a_worse_canary_fails_and_an_equal_one_passes_its_gate() -> None:
    worse = fed(kept(), failed=20, bins=30)
    assert worse.record.failed
    equal = fed(kept(), failed=2, bins=60)
    assert not equal.record.failed
    answer = comparison.gate_of(equal.pops["a"], POLICY)
    assert answer is not None
    assert answer.passed


def test_a_worse_canary_does_not_pass_its_gate_where_nothing_was_calibrated() -> None:
    """Long bins hold many events; a cap made for short ones would make them look like none more."""
    worse = fed(calibrated_by(None), failed=30, bins=60)
    answer = comparison.gate_of(worse.pops["a"], POLICY)
    assert answer is not None
    assert not answer.passed


def test_a_canary_that_does_not_carry_its_share_gives_no_evidence() -> None:
    held = fed(kept(), failed=20, bins=10, sessions=5)
    assert has_said_nothing(held)
    share = held.pops["a"].share
    assert share is not None
    assert share < POLICY.bake.share_min


def test_counts_of_units_in_progress_and_of_other_releases_are_left_out() -> None:
    turn, canary = baking()
    samples = [sample(node, OLD) for node in ("a1", "a2", "a3", "a4")]
    held = kept()
    assert not held.compare([(turn, a_bin(*samples))], NEW, 1.0)
    assert has_said_nothing(held)
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
    assumed = comparison.calibrated("r", "a", None, POLICY)
    assert assumed.seconds == 0
    assert comparison.calibrations(assumed).usual_s.tolist() == [0.0]
    known = kept().calibration("a")
    assert isinstance(known, PopCalibration)
    assert known.seconds == 400


def test_nothing_is_said_of_a_pop_that_was_not_compared() -> None:
    assert comparison.gate_of(None, POLICY) is None
    assert kept().pops.get("b") is None


def test_a_calibration_that_was_kept_without_offset_errors_has_none() -> None:
    known = comparison.calibrated("r", "a", None, POLICY)
    assert known.offset_errors
    before = known.changed(offset_errors=b"")
    assert comparison.calibrations(before).offset_errors.tolist() == [0.0] * len(
        comparison.calibrations(known).phis
    )
