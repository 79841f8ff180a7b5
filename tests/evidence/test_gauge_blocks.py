"""A block is a difference in differences of the nodes that were in one arm all along."""

from math import inf, nan, sqrt

import numpy as np
import pytest

from wavetrain.errors import RefusedError
from wavetrain.evidence.arms import Mask
from wavetrain.evidence.counters import Array
from wavetrain.evidence.gauge_blocks import (
    AGE,
    LEVEL,
    SCALE,
    SECONDS_OF,
    SHIFT,
    SLOPE_SCALE,
    TAU_OF,
    OpenBlocks,
    absorb,
    opened,
    tau_of,
)
from wavetrain.evidence.gauge_calibration import GaugeCalibration

NODES = ("a", "b", "c", "d")
NEW = np.array([True, False, False, False])


def known(block: float = 2.0, gauges: int = 1) -> GaugeCalibration:
    """Baselines 0, 1, 2, 3 for all day; 4 more in the second slot; noise 1 a node; tau 0.5."""
    base = np.repeat(np.arange(4.0)[None, None], 13, axis=1)
    base[:, 2] += np.array([4.0, 0.0, 0.0, 0.0])
    return GaugeCalibration(
        nodes=NODES,
        baselines=np.repeat(base, gauges, axis=0),
        noise=np.ones((gauges, 4)),
        base_error=np.full((gauges, 4), 0.01),
        drift=np.full(gauges, 4.0),
        tau=np.full(gauges, 0.5),
        block_bins=np.full(gauges, block),
        rho=np.full(gauges, 2.0),
        bins=1000,
        seconds=60_000.0,
    )


def fed(
    rows: list[list[float]],
    arms: list[Mask] | None = None,
    *,
    falls: bool = False,
    clock: float | None = None,
) -> tuple[OpenBlocks, Array]:
    held = opened(1)
    closed = np.zeros((1, 7))
    for number, row in enumerate(rows):
        new = arms[number] if arms else NEW
        held, closed = absorb(
            held,
            NODES,
            np.array([row]),
            (new, ~new),
            60.0,
            60.0 * (number + 1),
            known(),
            np.array([falls]),
            clock,
        )
    return held, closed


def test_a_block_closes_when_it_is_full_and_the_next_begins_empty() -> None:
    held, closed = fed([[5.0, 1.0, 2.0, 3.0]])
    assert not closed.any()
    held, closed = fed([[5.0, 1.0, 2.0, 3.0], [7.0, 2.0, 3.0, 4.0]])
    assert closed[0, SHIFT] == pytest.approx(6.0 - 0.5)
    assert closed[0, SCALE] == pytest.approx(sqrt(1 + 1 / 3))
    assert closed[0, SLOPE_SCALE] == pytest.approx(2 * sqrt(1 + 1 / 3))
    assert closed[0, TAU_OF] == pytest.approx(sqrt((0.25 + 0.01) * (1 + 1 / 3)))
    assert closed[0, LEVEL] == pytest.approx(2.5)
    assert (closed[0, AGE], closed[0, SECONDS_OF]) == (90.0, 120.0)
    assert not any(part.any() for part in (*held.sums, held.filled, held.seconds, held.ages))


def test_a_course_that_both_arms_share_cancels() -> None:
    _, plain = fed([[0.0, 1.0, 2.0, 3.0]] * 2)
    _, raised = fed([[100.0, 101.0, 102.0, 103.0], [-7.0, -6.0, -5.0, -4.0]])
    assert raised[0, SHIFT] == pytest.approx(plain[0, SHIFT]) == pytest.approx(0.0)


def test_where_less_is_worse_the_shift_is_turned() -> None:
    assert fed([[-3.0, 1.0, 2.0, 3.0]] * 2, falls=True)[1][0, SHIFT] == pytest.approx(3.0)
    assert fed([[-3.0, 1.0, 2.0, 3.0]] * 2)[1][0, SHIFT] == pytest.approx(-3.0)


