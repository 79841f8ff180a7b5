"""Bounds hold at every look, and are the roots that they claim to be."""

from collections.abc import Callable
from math import inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp, xlogy

from wavetrain.errors import RefusedError
from wavetrain.evidence import bounds
from wavetrain.evidence.bounds import excess_upper, rate_lower, rate_upper

BETA = 0.05
COUNTS = st.integers(0, 5000)


def log_e_against_more(events: float, mean: float) -> float:
    return float(
        logsumexp(bounds._LOG_FALL_WEIGHTS + xlogy(events, 1 - bounds._FALLS) + bounds._FALLS * mean)
    )


def log_e_against_less(events: float, mean: float) -> float:
    return float(
        logsumexp(bounds._LOG_RISE_WEIGHTS + xlogy(events, 1 + bounds._RISES) - bounds._RISES * mean)
    )


@given(events=COUNTS, beta=st.floats(1e-6, 0.5))
def test_a_bound_is_where_the_process_reaches_its_threshold(events: int, beta: float) -> None:
    assert log_e_against_more(events, rate_upper(events, 1.0, beta)) == pytest.approx(-log(beta), abs=1e-6)
    lower = rate_lower(events, 1.0, beta)
    if lower > 0:
        assert log_e_against_less(events, lower) == pytest.approx(-log(beta), abs=1e-6)
    else:
        assert log_e_against_less(events, 0.0) <= -log(beta)


@given(events=COUNTS, exposure=st.floats(0.1, 1e6), phi=st.floats(1, 50))
def test_the_estimate_lies_between_its_bounds_and_dispersion_widens_them(
    events: int, exposure: float, phi: float
) -> None:
    lower, upper = rate_lower(events, exposure, BETA, phi), rate_upper(events, exposure, BETA, phi)
    assert lower <= events / exposure <= upper
    assert rate_upper(events, exposure, BETA) <= upper * (1 + 1e-9)
    assert rate_lower(events, exposure, BETA) >= lower * (1 - 1e-9)


@pytest.mark.parametrize("bound", [rate_lower, rate_upper])
def test_events_that_come_three_at_a_time_are_a_third_as_many(bound: Callable[..., float]) -> None:
    assert bound(90, 1000, BETA, 3.0) == pytest.approx(3 * bound(30, 1000, BETA, 1.0))


@given(rate=st.floats(0.0, 1.0), theta=st.floats(0.0, 5.0))
def test_the_inequality_holds_for_single_trials(rate: float, theta: float) -> None:
    """E[theta^X] <= exp(-(1 - theta) r) for one Bernoulli operation: the step of the supermartingale."""
    assert 1 - rate + rate * theta <= np.exp(-(1 - theta) * rate) + 1e-12


@pytest.mark.parametrize("rate", [1e-4, 2e-3, 0.05])
@pytest.mark.parametrize("phi", [1, 3])
def test_the_bounds_cover_at_every_look(rate: float, phi: int) -> None:
    """300 histories of 120 looks; events come phi at a time. Missed at any look: at most beta, here each side."""
    rng = np.random.default_rng(9)
    totals = phi * np.cumsum(rng.poisson(310 * rate / phi, (300, 120)), axis=1)
    missed_above = missed_below = 0
    for history in totals:
        looks = [(float(x), 310.0 * (t + 1)) for t, x in enumerate(history) if t % 4 == 3]
        missed_above += any(rate_upper(x, n, BETA, phi) < rate for x, n in looks)
        missed_below += any(rate_lower(x, n, BETA, phi) > rate for x, n in looks)
    assert missed_above / 300 <= BETA
    assert missed_below / 300 <= BETA


def test_a_fixed_sample_bound_looked_at_often_does_not_cover() -> None:
    """The planted bug: an exact bound for one look (here: none seen in 3/r) is wrong far too often over many."""
    rng = np.random.default_rng(10)
    rate, exposure = 2e-3, 310.0 * np.arange(1, 121)
    totals = np.cumsum(rng.poisson(310 * rate, (2000, 120)), axis=1)
    naive = (totals + 1.645 * np.sqrt(np.maximum(totals, 1))) / exposure
    assert (naive < rate).any(axis=1).mean() > 3 * BETA


def test_the_bounds_close_in_on_the_rate() -> None:
    widths = [rate_upper(n / 100, n, BETA) - rate_lower(n / 100, n, BETA) for n in (1e3, 1e4, 1e5, 1e6)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.01 * 0.1


def test_without_exposure_nothing_is_bounded() -> None:
    assert rate_upper(0, 0, BETA) == inf
    assert rate_lower(0, 0, BETA) == 0
    assert excess_upper(new_events=0, new_exposure=0, control_events=1, control_exposure=9, beta=BETA) == inf


def test_an_excess_over_a_noisy_control_can_be_bounded_where_the_rate_alone_cannot() -> None:
    excess = excess_upper(
        new_events=3000, new_exposure=1e6, control_events=9000, control_exposure=3e6, beta=BETA
    )
    assert rate_upper(3000, 1e6, BETA) > 0.002
    assert 0 < excess < 0.002


@pytest.mark.parametrize(
    ("events", "exposure", "beta", "phi"),
    [
        (-1, 1, 0.1, 1),
        (1, -1, 0.1, 1),
        (1, 1, 0, 1),
        (1, 1, 1, 1),
        (1, 1, 0.1, 0.5),
        (float("nan"), 1, 0.1, 1),
    ],
)
def test_impossible_questions_are_refused(events: float, exposure: float, beta: float, phi: float) -> None:
    for bound in (rate_upper, rate_lower):
        with pytest.raises(RefusedError, match="bound of"):
            bound(events, exposure, beta, phi)
