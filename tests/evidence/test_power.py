"""Power: what a plan is told to see, simulated runs of the running test do see."""

from math import inf, log

import numpy as np
import pytest
from scipy import stats

from wavetrain.errors import RefusedError
from wavetrain.evidence import budget, processes
from wavetrain.evidence.counters import Array
from wavetrain.evidence.judgement import WAYS, Metric, gate
from wavetrain.evidence.limit import least_ratio, time_to_fail, two_arm_information
from wavetrain.evidence.power import (
    FIRST_SHARE,
    POWER,
    Plan,
    Z,
    least_ratios,
    log_e_planned,
    passed,
    seconds_to_fail,
    seconds_to_pass,
)
from wavetrain.evidence.strata import Strata

ALPHA, BETA = 1e-3, 0.05


def plan(
    rate: float = 0.002,
    new: float = 10.0,
    control: float = 30.0,
    *,
    phi: float = 1.0,
    tau: float = 0.0,
    strata: int = 1,
    margin_log: float = 0.0,
    falls: bool = False,
) -> Plan:
    """One check, alike in each stratum."""
    one = np.ones((1, strata))
    return Plan(
        rates=one * rate,
        new=one * new,
        control=one * control,
        phis=one * phi,
        taus=np.array([tau]),
        weights=np.array([1.0]),
        margins_log=np.array([margin_log]),
        falls=np.array([falls]),
    )


def runs_at(known: Plan, ratio: float, seconds: float, runs: int, seed: int) -> Array:
    """States of one process after so long, of many runs: counts that come phi at a time."""
    rng = np.random.default_rng(seed)
    phi = float(known.phis[0, 0])
    means = np.array([known.rates[0, 0] * ratio * known.new[0, 0], known.rates[0, 0] * known.control[0, 0]])
    events = phi * rng.poisson(means * seconds / phi, (runs, 2))
    counts = np.zeros((runs, 1, processes.ARMS))
    counts[:, 0, processes.ARM_NEW] = counts[:, 0, processes.ARM_NEW_CAPPED] = events[:, 0]
    counts[:, 0, processes.ARM_CONTROL] = counts[:, 0, processes.ARM_CONTROL_CAPPED] = events[:, 1]
    counts[:, 0, processes.ARM_NEW_EXPOSURE] = known.new[0, 0] * seconds
    counts[:, 0, processes.ARM_CONTROL_EXPOSURE] = known.control[0, 0] * seconds
    counts[:, 0, processes.ARM_SECONDS] = seconds
    return counts


def failed_share(known: Plan, ratio: float, seconds: float, seed: int, runs: int = 400) -> float:
    """The share of runs whose pooled evidence has reached the threshold at this look."""
    counts = runs_at(known, ratio, seconds, runs, seed)
    stopped = 0
    for counted in counts:
        strata = Strata([Metric("m", 1.0)], float(known.taus[0]))
        strata.take("s", processes.unstarted(known.phis[0]), known.taus)
        strata.absorb(["s"], counted[None])
        pooled = strata.state("s")[0, processes.LOG_E]
        stopped += bool(pooled + log(budget.POOLED_SHARE) >= -log(ALPHA))
    return stopped / runs


def passed_share(known: Plan, excess_max: float, seconds: float, seed: int, runs: int = 400) -> float:
    """The share of runs of a release as good as the old one that the production's gate lets through."""
    metric = Metric("m", 1.0, excess_max=excess_max)
    through = 0
    for counted in runs_at(known, 1.0, seconds, runs, seed):
        strata = Strata([metric], float(known.taus[0]), BETA)
        strata.take("s", processes.unstarted(known.phis[0]), known.taus)
        strata.absorb(["s"], counted[None])
        through += gate(strata.state("s"), [metric], BETA).passed
    return through / runs


def test_the_quantile_is_that_of_the_power() -> None:
    assert pytest.approx(stats.norm.ppf(POWER), abs=1e-12) == Z


@pytest.mark.parametrize(
    ("known", "ratio"),
    [(plan(), 1.5), (plan(phi=3.0, tau=0.03), 2.0), (plan(rate=1e-4), 5.0)],
    ids=["plain", "dispersed", "rare"],
)
def test_so_many_runs_have_failed_by_the_time_that_is_told(known: Plan, ratio: float) -> None:
    told = float(seconds_to_fail(known, np.array([ratio]), ALPHA)[0])
    assert failed_share(known, ratio, told, seed=1) >= POWER - 0.1
    assert failed_share(known, ratio, told / 2, seed=2) < 0.55


@pytest.mark.parametrize(
    ("known", "excess_max"),
    [(plan(), 0.001), (plan(phi=3.0), 0.002), (plan(rate=1e-5), 0.0005)],
    ids=["plain", "dispersed", "rare"],
)
def test_so_many_sound_runs_have_passed_by_the_time_that_is_told(known: Plan, excess_max: float) -> None:
    told = float(seconds_to_pass(known, np.array([excess_max]), np.zeros(1), BETA)[0, 0])
    assert passed_share(known, excess_max, told, seed=3) >= POWER - 0.1
    assert passed_share(known, excess_max, told / 2.5, seed=4) < 0.55


