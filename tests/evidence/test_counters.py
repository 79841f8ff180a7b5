"""The two-arm counter test is an e-process where it says so."""

from math import log

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, gammaln, ndtri
from scipy.stats import binom
from tests.evidence.practice import Counter, counts, observe, observe_all

from wavetrain.errors import RefusedError
from wavetrain.evidence.counters import (
    GRID,
    LOG_2,
    Array,
    doubling_refuted,
    laws,
    log_e,
    log_e_doubling,
    log_likelihood,
)

MARGINS = st.sampled_from([0.0, 0.03, log(1.1), 0.2, LOG_2])
SHARES = st.floats(0.02, 50)


def binomial(total: int, p: float) -> Array:
    x = np.arange(total + 1)
    out: Array = np.exp(
        gammaln(total + 1)
        - gammaln(x + 1)
        - gammaln(total - x + 1)
        + x * np.log(p)
        + (total - x) * np.log1p(-p)
    )
    return out


def e_of_each_split(total: int, odds: float, tau: float, margin: float) -> Array:
    x = np.arange(total + 1)
    out: Array = np.exp(
        log_e(log_likelihood(x, total - x, np.full(total + 1, odds), 1.0), tau=tau, margin_log=margin)
    )
    return out


def test_the_grid_is_small_and_has_the_points_that_must_be_exact() -> None:
    assert len(GRID) <= 24
    assert list(GRID) == sorted(GRID)
    assert 0.0 in GRID
    assert LOG_2 in GRID


@given(total=st.integers(1, 40), odds=SHARES, margin=MARGINS, better=st.floats(0, 3))
def test_the_mean_of_e_is_at_most_one_under_every_harmless_ratio(
    total: int, odds: float, margin: float, better: float
) -> None:
    """Exact: summed over all splits of the events, for a point null; Ville's condition for one bin."""
    e = e_of_each_split(total, odds, 0.0, margin)
    assert binomial(total, float(expit(log(odds) + margin - better))) @ e <= 1 + 1e-9


@given(total=st.integers(1, 40), odds=SHARES, tau=st.floats(0.01, 0.5), better=st.floats(0, 2))
def test_the_mean_of_e_is_one_under_the_wide_null_itself_and_at_most_one_below(
    total: int, odds: float, tau: float, better: float
) -> None:
    e = e_of_each_split(total, odds, tau, 0.0)
    mass = np.exp(laws(tau, 0.0)[0])
    means = [binomial(total, float(expit(log(odds) + g))) @ e for g in GRID]
    assert mass @ means == pytest.approx(1, rel=1e-6)
    assert binomial(total, float(expit(log(odds) - better))) @ e <= 1 + 1e-9


@given(total=st.integers(1, 40), odds=SHARES, worse=st.floats(0, 3))
def test_the_opposite_process_has_mean_at_most_one_for_every_doubling(
    total: int, odds: float, worse: float
) -> None:
    x = np.arange(total + 1)
    e = np.exp(log_e_doubling(log_likelihood(x, total - x, np.full(total + 1, odds), 1.0)))
    assert binomial(total, float(expit(log(odds) + LOG_2 + worse))) @ e <= 1 + 1e-9


@pytest.mark.parametrize("tau", [0.0, 0.03])
def test_over_many_looks_the_mean_of_e_stays_at_most_one(tau: float) -> None:
    """Simulated under the null: 20,000 trains of 30 bins, looked at after each."""
    rng = np.random.default_rng(11)
    shape = (20_000, 30)
    new, control = rng.poisson(0.4, shape), rng.poisson(1.2, shape)
    total = np.zeros((shape[0], len(GRID)))
    crossed = np.zeros(shape[0], bool)
    for look in range(shape[1]):
        total += log_likelihood(new[:, look], control[:, look], 1.0, 3.0)
        e = np.exp(log_e(total, tau=tau))
        assert e.mean() <= 1 + 5 * e.std() / np.sqrt(shape[0])
        crossed |= e >= 20
    assert crossed.mean() <= 0.05


@given(tau=st.sampled_from([0.0, 0.01, 0.03, 0.2, 1.0]), margin=MARGINS)
def test_the_laws_are_laws_and_harm_lies_above_the_null(tau: float, margin: float) -> None:
    null, harm = np.exp(laws(tau, margin))
    assert null.sum() == pytest.approx(1)
    assert harm.sum() == pytest.approx(1)
    assert null[np.array(GRID) < margin - 1e-9].sum() == 0
    assert (np.cumsum(harm) <= np.cumsum(null) + 1e-12).all()


def test_the_wide_null_has_the_tail_of_a_normal_law() -> None:
    """A printed table of the unit normal loss E (Z - z)+; the grid keeps it at each of its points."""
    for scales, loss in ((1.0, 0.08332), (1.65, 0.02064), (2.33, 0.003352), (3.0, 0.0003822)):
        null, tau = np.exp(laws(0.32 / scales, 0.0)[0]), 0.32 / scales
        beyond = (null * np.maximum(np.array(GRID) - 0.32, 0.0)).sum()
        assert beyond == pytest.approx(tau * loss, rel=2e-3)
        assert null.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("tau", [0.03, 0.1, 0.3])
