"""Buckets add up by arm, over bins and PoPs, on the bounds that all of them have."""

import numpy as np
from tests.evidence.test_edges import LADDER, observed, one_bin

from wavetrain.evidence.bands import band
from wavetrain.evidence.bucket_sums import NOTHING, added, packed, unpacked

ARMS = np.array([True, False, False]), np.array([False, True, True])


def test_both_arms_add_up_bin_by_bin() -> None:
    held = NOTHING
    for _ in range(3):
        held = added(held, one_bin([[1, 2, 3], [4, 4, 5]], [6, 7, 8], (0.1, 0.2)), ARMS)
    assert held.bounds == (0.1, 0.2)
    assert held.sums.T.tolist() == [[3, 12, 18], [15, 27, 45]]


def test_what_is_not_told_whole_is_left_out_and_bounds_that_some_do_not_have_too() -> None:
    first = added(NOTHING, one_bin([[1, 2, np.nan], [4, 4, 5]], [6, 7, 8], (0.1, 0.2)), ARMS)
    assert first.sums.T.tolist() == [[1, 4, 6], [2, 4, 7]]
    second = added(first, one_bin([[1, 1, 1], [2, 2, 2]], [3, 3, 3], (0.2, 0.4)), ARMS)
    assert second.bounds == (0.2,)
    assert second.sums.T.tolist() == [[5, 9], [6, 13]]
    third = added(second, one_bin([[1, 1, 1]], [3, 3, 3], (0.4,)), ARMS)
    assert third.bounds == ()
    assert third.sums.T.shape == (2, 1)
    assert unpacked(packed(second)).sums.tolist() == second.sums.tolist()
    assert added(third, one_bin([[1, 1, 1]], [3, 3, 3], (0.4,)), ARMS).bounds == (), "it does not come back"


def test_buckets_torn_between_two_reads_still_make_a_band() -> None:
    held = added(NOTHING, one_bin([[40, 40, 40], [39, 41, 41]], [41, 41, 41], (0.1, 0.2)), ARMS)
    assert held.sums.T[0].tolist() == [40, 40, 41]
    new = held.sums.T[0]
    band((0.1, 0.2), new[:-1], float(new[-1]), 0.5, 0.05)


def test_a_slower_arm_has_its_quantiles_higher() -> None:
    rng = np.random.default_rng(2)
    held, times = NOTHING, np.array([[4.0], [1.0], [1.0]])
    for _ in range(30):
        held = added(held, observed(times * rng.lognormal(-3, 0.5, (3, 200))), ARMS)
    new, control = (band(LADDER, side[:-1], float(side[-1]), 0.5, 0.05) for side in held.sums.T)
    assert new.lower >= control.upper
    assert control.lower < np.exp(-3) <= control.upper
