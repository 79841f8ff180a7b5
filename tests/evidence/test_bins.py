"""Bins refuse what cannot be a count."""

import msgspec
import pytest

from wavetrain.errors import RefusedError
from wavetrain.evidence.bins import MAX_NODES, Bin, NodeCount


@pytest.mark.parametrize(
    ("seconds", "nodes", "says"),
    [
        (0.0, (), "positive length"),
        (float("nan"), (), "positive length"),
        (1.0, (NodeCount("a", -1, 1),), "node a"),
        (1.0, (NodeCount("a", 1, float("nan")),), "not negative"),
        (1.0, (NodeCount("a", 1, float("inf")),), "finite"),
        (1.0, (NodeCount("a", 1, 1), NodeCount("a", 2, 1)), "twice"),
        (1.0, tuple(NodeCount(f"n{i}", 0, 1) for i in range(MAX_NODES + 1)), "split the stratum"),
    ],
)
def test_a_bin_refuses_impossible_counts_and_says_the_way_out(
    seconds: float, nodes: tuple[NodeCount, ...], says: str
) -> None:
    with pytest.raises(RefusedError, match=says):
        Bin(seconds, nodes)


def test_a_bin_survives_the_journal() -> None:
    seen = Bin(1.0, (NodeCount("a", 1, 310), NodeCount("b", 0, 309)))
    assert msgspec.json.decode(msgspec.json.encode(seen), type=Bin) == seen
