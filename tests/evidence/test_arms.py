"""Arms: offsets and caps are applied, and who is in no arm is left out."""

import pytest
from tests.evidence.practice import steady

from wavetrain.errors import RefusedError
from wavetrain.evidence.arms import SURPLUS_MOST, ArmCounts, split
from wavetrain.evidence.bins import Bin, NodeCount
from wavetrain.evidence.calibration import Calibration

SEEN = Bin(
    1.0, (NodeCount("a", 20, 100), NodeCount("b", 1, 200), NodeCount("c", 2, 300), NodeCount("d", 9, 50))
)


def test_nodes_go_to_their_arm_and_the_others_are_left_out() -> None:
    arm = split("m", SEEN, {"a"}, {"b", "c"}, steady())
    assert (arm.new_events, arm.new_exposure, arm.control_events, arm.control_exposure) == (20, 100, 3, 500)


def test_offsets_weigh_exposure_and_unknown_nodes_weigh_one() -> None:
    known = Calibration((("a", 2.0), ("b", 0.5)), 1.0, 0.03, 9, 60, 60.0, 1e-4)
    arm = split("m", SEEN, {"a"}, {"b", "c"}, known)
    assert (arm.new_exposure, arm.control_exposure) == (200, 400)


def test_one_node_cannot_say_more_than_the_cap_but_what_happened_is_kept() -> None:
    arm = split("m", SEEN, {"a"}, {"b", "c"}, steady(cap=3))
    assert (arm.new_events, arm.new_capped, arm.control_capped) == (20, 3, 3)


def test_the_cap_grows_with_a_longer_bin() -> None:
    longer = Bin(4.0, SEEN.nodes)
    assert split("m", longer, {"a"}, {"b"}, steady(cap=3)).new_capped == 12


def test_the_cap_never_hides_a_tenfold() -> None:
    """A node whose usual count is far over the cap must still be able to look ten times worse."""
    arm = split("m", Bin(1.0, (NodeCount("a", 500, 100),)), {"a"}, {"b"}, steady(cap=3, rate=0.4))
    assert arm.new_capped == 400


def test_a_node_without_exposure_says_nothing() -> None:
    arm = split("m", Bin(1.0, (NodeCount("a", 5, 0), NodeCount("b", 1, 9))), {"a"}, {"b"}, steady())
    assert (arm.new_events, arm.new_exposure) == (0, 0)


def test_a_node_in_both_arms_is_refused() -> None:
    with pytest.raises(RefusedError, match="node a is in both arms"):
        split("m", SEEN, {"a"}, {"a", "b"}, steady())


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_impossible_counts_are_refused(bad: float) -> None:
    with pytest.raises(RefusedError, match="new_events"):
        ArmCounts("m", 1.0, bad, 0, 1, 0, 0, 1)


def test_the_surplus_is_what_both_arms_count_beyond_their_usual_rate() -> None:
    """At 0.03 an exposure, 600 expect 18; 23 in both arms are 5 more, over 18 and ten pseudo-events."""
    arm = split("m", SEEN, {"a"}, {"b", "c"}, steady(cap=50, rate=0.03))
    assert arm.surplus == pytest.approx(5 / 28)
    assert split("m", SEEN, {"a"}, {"b", "c"}, steady(cap=50, rate=0.1)).surplus == 0
    assert split("m", SEEN, {"a"}, {"b", "c"}, steady(cap=50, rate=0.0)).surplus == 0  # nothing is usual yet
    assert split("m", SEEN, {"a"}, {"b", "c"}, steady(cap=999, rate=1e-6)).surplus == pytest.approx(
        2.3, abs=0.01
    )
    many = Bin(1.0, (NodeCount("a", 900, 100), NodeCount("b", 90, 100)))
    assert split("m", many, {"a"}, {"b"}, steady(cap=999, rate=0.01)).surplus == SURPLUS_MOST


def test_the_surplus_looks_at_both_arms_alike() -> None:
    """So it is a function of what the likelihood is conditional on, and no look at the answer."""
    one = split("m", SEEN, {"a"}, {"b"}, steady(cap=50, rate=0.03))
    other = split("m", SEEN, {"b"}, {"a"}, steady(cap=50, rate=0.03))
    assert one.surplus == other.surplus > 0


def test_errors_of_many_nodes_even_out_and_those_of_one_against_the_rest_do_not() -> None:
    alike = Bin(1.0, tuple(NodeCount(f"n{place}", 1, 100) for place in range(50)))
    names = [f"n{place}" for place in range(50)]
    ten = split("m", alike, set(names[:10]), set(names[10:]), steady())
    assert ten.evened == pytest.approx(1 - (1 / 10 + 1 / 40) * 49 / 50)
    assert split("m", alike, {"n0"}, set(names[1:]), steady()).evened == 0
    heavy = Bin(1.0, (NodeCount("n0", 1, 10_000), *alike.nodes[1:]))
    assert (
        split("m", heavy, set(names[:10]), set(names[10:]), steady()).evened < 0.05
    )  # one node is all of it
    assert split("m", alike, {"gone"}, set(names), steady()).evened == 0
