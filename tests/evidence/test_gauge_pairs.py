"""Matched pairs of nodes bet once each, by a sign that chance alone would draw either way."""

from math import exp, log, nan

import numpy as np
import pytest

from wavetrain.errors import RefusedError
from wavetrain.evidence.arms import Mask
from wavetrain.evidence.betting import LOG_K, PAIRS, least_pairs
from wavetrain.evidence.counters import LOG_2, Array
from wavetrain.evidence.gauge_pairs import SHIFTED, WORSE, GaugePairs
from wavetrain.evidence.judgement import gate_of_pairs

RHO, BLOCK_S, BIN_S = np.array([10.0]), 300.0, 30.0
RISES = np.array([False])
BETA = 0.05


class Stratum:
    """Nodes in the order in which chance drew them; the first are new."""

    def __init__(
        self, nodes: int, new: int, falls: bool = False, classes: dict[str, str] | None = None
    ) -> None:
        self.nodes = [f"n{number}" for number in range(nodes)]
        self.new = np.arange(nodes) < new
        self.classes = classes or {}
        self.pairs = GaugePairs(np.array([falls]), RHO, BLOCK_S)
        self.pairs.take("a")

    def bins(self, levels: Array, bins: int = 10, control: Mask | None = None) -> int:
        """The same levels for so many bins; in how many of them a pair has bet."""
        arms = self.new, ~self.new if control is None else control
        return sum(
            self.pairs.absorb("a", self.nodes, self.classes, self.nodes, levels[None], arms, BIN_S)
            for _ in range(bins)
        )

    @property
    def state(self) -> Array:
        states, _ = self.pairs.state("a")
        of_gauge: Array = states[0]
        return of_gauge


def test_each_pair_bets_once_when_its_block_is_over_and_never_again() -> None:
    held = Stratum(4, 2)
    levels = np.array([30.0, 31.0, 20.0, 19.0])
    assert held.bins(levels, 9) == 0
    assert held.bins(levels, 1) == 1
    assert held.state[:, PAIRS].tolist() == [2, 2]
    before = held.state.copy()
    assert held.bins(levels, 100) == 0
    assert (held.state == before).all()
    assert held.pairs.state("a")[1] == ("n0", "n2", "n1", "n3")
    assert held.pairs.log_es()[0] == pytest.approx(log(1 + 1.8**2) - LOG_2)
    ((name, log_e),) = held.pairs.parts(0)
    assert (name, log_e) == ("a", held.pairs.log_es()[0])


def test_nodes_are_matched_within_their_class_in_the_order_of_the_draw() -> None:
    hardware = {"n0": "big", "n1": "small", "n2": "small", "n3": "big", "n4": "big"}
    held = Stratum(5, 2, classes=hardware)
    held.bins(np.array([30.0, 10.0, 9.0, 31.0, 1.0]))
    assert held.pairs.state("a")[1] == ("n0", "n3", "n1", "n2")
    alone = Stratum(3, 1, classes={"n0": "big", "n1": "small", "n2": "small"})
    assert alone.bins(np.array([30.0, 1.0, 1.0])) == 0, "there is nobody like it"


def test_a_new_node_that_comes_later_is_paired_with_one_that_is_free() -> None:
    held = Stratum(5, 1)
    held.bins(np.full(5, 1.0))
    held.new = np.arange(5) < 2
    held.bins(np.full(5, 1.0))
    assert held.pairs.state("a")[1] == ("n0", "n1"), "n1 was in a pair: it bets no more"
    held.new = np.arange(5) < 3
    held.bins(np.full(5, 1.0))
    assert held.pairs.state("a")[1] == ("n0", "n1", "n2", "n3")


