"""Bins of any length add up to even ones, without making up what was not seen."""

import numpy as np
import pytest

from wavetrain.decide.even_bins import EvenBins
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.health import PopCounts


def a_bin(ended: float, counted: list[float], pop: str = "a", **more: object) -> PopCounts:
    fields: dict[str, object] = {
        "nodes": (NodeId(f"{pop}1"), NodeId(f"{pop}2")),
        "releases": ("1.0.0", "1.0.0"),
        "counters": ("failures",),
        "sessions": np.array([ended, ended]),
        "gauges": ("resident",),
        "levels": np.array([[ended, np.nan]]),
        **more,
    }
    return PopCounts(pop=PopId(pop), ended=ended, seconds=2.0, counted=np.array([counted]), **fields)  # type: ignore[arg-type]


def test_increments_are_added_and_levels_are_the_last() -> None:
    slots = EvenBins(10.0)
    assert list(slots.take([a_bin(3.0, [1, 2]), a_bin(5.0, [3, 4]), a_bin(4.0, [7, 7], pop="b")])) == []
    ((first, other),) = slots.take([a_bin(11.0, [5, 5])])
    assert (first.pop, first.ended, first.seconds, other.pop) == ("a", 10.0, 4.0, "b")
    assert first.counted.tolist() == [[4, 6]]
    assert first.sessions.tolist() == [5.0, 5.0]
    np.testing.assert_equal(first.levels, [[5.0, np.nan]])
    ((last,),) = slots.end()
    assert (last.ended, last.counted.tolist()) == (20.0, [[5, 5]])
    assert list(slots.end()) == []


def test_who_changes_within_a_slot_or_lacks_a_counter_is_missing_exposure() -> None:
    slots = EvenBins(10.0)
    list(slots.take([a_bin(3.0, [1, 2])]))
    list(slots.take([a_bin(5.0, [3, 4], releases=("1.0.0", "2.0.0"))]))
    ((seen,),) = slots.end()
    assert (seen.nodes, seen.counted.tolist()) == (("a1",), [[4]])
    list(slots.take([a_bin(13.0, [1, np.nan]), a_bin(15.0, [1, 1])]))
    ((seen,),) = slots.end()
    np.testing.assert_equal(seen.counted, [[2, np.nan]])
    list(slots.take([a_bin(23.0, [1, 1]), a_bin(25.0, [1, 1], counters=("others",))]))
    ((seen,),) = slots.end()
    np.testing.assert_equal(seen.counted, [[np.nan, np.nan], [np.nan, np.nan]])


def test_a_bin_that_comes_too_late_is_left_out() -> None:
    slots = EvenBins(10.0)
    list(slots.take([a_bin(15.0, [1, 1])]))
    assert list(slots.take([a_bin(9.0, [5, 5])])) == []
    ((seen,),) = slots.end()
    assert seen.counted.tolist() == [[1, 1]]


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_length_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(RefusedError, match="more than 0"):
        EvenBins(seconds)
