"""Blocks, noise and what persists are read off the pre-period, and assumed, marked, where there is none."""

import numpy as np
import pytest
from tests.evidence.drifting import RHO, Fleet

from wavetrain.errors import RefusedError
from wavetrain.evidence.gauge_calibration import (
    BLOCK_MAX_S,
    BLOCK_S,
    NOISE_FLOOR,
    TAU_FLOOR,
    TO_SCALE,
    assumed,
    calibrate,
    packed,
    unpacked,
)
from wavetrain.evidence.gauge_preperiod import absorb, slot_of, unwatched


def test_white_noise_needs_no_longer_blocks_and_leaves_nothing_that_persists() -> None:
    known = Fleet(1, 30, lasting=0.0).calibrated()
    assert (known.block_bins == 5).all()
    assert known.bins == 1440
    assert np.median(known.noise) == pytest.approx(4 / 5, rel=0.15)
    assert np.median(known.tau) == TAU_FLOOR * RHO
    assert np.median(known.drift) <= 1.5


def test_a_block_holds_three_integrated_autocorrelation_times() -> None:
    """An AR(1) of r lasts (1 + r) / (1 - r) bins: 9 at 0.8, so that a block is of 27 bins rather than 5."""
    known = Fleet(2, 30, lasting=0.8).calibrated()
    assert np.median(known.block_bins) == pytest.approx(27, rel=0.25)
    assert np.median(known.noise) == pytest.approx(4 * 9 / np.median(known.block_bins), rel=0.3)


def test_noise_that_lasts_for_ever_makes_no_block_longer_than_an_hour() -> None:
    known = Fleet(3, 5, lasting=0.999).calibrated(2.0)
    assert (known.block_bins <= BLOCK_MAX_S / 60).all()
    assert (known.tau > 0.3).all()


def test_what_persists_is_found_at_about_its_size() -> None:
    known = Fleet(4, 12, drift=2.0, drift_hours=12.0).calibrated(4.0)
    assert 0.5 * TO_SCALE * 2.0 <= np.median(known.tau) <= 1.1 * TO_SCALE * 2.0


def test_a_noisier_node_is_believed_to_be_noisier() -> None:
    fleet = Fleet(5, 10, lasting=0.0)
    watch = unwatched(10)
    for levels in fleet.bins(1440):
        levels[:, 0] += fleet._rng.normal(0, 8, 10)
        watch = absorb(watch, fleet.nodes, levels, 60.0)
    known = calibrate(watch, np.full(10, RHO))
    assert (known.noise[:, 0] > 5 * known.noise[:, 1:].mean(axis=1)).all()


def test_baselines_go_by_the_clock_where_days_were_seen() -> None:
    """Nodes with seasons of their own, of 5 up and down: at the same clock they are foreseen."""
    fleet = Fleet(6, 4, noise=0.5, lasting=0.0, own_season=5.0)
    watch = fleet.watched(3.0, clocked=True)
    known = calibrate(watch, np.full(4, RHO))
    levels = next(fleet.bins(1))
    slot = 1 + slot_of(fleet.clock)

    def spread(place: int) -> float:
        return float((levels - known.baselines[:, place]).std(axis=1).mean())

    assert spread(slot) < 0.5 * spread(0)
    unclocked = calibrate(fleet.watched(0.2), np.full(4, RHO))
    assert np.array_equal(unclocked.baselines[:, 1:], np.repeat(unclocked.baselines[:, :1], 12, axis=1))


def test_a_frozen_gauge_is_noisy_by_the_floor() -> None:
    watch = unwatched(1)
    for _ in range(100):
        watch = absorb(watch, Fleet(7, 1).nodes, np.full((1, 8), 3.0), 60.0)
    known = calibrate(watch, np.array([RHO]))
    assert known.noise[0].tolist() == pytest.approx([(NOISE_FLOOR * RHO) ** 2] * 8)
    assert known.bins == 100


def test_without_a_pre_period_or_with_a_short_one_the_calibration_is_assumed_and_marked() -> None:
    rho = np.full(3, RHO)
    short = Fleet(8, 3).watched(0.02)
    for known in (calibrate(unwatched(3), rho), calibrate(short, rho), assumed(rho, 60.0)):
        assert known.bins == 0
        assert (known.tau == RHO).all()
        some = known.of(("x", "y"))
        assert (some.baselines == 0).all()
        assert (some.noise == RHO**2).all()
    assert assumed(rho, 60.0).block_bins.tolist() == [BLOCK_S / 60] * 3


def test_a_node_without_a_pre_period_has_no_baseline_among_those_that_have() -> None:
    known = Fleet(9, 2).calibrated()
    some = known.of(("n1", "stranger"))
    assert np.isnan(some.baselines[..., 1]).all()
    assert not np.isnan(some.baselines[..., 0]).any()
    assert known.of(known.nodes) is known


def test_a_calibration_survives_the_store() -> None:
    for known in (Fleet(11, 3).calibrated(0.5, clocked=True), assumed(np.array([1.0, 2.0]), 30.0)):
        again = unpacked(packed(known), known.nodes)
        assert packed(again) == packed(known)
        assert (again.bins, again.seconds) == (known.bins, known.seconds)
        assert packed(again.of(("n3", "x"))) == packed(known.of(("n3", "x")))


@pytest.mark.parametrize("rho", [[0.0], [-1.0], [float("nan")], [float("inf")]])
def test_a_shift_that_is_none_is_refused(rho: list[float]) -> None:
    with pytest.raises(RefusedError, match="set excess_max"):
        assumed(np.array(rho), 60.0)
    with pytest.raises(RefusedError, match="positive and finite"):
        assumed(np.array([1.0]), 0.0)


def test_shifts_for_other_gauges_are_refused() -> None:
    with pytest.raises(RefusedError, match="name one for each"):
        calibrate(Fleet(10, 2).watched(0.1), np.ones(3))
