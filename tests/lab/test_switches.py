from pathlib import Path
from typing import Any

import pytest

from wavetrain.lab.gateway.switches import (
    GOOD_FAILED_RATIO,
    Switches,
    operation_hash,
    switches_from,
    switches_in,
    threshold,
)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([], "must be an object"),
        ({"speed": 1}, "no such switch; known are never_healthy"),
        ({"never_healthy": 1}, "must be true or false"),
        ({"crash_after_s": "2"}, "must be a number"),
        ({"start_delay_s": True}, "must be a number"),
        ({"operations_failed_ratio": 1.5}, "a share from 0 to 1"),
    ],
)
def test_an_unknown_or_impossible_switch_is_refused_with_its_place(raw: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"release\.json.*{message}"):
        switches_from(raw, "release.json: faults")


def test_the_worse_of_release_and_node_holds() -> None:
    release = Switches(operations_failed_ratio=0.01, crash_after_s=5)
    node = Switches(never_healthy=True, crash_after_s=2, start_delay_s=1)
    assert (
        release.worse(node)
        == node.worse(release)
        == Switches(never_healthy=True, operations_failed_ratio=0.01, crash_after_s=2, start_delay_s=1)
    )
    assert release.worse(Switches()) == release


def test_a_node_without_a_file_has_no_faults_of_its_own(tmp_path: Path) -> None:
    assert switches_in(tmp_path / "faults.json") == Switches()


@pytest.mark.parametrize("ratio", [GOOD_FAILED_RATIO, 0.01, 0.2])
def test_the_share_of_failed_operations_is_the_ratio_for_every_session(ratio: float) -> None:
    below = threshold(ratio)
    operations = 40_000
    for salt in (0, 1, 2**40 + 7):
        failed = sum(operation_hash(salt, n) < below for n in range(operations))
        deviation = (operations * ratio * (1 - ratio)) ** 0.5
        assert abs(failed - operations * ratio) < 4 * deviation
    same = [operation_hash(1, n) < below for n in range(operations)]
    assert same == [operation_hash(1, n) < below for n in range(operations)]
    assert same != [operation_hash(2, n) < below for n in range(operations)]
