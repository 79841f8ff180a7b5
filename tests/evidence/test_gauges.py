"""A level that shifts, or leaks, is found; noise that the pre-period knew is not."""

from math import inf, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtr
from scipy.stats import cauchy, norm, t
from tests.evidence.drifting import DAY_BINS, RHO, Fleet, Trains

from wavetrain.errors import RefusedError
from wavetrain.evidence import gauge_blocks, gauges
from wavetrain.evidence.counters import Array, log_e_rows
from wavetrain.evidence.gauges import GRID, LEVEL_STRAND, SLOPE_STRAND, check_log_e, laws_of
from wavetrain.evidence.processes import (
    BINS,
    CONTROL_EVENTS,
    EXCESS_UPPER,
    LOG_E,
    LOG_E_DOUBLING,
    NEW_EVENTS,
    NEW_EXPOSURE,
    ORDINAL,
    POINTS,
    TAU,
    WIDTH,
    packed,
    unpacked,
)

FAIL = log(40 / 1e-3)
LOOKS = 30


def said(shift: Array, scale: float) -> Array:
    """The log likelihoods of one block of each train, in rho."""
    ones = np.ones(len(shift))
    return gauges._log_density(shift, ones, scale * ones, ones)


def block(
    shift: float, *, age: float = 0.0, scale: float = 1.0, level: float = 10.0, tau: float = 0.1
) -> Array:
    return np.array([[[shift, scale, scale, tau, level, age, 300.0]]])


def after(blocks: list[Array], rho: float = 1.0) -> Array:
    states, started = gauges.unstarted((1, 1)), np.zeros((1, 2))
    for one in blocks:
        states = gauges.moved(states, one, np.array([rho]), started)
    gauges.weighed(states, laws_of(np.full((1, 1, 2), 0.1)), np.array([rho]), 0.05)
    out: Array = states[0, 0]
    return out


@pytest.mark.parametrize("tau", [1 / 48, 0.3, 2.0])
@pytest.mark.parametrize("scale", [0.05, 1.0])
def test_over_many_looks_the_mean_of_e_stays_at_most_one_under_the_placebo_law(
    tau: float, scale: float
) -> None:
    """5,000 trains of 30 blocks: a persistent part and noise, both Student-t5, looked at after each block."""
    rng = np.random.default_rng(5)
    trains = 5_000
    law = laws_of(np.array(tau))[:2]
    persistent = tau * rng.standard_t(5, trains)
    loglik, crossed = np.zeros((trains, POINTS)), np.zeros(trains, bool)
    for _ in range(LOOKS):
        loglik += said(persistent + scale * rng.standard_t(5, trains), scale)
        e = np.exp(log_e_rows(loglik, law))
        assert e.mean() <= 1 + 5 * e.std() / np.sqrt(trains)
        crossed |= e >= 20
    assert crossed.mean() <= 0.05


@pytest.mark.parametrize("better", [0.0, 0.05, 1.0, 20.0])
def test_gaussian_noise_of_that_deviation_and_improvements_are_no_harm_either(better: float) -> None:
    rng = np.random.default_rng(6)
    trains = 5_000
    law = laws_of(np.array(1 / 48))[:2]
    loglik, crossed = np.zeros((trains, POINTS)), np.zeros(trains, bool)
    for _ in range(LOOKS):
        loglik += said(rng.normal(-better, 0.3, trains), 0.3)
        e = np.exp(log_e_rows(loglik, law))
        assert e.mean() <= 1 + 5 * e.std() / np.sqrt(trains)
        crossed |= e >= 20
    assert crossed.mean() <= 0.05


@pytest.mark.parametrize("shift", [0.1, 0.5, 1.0, 3.0, 10.0])
def test_one_block_has_a_mean_of_at_most_one_under_gaussian_noise_by_integration(shift: float) -> None:
    x = np.linspace(-40, 40, 400_001)
    mean = np.trapezoid(t.pdf(x - shift, 5) / t.pdf(x, 5) * norm.pdf(x), x)
    assert mean <= 1 + 1e-9


