"""The parts of the score card, each against its definition."""

from math import exp, log

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from wavetrain.evidence import preperiod
from wavetrain.evidence.bins import Bin, NodeCount
from wavetrain.evidence.budget import metric_log_e
from wavetrain.evidence.calibration import calibrate_class
from wavetrain.simulate import rival_cusum, rival_group_sequential, rival_kayenta, rival_thresholds, rival_z
from wavetrain.simulate.rival_thresholds import Setting
from wavetrain.simulate.scorecard_latency import EDGES, below, over_edges, p99
from wavetrain.simulate.scorecard_ours import SHARE, together
from wavetrain.simulate.scorecard_preperiod import preperiods
from wavetrain.simulate.scorecard_recording import recorded
from wavetrain.simulate.scorecard_worlds import BAD, LOOKS, NODES, WORLDS, Fault, World, information


def test_pre_periods_at_once_are_those_bin_by_bin() -> None:
    rng = np.random.default_rng(4)
    nodes, bins = ("a", "b", "c", "d"), 192
    exposure = np.where(rng.random((4, bins)) < 0.05, 0.0, rng.uniform(5, 9, (4, bins)))
    events = np.where(exposure > 0, rng.poisson(0.4 * exposure, (2, 4, bins)), 0).astype(float)
    at_once = preperiods(events, exposure, nodes, 240.0)
    for metric in range(2):
        one = preperiod.Preperiod()
        for number in range(bins):
            seen = tuple(
                NodeCount(node, float(events[metric, place, number]), float(exposure[place, number]))
                for place, node in enumerate(nodes)
                if exposure[place, number] > 0
            )
            one = preperiod.absorb(one, Bin(240.0, seen))
        assert (one.bins, one.seconds, one.histogram) == (
            at_once[metric].bins,
            at_once[metric].seconds,
            at_once[metric].histogram,
        )
        (slow,), (quick,) = calibrate_class([one]), calibrate_class([at_once[metric]])
        assert slow is not None
        assert quick is not None
        assert quick.phi == pytest.approx(slow.phi)
        assert quick.tau == pytest.approx(slow.tau)
        assert quick.cap_per_bin == slow.cap_per_bin
        assert dict(quick.weights) == pytest.approx(dict(slow.weights))


def test_the_train_is_the_budgets_mean_of_its_metrics() -> None:
    by_metric = np.zeros((1, 40, 1))
    by_metric[0, 3, 0] = 12.0
    assert together(by_metric)[0, 0] == pytest.approx(log(SHARE * exp(12.0) + 39 * SHARE))
    assert metric_log_e(0.0, [0.0], [0.0]) == pytest.approx(0.0)


def test_kayentas_deviate_is_that_of_the_rank_test_on_points_moved_down() -> None:
    rng = np.random.default_rng(2)
    new, control = rng.poisson(9.0, (1, 60)).astype(float), rng.poisson(6.0, (1, 60)).astype(float)
    shift = np.median(new[0][:, None] - control[0][None, :])
    wanted = mannwhitneyu(
        new[0] - 0.25 * shift, control[0], alternative="greater", method="asymptotic", use_continuity=True
    )
    found = rival_kayenta.scores(new, control)
    assert norm.sf(found[0, -1]) == pytest.approx(wanted.pvalue, rel=1e-9)
    assert found[0, :9].tolist() == [0.0] * 9


def test_kayentas_group_fails_at_its_score() -> None:
    assert [rival_kayenta.failed_share_rank(score, 40) for score in (95, 75)] == [3, 11]
    by_metric = np.arange(40.0).reshape(1, 40, 1)
    assert rival_kayenta.together(by_metric, 3)[0, 0] == 37


def test_a_threshold_counts_failed_checks_from_the_start() -> None:
    events = np.array([[[0, 9, 0, 9, 0, 9, 9]]], dtype=float)
    ratios = rival_thresholds.of_counts(events, np.ones(events.shape), np.array([[3.0]]), Setting(2, 1, 3))
    assert ratios[0, 0].tolist() == [0, 3, 0, 3, 0, 3, 3]
    assert rival_thresholds.together(ratios, Setting(2, 1, 3))[0].tolist() == [0, 0, 0, 0, 0, 3, 3]
    smooth = rival_thresholds.of_counts(events, np.ones(events.shape), np.array([[3.0]]), Setting(2, 2, 1))
    assert smooth[0, 0].tolist() == [0, 1.5, 1.5, 1.5, 1.5, 1.5, 3]


def test_a_cusum_starts_again_from_zero() -> None:
    events, rate = np.array([0.0, 0.0, 4.0, 4.0]), np.array(1.0)
    by_hand, total = [], 0.0
    for count in events:
        total = max(0.0, total + count * log(2) - 1.0)
        by_hand.append(total)
    found = rival_cusum.against_history(events, np.ones(4), rate)
    assert found.tolist() == pytest.approx(by_hand)


def test_the_group_sequential_boundary_keeps_its_level() -> None:
    rng = np.random.default_rng(3)
    alpha, runs, looks = 0.2, 4000, 300
    path = np.cumsum(rng.standard_normal((runs, looks)), axis=1) / np.sqrt(looks)
    stopped = (path.max(axis=1) >= rival_group_sequential.threshold(1, alpha)).mean()
    assert 0.14 < stopped < alpha
    assert rival_z.threshold(40, 1e-3) == pytest.approx(norm.isf(1e-3 / 40))


def test_exceedances_have_the_shares_that_they_are_drawn_from() -> None:
    rng = np.random.default_rng(5)
    share = below(np.zeros(20_000))
    over = over_edges(rng, np.full(20_000, 50.0), share)
    assert over.mean(axis=0) == pytest.approx(50 * (1 - share[0]), abs=0.1)
    assert (np.diff(over, axis=1) <= 0).all()
    slow = below(np.zeros(1), Fault(tail_share=0.02))[0]
    assert (slow < share[0]).all()


def test_p99_is_where_prometheus_puts_it() -> None:
    over = np.array([[50.0, 30.0, 20.0, 10.0, 4.0, 0.0, 0.0, 0.0]])
    assert p99(over, np.array([100.0]))[0] == pytest.approx(0.15 + 0.05 * (99 - 96) / 4)
    assert len(EDGES) == over.shape[1]
    assert np.isnan(p99(np.zeros((1, len(EDGES))), np.zeros(1)))[0]


def test_the_recording_has_the_noise_that_it_is_asked_for() -> None:
    realistic = next(world for world in WORLDS if world.name == "realistic")
    whole = recorded(realistic, np.random.default_rng(6), 2, per_fleet=2)
    assert whole.events.shape == (LOOKS, 2, 39, NODES)
    unseen = whole.exposure == 0
    assert 0.005 < unseen.mean() < 0.02
    assert whole.events.transpose(0, 1, 3, 2)[unseen].sum() == 0
    assert whole.histories[0] is whole.histories[1]
    (history, _), plain = whole.histories, recorded(WORLDS[0], np.random.default_rng(6), 1).histories[0]
    assert history.strata[0].weights[BAD + 2].std() > 0.15
    assert plain.strata[0].weights[BAD + 2].std() < 0.05
    assert history.strata[0].phis.mean() > 1.15 > 1.08 > plain.strata[0].phis.mean()


def test_a_fault_of_one_stratum_is_worth_less_than_everywhere() -> None:
    world: World = WORLDS[0]
    everywhere, local = (information(world, Fault(ratio=4.0, stratum=which)) for which in (None, 1))
    assert 0 < local[0] < everywhere[0]
