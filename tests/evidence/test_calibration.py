"""Calibration finds the noise that is there, and invents none."""

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.evidence.practice import calibrations, gamma_poisson, pre_period

from wavetrain.evidence.bins import Bin, NodeCount
from wavetrain.evidence.calibration import Calibration, assumed, calibrate, calibrate_class
from wavetrain.evidence.preperiod import Preperiod, absorb


def absorbed(counts: NDArray[np.float64], exposure: float = 100.0) -> Preperiod:
    pre = Preperiod()
    for row in counts:
        pre = absorb(pre, Bin(1.0, tuple(NodeCount(f"n{i}", float(x), exposure) for i, x in enumerate(row))))
    return pre


def calibrated(pre: Preperiod, tau_floor: float = 0.03) -> Calibration:
    found = calibrate(pre, tau_floor)
    assert found is not None
    return found


def test_nothing_observed_is_not_calibrated() -> None:
    assert calibrate(Preperiod()) is None
    assert calibrate_class(()) == ()
    one = pre_period(np.random.default_rng(0), 0.01, 310, 5)
    assert [found is None for found in calibrate_class((Preperiod(), one))] == [True, False]


def test_no_event_at_all_gives_the_floors() -> None:
    found = calibrated(pre_period(np.random.default_rng(0), 0.0, 310, 60))
    assert (found.phi, found.tau, found.cap_per_bin, found.rate, found.bins, found.seconds) == (
        1,
        0.03,
        3,
        0,
        60,
        60,
    )
    assert {weight for _, weight in found.weights} == {1.0}


def test_one_node_gives_the_floors() -> None:
    found = calibrated(absorbed(np.random.default_rng(1).poisson(5, (100, 1)).astype(float)))
    assert (found.phi, found.tau, found.weights) == (1, 0.03, (("n0", 1.0),))


def test_plain_poisson_counts_need_no_dispersion_and_no_offsets() -> None:
    for seed in range(20):
        found = calibrated(absorbed(np.random.default_rng(seed).poisson(5, (600, 6)).astype(float)))
        assert found.phi < 1.25
        assert found.tau < 0.08
        assert all(weight == pytest.approx(1, abs=0.06) for _, weight in found.weights)


@pytest.mark.parametrize("burst", [0.5, 1.0, 2.0])
def test_bursts_show_as_dispersion(burst: float) -> None:
    """Counts with a gamma burst per node and bin have variance mean + (mean burst)^2."""
    mean = 4.0
    found = calibrated(absorbed(gamma_poisson(np.random.default_rng(3), np.full(8, mean), burst, 800)))
    assert found.phi == pytest.approx(1 + mean * burst**2, rel=0.3)


def test_clusters_that_last_over_several_bins_raise_the_dispersion_further() -> None:
    rng = np.random.default_rng(4)
    lasting = np.repeat(rng.gamma(1.0, 1.0, size=(100, 6)), 8, axis=0)
    brief = rng.gamma(1.0, 1.0, size=(800, 6))
    phis = [calibrated(absorbed(rng.poisson(2 * burst).astype(float))).phi for burst in (brief, lasting)]
    assert phis[1] > 3 * phis[0]


def test_persistent_differences_become_offsets_and_not_dispersion() -> None:
    rates = np.array([2.0, 4.0, 5.0, 9.0])
    found = calibrated(absorbed(np.random.default_rng(5).poisson(rates, (600, 4)).astype(float)))
    assert [weight for _, weight in found.weights] == pytest.approx(rates / rates.mean(), rel=0.1)
    assert found.phi < 1.2


def test_a_handful_of_events_makes_neither_offsets_nor_dispersion() -> None:
    """A minute at 0.01 % has about two events per node; a pattern in so few is chance."""
    for seed in range(100):
        for found in calibrations(np.random.default_rng(seed)).values():
            assert found.phi < 2
            assert found.tau == 0.03
            assert {weight for _, weight in found.weights} == {1.0}


def test_slow_drift_shows_in_tau_and_the_floor_holds() -> None:
    rng = np.random.default_rng(6)
    drift = np.repeat(np.exp(rng.normal(0, 0.3, size=(8, 6))), 256, axis=0)
    steady = np.ones_like(drift)
    taus = [calibrated(absorbed(rng.poisson(3 * level).astype(float))).tau for level in (steady, drift)]
    assert taus[0] < 0.1
    assert 0.15 < taus[1] < 0.6
    assert calibrated(absorbed(rng.poisson(3 * steady).astype(float)), tau_floor=0.5).tau == 0.5


def test_a_class_shares_one_tau_so_that_a_rare_metric_borrows_from_a_frequent_one() -> None:
    rng = np.random.default_rng(7)
    drift = np.repeat(np.exp(rng.normal(0, 0.3, size=(8, 6))), 256, axis=0)
    frequent = absorbed(rng.poisson(3 * drift).astype(float))
    rare = absorbed(rng.poisson(0.001 * drift).astype(float))
    together = calibrate_class((frequent, rare))
    assert together[1] is not None
    assert together[1].tau > 0.15
    assert calibrated(rare).tau == 0.03


def test_an_assumed_calibration_says_that_it_is_assumed() -> None:
    stand_in = assumed()
    assert stand_in.bins == 0
    assert stand_in.phi > 1
    assert assumed(0.5).tau == 0.5


def test_a_calibration_survives_the_store() -> None:
    found = calibrated(pre_period(np.random.default_rng(8), 0.01, 310, 70))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Calibration) == found
