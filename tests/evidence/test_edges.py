"""Bounds that stand for quantiles are chosen from the pre-period, whatever the buckets are like."""

from collections.abc import Callable
from itertools import combinations
from math import inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetrain.errors import RefusedError
from wavetrain.evidence import budget
from wavetrain.evidence.counters import Array, laws, log_e_rows, log_likelihood
from wavetrain.evidence.edges import (
    CHOICE_BINS,
    MAX_BOUNDS,
    QUANTILES,
    WEIGHTS,
    HistogramBin,
    HistogramWatch,
    Tally,
    absorb,
    at_or_below,
    bins_of,
    settled,
    strands_of,
    tallied,
)

LADDER = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def one_bin(rows: list[list[float]], counts: list[float], bounds: tuple[float, ...] = LADDER) -> HistogramBin:
    nodes = tuple(f"n{number}" for number in range(len(counts)))
    return HistogramBin(30.0, nodes, bounds, np.array(rows, float), np.array(counts, float))


def observed(values: Array, bounds: tuple[float, ...] = LADDER) -> HistogramBin:
    """One bin of the observations of one node after another, (nodes, observations)."""
    rows = [[float((of <= bound).sum()) for of in values] for bound in bounds]
    return one_bin(rows, [float(len(of)) for of in values], bounds)


def tally_of(below: list[float], count: float) -> Tally:
    return Tally(LADDER[: len(below)], tuple(below), (count,) * len(below), 10)


def test_the_bounds_nearest_the_quantiles_stand_for_them() -> None:
    found = strands_of(tally_of([10, 100, 480, 700, 905, 960, 991, 999, 1000, 1000, 1000], 1000))
    assert [(strand.bound, strand.quantile, strand.weight) for strand in found] == [
        (0.025, 0.5, 0.3),
        (0.1, 0.9, 0.3),
        (0.5, 0.99, 0.4),
    ]


def test_where_smaller_is_worse_the_bounds_stand_for_the_low_quantiles() -> None:
    found = strands_of(tally_of([9, 105, 480, 700, 905, 960, 991, 999, 1000, 1000, 1000], 1000), falls=True)
    assert [(strand.bound, strand.quantile) for strand in found] == [(0.025, 0.5), (0.01, 0.9), (0.005, 0.99)]


@pytest.mark.parametrize(
    ("below", "bounds", "quantiles"),
    [
        ([1000.0] * 11, (0.005, 0.01, 0.025), (0.5, 0.9, 0.99)),  # all in the first bucket
        ([0.0] * 10 + [1000.0], (10.0,), (0.99,)),  # all in one bucket, only its bound can be passed
        ([985.0], (0.005,), (0.99,)),
        ([480.0], (0.005,), (0.5,)),
        ([500.0, 980.0], (0.005, 0.01), (0.5, 0.99)),
        ([0.0] * 11, (), ()),  # all above the last bound: no bound can see worse
        ([], (), ()),
    ],
)
def test_few_buckets_and_heaps_still_make_what_strands_they_can(
    below: list[float], bounds: tuple[float, ...], quantiles: tuple[float, ...]
) -> None:
    found = strands_of(tally_of(below, 1000))
    assert tuple(strand.bound for strand in found) == bounds
    assert tuple(strand.quantile for strand in found) == quantiles
    assert sum(strand.weight for strand in found) == pytest.approx(1.0 if bounds else 0.0)


@given(parts=st.lists(st.integers(0, 50), min_size=3, max_size=11), last=st.integers(0, 50))
def test_no_other_three_bounds_in_order_are_nearer(parts: list[int], last: int) -> None:
    below = np.cumsum(parts).astype(float)
    count = float(below[-1] + last)
    found = strands_of(tally_of(below.tolist(), count))
    usable = [place for place in range(len(parts)) if below[place] > 0]
    assert len(found) == min(3, len(usable))
    if len(found) == 3:
        odds = np.log((count - below + 0.5) / (below + 0.5))
        costs = {
            places: sum(
                weight * abs(odds[place] - np.log((1 - quantile) / quantile))
                for weight, place, quantile in zip(WEIGHTS, places, QUANTILES, strict=True)
            )
            for places in combinations(usable, 3)
        }
        first, second, third = (LADDER.index(strand.bound) for strand in found)
        assert costs[first, second, third] == pytest.approx(min(costs.values()))


def test_bounds_are_chosen_once_and_from_then_on_their_strands_are_watched() -> None:
    rng = np.random.default_rng(2)
    watch = HistogramWatch()
    for _ in range(CHOICE_BINS):
        assert not watch.strands
        watch = absorb(watch, observed(rng.lognormal(-3, 1, (4, 50))))
    chosen = watch.strands
    assert len(chosen) == len(watch.pres) == 3
    for _ in range(20):
        watch = absorb(watch, observed(rng.lognormal(0, 1, (4, 50))))  # ten times slower: the bounds stay
    assert watch.strands == chosen
    assert [pre.bins for pre in watch.pres] == [20] * 3
    assert watch.pres[0].totals[0].exposure == 1000
    assert settled(watch) == watch


def test_a_short_pre_period_settles_on_what_it_has() -> None:
    watch = absorb(HistogramWatch(), observed(np.full((2, 20), 0.03)))
    assert not watch.strands
    assert [strand.bound for strand in settled(watch).strands] == [0.05, 0.1, 0.25]
    assert settled(HistogramWatch()).strands == ()


