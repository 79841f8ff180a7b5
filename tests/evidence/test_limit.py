"""The limit: no test is faster, and ours is not much slower."""

from math import inf, log

import numpy as np
import pytest

from wavetrain.errors import RefusedError
from wavetrain.evidence.counters import log_e, log_likelihood
from wavetrain.evidence.limit import (
    exposure_to_pass,
    known_rate_information,
    least_ratio,
    time_to_fail,
    two_arm_information,
)


@pytest.mark.parametrize("ratio", [1.5, 3.0, 100.0])
def test_a_control_arm_can_give_at_most_what_a_known_rate_gives(ratio: float) -> None:
    known = known_rate_information(control_rate=0.01, new_exposure=310, ratio=ratio)
    limited = [
        two_arm_information(control_rate=0.01, new_exposure=310, control_exposure=e, ratio=ratio)
        for e in (310, 930, 1e5, 1e9)
    ]
    assert limited == sorted(limited)
    assert limited[-1] == pytest.approx(known, rel=1e-3)
    assert max(limited) <= known * (1 + 1e-6)


def test_without_information_no_test_decides() -> None:
    nothing = two_arm_information(control_rate=0.01, new_exposure=0, control_exposure=930, ratio=2)
    assert time_to_fail(nothing, alpha=1e-3) == inf
    same = two_arm_information(control_rate=0.01, new_exposure=310, control_exposure=930, ratio=1)
    assert same == pytest.approx(0)


def test_the_simulated_delay_is_over_the_limit_and_within_four_times_of_it() -> None:
    rng = np.random.default_rng(12)
    ratio, rate, alpha, runs, horizon = 3.0, 0.002, 1e-3, 300, 200
    information = two_arm_information(control_rate=rate, new_exposure=310, control_exposure=930, ratio=ratio)
    new = rng.poisson(310 * rate * ratio, (runs, horizon))
    control = rng.poisson(930 * rate, (runs, horizon))
    paths = np.cumsum(log_likelihood(new, control, 310.0, 930.0), axis=1)
    stopped = log_e(paths, tau=0.0) >= log(1 / alpha)
    assert stopped.any(axis=1).all()
    mean = float((stopped.argmax(axis=1) + 1).mean())
    limit = time_to_fail(information, alpha=alpha)
    assert limit <= mean <= 4 * limit


def test_search_and_dispersion_cost_time() -> None:
    assert time_to_fail(2.0, alpha=1e-3, weight=0.1) > time_to_fail(2.0, alpha=1e-3)
    assert time_to_fail(2.0, alpha=1e-3, phi=3) == pytest.approx(3 * time_to_fail(2.0, alpha=1e-3))


def test_the_exposure_to_pass_grows_with_the_base_rate_and_falls_with_the_margin() -> None:
    assert exposure_to_pass(rate=0, excess_max=0.002, beta=0.05) == pytest.approx(log(20) / 0.002)
    by_rate = [exposure_to_pass(rate=r, excess_max=0.002, beta=0.05) for r in (0, 1e-4, 1e-3, 1e-2)]
    assert by_rate == sorted(by_rate)
    assert exposure_to_pass(rate=1e-4, excess_max=0.02, beta=0.05) < by_rate[1]


def test_impossible_questions_are_refused() -> None:
    with pytest.raises(RefusedError, match="alpha"):
        time_to_fail(1.0, alpha=0)
    with pytest.raises(RefusedError, match="excess"):
        exposure_to_pass(rate=0.1, excess_max=0, beta=0.05)


def test_a_wide_null_hides_small_ratios_however_long_one_waits() -> None:
    least = [least_ratio(alpha=1e-3, weight=0.4, tau=tau) for tau in (0.0, 0.03, 0.1, 0.3)]
    assert least == sorted(least)
    assert least[0] < 1.1
    assert least[-1] > 3
    assert least_ratio(alpha=1e-9, weight=0.4, tau=2.0) == inf
    for tau, ratio in ((0.03, least[1]), (0.1, least[2])):
        huge = log_likelihood(1e7 * ratio, 1e7, 1.0, 1.0)
        assert log_e(huge, tau=tau) == pytest.approx(log_e(10 * huge, tau=tau), abs=1e-3)
        assert log_e(huge, tau=tau) >= log(1 / (1e-3 * 0.4))
