"""The situations that the verdict exists for, in seeded numbers."""

from math import log

import numpy as np
import pytest
from tests.evidence.practice import (
    ALPHA,
    BASE,
    BETA,
    EXPOSURE,
    METRICS,
    RATE,
    Evidence,
    absorb,
    arms,
    calibrations,
    gamma_poisson,
    gate,
    judge,
)

from wavetrain.evidence import onset
from wavetrain.evidence.arms import SURPLUS_MOST, SURPLUS_PRIOR, split
from wavetrain.evidence.bins import Bin, NodeCount
from wavetrain.evidence.calibration import Calibration, calibrate
from wavetrain.evidence.counters import GRID, laws_of, log_likelihood
from wavetrain.evidence.judgement import Metric
from wavetrain.evidence.preperiod import Preperiod
from wavetrain.evidence.preperiod import absorb as absorb_quiet


def seconds_to_fail(seed: int, failing: float, horizon: int) -> int | None:
    rng = np.random.default_rng(seed)
    known = calibrations(rng)
    evidence = Evidence()
    for second in range(1, horizon + 1):
        evidence = absorb(evidence, "fra1", arms(rng, known, failing), known)
        if judge(evidence, METRICS, ALPHA).failed:
            return second
    return None


def test_a_release_that_fails_one_percent_is_seen_within_seconds() -> None:
    """Median under 8 s, 99 % under 15 s, and no gate lets it through first."""
    times = [seconds_to_fail(seed, 0.01, 30) or 999 for seed in range(200)]
    assert np.median(times) < 8
    assert np.mean(np.array(times) < 15) >= 0.99


def test_the_gate_never_opens_for_a_release_that_fails_one_percent() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        known = calibrations(rng)
        evidence = Evidence()
        for _ in range(20):
            evidence = absorb(evidence, "fra1", arms(rng, known, 0.01), known)
            assert not gate(evidence, "fra1", METRICS, known, BETA).passed


def test_the_gate_opens_within_twenty_seconds_for_a_good_release() -> None:
    passed = 0
    for seed in range(150):
        rng = np.random.default_rng(1000 + seed)
        known = calibrations(rng)
        evidence = Evidence()
        for second in range(1, 21):
            evidence = absorb(evidence, "fra1", arms(rng, known), known)
            if second >= 8 and gate(evidence, "fra1", METRICS, known, BETA).passed:
                passed += 1
                break
    assert passed / 150 >= 0.9


def test_a_release_just_over_the_margin_passes_a_gate_at_most_rarely() -> None:
    """Excess 0.22 %, looked at each of 120 s: passing at any look has probability at most beta."""
    passed = 0
    for seed in range(120):
        rng = np.random.default_rng(3000 + seed)
        known = {m.name: Calibration((), 1.0, 0.03, 1000, 60, 60.0, RATE[m.name]) for m in METRICS}
        evidence = Evidence()
        for second in range(1, 121):
            evidence = absorb(evidence, "fra1", arms(rng, known, BASE + 0.0022), known)
            if second % 2 == 0 and gate(evidence, "fra1", METRICS[:1], known, BETA).passed:
                passed += 1
                break
    assert passed / 120 <= BETA


