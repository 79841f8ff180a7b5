"""Even bins: what do measured bins of any length add up to, in slots of one length?

Sources tell of each PoP at its own times. A history wants bins that end together, and a person wants few figures. A
counter's increments are added, a gauge's last level stays. A node whose release changes within a slot is left out of
it, and so is one of its counters that some bin of the slot does not have: missing exposure, never zero.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from wavetrain.errors import RefusedError
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.health import PopCounts


class EvenBins:
    """The slots that are open. Bins come in the order of their ends."""

    def __init__(self, seconds: float) -> None:
        """Raises RefusedError for a length that is none."""
        if not 0 < seconds < float("inf"):
            raise RefusedError(f"bins of {seconds} s: give a length of more than 0")
        self._seconds = seconds
        self._slot = -1
        self._held: dict[str, list[PopCounts]] = {}

    def take(self, bins: Iterable[PopCounts]) -> Iterator[list[PopCounts]]:
        """Lay in more bins; the slots that are complete by that, PoP by PoP. A bin belongs where it ended."""
        for seen in sorted(bins, key=lambda item: item.ended):
            slot = int(seen.ended // self._seconds)
            if slot > self._slot:
                yield from self.end()
                self._slot = slot
            if slot == self._slot:  # what is younger is out already: too late
                self._held.setdefault(seen.pop, []).append(seen)

    def end(self) -> Iterator[list[PopCounts]]:
        """Close the open slot."""
        if self._held:
            ended = (self._slot + 1) * self._seconds
            yield [self._added(PopId(pop), self._held[pop], ended) for pop in sorted(self._held)]
        self._held = {}

    def _added(self, pop: PopId, bins: Sequence[PopCounts], ended: float) -> PopCounts:
        releases: dict[NodeId, set[str]] = {}
        for seen in bins:
            for node, release in zip(seen.nodes, seen.releases, strict=True):
                releases.setdefault(node, set()).add(release)
        nodes = tuple(sorted(node for node, found in releases.items() if len(found) == 1))
        column = {node: place for place, node in enumerate(nodes)}
        counters = tuple(dict.fromkeys(name for seen in bins for name in seen.counters))
        gauges = tuple(dict.fromkeys(name for seen in bins for name in seen.gauges))
        counted = np.zeros((len(counters), len(nodes)))
        levels = np.full((len(gauges), len(nodes)), np.nan)
        sessions = np.zeros(len(nodes))
        for seen in bins:
            theirs = [place for place, node in enumerate(seen.nodes) if node in column]
            mine = [column[seen.nodes[place]] for place in theirs]
            rows = {name: row for row, name in enumerate(seen.counters)}
            for row, name in enumerate(counters):
                counted[row, mine] += seen.counted[rows[name], theirs] if name in rows else np.nan
            for row, name in enumerate(gauges):
                if name in seen.gauges and seen.levels is not None:
                    levels[row, mine] = seen.levels[seen.gauges.index(name), theirs]
            sessions[mine] = seen.sessions[theirs]
        return PopCounts(
            pop=pop,
            ended=ended,
            seconds=sum(seen.seconds for seen in bins),
            nodes=nodes,
            releases=tuple(min(releases[node]) for node in nodes),
            counters=counters,
            counted=counted,
            sessions=sessions,
            gauges=gauges,
            levels=levels,
        )
