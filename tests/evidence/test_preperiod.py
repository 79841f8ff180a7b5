"""The pre-period: bounded memory, and a cap from what was seen."""

import msgspec
import numpy as np
import pytest
from tests.evidence.practice import NODES, pre_period, second

from wavetrain.errors import RefusedError
from wavetrain.evidence.bins import MAX_NODES, Bin, NodeCount
from wavetrain.evidence.preperiod import CAP_FLOOR, LENGTHS, Preperiod, absorb, count_cap


def test_the_state_does_not_grow_with_time() -> None:
    rng = np.random.default_rng(1)
    early = pre_period(rng, 0.01, 310, 300)
    late = early
    for _ in range(900):
        late = absorb(late, second(rng, [0.01] * 4, 310))
    sizes = [len(msgspec.msgpack.encode(pre)) for pre in (early, late)]
    assert sizes[1] <= sizes[0] * 1.1
    assert late.bins == 1200


def test_every_block_length_has_compared_what_fits_into_the_time() -> None:
    pre = pre_period(np.random.default_rng(2), 0.01, 310, 520)
    assert [scale.blocks for scale in pre.scales] == [520 // length for length in LENGTHS]


def test_blocks_keep_every_event() -> None:
    pre = pre_period(np.random.default_rng(3), 0.01, 310, 256)
    total = sum(count.events for count in pre.totals)
    for scale in pre.scales:
        assert sum(spread.expected for spread in scale.spread) == pytest.approx(total)


def test_a_bin_without_exposure_changes_nothing() -> None:
    pre = pre_period(np.random.default_rng(4), 0.01, 310, 10)
    assert absorb(pre, Bin(1.0, ())) is pre
    assert absorb(pre, Bin(1.0, (NodeCount("n1", 3, 0),))) is pre


def test_the_state_survives_the_store() -> None:
    pre = pre_period(np.random.default_rng(5), 0.01, 310, 70)
    assert msgspec.json.decode(msgspec.json.encode(pre), type=Preperiod) == pre
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(pre), type=Preperiod) == pre


def test_the_cap_is_at_least_its_floor() -> None:
    assert count_cap(Preperiod()) == CAP_FLOOR
    assert count_cap(pre_period(np.random.default_rng(6), 0.0, 310, 60)) == CAP_FLOOR


def test_a_crash_loop_in_a_long_pre_period_does_not_raise_the_cap() -> None:
    rng = np.random.default_rng(7)
    pre = pre_period(rng, 1e-4, 310, 400)
    loop = Bin(1.0, (NodeCount("n1", 300, 310), *(NodeCount(n, 0, 310) for n in NODES[1:])))
    looped = absorb(pre, loop)
    assert count_cap(looped) == CAP_FLOOR
    assert (
        sum(count.events for count in looped.totals) <= sum(count.events for count in pre.totals) + CAP_FLOOR
    )


def test_the_cap_leaves_room_for_ten_times_the_usual_count() -> None:
    assert 290 <= count_cap(pre_period(np.random.default_rng(8), 0.1, 300, 60)) <= 310


def test_more_nodes_than_the_limit_are_refused() -> None:
    full = absorb(Preperiod(), Bin(1.0, tuple(NodeCount(f"n{i}", 0, 1) for i in range(MAX_NODES))))
    with pytest.raises(RefusedError, match="start a new pre-period"):
        absorb(full, Bin(1.0, (NodeCount("other", 0, 1),)))