@given(tau=st.floats(0.01, 5))
def test_the_laws_are_a_student_law_moved_up_and_a_cauchy_prior_widened(tau: float) -> None:
    null, harm, worse = np.exp(laws_of(np.array(tau)))
    for law in (null, harm, worse):
        assert law.sum() == pytest.approx(1)
    tail = np.array([null[place:].sum() for place in range(1, POINTS)])
    assert tail == pytest.approx(stdtr(5, -np.array(GRID[:-1]) / tau), abs=1e-12)
    below = np.array([worse[:place].sum() for place in range(1, POINTS)])
    assert below == pytest.approx(stdtr(5, (np.array(GRID[1:]) - 1) / tau), abs=1e-12)
    assert (np.cumsum(harm) <= np.cumsum(null) + 1e-12).all()
    if tau < 0.02:  # no wider than half a step at 2, it only moves the half that is above a point to the next
        assert harm[np.array(GRID) > 2.8].sum() == pytest.approx(cauchy.sf(2.4) + cauchy.sf(3.4), rel=1e-3)


def test_a_block_adds_the_log_density_of_students_t() -> None:
    loglik = said(np.array([1.7]), 0.4)[0]
    expected = t.logpdf((1.7 - np.array(GRID)) / 0.4, 5) - t.logpdf(1.7 / 0.4, 5)
    assert loglik == pytest.approx(expected)