def test_a_good_release_never_fails_in_three_hundred_runs_of_three_hundred_seconds() -> None:
    """The same arithmetic over all runs at once, with real calibrations; three runs go through the API as well."""
    runs, seconds = 300, 300
    rng = np.random.default_rng(77)
    calibrated = [calibrations(np.random.default_rng(5000 + run)) for run in range(runs)]
    e_total = np.zeros((runs, seconds))
    drawn = {}
    for metric in METRICS:
        name = metric.name
        known = [found[name] for found in calibrated]
        caps = np.array([found.cap_per_bin for found in known])[:, None, None]
        exposure = EXPOSURE[name]
        nodes = rng.poisson(RATE[name] * exposure, (runs, seconds, 4))
        drawn[name] = nodes
        capped = np.minimum(nodes, caps)
        offsets = np.array([[weight for _, weight in found.weights] for found in known])
        phi, rates = np.array([[found.phi, found.rate] for found in known]).T[..., None]
        expected = rates * exposure * offsets.sum(axis=1, keepdims=True)
        surplus = (capped.sum(axis=-1) - expected) / (expected + SURPLUS_PRIOR)
        step = log_likelihood(
            capped[..., 0],
            capped[..., 1:].sum(axis=-1),
            np.broadcast_to(exposure * offsets[:, :1], (runs, seconds)),
            np.broadcast_to(exposure * offsets[:, 1:].sum(axis=1, keepdims=True), (runs, seconds)),
            phi + (phi - 1) * np.clip(surplus, 0.0, SURPLUS_MOST),
        )
        law = np.moveaxis(laws_of(np.array([found.tau for found in known]), 0.0), 1, 0)
        loglik, late = np.zeros((runs, len(GRID))), np.full((runs, len(GRID)), -np.inf)
        for second in range(seconds):  # one stratum, one class: three quarters of it, a quarter not started
            bins = np.full(runs, second + 1.0)
            late = onset.later(late, loglik, step[:, second], law[0], bins)
            loglik += step[:, second]
            e_total[:, second] += metric.weight * (0.75 * np.exp(onset.log_e(loglik, late, law, bins)) + 0.25)
    assert (np.log(e_total) < log(1 / ALPHA)).all()

    for run in range(3):
        known_here = calibrated[run]
        evidence = Evidence()
        for second in range(seconds):
            seen = []
            for metric in METRICS:
                row = drawn[metric.name][run, second]
                exposure = EXPOSURE[metric.name]
                one = Bin(1.0, tuple(NodeCount(f"n{i + 1}", float(x), exposure) for i, x in enumerate(row)))
                seen.append(split(metric.name, one, {"n1"}, {"n2", "n3", "n4"}, known_here[metric.name]))
            evidence = absorb(evidence, "fra1", seen, known_here)
        assert judge(evidence, METRICS, ALPHA).log_e == pytest.approx(float(np.log(e_total[run, -1])))


NODES = 8
Noise = tuple[float, float, float]
"""Events per node and bin, variation of bursts, variation of the nodes' own rates."""

BURSTING: Noise = (5.0, 1.0, 0.3)
UNLIKE: Noise = (50.0, 0.1, 0.6)
LOUD = Metric("ops", 1.0)


def noisy_run(seed: int, variant: str, noise: Noise, worse: float = 1.0) -> bool:
    """A pre-period of 300 bins and 40 looks, among nodes that differ and burst; did it fail?"""
    rng = np.random.default_rng(seed)
    mean, burst, spread = noise
    means = mean * np.exp(rng.normal(0, spread, NODES))
    pre = Preperiod()
    for row in gamma_poisson(rng, means, burst, 300):
        pre = absorb_quiet(pre, bin_of(row))
    found = calibrate(pre)
    assert found is not None
    known = {
        "calibrated": found,
        "no offsets": Calibration(
            (), found.phi, found.tau, found.cap_per_bin, found.bins, found.seconds, found.rate
        ),
        "no dispersion": Calibration(
            found.weights, 1.0, found.tau, found.cap_per_bin, found.bins, found.seconds, found.rate
        ),
        "nothing": Calibration((), 1.0, 0.0, 10**6, 300, 300.0, found.rate),
    }[variant]
    means[0] *= worse
    evidence = Evidence()
    for row in gamma_poisson(rng, means, burst, 40):
        seen = split("ops", bin_of(row), {"n0"}, {f"n{i}" for i in range(1, NODES)}, known)
        evidence = absorb(evidence, "fra1", (seen,), {"ops": known})
        if judge(evidence, (LOUD,), ALPHA).failed:
            return True
    return False


def bin_of(row: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Bin:
    return Bin(1.0, tuple(NodeCount(f"n{i}", float(x), 100.0) for i, x in enumerate(row)))


@pytest.mark.parametrize("noise", [BURSTING, UNLIKE])
def test_with_calibration_unlike_and_bursting_nodes_do_not_fail_a_good_release(
    noise: Noise,
) -> None:
    assert sum(noisy_run(seed, "calibrated", noise) for seed in range(90)) <= 1


@pytest.mark.parametrize(("noise", "worse"), [(BURSTING, 5.0), (UNLIKE, 2.0)])
def test_with_calibration_a_bad_release_among_such_nodes_is_still_seen(noise: Noise, worse: float) -> None:
    assert np.mean([noisy_run(seed, "calibrated", noise, worse) for seed in range(30)]) >= 0.9


@pytest.mark.parametrize(
    ("variant", "noise", "at_least"),
    [
        ("nothing", BURSTING, 0.15),
        ("no dispersion", BURSTING, 0.04),
        ("nothing", UNLIKE, 0.2),
        ("no offsets", UNLIKE, 0.06),
    ],
)
def test_without_calibration_good_releases_fail(variant: str, noise: Noise, at_least: float) -> None:
    """The planted bug: an anytime-valid test of the wrong null fails good releases far over alpha."""
    assert np.mean([noisy_run(seed, variant, noise) for seed in range(60)]) >= at_least
