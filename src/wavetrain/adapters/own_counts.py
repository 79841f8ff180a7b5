"""Own counts: what does a source of measurements itself count of each node?

A node cannot count the bins of which it told nothing, nor its own starts.
"""

from collections.abc import Collection

from wavetrain.model.fleet import NodeId
from wavetrain.model.health import RESTARTS, SAMPLES_ASKED, SAMPLES_MISSED

NAMES = frozenset({SAMPLES_ASKED, SAMPLES_MISSED, RESTARTS})


class OwnCounts:
    """Kept until the node tells something again: only then is it known on which release it is."""

    def __init__(self) -> None:
        self._missed: dict[NodeId, int] = {}
        self._restarts: dict[NodeId, int] = {}

    def missed(self, node: NodeId) -> None:
        """It was asked of a bin, and told nothing."""
        self._missed[node] = self._missed.get(node, 0) + 1

    def restarted(self, node: NodeId) -> None:
        """Its program began again, on the release that it ran already."""
        self._restarts[node] = self._restarts.get(node, 0) + 1

    def told(self, node: NodeId, asked: Collection[str]) -> dict[str, float]:
        """It told something: what was counted of it since it did so last, as far as that was asked for."""
        missed, restarts = self._missed.pop(node, 0), self._restarts.pop(node, 0)
        counted = {SAMPLES_ASKED: missed + 1.0, SAMPLES_MISSED: float(missed), RESTARTS: float(restarts)}
        return {name: value for name, value in counted.items() if name in asked}

    def forget(self, node: NodeId) -> None:
        """It runs another release now, or is measured no more."""
        self._missed.pop(node, None)
        self._restarts.pop(node, None)

    def keep(self, nodes: Collection[NodeId]) -> None:
        """Forget all others."""
        for node in {*self._missed, *self._restarts} - set(nodes):
            self.forget(node)
