"""The running test of a rollout goes on from its records, and from PoPs that were done."""

import msgspec
import pytest
from tests.decide.engine import NEW, OLD, pop
from tests.decide.test_comparison import POLICY, a_bin, baking, fed, kept, sample

from wavetrain.decide.evidence_kept import PopCalibration, PopEvidence, RolloutEvidence
from wavetrain.decide.running_test import RunningTest
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import NodeId


def taken_up(test: RunningTest) -> RunningTest:
    """As after a crash: from what the store has."""
    known = test.calibration("a")
    whole = msgspec.json.decode(msgspec.json.encode(test.record), type=RolloutEvidence)
    pops = [msgspec.json.decode(msgspec.json.encode(item), type=PopEvidence) for item in test.pops.values()]
    fixed = [msgspec.json.decode(msgspec.json.encode(known), type=PopCalibration)] if known else []
    return RunningTest("r", POLICY, whole, pops, fixed)


def test_a_test_that_is_taken_up_from_its_records_goes_on_as_if_nothing_had_been() -> None:
    through, again = fed(kept(), failed=9, bins=3), taken_up(fed(kept(), failed=9, bins=3))
    assert again.record == through.record
    assert dict(again.pops) == dict(through.pops)
    assert fed(again, failed=5, bins=2).record.log_e == pytest.approx(
        fed(through, failed=5, bins=2).record.log_e
    )


def test_what_a_pop_that_is_done_has_said_stays_in_the_test() -> None:
    test = fed(kept(), failed=9, bins=3)
    before = test.record.log_e
    test.settle("a")
    test.judge()
    assert test.record.log_e == pytest.approx(before)
    assert (list(test.pops), test.calibration("a")) == ([], None)
    (last,) = test.unwritten(test.record.changes - 1)
    assert (last.pop, last.live) == ("a", 0)


@pytest.mark.parametrize("is_written", [False, True])
def test_a_pop_that_was_done_goes_on_where_it_was(is_written: bool) -> None:
    through, test = fed(kept(), failed=9, bins=3), fed(kept(), failed=9, bins=3)
    known = test.calibration("a")
    assert known is not None
    test.settle("a")
    written = test.unwritten(0)
    if is_written:
        test = taken_up(test)
    test.reopen(known, [item for item in written if is_written])
    more, expected = fed(test, failed=5, bins=2), fed(through, failed=5, bins=2)
    assert more.record.log_e == pytest.approx(expected.record.log_e)
    assert more.pops["a"].states == expected.pops["a"].states


def test_only_what_has_changed_is_written_down() -> None:
    test = fed(kept(), failed=9, bins=3)
    assert [item.pop for item in test.unwritten(-1)] == ["a"]
    assert test.unwritten(test.record.changes) == []


def test_a_test_of_another_width_is_refused_with_the_way_out() -> None:
    test = fed(kept(), failed=9, bins=3)
    older = test.record.changed(together=test.record.together[:-8])
    with pytest.raises(RefusedError, match=r"another version kept it: run wavetrain store migrate"):
        RunningTest("r", POLICY, older)


BY_CLASS = {"a": pop("a", 4).changed(hardware={"old": (NodeId("a1"), NodeId("a2")), "new": (NodeId("a3"),)})}


def compared(test: RunningTest, worse: str, bins: int) -> RunningTest:
    turn, canary = baking()
    for _ in range(bins):
        samples = [
            sample(node, NEW if node == canary else OLD, failed=20 if node == worse else 2)
            for node in ("a1", "a2", "a3", "a4")
        ]
        test.compare([(turn, a_bin(*samples))], NEW, 1.0, BY_CLASS)
    test.judge()
    return test


def test_a_canary_is_held_against_the_control_of_its_hardware_class_too() -> None:
    """The canary is a1: what a2 says is said of its class, and what other nodes say is not."""
    assert baking()[1] == "a1"
    test = compared(kept(), "a1", 5)
    assert test.record.classes == ("old",)
    ((name, worse),) = test.judgement().per_metric[0].classes
    assert name == "old"
    ((_, like),) = compared(kept(), "a3", 5).judgement().per_metric[0].classes
    ((_, unlike),) = compared(kept(), "a2", 5).judgement().per_metric[0].classes
    assert unlike < like < worse
    again = taken_up(test)
    assert again.record == test.record
    assert compared(again, "a1", 2).record == compared(test, "a1", 2).record


def test_a_class_without_a_control_of_its_own_says_nothing() -> None:
    only = {"a": BY_CLASS["a"].changed(hardware={"old": (NodeId("a1"),)})}
    turn, canary = baking()
    test = kept()
    samples = [sample(node, NEW if node == canary else OLD) for node in ("a1", "a2", "a3", "a4")]
    test.compare([(turn, a_bin(*samples))], NEW, 1.0, only)
    assert test.record.classes == ()
    alike = {"a": BY_CLASS["a"].changed(hardware={"old": tuple(map(NodeId, ("a1", "a2", "a3", "a4")))})}
    test.compare([(turn, a_bin(*samples))], NEW, 1.0, alike)
    assert test.record.classes == ("old",)


def test_the_evidence_on_other_metrics_is_not_gone_on_with() -> None:
    test = fed(kept(), failed=9, bins=3)
    other = RunningTest("r", POLICY, test.record.changed(metrics=("others",)), test.pops.values())
    assert (other.record.changes, other.live) == (0, ())