@pytest.mark.parametrize("events", [20, 200, 2_000])
def test_a_ratio_drawn_from_the_normal_law_itself_is_no_evidence_in_the_mean(tau: float, events: int) -> None:
    """Exact sums over all counts, and over the law; what lies below the harmless ratio counts as lying at it."""
    seen = np.arange(events + 1)
    said = log_e(log_likelihood(seen, events - seen, 100.0, 400.0), tau=tau)
    drawn = np.maximum(tau * ndtri((np.arange(400) + 0.5) / 400), 0.0)
    shares = expit(log(0.25) + drawn)
    mean = np.exp(binom.logpmf(seen, events, shares[:, None]) + said).sum(axis=1).mean()
    assert 0.1 < mean <= 1


def test_a_wider_null_and_a_larger_margin_make_the_same_counts_say_less() -> None:
    seen = log_likelihood(40.0, 60.0, 1.0, 3.0)
    by_tau = [float(log_e(seen, tau=tau)) for tau in (0.0, 0.03, 0.1, 0.3)]
    by_margin = [float(log_e(seen, tau=0.0, margin_log=m)) for m in (0.0, 0.1, 0.32, 0.5)]
    assert by_tau == sorted(by_tau, reverse=True)
    assert by_margin == sorted(by_margin, reverse=True)


def test_only_harm_counts_and_improvement_sinks_the_evidence() -> None:
    assert log_e(log_likelihood(40.0, 40.0, 1.0, 3.0), tau=0.03) > log(1000)
    assert log_e(log_likelihood(0.0, 60.0, 1.0, 3.0), tau=0.03) < 0


@pytest.mark.parametrize(("e_new", "e_control"), [(0, 930), (310, 0), (0, 0)])
def test_a_bin_without_exposure_in_both_arms_changes_nothing(e_new: float, e_control: float) -> None:
    state = observe(Counter(), counts("m", 1, 2), phi=1, tau=0.03)
    assert observe(state, counts("m", 5, 5, e_new=e_new, e_control=e_control), phi=1, tau=0.03) == state


def test_a_bin_without_events_adds_exposure_and_no_evidence() -> None:
    state = observe(Counter(), counts("m", 0, 0), phi=1, tau=0.03)
    assert state.loglik == Counter().loglik
    assert (state.new_exposure, state.control_exposure, state.bins, state.seconds) == (310, 930, 1, 1)


def test_dispersion_divides_the_log_likelihood() -> None:
    plain, tempered = (observe(Counter(), counts("m", 3, 2), phi=phi, tau=0) for phi in (1.0, 4.0))
    assert np.array(tempered.loglik) * 4 == pytest.approx(np.array(plain.loglik))


def test_observing_at_once_is_observing_one_by_one() -> None:
    rng = np.random.default_rng(5)
    bins = [counts(f"m{i}", float(rng.poisson(2)), float(rng.poisson(2))) for i in range(8)]
    bins[3] = counts("m3", 1, 1, e_new=0)
    states = [observe(Counter(), counts("m", 1, i), phi=1, tau=0) for i in range(8)]
    together = observe_all(states, bins, phis=[1.5] * 8, taus=[0.1] * 8)
    for state, seen, moved in zip(states, bins, together, strict=True):
        alone = observe(state, seen, phi=1.5, tau=0.1)
        assert np.array(moved.loglik) == pytest.approx(np.array(alone.loglik))
        assert moved[1:] == alone[1:]


def test_a_shared_time_course_cancels() -> None:
    """An outside event that multiplies both arms by thirty says nothing about the release."""
    state = Counter()
    for level in (1, 30, 30, 1):
        state = observe(state, counts("m", level, 3 * level), phi=1, tau=0.03)
    assert log_e(state.loglik, tau=0.03) < 0


def test_a_doubling_is_refuted_by_equal_rates_and_not_by_doubled_ones() -> None:
    equal, doubled = log_likelihood([100.0, 200.0], [300.0, 300.0], 1.0, 3.0)
    assert doubling_refuted(equal, 0.05)
    assert not doubling_refuted(doubled, 0.05)
    assert not doubling_refuted(Counter().loglik, 0.05)


@pytest.mark.parametrize(("tau", "margin"), [(-0.1, 0.0), (float("nan"), 0.0), (0.1, -0.1), (0.1, 5.0)])
def test_an_impossible_null_is_refused(tau: float, margin: float) -> None:
    with pytest.raises(RefusedError):
        laws(tau, margin)


def test_the_state_survives_the_store() -> None:
    state = observe(Counter(), counts("m", 3, 2), phi=1.3, tau=0.03)
    assert msgspec.json.decode(msgspec.json.encode(state), type=Counter) == state
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=Counter) == state
