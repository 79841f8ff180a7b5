"""A fault that sets in late is found, one of some hardware sooner than in all, and a good release is left alone."""

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, log_expit
from tests.evidence import from_scratch
from tests.evidence.practice import counts, in_arms
from tests.evidence.test_counters import SHARES, binomial

from wavetrain.evidence import onset
from wavetrain.evidence.counters import GRID, LOG_2, Array, laws, log_e_rows, log_likelihood
from wavetrain.evidence.judgement import Metric
from wavetrain.evidence.limit import time_to_fail, two_arm_information
from wavetrain.evidence.processes import unstarted
from wavetrain.evidence.strata import Strata

G = np.array(GRID)
ON_GRID = st.sampled_from([0.0, 0.03, 0.15, LOG_2])
BINS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=30)
NEW, CONTROL, BASE = 10.0, 40.0, 0.165
"""Node-minutes of a look, and events per node-minute."""


class Process:
    """One process after another bin; any number side by side."""

    def __init__(self, tau: float, margin: float = 0.0, runs: int = 1) -> None:
        self.law = laws(tau, margin)
        self.loglik, self.late = np.zeros((runs, len(GRID))), np.full((runs, len(GRID)), -np.inf)
        self.bins = 0
        self._unit = 0.0

    def then(self, step: Array) -> Array:
        """E after each of these steps, of which none is taken."""
        rows = step.reshape(-1, len(GRID))
        bins = np.full(len(rows), self.bins + 1.0)
        late = onset.later(self.late, self.loglik, rows, self.law[0], bins)
        return np.exp(onset.log_e(self.loglik + rows, late, self.law, bins) - self._unit)

    def since_now(self) -> "Process":
        """What `then` answers with is in units of what is known by now: it may be beyond all numbers."""
        self._unit = float(self.log_e[0])
        return self

    def take(self, step: Array) -> "Process":
        self.bins += 1
        bins = np.full(len(self.loglik), float(self.bins))
        self.late = onset.later(self.late, self.loglik, step, self.law[0], bins)
        self.loglik = self.loglik + step
        return self

    @property
    def log_e(self) -> Array:
        return onset.log_e(self.loglik, self.late, self.law, np.full(len(self.loglik), float(self.bins)))


def after(bins: list[tuple[int, int]], odds: float, tau: float, margin: float) -> Process:
    process = Process(tau, margin)
    for new, control in bins:
        process.take(log_likelihood(float(new), float(control), odds, 1.0))
    return process


def each_split(total: int, odds: float) -> Array:
    x = np.arange(total + 1)
    return log_likelihood(x, total - x, np.full(total + 1, odds), 1.0)


@given(bins=BINS, odds=SHARES, margin=ON_GRID, better=st.floats(0, 3), total=st.integers(0, 40))
def test_a_bin_more_never_raises_the_mean_of_e_under_any_harmless_ratio(
    bins: list[tuple[int, int]], odds: float, margin: float, better: float, total: int
) -> None:
    """Exact, for a point null: over all splits of the next bin's events, after whatever was (Ville's condition)."""
    e = after(bins, odds, 0.0, margin).since_now().then(each_split(total, odds))
    assert binomial(total, float(expit(log(odds) + margin - better))) @ e <= 1 + 1e-9
    at_margin = binomial(total, float(expit(log(odds) + margin))) @ e
    assert at_margin == pytest.approx(1, rel=1e-6), "at the margin itself nothing is given away"


@settings(max_examples=30, deadline=None)
@given(first=st.integers(1, 12), second=st.integers(1, 12), odds=SHARES, tau=st.floats(0.01, 0.5))
def test_the_mean_of_e_is_one_under_the_wide_null_and_at_most_one_below_it(
    first: int, second: int, odds: float, tau: float
) -> None:
    """Exact, over all splits of two bins; the ratio is drawn once and stays. Below the law: each ratio by itself."""
    steps = each_split(first, odds), each_split(second, odds)
    e = np.array([Process(tau).take(one[None]).then(steps[1]) for one in steps[0]])

    def mean(g: float) -> float:
        p = float(expit(log(odds) + g))
        return float(binomial(first, p) @ e @ binomial(second, p))

    assert np.exp(laws(tau, 0.0)[0]) @ [mean(g) for g in GRID] == pytest.approx(1, rel=1e-5)
    assert max(mean(-better) for better in (0.0, 0.1, 0.5, 2.0)) <= 1 + 1e-9


@given(bins=BINS, odds=SHARES, tau=st.sampled_from([0.0, 0.03, 0.3]))
def test_what_is_kept_from_bin_to_bin_is_the_sum_over_all_onsets(
    bins: list[tuple[int, int]], odds: float, tau: float
) -> None:
    said: from_scratch.Said = []
    for new, control in bins:
        at = log(odds) + G
        said.append((new * log_expit(at) + control * log_expit(-at), tau))
    assert after(bins, odds, tau, 0.0).log_e[0] == pytest.approx(
        log(from_scratch.e_of(said)), rel=1e-9, abs=1e-9
    )


@given(total=st.integers(0, 40), odds=SHARES, tau=st.sampled_from([0.0, 0.03, 0.3]))
def test_after_one_bin_half_of_it_is_the_plain_mixture_and_half_has_not_begun(
    total: int, odds: float, tau: float
) -> None:
    steps = each_split(total, odds)
    assert Process(tau).then(steps) == pytest.approx(0.5 + 0.5 * np.exp(log_e_rows(steps, laws(tau, 0.0))))


