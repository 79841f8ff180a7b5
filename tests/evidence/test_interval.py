"""The interval holds the true ratio at every look, but for the share that it is allowed, and narrows."""

from math import inf

import numpy as np
import pytest

from wavetrain.errors import RefusedError
from wavetrain.evidence.counters import GRID, log_likelihood
from wavetrain.evidence.interval import ratio_interval


@pytest.mark.parametrize("ratio", [0.6, 1.0, 1.5, 2.0, 6.0])
def test_the_truth_is_inside_at_every_look(ratio: float) -> None:
    chance = np.random.default_rng(int(ratio * 10))
    runs, looks = 300, 80
    new = chance.poisson(3.0 * ratio, (runs, looks))
    control = chance.poisson(12.0, (runs, looks))
    loglik = log_likelihood(new, control, np.full(new.shape, 1.0), np.full(new.shape, 4.0)).cumsum(axis=1)
    left = 0
    for run in range(runs):
        left += any(
            not low <= ratio <= high
            for low, high in (ratio_interval(loglik[run, look], 0.1) for look in range(looks))
        )
    assert left <= 0.1 * runs


def test_it_narrows_and_knows_nothing_before_the_first_count() -> None:
    assert ratio_interval(np.zeros(len(GRID))) == (0.0, inf)
    few = ratio_interval(log_likelihood([20.0], [40.0], [1.0], [4.0])[0])
    many = ratio_interval(log_likelihood([2000.0], [4000.0], [1.0], [4.0])[0])
    assert few[0] <= many[0] < 2.0 < many[1] <= few[1]


@pytest.mark.parametrize("beta", [0.0, 1.0, float("nan")])
def test_a_beta_that_is_no_share_is_refused(beta: float) -> None:
    with pytest.raises(RefusedError, match="a share"):
        ratio_interval(np.zeros(len(GRID)), beta)
