"""What chance drew is told from what a release did, without a law of noise."""

from itertools import product
from math import comb, inf, log, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavetrain.errors import RefusedError
from wavetrain.evidence.betting import (
    BET_MAX,
    DRAWS,
    LOG_K,
    PAIRS,
    bet,
    draw_log_e,
    matched,
    signs_of,
    split_mix,
    stake,
    unstarted,
)


def capital(signs: list[float]) -> float:
    state = unstarted((1,))
    for sign in signs:
        state = bet(state, np.array([sign]))
    return float(np.exp(state[0, LOG_K]))


@pytest.mark.parametrize("pairs", [1, 4, 9])
def test_the_mean_capital_over_all_draws_is_one(pairs: int) -> None:
    """Exact: each pair is as likely worse on one side as on the other."""
    every = [capital(list(signs)) for signs in product((-1.0, 1.0), repeat=pairs)]
    assert np.mean(every) == pytest.approx(1.0)
    assert np.mean(np.array(every) >= 20) <= 0.05


def test_over_many_looks_ties_included_capital_rarely_reaches_its_threshold() -> None:
    rng = np.random.default_rng(1)
    states, crossed = unstarted((5_000,)), np.zeros(5_000, bool)
    for _ in range(60):
        states = bet(states, rng.choice([-1.0, 0.0, 1.0], 5_000, p=[0.4, 0.2, 0.4]))
        k = np.exp(states[:, LOG_K])
        assert k.mean() <= 1 + 5 * k.std() / np.sqrt(len(k))
        crossed |= k >= 20
    assert crossed.mean() <= 0.05


def test_twenty_pairs_all_worse_stop_a_train_with_a_fortieth_of_the_budget() -> None:
    assert capital([1.0] * 20) >= 40 / 1e-3
    assert capital([1.0] * 20) <= (1 + BET_MAX) ** 20


@given(signs=st.lists(st.sampled_from([-1.0, 0.0, 1.0]), max_size=40))
def test_bets_are_within_their_limits_and_know_only_the_past(signs: list[float]) -> None:
    state = unstarted((1,))
    for sign in signs:
        staked = stake(state)[0]
        assert 0 <= staked <= BET_MAX
        after = bet(state, np.array([sign]))
        assert after[0, LOG_K] == pytest.approx(state[0, LOG_K] + np.log1p(staked * sign))
        state = after
    assert np.isfinite(state).all()


def test_a_pair_that_was_not_seen_bets_nothing() -> None:
    states = bet(unstarted((2,)), signs_of(np.array([3.0, nan]), np.array([1.0, 1.0])))
    assert states[:, PAIRS].tolist() == [1, 0]
    assert states[1].tolist() == unstarted((1,))[0].tolist()
    assert signs_of(np.array([1.0, 2.0, 3.0]), np.full(3, 2.0), falls=True).tolist() == [1, 0, -1]


def test_pairs_are_the_likest_and_each_node_is_in_one() -> None:
    levels = np.array([1.0, 9.0, 1.1, 8.0, 5.0])
    new = np.array([True, True, False, False, False])
    assert matched(levels, new) == ((0, 2), (1, 3))
    assert matched(levels, ~new) == ((2, 0), (4, 1))
    with pytest.raises(RefusedError, match="leave out who has none"):
        matched(np.array([1.0, nan]), np.array([True, False]))


@pytest.mark.parametrize("sign", [0.5, 2.0, inf])
def test_a_bet_on_anything_else_is_refused(sign: float) -> None:
    with pytest.raises(RefusedError, match="take the sign"):
        bet(unstarted((1,)), np.array([sign]))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), nodes=st.integers(2, 7), drawn=st.integers(1, 6))
def test_over_all_draws_the_mean_of_e_is_one_and_none_exceeds_their_number(
    seed: int, nodes: int, drawn: int
) -> None:
    """Exact, whatever the values are: heavy tails, ties, nodes that differ for good."""
    drawn = min(drawn, nodes - 1)
    values = np.round(np.random.default_rng(seed).standard_cauchy((1, nodes)), 1)
    draws = [np.array(of) for of in product((False, True), repeat=nodes) if sum(of) == drawn]
    every = [float(np.exp(draw_log_e(values, new, 7)[0])) for new in draws]
    assert np.mean(every) == pytest.approx(1.0)
    assert max(every) <= comb(nodes, drawn) * (1 + 1e-9)


def test_with_simulated_draws_the_mean_of_e_is_at_most_one() -> None:
    """20 of 60 nodes that differ for good: too many choices to look at all."""
    rng = np.random.default_rng(2)
    values = rng.standard_t(2, (40, 60))
    e = []
    for wave in range(12):
        new = np.zeros(60, bool)
        new[rng.choice(60, 20, replace=False)] = True
        e.append(np.exp(draw_log_e(values, new, wave)))
    every = np.concatenate(e)
    assert every.mean() <= 1 + 5 * every.std() / np.sqrt(len(every))


def test_a_shift_of_the_drawn_nodes_is_told_and_one_of_the_others_is_not() -> None:
    rng = np.random.default_rng(3)
    new = np.zeros(60, bool)
    new[rng.choice(60, 20, replace=False)] = True
    noise = rng.normal(0, 1, 60)
    worse, better, alike = draw_log_e(np.stack([noise + 2 * new, noise - 2 * new, np.full(60, 3.0)]), new, 1)
    assert worse == pytest.approx(log(DRAWS + 1), abs=0.5)
    assert better < 0
    assert alike == 0.0


def test_one_new_node_of_four_says_at_most_four() -> None:
    new = np.array([True, False, False, False])
    assert np.exp(draw_log_e(np.array([[1e6, 0.0, 0.1, 0.2]]), new, 1))[0] <= 4


def test_nodes_that_were_not_seen_are_left_out_of_their_check_alone() -> None:
    new = np.array([True, True, False, False, False])
    values = np.array([[5.0, nan, 1.0, 2.0, 1.5], [5.0, 4.0, 1.0, 2.0, 1.5], [5.0, 4.0, nan, nan, nan]])
    first, second, third = draw_log_e(values, new, 1)
    assert first == pytest.approx(draw_log_e(values[:1, [0, 2, 3, 4]], new[[0, 2, 3, 4]], 1)[0])
    assert second == pytest.approx(draw_log_e(values[1:2], new, 1)[0])
    assert third == 0.0


def test_draws_are_a_stable_hash_of_their_seed() -> None:
    """The first numbers of SplitMix64 from 1234567, as its authors' reference program prints them."""
    numbers = split_mix(1234567, np.arange(3, dtype=np.uint64)).tolist()
    assert numbers == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    values = np.random.default_rng(4).normal(0, 1, (1, 60))
    new = np.arange(60) < 20
    assert draw_log_e(values, new, 5)[0] == draw_log_e(values, new, 5)[0] != draw_log_e(values, new, 6)[0]


@pytest.mark.parametrize(
    ("values", "nodes", "seed", "says"),
    [
        ([[1.0, 2.0]], 3, 1, "one column a node"),
        ([[1.0, inf]], 2, 1, "finite"),
        ([[1.0, 2.0]], 2, -1, "stable hash"),
        ([[1.0, 2.0]], 2, 2**64, "stable hash"),
    ],
)
def test_what_cannot_be_a_draw_is_refused(
    values: list[list[float]], nodes: int, seed: int, says: str
) -> None:
    with pytest.raises(RefusedError, match=says):
        draw_log_e(np.array(values), np.arange(nodes) == 0, seed)