def test_the_belief_in_an_onset_sums_to_what_is_not_left_to_the_bins_to_come() -> None:
    bins = np.arange(1.0, 100_001.0)
    begun = 0.5 + np.cumsum(onset.gamma(bins))
    assert onset.gamma(bins)[0] == 0
    assert (onset.gamma(bins)[1:] > 0).all()
    none = np.zeros((len(bins), len(GRID)))
    left = np.exp(onset.log_e(none, np.full(none.shape, -np.inf), laws(0.0, 0.0), bins)) - 0.5
    assert begun + left == pytest.approx(1.0)


@pytest.mark.parametrize(("tau", "ratio"), [(0.0, 1.0), (0.0, 0.8), (0.03, 1.0), (0.03, 0.8)])
def test_under_the_null_the_mean_of_e_is_at_most_one_at_every_look(tau: float, ratio: float) -> None:
    """Simulated: 6,000 trains of 120 looks; P(ever over 20) <= 1/20."""
    rng = np.random.default_rng(11)
    runs, crossed = 6_000, np.zeros(6_000, bool)
    process = Process(tau, runs=runs)
    for _ in range(120):
        new, control = rng.poisson(0.4 * ratio, runs), rng.poisson(1.2, runs)
        e = np.exp(process.take(log_likelihood(new, control, 1.0, 3.0)).log_e)
        assert e.mean() <= 1 + 5 * e.std() / np.sqrt(runs)
        crossed |= e >= 20
    assert crossed.mean() <= 0.05


def test_a_change_from_what_persists_is_only_harm_where_it_gets_worse() -> None:
    """A ratio of 1.5 that the null explains by its width, and then 1: a test of "something changed" would fail."""
    process = Process(0.3)
    for look in range(200):
        process.take(log_likelihood(450.0 if look < 100 else 300.0, 900.0, 1.0, 3.0))
        assert process.log_e[0] < log(10)


def looks_to_fail(
    process: Process, ratio: float, onset_at: int, weight: float, seed: int
) -> tuple[Array, Array]:
    """The first look at 1 / alpha = 1000 for a metric of this weight; by the plain mixture too. 0: never."""
    rng, runs = np.random.default_rng(seed), len(process.loglik)
    ours, plain = np.zeros(runs), np.zeros(runs)
    threshold = log(1000 / weight)
    for look in range(1, 301):
        worse = ratio if look > onset_at else 1.0
        new, control = rng.poisson(BASE * NEW * worse, runs), rng.poisson(BASE * CONTROL, runs)
        process.take(log_likelihood(new, control, NEW, CONTROL))
        ours[(ours == 0) & (process.log_e >= threshold)] = look
        plain[(plain == 0) & (log_e_rows(process.loglik, process.law) >= threshold)] = look
    return ours, plain


def test_a_fault_that_doubles_after_three_hours_is_never_missed_and_found_sooner_than_by_a_plain_process() -> (
    None
):
    """One metric of 40, of whose e the one stratum's process is three quarters; five hours; a healthy one beside."""
    ours, plain = looks_to_fail(Process(0.0, runs=300), 2.0, 180, 0.75 / 40, 3)
    assert (ours > 180).all()
    assert np.median(ours - 180) < 50
    assert (plain == 0).mean() > 0.005, "the planted bug: without the onset some are missed"
    assert np.median(plain[plain > 0] - 180) > 1.5 * np.median(ours - 180)
    healthy, _ = looks_to_fail(Process(0.0, runs=300), 1.0, 0, 0.75 / 40, 4)
    assert (healthy == 0).all()


def test_a_fault_from_the_start_is_found_within_two_and_a_half_limits() -> None:
    ours, plain = looks_to_fail(Process(0.0, runs=500), 2.0, 0, 0.75 / 40, 5)
    information = two_arm_information(
        control_rate=BASE, new_exposure=NEW, control_exposure=CONTROL, ratio=2.0
    )
    assert (ours > 0).all()
    assert ours.mean() <= 2.5 * time_to_fail(information, alpha=1e-3)
    assert ours.mean() <= plain.mean() + 1.0, "the onset costs at most log 2"


def test_a_fault_of_one_hardware_class_is_found_sooner_than_among_all() -> None:
    """Six PoPs of three classes each, one of them a tenth of the nodes, which fails twice as often as its like."""
    rng = np.random.default_rng(7)
    sizes = {"large": 24.0, "small": 3.0, "old": 3.0}
    pops = [f"pop-{number}" for number in range(6)]
    found = []
    for _ in range(12):
        tests = by_class, alike = Strata([Metric("failed", 1.0)]), Strata([Metric("failed", 1.0)])
        for strata in tests:
            for pop in pops:
                strata.take(pop, unstarted(np.ones(1)), np.zeros(1))
        first: dict[int, int] = {}
        for look in range(1, 301):
            split = {
                pop: {
                    name: np.array(
                        [
                            in_arms(
                                counts(
                                    "failed",
                                    float(rng.poisson(0.3 * size * (2.0 if name == "old" else 1.0))),
                                    float(rng.poisson(0.9 * size)),
                                    e_new=size,
                                    e_control=3 * size,
                                )
                            )
                        ]
                    )
                    for name, size in sizes.items()
                }
                for pop in pops
            }
            whole = np.array([sum(parts.values()) for parts in split.values()])
            by_class.absorb(pops, whole, split)
            alike.absorb(pops, whole)
            for number, strata in enumerate(tests):
                if number not in first and strata.log_e() >= log(1000):
                    first[number] = look
            if len(first) == 2:
                break
        found.append([first.get(0, 999), first.get(1, 999)])
        said = dict(by_class.judgement(1e-3).per_metric[0].classes)
        assert max(said, key=lambda name: said[name]) == "old"
    ours, plain = np.median(np.array(found), axis=0)
    assert ours < 0.7 * plain
