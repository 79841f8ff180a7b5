"""Telemetry: what is counted in the PoPs under way of a rehearsal?

Counts are drawn for a whole PoP at once, and only where somebody compares them: where a canary bakes or the rest
follows. Each PoP and bin has a stream of chance of its own, so that the same seed counts the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from math import exp, inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavetrain.control.ports import Target
from wavetrain.model.fleet import NodeId, Pop, PopId
from wavetrain.model.health import Observed, PopCounts
from wavetrain.model.policy import MetricRule
from wavetrain.model.rollout import Turn, TurnPhase
from wavetrain.simulate.crowd import Crowd
from wavetrain.simulate.mishaps import Mishaps

BASE_RATE = 0.002
"""Events per unit of exposure of a sound release."""
EXPOSURE_PER_S = 20.0
"""Of one node that carries its share."""
REFILL_S = 40.0
"""A returned node fills with this time constant, its sites being invited back."""
INVERTED = 60.0
"""Up to this mean, looking a count up in its law is less work than drawing it."""
GUIDES = 256
COMPARED = (TurnPhase.BAKING, TurnPhase.REST)

Array = NDArray[np.float64]


class Ages(Mapping[str, float]):
    """Seconds since each node was last sampled: nothing for all, but those that are dark or down."""

    def __init__(self, away: Mapping[NodeId, float], now: float) -> None:
        self._away = away
        self._now = now

    def get(self, node: str, _default: Any = None) -> Any:
        """The seconds; there is no node that was never sampled."""
        since = self._away.get(NodeId(node))
        return 0.0 if since is None else self._now - since

    def __getitem__(self, node: str) -> float:
        return float(self.get(node))

    def __iter__(self) -> Iterator[str]:
        return iter(self._away)

    def __len__(self) -> int:
        return len(self._away)


class Telemetry:
    """A `HealthSource` over a crowd."""

    def __init__(
        self,
        clock: Callable[[], float],
        crowd: Crowd,
        pops: Mapping[PopId, Pop],
        under_way: Mapping[PopId, Turn],
        mishaps: Mishaps,
        rules: Sequence[MetricRule],
    ) -> None:
        """`under_way` is looked at, never changed: the turns that are not waiting, done or back."""
        self._clock = clock
        self._crowd = crowd
        self._pops = pops
        self._under_way = under_way
        self._mishaps = mishaps
        self.rules = rules
        self._counters = tuple(name for rule in rules for name in (rule.events, rule.exposure))
        self.factor = 1.0
        """How many times the usual failures the new release makes."""
        self.dark: dict[PopId, tuple[float, float]] = {}
        """From when until when nobody can measure a PoP."""
        self.bins = 0
        self._looked_at = 0.0
        self._open: dict[PopId, float] = {}
        self._places = {pop: index for index, pop in enumerate(sorted(pops))}

    def watch(self, targets: Mapping[NodeId, Target]) -> None:
        """Nothing to do: it can see every node."""

    def observe(self) -> Observed:
        """One bin since the last look of every PoP where something is compared."""
        now = self._clock()
        away: dict[NodeId, float] = dict(self._crowd.away(now))
        dark = self._dark(now, away)
        if now == self._looked_at:
            return Observed(last_seen=Ages(away, now))
        self._looked_at = now
        bins, still_open = [], {}
        for pop, turn in self._under_way.items():
            if turn.phase not in COMPARED or pop in dark or not self.rules:
                continue
            still_open[pop] = now
            began = self._open.get(pop)
            if began is not None and not turn.progress:
                bins.append(self._bin(self._pops[pop], began, now, away))
        self._open = still_open
        self.bins += len(bins)
        return Observed(counts=tuple(bins), last_seen=Ages(away, now))

    def _dark(self, now: float, away: dict[NodeId, float]) -> set[PopId]:
        """The PoPs that nobody can measure now; their nodes are away since it began."""
        found = set()
        for pop, (begins, ends) in list(self.dark.items()):
            if now >= ends:
                del self.dark[pop]
            elif now >= begins:
                found.add(pop)
                away.update(dict.fromkeys(self._pops[pop].nodes, begins))
        for name, until in self._crowd.cut_off.items():
            if now < until:
                found.add(PopId(name))
                away.update(dict.fromkeys(self._pops[PopId(name)].nodes, now - 3_600.0))
        return found

    def _bin(self, pop: Pop, began: float, now: float, away: Mapping[NodeId, float]) -> PopCounts:
        """What a PoP's nodes have counted; who is down is missing, who has just come back is still filling."""
        crowd, seconds, runs = self._crowd, now - began, self._crowd.runs
        nodes = pop.nodes
        if not away.keys().isdisjoint(nodes):
            nodes = tuple(node for node in nodes if node not in away)
        releases = tuple(map(runs.get, nodes, repeat(crowd.baseline)))
        new = [place for place, release in enumerate(releases) if release != crowd.baseline]
        weights = np.ones(len(nodes))
        weights[new] = self._filled([nodes[place] for place in new], now)
        if not crowd.failed.isdisjoint(nodes):
            weights *= np.array([node not in crowd.failed for node in nodes], dtype=float)
        sessions = weights * (len(pop.nodes) / max(float(weights.sum()), 1e-9))
        chance = np.random.Generator(np.random.SFC64([self._mishaps.seed, self._places[pop.id], int(now)]))
        exposure = np.round(EXPOSURE_PER_S * seconds * sessions)
        rates = np.full(len(nodes), BASE_RATE)
        rates[new] *= self.factor
        events = drawn(chance, exposure * rates, len(self.rules))
        counted = np.empty((2 * len(self.rules), len(nodes)))
        counted[::2] = events
        counted[1::2] = exposure
        return PopCounts(
            pop=pop.id,
            ended=now,
            seconds=seconds,
            nodes=nodes,
            releases=releases,
            counters=self._counters,
            counted=counted,
            sessions=sessions,
        )

    def _filled(self, nodes: Sequence[NodeId], now: float) -> Array:
        """What share of its own each of these carries again."""
        back = map(self._crowd.returned_at.get, nodes, repeat(-inf))
        full: Array = 1.0 - np.exp((np.fromiter(back, float, len(nodes)) - now) / REFILL_S)
        return full


