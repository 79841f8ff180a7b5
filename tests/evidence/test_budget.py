"""The budget: fixed weights, arithmetic means, log space."""

from math import exp, inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetrain.errors import RefusedError
from wavetrain.evidence import budget

LOGS = st.lists(st.floats(-50, 50), min_size=1, max_size=12)


@given(LOGS)
def test_the_mean_in_log_space_is_the_mean(log_es: list[float]) -> None:
    weights = budget.normalised([i + 1.0 for i in range(len(log_es))])
    expected = sum(w * exp(v) for w, v in zip(weights, log_es, strict=True))
    assert exp(budget.log_mean(log_es, weights)) == pytest.approx(expected)


def test_evidence_too_large_for_a_float_is_still_evidence() -> None:
    assert budget.log_mean((5000.0, -5000.0), (0.5, 0.5)) == pytest.approx(5000 - log(2))


@pytest.mark.parametrize("weights", [(), (0.0,), (-1.0, 2.0), (inf,), (float("nan"), 1.0)])
def test_weights_that_cannot_be_shares_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(RefusedError, match="metric weights"):
        budget.normalised(weights)


@given(st.integers(0, 400))
def test_shares_of_strata_never_exceed_one_and_a_new_stratum_moves_no_old_one(started: int) -> None:
    shares = budget.stratum_shares(started)
    assert sum(shares) + 1 / (started + 1) == pytest.approx(1)
    assert budget.stratum_shares(started + 1)[:started] == shares


@given(pooled=st.floats(-20, 20), parts=st.lists(st.floats(-20, 20), max_size=6), classes=st.booleans())
def test_a_stratum_or_class_that_starts_changes_nothing_by_starting(
    pooled: float, parts: list[float], classes: bool
) -> None:
    def log_e(some: list[float]) -> float:
        return (
            budget.metric_log_e(pooled, [2.0], some) if classes else budget.metric_log_e(pooled, some, [2.0])
        )

    assert log_e([*parts, 0.0]) == pytest.approx(log_e(parts))


def test_a_plain_mean_over_started_strata_would_be_lifted_by_starting_one() -> None:
    """The planted bug that the shares exist for."""
    sunk = [exp(-3.0)]
    assert np.mean([*sunk, 1.0]) > 10 * np.mean(sunk)
    assert budget.metric_log_e(-3.0, [-3.0, 0.0], []) == pytest.approx(budget.metric_log_e(-3.0, [-3.0], []))


def test_one_bad_stratum_or_class_among_good_ones_is_seen() -> None:
    assert budget.metric_log_e(-10.0, [-2.0, 20.0, -2.0], []) > log(1000)
    assert budget.metric_log_e(-10.0, [-2.0], [-2.0, 20.0]) > log(1000)


@given(pooled=st.floats(-20, 20), strata=st.lists(st.floats(-20, 20), max_size=6))
def test_the_shares_of_a_metric_sum_to_one(pooled: float, strata: list[float]) -> None:
    assert budget.metric_log_e(0.0, [0.0] * 3, [0.0]) == pytest.approx(0.0)
    more = budget.metric_log_e(pooled, strata, strata)
    assert min(pooled, 0.0, *strata) - 1e-9 <= more <= max(pooled, 0.0, *strata) + 1e-9


def test_the_threshold_is_one_over_alpha() -> None:
    assert budget.fails(log(1000) + 1e-9, 1e-3)
    assert not budget.fails(log(999), 1e-3)
    assert [budget.spent(value, 1e-3) for value in (-5, 0, log(1000) / 2, 99)] == pytest.approx(
        [0, 0, 0.5, 1]
    )
    with pytest.raises(RefusedError, match="alpha"):
        budget.log_threshold(0)