def test_equal_nodes_with_lasting_noise_and_drift_are_not_told_apart() -> None:
    """Autocorrelated noise, a season, nodes that differ and drift, calibrated on a day: 150 trains of 8 hours."""
    fleet = Fleet(1, 150, drift=1.0)
    trains = Trains(fleet, fleet.calibrated())
    worst = np.full((150, 2), -inf)
    for log_es in trains.looks(DAY_BINS // 3):
        e = np.exp(log_es)
        assert (e.mean(axis=0) <= 1 + 5 * e.std(axis=0) / np.sqrt(150)).all()
        worst = np.maximum(worst, log_es)
    assert ((worst >= log(20)).mean(axis=0) <= 0.05).all()
    assert (check_log_e(worst) < FAIL).all()


def test_the_promise_ends_where_the_pre_period_does() -> None:
    """Nodes that drift ten times as far as they ever did fail healthy releases: the placebo lock is there for that."""
    fleet = Fleet(2, 100, drift=1.0)
    known = fleet.calibrated()
    fleet.drift = 30.0
    trains = Trains(fleet, known)
    *_, last = trains.looks(DAY_BINS // 3)
    assert np.exp(last[:, LEVEL_STRAND]).mean() > 1


def test_a_shift_worth_a_rollback_stops_a_train_with_a_fortieth_of_the_budget() -> None:
    fleet = Fleet(3, 60)
    trains = Trains(fleet, fleet.calibrated(), new=4)
    found = np.full(60, inf)
    for log_es in trains.looks(DAY_BINS // 4, shift=1.5 * RHO):
        found = np.where((check_log_e(log_es) >= FAIL) & np.isinf(found), trains.age / 60, found)
    assert np.isfinite(found).mean() >= 0.9
    assert np.median(found) <= 120


def test_the_gate_opens_for_a_good_release_within_the_hours_and_not_for_a_shifted_one() -> None:
    fleet = Fleet(4, 60)
    known = fleet.calibrated()
    for shift, opens in ((0.0, True), (RHO, False)):
        trains = Trains(fleet, known)
        passed = np.zeros(60, bool)
        for _ in trains.looks(DAY_BINS // 8, shift=shift):
            level = trains.states[0, :, LEVEL_STRAND]
            passed |= (level[:, EXCESS_UPPER] <= RHO) | (level[:, LOG_E_DOUBLING] >= log(40))
        assert (passed.mean() >= 0.9) if opens else (passed.mean() <= 0.05)


def test_a_leak_is_seen_by_its_slope_before_and_beside_its_level() -> None:
    fleet = Fleet(5, 40)
    trains = Trains(fleet, fleet.calibrated())
    *_, last = trains.looks(DAY_BINS // 2, leak_per_hour=2.0)
    assert (last[:, SLOPE_STRAND] > log(20)).mean() >= 0.9
    assert (check_log_e(last) >= FAIL).mean() >= 0.9


@settings(max_examples=30, deadline=None)
@given(level=st.floats(-1e3, 1e3), seed=st.integers(0, 1000))
def test_a_level_that_stays_drops_out_of_the_slope(level: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shifts = rng.normal(0, 1, 12)
    plain, raised = (
        after([block(float(x) + by, age=600.0 * n) for n, x in enumerate(shifts)]) for by in (0.0, level)
    )
    assert raised[SLOPE_STRAND, :POINTS] == pytest.approx(plain[SLOPE_STRAND, :POINTS], abs=1e-7)


def test_recursive_residuals_say_what_a_regression_with_a_free_level_says() -> None:
    """Brown, Durbin & Evans (1975): their squares add up to the regression's residual sum of squares."""
    rng = np.random.default_rng(9)
    shifts = rng.normal(3, 1, 20)
    residuals = [(shifts[n] - shifts[:n].mean()) / np.sqrt(1 + 1 / n) for n in range(1, len(shifts))]
    told = np.zeros(POINTS)
    for n, residual in enumerate(residuals, start=1):
        grown = (n - (n - 1) / 2) * 600 / gauges.SLOPE_S / np.sqrt(1 + 1 / n)
        told += t.logpdf(residual - grown * np.array(GRID), 5) - t.logpdf(residual, 5)
    assert sum(r * r for r in residuals) == pytest.approx(((shifts - shifts.mean()) ** 2).sum())
    state = after([block(float(x), age=600.0 * n) for n, x in enumerate(shifts)])
    assert state[SLOPE_STRAND, :POINTS] == pytest.approx(told)


def test_a_row_keeps_what_people_ask_for_in_the_columns_of_processes() -> None:
    state = after([block(2.0), block(4.0, age=300.0, tau=0.3)], rho=2.0)
    level, slope = state
    assert (level[NEW_EVENTS] - level[CONTROL_EVENTS]) / level[NEW_EXPOSURE] == pytest.approx(3.0)
    assert level[CONTROL_EVENTS] / level[NEW_EXPOSURE] == 10.0
    assert (level[BINS], slope[BINS]) == (2, 1)
    assert (level[ORDINAL], slope[ORDINAL]) == (1, 1)
    assert level[TAU] == slope[TAU] == 0.15
    assert WIDTH * 8 <= 500


def test_a_state_that_was_kept_goes_on_and_a_block_that_did_not_close_changes_nothing() -> None:
    states, started = gauges.unstarted((2, 3)), np.zeros((3, 2))
    rng = np.random.default_rng(8)
    rho = np.array([1.0, 2.0, 3.0])
    for step in range(6):
        blocks = np.abs(rng.normal(1, 0.3, (2, 3, gauge_blocks.BLOCK)))
        blocks[..., gauge_blocks.AGE] = 600.0 * step
        blocks[1, 2] = 0.0
        kept = np.array([unpacked(packed(of)).reshape(3, 2, WIDTH) for of in states])
        states = gauges.moved(states, blocks, rho, started)
        again = gauges.moved(kept, blocks, rho, np.zeros((3, 2)))
        assert np.array_equal(again[..., :POINTS], states[..., :POINTS])
    assert not states[1, 2, :, :POINTS].any()
    assert states[:, 0, 0, ORDINAL].tolist() == [1, 2]
    assert started.tolist() == [[2, 2], [2, 2], [1, 1]]
    gauges.weighed(states, laws_of(np.full((2, 3, 2), 0.1)), rho, 0.05)
    assert (states[1, 2, :, LOG_E] == 0).all()
    assert np.isnan(states[1, 2, :, EXCESS_UPPER]).all()


def test_a_wild_block_says_little() -> None:
    """Thirty deviations once are not thirty blocks one deviation off."""
    wild, steady = after([block(30.0), *[block(0.0)] * 29]), after([block(1.0)] * 30)
    assert wild[LEVEL_STRAND, LOG_E] < 0 < steady[LEVEL_STRAND, LOG_E]


def test_bounds_of_the_shift_hold_at_every_look_and_close_in() -> None:
    rng = np.random.default_rng(10)
    trains, truth = 4000, 0.9
    loglik, outside = np.zeros((trains, POINTS)), np.zeros(trains, bool)
    for _ in range(LOOKS):
        loglik += said(truth + rng.standard_t(5, trains), 1.0)
        upper, lower = gauges.shift_upper(loglik, 0.05), gauges.shift_lower(loglik, 0.05)
        assert (lower < upper).all()
        outside |= (upper <= truth) | (lower >= truth)
    assert outside.mean() <= 0.1
    assert np.median(upper) <= 2.8


@pytest.mark.parametrize("tau", [0.0, -1.0, float("nan"), inf])
def test_an_impossible_law_is_refused(tau: float) -> None:
    with pytest.raises(RefusedError, match="finite and positive"):
        laws_of(np.array([tau]))


def test_an_impossible_beta_is_refused() -> None:
    with pytest.raises(RefusedError, match="beta 1"):
        gauges.weighed(gauges.unstarted((1, 1)), laws_of(np.full((1, 1, 2), 0.1)), np.ones(1), 1.0)
