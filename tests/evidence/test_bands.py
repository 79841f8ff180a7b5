"""Bands of quantiles hold at every look at once, by the theorem that they quote."""

from math import exp, inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from wavetrain.errors import RefusedError
from wavetrain.evidence.bands import ALPHA_MAX, LEADING, Band, band, radius

BOUNDS = (0.1, 0.2, 0.5, 1.0)


def error(c: float) -> float:
    """The least error that theorem 2 of Howard & Ramdas (2022) gives a constant, over eta."""

    def at(eta: float) -> float:
        left = LEADING - np.sqrt(2 * (eta - 1) / c)
        g = 2 / eta * left * left
        return 4 * exp(-g * c) * (1 + 1 / ((g - 1) * log(eta))) if left > 0 and g > 1 else inf

    starts = np.linspace(1 + 1e-6, 2 * LEADING**2, 400)
    best = starts[int(np.argmin([at(eta) for eta in starts]))]
    span = starts[1] - starts[0]
    return float(minimize_scalar(at, bounds=(max(1 + 1e-9, best - span), best + span), method="bounded").fun)


def constant(alpha: float) -> float:
    """The constant that the module's radius is made with, from a radius."""
    return float((radius(1000, alpha) / LEADING) ** 2 * 1000 - np.log1p(log(1000)))


@given(alpha=st.floats(1e-12, ALPHA_MAX))
def test_the_constant_keeps_the_theorems_error_at_or_below_alpha(alpha: float) -> None:
    assert error(constant(alpha)) <= alpha * (1 + 1e-9)


def test_the_form_is_that_of_the_authors_library() -> None:
    """confseq's own test: empirical_process_lil_bound(1000, 0.05, t_min=100) = 0.08204769, with the least C."""
    least = (0.08204769 / LEADING) ** 2 * 1000 - np.log1p(log(1000 / 100))
    assert error(least) == pytest.approx(0.05, rel=1e-3)
    assert least < constant(0.05) < least + 0.25


def test_over_all_looks_the_whole_distribution_stays_within_its_radius() -> None:
    rng = np.random.default_rng(3)
    alpha, length = 0.2, 400
    n = np.arange(1, length + 1)
    around = radius(n, alpha)
    outside = 0
    for _ in range(300):
        counts = np.cumsum(rng.random(length)[:, None] <= np.array(BOUNDS), axis=0)
        outside += bool((np.abs(counts / n[:, None] - np.array(BOUNDS)) > around[:, None]).any())
    assert outside / 300 <= alpha


def test_a_quantile_lies_between_bounds_that_are_far_enough_away() -> None:
    seen = band(BOUNDS, np.array([1000.0, 5000.0, 9500.0, 9990.0]), 10_000, 0.5, 0.05)
    assert seen == Band(0.1, 0.2, 0.5)
    assert band(BOUNDS, np.array([1000.0, 5000.0, 9500.0, 9990.0]), 10_000, 0.999, 0.05).upper == inf
    assert np.isnan(band(BOUNDS, np.array([1.0, 2.0, 3.0, 4.0]), 10, 0.9, 0.05).estimate)


def test_nothing_seen_says_nothing_and_dispersion_widens() -> None:
    none = band(BOUNDS, np.zeros(4), 0, 0.5, 0.05)
    assert (none.lower, none.upper) == (-inf, inf)
    assert radius(1000, 0.05, 10.0) == radius(100, 0.05) > radius(1000, 0.05)
    assert radius(0, 0.05) == inf


def test_the_estimate_is_interpolated_within_its_bucket() -> None:
    below = np.array([40.0, 60.0, 100.0, 100.0])
    assert band(BOUNDS, below, 100, 0.2, 0.05).estimate == pytest.approx(0.05)
    assert band(BOUNDS, below, 100, 0.8, 0.05).estimate == pytest.approx(0.35)
    assert band((-1.0, 2.0), np.array([50.0, 100.0]), 100, 0.2, 0.05).estimate == -1.0


@pytest.mark.parametrize(
    ("bounds", "below", "observations", "quantile", "alpha", "phi", "says"),
    [
        ((0.2, 0.1), [1, 2], 3, 0.5, 0.05, 1, "rising order"),
        ((0.1, inf), [1, 2], 3, 0.5, 0.05, 1, "rising order"),
        ((0.1, 0.2), [2, 1], 3, 0.5, 0.05, 1, "never fall"),
        ((0.1, 0.2), [1, 4], 3, 0.5, 0.05, 1, "never fall"),
        ((0.1, 0.2), [1, float("nan")], 3, 0.5, 0.05, 1, "never fall"),
        ((0.1, 0.2), [1, 2], 3, 1.0, 0.05, 1, "quantile"),
        ((0.1, 0.2), [1, 2], 3, 0.5, 0.05, 0.5, "phi"),
        ((0.1, 0.2), [1, 2], 3, 0.5, 0.5, 1, "alpha"),
    ],
)
def test_what_cannot_be_a_band_is_refused(
    bounds: tuple[float, ...],
    below: list[float],
    observations: float,
    quantile: float,
    alpha: float,
    phi: float,
    says: str,
) -> None:
    with pytest.raises(RefusedError, match=says):
        band(bounds, np.array(below, float), observations, quantile, alpha, phi)