def test_a_bound_that_vanishes_is_missing_exposure() -> None:
    watch = settled(absorb(HistogramWatch(), observed(np.full((2, 20), 0.03))))
    churned = observed(np.full((2, 20), 0.2), (0.05, 0.3, 10.0))
    kept, *gone = bins_of(churned, watch.strands)
    assert [(count.events, count.exposure) for count in kept.nodes] == [(20, 20)] * 2
    assert [len(of.nodes) for of in gone] == [0, 0]


def test_bounds_that_come_and_go_count_on_what_was_seen_with_them() -> None:
    tally = tallied(Tally(), one_bin([[5], [9]], [10], (0.1, 1.0)))
    tally = tallied(tally, one_bin([[np.nan], [7], [8]], [10], (0.1, 0.5, 1.0)))
    assert tally == Tally((0.1, 0.5, 1.0), (5.0, 7.0, 17.0), (10.0, 10.0, 20.0), 2)
    assert tallied(tally, one_bin([[1], [1]], [np.nan], (0.1, 1.0))) == tally


def test_a_torn_scrape_counts_and_a_contradiction_does_not() -> None:
    watch = settled(absorb(HistogramWatch(), observed(np.full((2, 20), 0.03))))
    torn = one_bin([[201, 400], [201, 400], [201, 400]], [200, 200], (0.05, 0.1, 0.25))
    assert [
        [(count.node, count.events, count.exposure) for count in of.nodes]
        for of in bins_of(torn, watch.strands)
    ] == [[("n0", 0.0, 201.0)]] * 3


@pytest.mark.parametrize(
    ("bounds", "rows", "counts", "says"),
    [
        ((0.1, inf), [[1], [1]], [1], "leave .Inf out"),
        ((0.1, 0.1), [[1], [1]], [1], "distinct"),
        ((0.1,), [[-1]], [1], "finite and not negative"),
        ((0.1,), [[1]], [inf], "finite and not negative"),
        ((0.1,), [[1], [1]], [1], "one row a bound"),
        (tuple(range(MAX_BOUNDS + 1)), [[1]] * (MAX_BOUNDS + 1), [1], "scrape fewer buckets"),
    ],
)
def test_what_cannot_be_a_histogram_is_refused(
    bounds: tuple[float, ...], rows: list[list[float]], counts: list[float], says: str
) -> None:
    with pytest.raises(RefusedError, match=says):
        one_bin(rows, counts, bounds)


def test_bounds_that_never_settle_are_refused_before_they_fill_the_store() -> None:
    tally = Tally()
    for start in range(MAX_BOUNDS):
        tally = tallied(tally, one_bin([[1]], [1], (start + 0.5,)))
    assert len(tally.bounds) == MAX_BOUNDS
    with pytest.raises(RefusedError, match="keep changing"):
        tallied(tally, one_bin([[1]], [1], (-1.0,)))


Latency = Callable[[np.random.Generator, tuple[int, ...]], Array]
FINE = tuple(float(bound) for bound in 0.005 * 1.5 ** np.arange(18))


def usual(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.lognormal(log(0.1), 0.8, shape)


def slower(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return 1.1 * usual(rng, shape)


def tail(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """2 % of requests are 4.5 times slower."""
    return usual(rng, shape) * np.where(rng.random(shape) < 0.02, 4.5, 1.0)


def minutes(seed: int, latency: Latency, horizon: int) -> int | None:
    """Until a check with a fortieth of the budget reaches 1 / 0.01: 200 new against 800 control requests a minute."""
    rng = np.random.default_rng(seed)
    watch = HistogramWatch()
    for _ in range(20):
        watch = absorb(watch, observed(usual(rng, (5, 200)), FINE))
    bounds = tuple(strand.bound for strand in watch.strands)
    weights = [strand.weight for strand in watch.strands]
    loglik = np.zeros((len(bounds), 24))
    for minute in range(1, horizon + 1):
        new, control = observed(latency(rng, (1, 200)), FINE), observed(usual(rng, (1, 800)), FINE)
        (below, all_new), (under, all_control) = at_or_below(new, bounds), at_or_below(control, bounds)
        x_new, x_control = (all_new - below)[:, 0], (all_control - under)[:, 0]
        loglik += log_likelihood(x_new, x_control, all_new[:, 0], all_control[:, 0])
        if budget.log_mean(log_e_rows(loglik, laws(0.0, 0.0)).tolist(), weights) >= log(40 / 0.01):
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
    """4,000 trains of 20 minutes under the null: three strands of the same observations, half of them events of one.

    Given their number, exceedances are hypergeometric, below the binomial in convex order (Hoeffding 1963).
    """
    rng = np.random.default_rng(7)
    trains = 4000
    loglik = np.zeros((trains, 3, 24))
    beyond = np.array([0.5, 0.1, 0.01])
    crossed = np.zeros(trains, bool)
    for _ in range(20):
        shares = np.append(-np.diff(beyond, append=0.0), 1 - beyond[0])
        new, control = (
            rng.multinomial(n, shares, trains)[:, 2::-1].cumsum(axis=1)[:, ::-1] for n in (40, 160)
        )
        loglik += log_likelihood(new, control, np.full(new.shape, 40.0), np.full(new.shape, 160.0))
        e = np.exp(log_e_rows(loglik, laws(0.0, 0.0))) @ np.array(WEIGHTS)
        assert e.mean() <= 1 + 5 * e.std() / np.sqrt(trains)
        crossed |= e >= 20
    assert crossed.mean() <= 0.05
