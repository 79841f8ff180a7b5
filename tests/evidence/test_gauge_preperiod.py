"""What the gauges of a stratum did before anything moved is kept in bounded memory, free of what all nodes share."""

from math import inf, nan

import numpy as np
import pytest
from tests.evidence.drifting import Fleet

from wavetrain.errors import RefusedError
from wavetrain.evidence import gauge_preperiod
from wavetrain.evidence.bins import MAX_NODES
from wavetrain.evidence.counters import Array
from wavetrain.evidence.gauge_preperiod import (
    BLOCKS,
    LENGTHS,
    SLOT_SEEN,
    absorb,
    mean_deviation,
    node_variances,
    packed,
    slot_of,
    unpacked,
    unwatched,
    variances,
)

NODES = ("a", "b", "c", "d")


def watched(levels: Array, clock: bool = False) -> gauge_preperiod.GaugeWatch:
    """One gauge: bins of 60 s, (bins, nodes)."""
    watch = unwatched(1)
    names = tuple(f"n{number}" for number in range(levels.shape[1]))
    for number, row in enumerate(levels):
        watch = absorb(watch, names, row[None], 60.0, 60.0 * number if clock else None)
    return watch


def test_variances_of_white_noise_are_sigma_squared_over_the_length() -> None:
    rng = np.random.default_rng(1)
    watch = watched(rng.normal(0, 3, (4096, 10)) + rng.normal(0, 10, 10))
    v, degrees = variances(watch)
    for place, length in enumerate(LENGTHS[:4]):
        expected = 9 / length
        assert v[0, place] == pytest.approx(expected, rel=5 * np.sqrt(2 / degrees[0, place]))
    assert degrees[0].tolist() == [10 * (4096 // length - 1) for length in LENGTHS]


def test_each_lengths_variance_is_that_of_its_block_means() -> None:
    """Against block means taken at once; the shared course is out of them before, by the mean over nodes."""
    rng = np.random.default_rng(2)
    levels = np.cumsum(rng.normal(0, 1, (1024, 6)), axis=0) + rng.normal(0, 50, (1024, 1))
    v, _ = variances(watched(levels))
    deviations = levels - levels.mean(axis=1, keepdims=True)
    for place, length in enumerate(LENGTHS[:5]):
        means = deviations.reshape(-1, length, 6).mean(axis=1)
        assert v[0, place] == pytest.approx(means.var(axis=0, ddof=1).mean() * 6 / 5, rel=1e-6)


def test_a_season_that_all_share_leaves_no_trace() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 1, (512, 4))
    season = 1e4 * np.sin(np.arange(512) / 9)[:, None]
    plain, seasonal = (watched(noise + shared) for shared in (0.0, season))
    assert variances(seasonal)[0][0, :4] == pytest.approx(variances(plain)[0][0, :4])
    assert mean_deviation(seasonal) == pytest.approx(mean_deviation(plain))


def test_a_node_that_is_missing_shifts_nobody_else() -> None:
    """Node d is 1,000 above the others; when it is away, the mean over the rest is another one."""
    levels = np.array([0.0, 1.0, 2.0, 1000.0]) + np.zeros((64, 4))
    levels[10:30, 3] = nan
    watch = watched(levels)
    deviations = mean_deviation(watch)[0]
    assert np.diff(deviations).tolist() == pytest.approx([1, 1, 998])
    assert np.nanmax(node_variances(watch)[0]) == pytest.approx(0, abs=1e-9)
    assert watch.scales[0, 0, :, BLOCKS].tolist() == [64, 64, 64, 44]


def test_a_block_with_less_than_half_of_its_parts_is_left_out() -> None:
    levels = np.zeros((16, 3))
    levels[0:3, 0] = nan  # three of the first four
    levels[4:6, 1] = nan  # two of the second four
    assert watched(levels).scales[0, 1, :, BLOCKS].tolist() == [3, 4, 4]


def test_nodes_that_come_later_are_taken_in() -> None:
    watch = absorb(unwatched(2), ("a", "b"), np.array([[1.0, 3.0], [5.0, nan]]), 60.0)
    watch = absorb(watch, ("c", "b", "a"), np.array([[9.0, 3.0, 1.0], [1.0, 5.0, 5.0]]), 60.0)
    assert watch.nodes == ("a", "b", "c")
    assert watch.scales[:, 0, :, BLOCKS].tolist() == [[2, 2, 1], [1, 1, 1]]
    assert mean_deviation(watch)[0].tolist() == [-1, 1, 7]


def test_a_gauge_of_one_node_says_nothing() -> None:
    watch = absorb(unwatched(1), NODES, np.array([[nan, 1.0, nan, nan]]), 60.0)
    assert watch.bins == 0
    assert absorb(watch, NODES, np.full((1, 4), nan), 60.0).bins == 0


def test_slots_count_days_by_the_clock() -> None:
    assert [slot_of(at) for at in (0.0, 7199.9, 7200.0, 86_399.0, 86_400.0 + 7200.0)] == [0, 0, 1, 11, 1]
    watch = Fleet(4, 2).watched(1.45, clocked=True)
    assert watch.visits == (2,) * 6 + (1,) * 6
    assert watch.slots[0, 3, 0, SLOT_SEEN] == 2 * 120


def test_what_was_absorbed_is_not_changed_by_what_follows() -> None:
    watch = watched(np.random.default_rng(5).normal(0, 1, (20, 4)))
    before = watch.scales.copy(), watch.slots.copy()
    absorb(watch, ("n0", "n1", "n2", "n3"), np.ones((1, 4)), 60.0, 60.0)
    assert np.array_equal(watch.scales, before[0])
    assert np.array_equal(watch.slots, before[1])


def test_a_pre_period_that_was_kept_goes_on() -> None:
    rng = np.random.default_rng(7)
    names = ("n0", "n1", "n2", "n3")
    watch = watched(rng.normal(0, 1, (300, 4)), True)
    again = unpacked(packed(watch), watch.nodes)
    for at in range(30):
        more, clock = rng.normal(0, 1, (1, 4)), 60.0 * (300 + at)
        watch, again = (absorb(of, names, more, 60.0, clock) for of in (watch, again))
    assert packed(again) == packed(watch)
    assert (again.bins, again.seconds, again.filled) == (330, 19_800.0, watch.filled)


def test_the_state_does_not_grow_with_time() -> None:
    rng = np.random.default_rng(6)
    short, long = (watched(rng.normal(0, 1, (count, 4)), True) for count in (10, 3000))
    assert long.scales.nbytes + long.slots.nbytes == short.scales.nbytes + short.slots.nbytes
    assert (short.scales.nbytes + short.slots.nbytes) / 4 <= 480


@pytest.mark.parametrize(
    ("nodes", "levels", "seconds", "says"),
    [
        (("a",), [[1.0, 2.0]], 60.0, "one column a node"),
        (("a", "a"), [[1.0, 2.0]], 60.0, "each named once"),
        (("a", "b"), [[1.0, inf]], 60.0, "must be finite"),
        (("a", "b"), [[1.0, 2.0]], 0.0, "positive length"),
        (("a", "b"), [[1.0, 2.0]], nan, "positive length"),
        (("a", "b"), [[1.0, 2.0], [1.0, 2.0]], 60.0, "same gauges"),
    ],
)
def test_what_cannot_be_a_bin_is_refused(
    nodes: tuple[str, ...], levels: list[list[float]], seconds: float, says: str
) -> None:
    with pytest.raises(RefusedError, match=says):
        absorb(unwatched(1), nodes, np.array(levels), seconds)


def test_more_nodes_than_a_stratum_may_have_are_refused() -> None:
    names = tuple(str(number) for number in range(MAX_NODES + 1))
    with pytest.raises(RefusedError, match="split the stratum"):
        unwatched(1).of(names)
