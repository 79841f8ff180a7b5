"""What a source counts of each node itself is kept until the node tells something again, of the release it runs."""

from wavetrain.adapters.own_counts import NAMES, OwnCounts
from wavetrain.model.fleet import NodeId
from wavetrain.model.health import RESTARTS, SAMPLES_ASKED, SAMPLES_MISSED

N1, N2 = NodeId("n1"), NodeId("n2")


def told(asked: float, missed: float, restarts: float) -> dict[str, float]:
    return {SAMPLES_ASKED: asked, SAMPLES_MISSED: missed, RESTARTS: restarts}


def test_bins_missed_and_starts_come_with_the_next_sample_once() -> None:
    own = OwnCounts()
    own.missed(N1)
    own.missed(N1)
    own.restarted(N1)
    assert own.told(N1, NAMES) == told(3, 2, 1)
    assert own.told(N1, NAMES) == told(1, 0, 0)
    assert own.told(N2, NAMES) == told(1, 0, 0)


def test_only_what_was_asked_for_is_told() -> None:
    own = OwnCounts()
    own.missed(N1)
    assert own.told(N1, ("operations_total", SAMPLES_MISSED)) == {SAMPLES_MISSED: 1.0}
    assert own.told(N1, ()) == {}


def test_another_release_does_not_answer_for_what_was_missed_before() -> None:
    own = OwnCounts()
    own.missed(N1)
    own.restarted(N1)
    own.forget(N1)
    assert own.told(N1, NAMES) == told(1, 0, 0)


def test_a_node_that_is_measured_no_more_is_forgotten() -> None:
    own = OwnCounts()
    own.missed(N1)
    own.missed(N2)
    own.keep({N2})
    assert (own.told(N1, NAMES), own.told(N2, NAMES)) == (told(1, 0, 0), told(2, 1, 0))