@pytest.mark.parametrize(("falls", "sign"), [(False, 1.0), (True, -1.0)])
def test_worse_is_more_or_less_as_the_check_says(falls: bool, sign: float) -> None:
    held = Stratum(2, 1, falls)
    held.bins(20.0 + sign * np.array([5.0, 0.0]))
    assert held.state[WORSE, LOG_K] == pytest.approx(log(1.8))
    assert held.state[SHIFTED, LOG_K] == pytest.approx(log(1.8)), "worse by 5, which is less than 10"
    far = Stratum(2, 1, falls)
    far.bins(20.0 + sign * np.array([15.0, 0.0]))
    assert far.state[SHIFTED, LOG_K] == pytest.approx(log(0.2))


def test_what_was_not_seen_bets_nothing_and_passes_nothing() -> None:
    held = Stratum(2, 1)
    assert held.bins(np.array([nan, 1.0]), 50) == 0
    assert held.pairs.log_es().tolist() == [0.0]
    assert not gate_of_pairs("heap", held.state[SHIFTED], 10.0, BETA).passed


def test_a_pair_that_breaks_up_counts_as_if_the_new_one_were_worse_by_the_shift() -> None:
    held = Stratum(4, 1)
    held.bins(np.full(4, 1.0), 5)
    held.new = np.zeros(4, bool)
    assert held.bins(np.full(4, 1.0), 1, control=np.arange(4) > 0) == 1
    assert held.state[SHIFTED, LOG_K] == pytest.approx(log(0.2))
    assert held.state[WORSE].tolist() == [0.0] * 4
    assert held.pairs.log_es().tolist() == [0.0]


def test_a_gate_needs_so_many_pairs_that_chance_does_not_let_a_shift_through() -> None:
    least = least_pairs(BETA)
    few, enough = Stratum(2 * (least - 1), least - 1), Stratum(2 * least, least)
    for held in (few, enough):
        held.bins(np.full(len(held.nodes), 7.0))
    assert not gate_of_pairs("heap", few.state[SHIFTED], 10.0, BETA).passed
    assert gate_of_pairs("heap", enough.state[SHIFTED], 10.0, BETA).passed


def test_under_the_null_the_mean_of_e_is_one_and_a_shift_rarely_passes() -> None:
    """Nodes differ by far more than the release does, for good; only chance says which of them is new."""
    rng = np.random.default_rng(11)
    es, passes = [], 0
    for _ in range(3000):
        nodes = int(rng.integers(2, 30))
        held = Stratum(nodes, int(rng.integers(1, nodes)))
        natures = 50.0 + 40.0 * rng.standard_t(2, nodes)
        held.bins(natures + 10.0 * held.new, bins=int(rng.integers(8, 12)))
        passes += gate_of_pairs("heap", held.state[SHIFTED], 10.0, BETA).passed
        quiet = Stratum(nodes, int(rng.integers(1, nodes)))
        quiet.bins(natures, bins=10)
        es.append(exp(quiet.pairs.log_es()[0]))
    error = np.std(es) / np.sqrt(len(es))
    assert np.mean(es) <= 1 + 4 * error
    assert np.mean(es) >= 1 - 4 * error, "it is exact: nothing is given away"
    assert passes / 3000 <= BETA


def test_what_was_kept_goes_on() -> None:
    one = Stratum(6, 2)
    one.bins(np.array([5.0, 6.0, 1.0, 1.0, 1.0, 1.0]))
    state, spent = one.pairs.state("a")
    two = Stratum(6, 3)
    two.pairs = GaugePairs(RISES, RHO, BLOCK_S, one.pairs.total)
    two.pairs.take("a", state, spent)
    two.bins(np.array([5.0, 6.0, 9.0, 1.0, 1.0, 1.0]))
    assert two.state[WORSE, PAIRS] == 2, "n2 was in a pair as control, and is new now: it bets no more"
    one.pairs.settle("a")
    assert "a" not in one.pairs
    assert one.pairs.log_es()[0] == two.pairs.log_es()[0] > 0
    with pytest.raises(RefusedError, match="start the version"):
        two.pairs.take("b", np.zeros((2, 2, 4)))
