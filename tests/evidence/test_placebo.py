"""Placebo: a certificate is no better than its independent trains, and it says how many there are."""

from math import inf, log, nan

import msgspec
import numpy as np
import pytest
from scipy import stats

from wavetrain.errors import RefusedError
from wavetrain.evidence.counters import Array, log_e, log_likelihood
from wavetrain.evidence.placebo import (
    BLOCKS_MIN,
    DELTA,
    Placebo,
    blocks_needed,
    certifiable,
    locked,
)


def trains(values: Array, copies: int = 1) -> list[Placebo]:
    return [Placebo(block, 0.0, float(value)) for block, value in enumerate(values) for _ in range(copies)]


def test_so_many_quiet_blocks_certify_so_small_an_alpha() -> None:
    for blocks in (1, 10, 299, 2_995):
        upper = stats.binomtest(0, blocks).proportion_ci(1 - 2 * DELTA, "exact").high
        assert certifiable(blocks) == pytest.approx(upper)
    assert certifiable(0) == 1.0
    assert (blocks_needed(0.05), blocks_needed(0.01), blocks_needed(1e-3)) == (59, 299, 2_995)
    for alpha in (0.05, 0.01):
        assert certifiable(blocks_needed(alpha)) <= alpha < certifiable(blocks_needed(alpha) - 1)


def test_trains_of_one_block_count_once() -> None:
    chance = np.random.default_rng(1)
    values = chance.exponential(1.0, 20)
    one, many = locked(trains(values), 0.05), locked(trains(values, copies=50), 0.05)
    assert (one.effective, many.effective, many.trains) == (20, 20, 1_000)
    assert (one.certified, one.threshold, one.is_extrapolated) == (many.certified, many.threshold, True)
    assert many.needed == 59


def test_a_block_speaks_by_its_loudest_train() -> None:
    loud = [*trains(np.zeros(400)), Placebo(7, 0.0, 9.0)]
    lock = locked(loud, 0.01)
    assert (lock.over, lock.effective) == (1, 400)
    assert lock.threshold is not None
    assert not lock.is_extrapolated
    quieter = locked(trains(np.zeros(400)), 0.01)
    assert (quieter.threshold, quieter.over) == (-log(0.01), 0)
    assert quieter.holds


@pytest.mark.parametrize("blocks", [59, 150, 400])
def test_a_certified_threshold_is_exceeded_by_no_more_than_alpha_with_the_confidence_said(
    blocks: int,
) -> None:
    chance = np.random.default_rng(blocks)
    alpha, scale, wrong, runs = 0.05, 3.0, 0, 600
    for _ in range(runs):
        lock = locked(trains(chance.exponential(scale, blocks)), alpha)
        assert lock.threshold is not None
        assert not lock.is_extrapolated
        wrong += np.exp(-lock.threshold / scale) > alpha
    assert wrong / runs <= DELTA + 3 * np.sqrt(DELTA * (1 - DELTA) / runs)
    assert wrong > 0, "a limit that is never wrong is too cautious to be the exact one"


def test_an_extended_tail_covers_what_is_exponential() -> None:
    chance = np.random.default_rng(3)
    alpha, scale, wrong, runs = 1e-3, 2.0, 0, 600
    for _ in range(runs):
        lock = locked(trains(chance.exponential(scale, 14)), alpha)
        assert lock.threshold is not None
        assert lock.is_extrapolated
        assert not lock.holds
        wrong += np.exp(-lock.threshold / scale) > alpha
    assert wrong / runs <= 2 * DELTA


def test_a_valid_test_keeps_its_threshold_and_a_wrong_null_raises_it() -> None:
    chance = np.random.default_rng(5)
    blocks, looks, alpha = 120, 60, 0.05
    greatest = []
    for burst in (1.0, 8.0):
        new = burst * chance.poisson(4.0 / burst, (blocks, looks))
        control = burst * chance.poisson(16.0 / burst, (blocks, looks))
        paths = log_e(np.cumsum(log_likelihood(new, control, 1.0, 4.0), axis=1), tau=0.0)
        greatest.append(np.maximum(0.0, paths.max(axis=1)))
    sound, wrong = (locked(trains(values), alpha) for values in greatest)
    assert sound.threshold is not None
    assert -log(alpha) <= sound.threshold < -log(alpha) + 0.1
    assert not sound.is_extrapolated
    assert sound.over <= stats.binom.ppf(0.999, blocks, alpha)
    assert wrong.threshold is not None
    assert wrong.threshold > 2 * -log(alpha)
    assert wrong.over > sound.over
    assert not wrong.holds


def test_too_few_blocks_say_nothing_of_a_threshold() -> None:
    few = locked(trains(np.ones(BLOCKS_MIN - 1)), 0.01)
    assert (few.threshold, few.is_extrapolated, few.holds) == (None, False, False)
    assert locked([], 0.01).certified == 1.0
    quiet = locked(trains(np.zeros(BLOCKS_MIN)), 0.01)
    assert (quiet.threshold, quiet.is_extrapolated, quiet.holds) == (-log(0.01), True, False)


@pytest.mark.parametrize(
    "train", [Placebo(0, 0.0, nan), Placebo(0, 0.0, inf), Placebo(0, 0.0, -1.0), Placebo(0, 2.0, 1.0)]
)
def test_a_train_that_cannot_be_is_refused(train: Placebo) -> None:
    with pytest.raises(RefusedError, match="placebo train of block 0"):
        locked([train], 0.01)
    with pytest.raises(RefusedError, match="alpha"):
        locked([], 1.0)


def test_a_lock_can_be_kept() -> None:
    lock = locked(trains(np.arange(10.0)), 0.01)
    assert msgspec.json.decode(msgspec.json.encode(lock), type=type(lock)) == lock