def test_no_plan_beats_the_limit() -> None:
    for ratio in (1.3, 2.0, 5.0):
        information = two_arm_information(
            control_rate=0.002, new_exposure=10, control_exposure=30, ratio=ratio
        )
        told = float(seconds_to_fail(plan(), np.array([ratio]), ALPHA)[0])
        limit = time_to_fail(information, alpha=ALPHA)
        assert limit < told < 8 * limit


def test_the_least_ratio_is_the_one_that_takes_all_the_time() -> None:
    seconds = np.array([5_000.0])
    least = least_ratios(plan(), seconds, ALPHA)
    assert 1.2 < least[0] < 3
    assert seconds_to_fail(plan(), least, ALPHA)[0] == pytest.approx(seconds[0], rel=1e-3)
    longer = least_ratios(plan(), 10 * seconds, ALPHA)
    assert longer[0] < least[0]


def test_more_strata_see_smaller_ratios_as_one_and_a_wide_null_hides_them_for_ever() -> None:
    seconds = np.array([5_000.0])
    by_strata = [least_ratios(plan(strata=count), seconds, ALPHA)[0] for count in (1, 4, 16)]
    assert by_strata == sorted(by_strata, reverse=True)
    assert by_strata[0] > by_strata[-1] + 0.2
    wide = least_ratios(plan(tau=0.2, strata=16), np.array([1e9]), ALPHA)[0]
    assert wide >= least_ratio(alpha=ALPHA, weight=budget.POOLED_SHARE * FIRST_SHARE, tau=0.2) * 0.9
    assert wide > 1.5


def test_a_check_of_small_weight_waits_for_longer() -> None:
    two = Plan(
        rates=np.full((2, 1), 0.002),
        new=np.full((2, 1), 10.0),
        control=np.full((2, 1), 30.0),
        phis=np.ones((2, 1)),
        taus=np.zeros(2),
        weights=np.array([0.9, 0.1]),
        margins_log=np.zeros(2),
        falls=np.zeros(2, bool),
    )
    much, little = seconds_to_fail(two, np.array([2.0, 2.0]), ALPHA)
    assert much < little < 2 * much
    said = log_e_planned(two, np.array([2.0, 2.0]), np.array([much, little]))
    assert said == pytest.approx(-np.log(ALPHA * two.weights * budget.POOLED_SHARE * FIRST_SHARE), rel=1e-3)


def test_without_control_events_or_time_nothing_is_decided() -> None:
    for known in (plan(control=0.0), plan(new=0.0), plan(rate=0.0)):
        assert seconds_to_fail(known, np.array([2.0]), ALPHA)[0] == inf
        assert least_ratios(known, np.array([1e6]), ALPHA)[0] == inf
    for known in (plan(control=0.0), plan(new=0.0)):
        assert seconds_to_pass(known, np.array([0.01]), np.zeros(1), BETA)[0, 0] == inf
    never = seconds_to_pass(plan(rate=0.0), np.array([0.01]), np.zeros(1), BETA)[0, 0]
    assert -log(BETA / WAYS / 2) / 0.01 / 10 < never < 1_000


def test_the_least_exposure_binds_a_gate() -> None:
    known, excess = plan(), np.array([0.01])
    free = seconds_to_pass(known, excess, np.zeros(1), BETA)[0, 0]
    bound = seconds_to_pass(known, excess, np.array([10.0 * free * 3]), BETA)[0, 0]
    assert bound == pytest.approx(3 * free, rel=1e-3)
    assert not passed(known, excess, np.array([1e12]), BETA, np.array([[1e6]])).any()


def test_a_doubling_is_refuted_where_the_rate_is_high_and_the_margin_small() -> None:
    told = seconds_to_pass(plan(rate=0.5), np.array([1e-6]), np.zeros(1), BETA)[0, 0]
    assert 1 <= told < 60


def test_impossible_plans_are_refused() -> None:
    with pytest.raises(RefusedError, match="rates"):
        plan(rate=-1.0)
    with pytest.raises(RefusedError, match="phis"):
        plan(phi=0.5)
    with pytest.raises(RefusedError, match="alpha"):
        seconds_to_fail(plan(), np.array([2.0]), 0.0)


def test_what_is_worse_when_it_falls_is_looked_at_from_the_other_side() -> None:
    known, seconds = plan(falls=True), np.array([4_000.0])
    half = log_e_planned(known, np.array([2.0]), seconds)
    turned = log_e_planned(plan(rate=0.001, new=30.0, control=10.0), np.array([2.0]), seconds)
    assert half == pytest.approx(turned)
    assert half < log_e_planned(plan(), np.array([2.0]), seconds), "a rate that halves leaves fewer events"
    free = seconds_to_pass(known, np.array([0.001]), np.zeros(1), BETA)[0, 0]
    bound = seconds_to_pass(known, np.array([0.001]), np.array([10.0 * free * 2]), BETA)[0, 0]
    assert bound == pytest.approx(2 * free, rel=1e-3), "the least exposure is still the new arm's"
