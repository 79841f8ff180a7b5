"""Tests of the counts that a rehearsal draws."""

import numpy as np
import pytest

from wavetrain.simulate.telemetry import INVERTED, drawn


@pytest.mark.parametrize("mean", [0.02, 2.4, 12.0, INVERTED, 80.0])
def test_counts_are_poisson_where_most_have_one_mean_and_where_they_differ(mean: float) -> None:
    means = np.full(20, mean)
    means[3], means[7] = 3 * mean, 0.0
    chance = np.random.Generator(np.random.SFC64(5))
    counts = np.stack([drawn(chance, means, 8) for _ in range(3_000)]).reshape(-1, 20)

    many = len(counts)
    assert np.abs(counts.mean(axis=0) - means).max() <= 5 * np.sqrt(3 * mean / many)
    spread = counts.var(axis=0) / np.maximum(means, 1e-300)
    error = 5 * np.sqrt((2 + 1 / mean) / many)
    assert np.abs(np.delete(spread, 7) - 1).max() <= error
    assert not counts[:, 7].any()
    both = np.corrcoef(np.delete(counts, 7, axis=1).T)
    assert np.abs(both - np.eye(19)).max() <= 5 / np.sqrt(many)


def test_the_same_seed_counts_the_same() -> None:
    once, again = (
        drawn(np.random.Generator(np.random.SFC64(7)), np.array([1.0, 1.0, 2.0]), 4) for _ in range(2)
    )

    assert once.tolist() == again.tolist()
    assert once.shape == (4, 3)


def test_of_nobody_nothing_is_counted() -> None:
    assert drawn(np.random.Generator(np.random.SFC64(7)), np.zeros(3), 4).tolist() == [[0.0] * 3] * 4
    assert drawn(np.random.Generator(np.random.SFC64(7)), np.zeros(0), 4).shape == (4, 0)
