"""Quiet: in which bins did no node of the PoP drain, change its release, or come back?"""

from collections.abc import Mapping
from typing import cast

from wavetrain.control.image import Image
from wavetrain.decide import comparison
from wavetrain.model.fleet import NodeId, PopId, Reported
from wavetrain.model.health import Observed, PopCounts


class Quiet:
    """Told at each look what the source says. Some sources tell of a bin only seconds after it ended.

    By then what moved may stand still again, so it is remembered until when each PoP moved, on the clock of the bins'
    ends. What was before the first look is not known: it counts as moving.
    """

    def __init__(self, image: Image) -> None:
        self._image = image
        self._moved: dict[PopId, float] = {}
        self._moving: set[PopId] = set()
        self._since: float | None = None

    def look(self, observed: Observed) -> None:
        """The source was asked just now."""
        if observed.at is None:
            return
        if self._since is None:
            self._since = observed.at
        reported = cast("Mapping[NodeId, Reported]", self._image.by_name(Reported))
        moving = {
            pop
            for pop, nodes in self._image.unsteady.items()
            if any(node in reported and reported[node].phase in comparison.MOVING for node in nodes)
        }
        for pop in moving | self._moving:  # it came to rest somewhere between two looks
            self._moved[pop] = observed.at
        self._moving = moving

    def has(self, seen: PopCounts) -> bool:
        """Whether the bin is one of those that are compared."""
        begins = seen.ended - seen.seconds
        if self._since is not None and begins < max(self._since, self._moved.get(seen.pop, self._since)):
            return False
        if not self._image.unsteady.get(seen.pop):
            return True
        return comparison.is_quiet(seen, cast("Mapping[NodeId, Reported]", self._image.by_name(Reported)))
