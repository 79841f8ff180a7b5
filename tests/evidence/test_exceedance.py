"""A worse tail is found as more observations beyond an old quantile; an equal one is not."""

from collections.abc import Callable
from math import log

import numpy as np
import pytest
from scipy.special import logsumexp
from tests.evidence.test_edges import LADDER, observed, one_bin

from wavetrain.errors import RefusedError
from wavetrain.evidence.counters import Array, laws, log_e_rows, log_likelihood
from wavetrain.evidence.edges import HistogramWatch, Strand, absorb, settled
from wavetrain.evidence.exceedance import check_log_e, counted, counted_at, cumulated, weights_of

Latency = Callable[[np.random.Generator, tuple[int, ...]], Array]
FINE = tuple(float(bound) for bound in 0.005 * 1.5 ** np.arange(18))


def usual(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.lognormal(log(0.1), 0.8, shape)


def slower(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return 1.1 * usual(rng, shape)


def tail(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """2 % of requests are 4.5 times slower."""
    return usual(rng, shape) * np.where(rng.random(shape) < 0.02, 4.5, 1.0)


def watched(rng: np.random.Generator) -> HistogramWatch:
    watch = HistogramWatch()
    for _ in range(20):
        watch = absorb(watch, observed(usual(rng, (5, 200)), FINE))
    return watch


def minutes(seed: int, latency: Latency, horizon: int) -> int | None:
    """Until a check with a fortieth of the budget reaches 1 / 0.01: 200 new against 800 control requests a minute."""
    rng = np.random.default_rng(seed)
    strands = watched(rng).strands
    loglik = np.zeros((len(strands), 24))
    for minute in range(1, horizon + 1):
        new, control = observed(latency(rng, (1, 200)), FINE), observed(usual(rng, (1, 800)), FINE)
        (x_new, e_new), (x_control, e_control) = counted(new, strands), counted(control, strands)
        loglik += log_likelihood(x_new[:, 0], x_control[:, 0], e_new[:, 0], e_control[:, 0])
        if check_log_e(log_e_rows(loglik, laws(0.0, 0.0)), weights_of(strands)) >= log(40 / 0.01):
            return minute
    return None


@pytest.mark.parametrize(("latency", "median"), [(slower, 45), (tail, 60)])
def test_ten_percent_slower_or_a_worse_tail_alone_are_found_within_the_hour(
    latency: Latency, median: int
) -> None:
    """The prototype's table: 28 and 42 minutes with bounds at the exact quantiles."""
    found = [minutes(seed, latency, 300) for seed in range(9)]
    assert all(minute is not None for minute in found)
    assert np.median(np.array(found, float)) <= median


def test_equal_latencies_are_not_found() -> None:
    assert [minutes(seed, usual, 60) for seed in range(100, 110)] == [None] * 10


def test_over_many_looks_the_mean_of_the_checks_e_stays_at_most_one() -> None:
    """4,000 trains of 20 minutes under the null: three strands of the same observations, half of them events of one."""
    rng = np.random.default_rng(7)
    trains = 4000
    loglik, weights = np.zeros((trains, 3, 24)), np.array([0.3, 0.3, 0.4])
    beyond = np.array([0.5, 0.1, 0.01])
    crossed = np.zeros(trains, bool)
    for _ in range(20):
        shares = np.append(-np.diff(beyond, append=0.0), 1 - beyond[0])
        new, control = (
            rng.multinomial(n, shares, trains)[:, 2::-1].cumsum(axis=1)[:, ::-1] for n in (40, 160)
        )
        loglik += log_likelihood(new, control, np.full(new.shape, 40.0), np.full(new.shape, 160.0))
        e = np.exp(check_log_e(log_e_rows(loglik, laws(0.0, 0.0)), weights))
        assert e.mean() <= 1 + 5 * e.std() / np.sqrt(trains)
        crossed |= e >= 20
    assert crossed.mean() <= 0.05


def test_events_lie_beyond_the_bound_on_the_worse_side() -> None:
    seen = observed(np.array([[0.02, 0.2, 0.7, 3.0], [0.001, 0.002, 0.003, 20.0]]))
    strands = (Strand(0.1, 0.5, 0.5), Strand(1.0, 0.99, 0.5))
    events, exposure = counted(seen, strands)
    assert events[:2].tolist() == [[3, 1], [1, 1]]
    assert counted(seen, strands, falls=True)[0][:2].tolist() == [[1, 3], [3, 3]]
    assert exposure[:2].tolist() == [[4, 4], [4, 4]]
    assert np.isnan(events[2]).all()
    assert np.isnan(exposure[2]).all()


def test_all_rows_at_once_are_those_of_each_histogram() -> None:
    rng = np.random.default_rng(3)
    seen = [observed(rng.lognormal(-2, 1, (3, 30))) for _ in range(4)]
    strands = (Strand(0.1, 0.5, 0.3), Strand(0.5, 0.9, 0.3), Strand(1.0, 0.99, 0.4))
    rows = [LADDER.index(strand.bound) for strand in strands]
    below = np.concatenate([of.buckets[rows] for of in seen])
    counts = np.repeat([of.counts for of in seen], len(strands), axis=0)
    below[5, 1], below[7, 2] = np.nan, 99.0
    falls = np.repeat([[False], [True], [False], [True]], 3, axis=0)
    events, exposure = counted_at(below, counts, falls=falls)
    for place, of in enumerate(seen):
        for number, row in enumerate(rows):
            of.buckets[row] = below[3 * place + number]
        alone = counted(of, strands, falls=bool(falls[3 * place]))
        assert np.array_equal(alone[0], events[3 * place : 3 * place + 3], equal_nan=True)
        assert np.array_equal(alone[1], exposure[3 * place : 3 * place + 3], equal_nan=True)
    assert np.isnan(events).sum() == 2


def test_a_node_that_was_not_seen_and_a_bound_it_does_not_have_are_missing() -> None:
    seen = one_bin([[5, np.nan, 4]], [9, 9, np.nan], (0.1,))
    events, exposure = counted(seen, (Strand(0.1, 0.5, 0.5), Strand(0.2, 0.9, 0.5)))
    assert np.array_equal(events[0], [4, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(exposure[0], [9, np.nan, np.nan], equal_nan=True)
    assert np.isnan(exposure[1]).all()


def test_single_buckets_add_up_to_cumulative_ones_and_a_gap_hides_what_is_above() -> None:
    together = cumulated(np.array([[1, 1], [2, np.nan], [3, 3]]))
    assert together[:, 0].tolist() == [1, 3, 6]
    assert np.isnan(together[1:, 1]).all()


def test_the_check_says_the_weighted_mean_of_its_strands() -> None:
    log_es = np.array([[1.0, -2.0, 30.0], [1.0, 2.0, 3.0], [5.0, 5.0, 5.0]])
    weights = np.array([[0.3, 0.3, 0.4], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0]])
    with np.errstate(divide="ignore"):
        expected = logsumexp(log_es[:2] + np.log(weights[:2]), axis=1)
    assert check_log_e(log_es, weights)[:2] == pytest.approx(expected)
    assert check_log_e(log_es, weights)[2] == pytest.approx(0.0)
    assert weights_of((Strand(0.1, 0.5, 0.25), Strand(0.2, 0.9, 0.75))).tolist() == [0.25, 0.75, 0.0]


@pytest.mark.parametrize("weights", [[0.5, 0.6, 0.0], [1.5, -0.5, 0.0], [0.1, 0.0, 0.0]])
def test_weights_that_are_no_shares_are_refused(weights: list[float]) -> None:
    with pytest.raises(RefusedError, match="1 in sum"):
        check_log_e(np.zeros(3), np.array(weights))


def test_a_heap_in_the_first_bucket_is_seen_to_leave_it() -> None:
    """All mass in one bucket: its bound stands for every quantile it can, and one observation beyond it counts."""
    watch = HistogramWatch()
    for _ in range(10):
        watch = absorb(watch, observed(np.full((2, 100), 0.004)))
    strands = settled(watch).strands
    events, _ = counted(observed(np.array([[0.004, 0.3]])), strands)
    assert events[:, 0].tolist() == [1, 1, 1]
    assert len({strand.bound for strand in strands}) == 3
    assert strands[0].bound == LADDER[0]