def drawn(chance: np.random.Generator, means: Array, rows: int) -> Array:
    """Poisson counts with these means, by row and place; those of the mean that most have are drawn by inversion."""
    if not len(means):
        return np.zeros((rows, 0))
    values, which, many = np.unique(means, return_inverse=True, return_counts=True)
    usual = int(many.argmax())
    mean, alike = float(values[usual]), which == usual
    if mean > INVERTED:
        return np.asarray(chance.poisson(means, (rows, len(means))), dtype=float)
    counts = np.empty((rows, len(means)))
    counts[:, alike] = _inverted(chance, mean, rows * int(many[usual])).reshape(rows, -1)
    counts[:, ~alike] = chance.poisson(means[~alike], (rows, len(means) - int(many[usual])))
    return counts


def _inverted(chance: np.random.Generator, mean: float, many: int) -> NDArray[np.intp]:
    """So many Poisson counts of one mean by inversion with a guide table (Chen & Asau 1974)."""
    law, guide = _law(mean)
    shares = chance.random(many)
    counts = guide[(shares * GUIDES).astype(np.intp)]
    behind = np.flatnonzero(shares >= law[counts])
    while len(behind):
        counts[behind] += 1
        behind = behind[shares[behind] >= law[counts[behind]]]
    return counts


@lru_cache(maxsize=256)
def _law(mean: float) -> tuple[Array, NDArray[np.intp]]:
    """The distribution function of a Poisson count, up to where nothing is left of it; the count to begin with."""
    steps = mean / np.arange(1.0, mean + 12 * sqrt(mean) + 24)
    law = np.cumsum(np.cumprod([exp(-mean), *steps]))
    law[-1] = 1.0
    return law, law.searchsorted(np.arange(GUIDES) / GUIDES, side="right")
