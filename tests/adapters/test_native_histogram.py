"""A native histogram is counted at bounds that all nodes share, exactly where a bound cuts no bucket in two."""

import math

import pytest

from wavetrain.adapters.native_histogram import BOUNDS_MAX, between_bounds, grid, reach
from wavetrain.model.health import bucket, observations
from wavetrain.wire.prometheus_answer import Spread

GRID = grid(0.5, 4.0)


def spread(**counts: int) -> Spread:
    """Buckets of a factor of two, by the power of their upper bound: `p1=3` is three in (1, 2]."""
    buckets = [(2.0 ** (int(name[1:]) - 1), 2.0 ** int(name[1:]), float(n)) for name, n in counts.items()]
    return Spread(float(sum(counts.values())), tuple(buckets))


def test_the_grid_reaches_over_all_buckets_and_is_bounded() -> None:
    assert GRID[0] == 0.5
    assert GRID[-1] == 4.0
    assert [bound for bound in GRID if math.log2(bound).is_integer()] == [0.5, 1.0, 2.0, 4.0]
    assert len(GRID) == 13
    assert len(grid(1e-30, 1e30)) == BOUNDS_MAX
    assert grid(1e-30, 1e30)[-1] >= 1e30


def test_the_reach_is_that_of_buckets_over_zero() -> None:
    assert reach([spread(p0=1), spread(p3=2)]) == (1.0, 8.0)
    assert reach([Spread(1.0, ((-1.0, 0.0, 1.0), (1.0, math.inf, 1.0)))]) is None


def test_increments_are_cumulative_and_exact_where_a_bound_cuts_no_bucket() -> None:
    timed = [(1.0, spread(p0=1, p1=2)), (2.0, spread(p0=4, p1=2, p2=5))]
    told = between_bounds("took", [timed], 1.0, 2.0, GRID)
    assert told[observations("took")] == 8.0
    assert [told[bucket("took", bound)] for bound in (0.5, 1.0, 2.0, 4.0)] == [0.0, 3.0, 3.0, 8.0]
    assert bucket("took", 2.0**0.25) not in told


def test_finer_buckets_are_counted_at_every_bound() -> None:
    step = 2.0**0.125
    fine = Spread(4.0, ((1.0, step, 1.0), (step, step**2, 3.0)))
    told = between_bounds("took", [[(1.0, spread(p0=0)), (2.0, fine)]], 1.0, 2.0, GRID)
    assert told[bucket("took", step**2)] == 4.0
    assert told[bucket("took", 2.0)] == 4.0


@pytest.mark.parametrize(
    "timed",
    [
        pytest.param([(1.0, spread(p0=5)), (2.0, spread(p0=3))], id="fewer"),
        pytest.param([(1.0, spread(p0=5)), (2.0, spread(p0=1, p2=9))], id="fewer below a bound"),
        pytest.param([(1.0, spread(p0=5)), (2.0, spread(p0=1)), (3.0, spread(p0=9))], id="in between"),
        pytest.param([(1.0, spread(p0=5))], id="not seen again"),
    ],
)
def test_a_histogram_that_was_reset_or_not_seen_is_left_out(timed: list[tuple[float, Spread]]) -> None:
    assert between_bounds("took", [timed], 1.0, 3.0, GRID) == {}


def test_label_sets_are_summed_and_one_that_appears_begins_at_nothing() -> None:
    one = [(1.0, spread(p0=1)), (2.0, spread(p0=2))]
    other = [(2.0, spread(p1=7))]
    told = between_bounds("took", [one, other], 1.0, 2.0, GRID)
    assert (told[observations("took")], told[bucket("took", 1.0)], told[bucket("took", 4.0)]) == (
        8.0,
        1.0,
        8.0,
    )
