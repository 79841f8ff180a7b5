"""Placebo trains look at a recording at rest as the verdict looks at a real one, and are stopped by what is no null."""

import msgspec
import numpy as np
import pytest
from tests.decide.engine import measured

from wavetrain.decide.placebos import trains_in
from wavetrain.errors import RefusedError
from wavetrain.evidence.placebo import locked
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.health import PopCounts
from wavetrain.model.policy import Policy

BIN_S, WINDOW_S = 600.0, 3_600.0


def policy() -> Policy:
    return measured()


def at_rest(
    bins: int, seed: int = 1, burst: float = 1.0, pops: tuple[str, ...] = ("fra1", "ber1")
) -> list[list[PopCounts]]:
    """Six nodes a PoP; failures come `burst` at a time."""
    chance = np.random.default_rng(seed)
    operations = np.full(6, 5_000.0)
    return [
        [
            PopCounts(
                pop=PopId(pop),
                ended=BIN_S * (place + 1),
                seconds=BIN_S,
                nodes=tuple(NodeId(f"{pop}-{node}") for node in range(6)),
                releases=("1.0.0",) * 6,
                counters=("failures", "operations"),
                counted=np.array([burst * chance.poisson(operations * 0.002 / burst), operations]),
                sessions=np.ones(6),
            )
            for pop in pops
        ]
        for place in range(bins)
    ]


def test_a_recording_at_rest_gives_its_blocks_their_trains_and_none_is_stopped() -> None:
    trains = trains_in(policy(), at_rest(62), WINDOW_S, splits=3)
    assert [train.block for train in trains] == [block for block in range(10) for _ in range(3)]
    lock = locked(trains, policy().verdicts.alpha)
    assert (lock.trains, lock.effective, lock.over) == (30, 10, 0)
    assert lock.certified == pytest.approx(1 - 0.05**0.1)
    assert lock.certified > policy().verdicts.alpha
    assert not lock.holds
    assert any(train.log_e != 0 for train in trains), "the test has looked"


def test_trains_of_one_block_differ_in_their_nodes_and_come_out_the_same_again() -> None:
    times = at_rest(6)
    one = trains_in(policy(), times, WINDOW_S, splits=4)
    assert len({train.log_e for train in one}) > 1
    assert one == trains_in(policy(), times, WINDOW_S, splits=4)


def test_a_node_that_turns_bad_by_itself_stops_the_trains_that_it_is_a_canary_of() -> None:
    times = at_rest(96, pops=("fra1",))
    for bins in times[12:18]:  # six times as many, for one block
        bins[0].counted[0, 2] = 60.0
    trains = trains_in(policy(), times, WINDOW_S, splits=6)
    loud = [train.block for train in trains if train.log_e_max >= -np.log(policy().verdicts.alpha)]
    assert loud
    assert min(loud) >= 2, "before it turned, no train was stopped"


def test_what_is_left_at_the_end_is_no_train() -> None:
    assert {train.block for train in trains_in(policy(), at_rest(11), WINDOW_S, splits=1)} == {0}
    assert trains_in(policy(), at_rest(5), WINDOW_S, splits=1) == ()
    assert trains_in(policy(), [], WINDOW_S, splits=1) == ()


def test_a_recording_with_a_change_is_refused() -> None:
    times = at_rest(8)
    times[5][1] = msgspec.structs.replace(times[5][1], releases=("2.0.0", *["1.0.0"] * 5))
    with pytest.raises(RefusedError, match=r"node ber1-0 goes from 1\.0\.0 to 2\.0\.0; placebo trains need"):
        trains_in(policy(), times, WINDOW_S, splits=1)
    with pytest.raises(RefusedError, match="give at least one"):
        trains_in(policy(), at_rest(8), WINDOW_S, splits=0)
    with pytest.raises(RefusedError, match="longer windows"):
        trains_in(policy(), at_rest(12), WINDOW_S, splits=100_000)
