"""Quiet record: which bins of a fleet at rest are kept, so that placebo trains can be run on them?

A pre-period keeps sums, from which no train can be replayed. So of a few PoPs, those that go first, whole bins are kept
as well: coarse ones, for some days. A PoP in which a node changes its release begins again, since a placebo train wants
a fleet at rest. At 864 bins of 5 minutes, 20 counters and 8 nodes a PoP takes about 1.2 MB.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from wavetrain.decide.even_bins import EvenBins
from wavetrain.errors import RefusedError
from wavetrain.model.health import PopCounts

COARSE_S: Final = 300.0
BINS_MAX: Final = 864
"""Three days of coarse bins."""

POPS_MAX: Final = 32


class QuietRecord:
    """Changes in place as quiet bins come."""

    def __init__(self, pops: Iterable[str], seconds: float = COARSE_S, bins: int = BINS_MAX) -> None:
        """Keep at most so many bins of these seconds for each of these PoPs."""
        self.pops = tuple(dict.fromkeys(pops))
        if len(self.pops) > POPS_MAX or bins < 1:
            raise RefusedError(
                f"a quiet record of {len(self.pops)} PoPs with {bins} bins: at most {POPS_MAX} PoPs, at least one bin; "
                "keep those of the first ring"
            )
        self._slots = EvenBins(seconds)
        self._bins = bins
        self._kept: dict[str, list[PopCounts]] = {pop: [] for pop in self.pops}
        self._runs: dict[str, dict[str, str]] = {pop: {} for pop in self.pops}

    def take(self, seen: Sequence[PopCounts]) -> None:
        """Lay in quiet bins, in the order of their ends; those of other PoPs are left out."""
        for slot in self._slots.take(one for one in seen if one.pop in self._kept):
            for one in slot:
                self._keep(one)

    def times(self) -> list[list[PopCounts]]:
        """What is kept, as placebo trains take it: the bins that end at one time together."""
        by_end: dict[float, list[PopCounts]] = {}
        for pop in self.pops:
            for one in self._kept[pop]:
                by_end.setdefault(one.ended, []).append(one)
        return [bins for _, bins in sorted(by_end.items())]

    def _keep(self, seen: PopCounts) -> None:
        kept, runs = self._kept[seen.pop], self._runs[seen.pop]
        said = dict(zip(map(str, seen.nodes), seen.releases, strict=True))
        if any(runs.get(node, release) != release for node, release in said.items()):
            kept.clear()
            runs.clear()
        runs.update(said)
        kept.append(seen)
        del kept[: -self._bins]