def test_the_baseline_is_that_of_the_clock() -> None:
    assert fed([[0.0, 1.0, 2.0, 3.0]] * 2, clock=7300.0)[1][0, SHIFT] == pytest.approx(-4.0)
    assert fed([[0.0, 1.0, 2.0, 3.0]] * 2, clock=100.0)[1][0, SHIFT] == pytest.approx(0.0)


def test_missing_nodes_are_left_out_and_half_of_the_bins_are_enough() -> None:
    _, closed = fed([[4.0, nan, 2.0, nan], [4.0, nan, 2.0, 3.5]])
    assert closed[0, SHIFT] == pytest.approx(4.0 - 0.25)
    assert closed[0, SCALE] == pytest.approx(sqrt(1 + 1 / 2))


@pytest.mark.parametrize("row", [[nan, 1.0, 2.0, 3.0], [4.0, nan, nan, nan], [nan] * 4])
def test_a_block_without_a_node_in_both_arms_says_nothing(row: list[float]) -> None:
    held, closed = fed([row] * 2)
    assert not closed.any()
    assert held.filled.tolist() == [0]


def test_a_node_that_changes_its_arm_within_a_block_is_left_out() -> None:
    later = np.array([True, True, False, False])
    _, closed = fed([[4.0, 9.0, 2.0, 3.0]] * 2, [NEW, later])
    assert closed[0, SHIFT] == pytest.approx(4.0)
    assert closed[0, SCALE] == pytest.approx(sqrt(1 + 1 / 2))


def test_a_node_without_a_baseline_speaks_for_no_arm() -> None:
    held = opened(1)
    for _ in range(2):
        held, closed = absorb(
            held,
            ("stranger", "a", "b"),
            np.array([[50.0, 4.0, 1.0]]),
            (np.array([True, True, False]), np.array([False, False, True])),
            60.0,
            0.0,
            known(),
            np.array([False]),
        )
    assert closed[0, SHIFT] == pytest.approx(4.0)


def test_gauges_have_blocks_of_their_own_and_a_kept_one_goes_on() -> None:
    two = known(gauges=2)
    two.block_bins[1] = 3.0
    held, closings = opened(2), []
    for _ in range(6):
        held = OpenBlocks(held.nodes, held.sums, held.filled, held.seconds, held.ages)
        before = [part.copy() for part in held.sums]
        arms = NEW, ~NEW
        after, closed = absorb(held, NODES, np.ones((2, 4)), arms, 60.0, 0.0, two, np.zeros(2, bool))
        assert all(map(np.array_equal, held.sums, before))
        held = after
        closings.append((closed[:, SECONDS_OF] > 0).tolist())
    assert closings == [
        [False, False],
        [True, False],
        [False, True],
        [True, False],
        [False, False],
        [True, True],
    ]


def test_the_first_widths_are_those_of_the_blocks() -> None:
    _, closed = fed([[0.0, 1.0, 2.0, 3.0]] * 2)
    assert tau_of(known(), NODES, (NEW, ~NEW)) * 2.0 == pytest.approx(closed[:, TAU_OF])


@pytest.mark.parametrize(
    ("gauges", "control", "age", "says"),
    [
        (2, ~NEW, 0.0, "same gauges"),
        (1, ~NEW | NEW, 0.0, "in both arms"),
        (1, ~NEW, -1.0, "time since upgrade"),
        (1, ~NEW, inf, "time since upgrade"),
    ],
)
def test_what_cannot_be_a_bin_is_refused(
    gauges: int,
    control: Mask,
    age: float,
    says: str,
) -> None:
    with pytest.raises(RefusedError, match=says):
        absorb(
            opened(1),
            NODES,
            np.ones((gauges, 4)),
            (NEW, control),
            60.0,
            age,
            known(),
            np.zeros(gauges, bool),
        )
