"""The running test of a rollout goes on from its records, and from PoPs that were done."""

import msgspec
import pytest
from tests.decide.engine import NEW, OLD, pop
from tests.decide.test_comparison import POLICY, a_bin, baking, fed, kept, sample

from wavetrain.decide.evidence_kept import PopCalibration, PopEvidence, RolloutEvidence
from wavetrain.decide.running_test import RunningTest
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import NodeId, Pop


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


NODES = ("a1", "a2", "a3", "a4")


def of_classes(**hardware: tuple[str, ...]) -> dict[str, Pop]:
    members = {name: tuple(map(NodeId, nodes)) for name, nodes in hardware.items()}
    return {"a": pop("a", 4).changed(hardware=members)}


def compared(test: RunningTest, worse: str, bins: int, by_class: dict[str, Pop]) -> RunningTest:
    turn, canary = baking()
    for _ in range(bins):
        samples = [
            sample(node, NEW if node == canary else OLD, failed=20 if node == worse else 2) for node in NODES
        ]
        test.compare([(turn, a_bin(*samples))], NEW, 1.0, by_class)
    test.judge()
    return test


def test_a_canary_is_held_against_the_control_of_its_hardware_class_too() -> None:
    """What its like says is said of its class, and what other nodes say is not."""
    canary = baking()[1]
    like, unlike, other = (node for node in NODES if node != canary)
    by_class = of_classes(old=(canary, like), new=(unlike, other))
    test = compared(kept(), canary, 5, by_class)
    assert test.record.classes == ("old",)
    said = {
        worse: compared(kept(), worse, 5, by_class).judgement().per_metric[0].classes[0]
        for worse in (canary, like, unlike)
    }
    assert {name for name, _ in said.values()} == {"old"}
    assert said[like][1] < said[unlike][1] < said[canary][1]
    again = taken_up(test)
    assert again.record == test.record
    assert compared(again, canary, 2, by_class).record == compared(test, canary, 2, by_class).record


def test_a_class_without_a_control_of_its_own_says_nothing() -> None:
    canary, test = baking()[1], kept()
    assert compared(test, "", 1, of_classes(old=(canary,))).record.classes == ()
    assert compared(test, "", 1, of_classes(old=NODES)).record.classes == ("old",)


def test_the_evidence_on_other_metrics_is_not_gone_on_with() -> None:
    test = fed(kept(), failed=9, bins=3)
    other = RunningTest("r", POLICY, test.record.changed(metrics=("others",)), test.pops.values())
    assert (other.record.changes, other.live) == (0, ())
