"""What chance drew is told from what a release did, without a law of noise."""

from itertools import product
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetrain.errors import RefusedError
from wavetrain.evidence.betting import BET_MAX, LOG_K, PAIRS, bet, least_pairs, stake, unstarted


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
    states = bet(unstarted((2,)), np.array([1.0, nan]))
    assert states[:, PAIRS].tolist() == [1, 0]
    assert states[1].tolist() == unstarted((1,))[0].tolist()


@pytest.mark.parametrize("share", [0.05, 0.01, 1 / 40_000])
def test_so_many_pairs_it_takes_at_least(share: float) -> None:
    least = least_pairs(share)
    assert capital([1.0] * least) >= 1 / share > capital([1.0] * (least - 1))


@pytest.mark.parametrize("sign", [0.5, 2.0, inf])
def test_a_bet_on_anything_else_is_refused(sign: float) -> None:
    with pytest.raises(RefusedError, match="take the sign"):
        bet(unstarted((1,)), np.array([sign]))
