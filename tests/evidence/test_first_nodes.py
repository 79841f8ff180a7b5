"""History is an upper bound: two crashes on the first node stop a train, none and one do not."""

from math import inf, log, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import chi2, poisson

from wavetrain.errors import RefusedError
from wavetrain.evidence.first_nodes import (
    EVENTS,
    EXPECTED,
    POINTS,
    RATIO_MAX,
    RATIO_MIN,
    ceilings,
    combined,
    log_e,
    moved,
    unstarted,
)

FAIL = log(40 / 1e-3)
NODE_DAY = 86_400.0


def said(events: float, expected: float) -> float:
    return float(log_e(np.array([events, expected])))


@given(mu=st.floats(1e-6, 50), share=st.floats(0, 1))
def test_the_mean_of_e_is_at_most_one_for_every_rate_that_history_allows(mu: float, share: float) -> None:
    """Exact for one bin of Poisson counts; for many bins the counts and expectations only add up."""
    x = np.arange(2000)
    e = np.exp(log_e(np.stack([x, np.full(len(x), mu)], axis=-1)) + poisson.logpmf(x, share * mu))
    assert e.sum() <= 1 + 1e-9


def test_the_process_is_the_mixture_that_it_says() -> None:
    ratios = np.geomspace(RATIO_MIN, RATIO_MAX, POINTS)
    for events, expected in ((0, 0.1), (3, 1e-4), (40, 12.0)):
        exact = (
            logsumexp(poisson.logpmf(events, expected * ratios))
            - poisson.logpmf(events, expected)
            - log(POINTS)
        )
        assert said(events, expected) == pytest.approx(float(exact))


def test_over_many_looks_the_mean_of_e_stays_at_most_one() -> None:
    rng = np.random.default_rng(1)
    states, crossed = unstarted((5_000,)), np.zeros(5_000, bool)
    ones = np.ones(5_000)
    for _ in range(60):
        states = moved(states, rng.poisson(0.05, 5_000).astype(float), 50 * ones, 0.001 * ones, ones)
        e = np.exp(log_e(states))
        assert e.mean() <= 1 + 5 * e.std() / np.sqrt(len(e))
        crossed |= e >= 20
    assert crossed.mean() <= 0.05


def test_two_crashes_on_the_first_node_stop_a_train_and_one_does_not() -> None:
    """A fleet of 300 nodes with a crash per 30 node-days, watched for a week; ten minutes on the first node.

    Half of the weight is the control's, which has seen nothing; the check has a fortieth of the budget.
    """
    one = np.ones(1)
    ceiling = ceilings(70 * one, 300 * 7 * NODE_DAY * one, one)
    told = []
    for crashes in (0, 1, 2):
        state = moved(unstarted((1,)), crashes * one, 600 * one, ceiling, one)
        told.append(combined(np.zeros(1), log_e(state), np.array([True]))[0])
    assert told[0] <= 0
    assert log(20) <= told[1] < FAIL
    assert told[2] >= FAIL


def test_a_check_that_is_not_crash_like_does_not_ask_history() -> None:
    control, history = np.array([1.0, 1.0]), np.array([40.0, -40.0])
    both = combined(control, history, np.array([True, True]))
    assert both == pytest.approx(np.logaddexp(control, history) - log(2))
    assert combined(control, history, np.array([False, False])).tolist() == [1.0, 1.0]


@given(events=st.integers(0, 3000), exposure=st.floats(1, 1e9))
def test_the_ceiling_lies_above_the_exact_bound_for_one_look_and_not_far(
    events: int, exposure: float
) -> None:
    """Garwood (1936): half the 95 % quantile of chi-square with 2 (x + 1) degrees."""
    exact = chi2.ppf(0.95, 2 * (events + 1)) / 2 / exposure
    ceiling = float(ceilings(np.array([float(events)]), np.array([exposure]), np.ones(1))[0])
    assert exact <= ceiling <= 1.6 * exact


def test_without_history_or_exposure_nothing_is_said() -> None:
    one = np.ones(1)
    unknown = ceilings(0 * one, 0 * one, one)
    assert unknown[0] == inf
    for ceiling, exposure in ((unknown, one), (one, 0 * one)):
        state = moved(unstarted((1,)), 5 * one, exposure, ceiling, one)
        assert state.tolist() == unstarted((1,)).tolist()
        assert log_e(state)[0] == pytest.approx(0.0)


def test_events_that_come_three_at_a_time_are_a_third_as_many() -> None:
    three = moved(unstarted((1,)), np.full(1, 6.0), np.full(1, 10.0), np.full(1, 0.3), np.full(1, 3.0))
    assert (three[0, EVENTS], three[0, EXPECTED]) == pytest.approx((2.0, 1.0))


def test_many_strata_are_moved_at_once() -> None:
    rng = np.random.default_rng(2)
    events, exposure = rng.poisson(1.0, (5, 7)).astype(float), rng.uniform(0, 10, (5, 7))
    ceiling, phi = rng.uniform(0.1, 1, (5, 7)), rng.uniform(1, 3, (5, 7))
    together = log_e(moved(unstarted((5, 7)), events, exposure, ceiling, phi))
    for place in np.ndindex(5, 7):
        alone = log_e(
            moved(unstarted((1,)), *(part[place].reshape(1) for part in (events, exposure, ceiling, phi)))
        )
        assert together[place] == pytest.approx(alone[0])


@pytest.mark.parametrize(
    ("events", "exposure", "ceiling", "phi"),
    [
        (-1.0, 1.0, 1.0, 1.0),
        (nan, 1.0, 1.0, 1.0),
        (1.0, inf, 1.0, 1.0),
        (1.0, -1.0, 1.0, 1.0),
        (1.0, 1.0, 0.0, 1.0),
        (1.0, 1.0, nan, 1.0),
        (1.0, 1.0, 1.0, 0.5),
    ],
)
def test_what_cannot_be_a_count_is_refused(
    events: float, exposure: float, ceiling: float, phi: float
) -> None:
    with pytest.raises(RefusedError, match="counter reset"):
        moved(unstarted((1,)), *(np.array([part]) for part in (events, exposure, ceiling, phi)))
