"""Health: what does the practice fleet's telemetry say?"""

from collections.abc import Callable, Mapping
from math import exp

from wavetrain.control.ports import Target
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.health import Observed, PopBin, Sample
from wavetrain.simulate.nature import Nature
from wavetrain.simulate.nodes import SimNode

OPERATIONS_PER_S = 200.0
"""Of a whole PoP at full load."""
REFILL_S = 15.0
"""A returned node fills with this time constant."""
BIN_S_MAX = 120.0
"""A longer span between two looks gives one bin of this length: nobody measured the rest."""


class SimHealth:
    """A `HealthSource` of seeded counts. `last_sampled` is its own account of when each node was seen."""

    def __init__(self, clock: Callable[[], float], nodes: Mapping[NodeId, SimNode], nature: Nature) -> None:
        self._clock = clock
        self._nodes = nodes
        self._nature = nature
        self._targets: dict[NodeId, Target] = {}
        self._looked: dict[NodeId, tuple[float, int]] = {}
        self.last_sampled: dict[str, float] = {}
        self._observed_at, self._observed = 0.0, Observed()
        self._held: list[PopBin] = []

    def watch(self, targets: Mapping[NodeId, Target]) -> None:
        """Measure exactly these nodes from now on."""
        self._targets = dict(targets)
        for node in [node for node in self._looked if node not in targets]:
            del self._looked[node]

    def observe(self) -> Observed:
        """One bin per PoP since the last call; a node that does not answer is missing."""
        now = self._clock()
        if now == self._observed_at:
            return self._observed
        by_pop: dict[str, list[NodeId]] = {}
        for name, target in self._targets.items():
            by_pop.setdefault(target.pop, []).append(name)
        bins = [made for pop, names in by_pop.items() if (made := self._bin(pop, names, now)) is not None]
        ages = {node: now - at for node, at in self.last_sampled.items()}
        self._observed_at, self._observed = now, Observed(last_seen=ages)
        return Observed(bins=tuple(self._arriving(bins)), last_seen=ages)

    def _arriving(self, bins: list[PopBin]) -> list[PopBin]:
        """What comes through of these bins now: some come late, behind younger ones, or once more."""
        arriving, held = [], []
        for made in bins:
            is_late = self._nature.chance(self._nature.late_bin_chance, f"bins {made.pop}")
            if is_late or self._nature.chance(self._nature.doubled_bin_chance, f"bins {made.pop}"):
                held.append(made)
            if not is_late:
                arriving.append(made)
        arriving += self._held
        self._held = held
        return arriving

    def _bin(self, pop: str, names: list[NodeId], now: float) -> PopBin | None:
        sessions = self._sessions(pop, now)
        samples, missing, spans = [], [], []
        for name in names:
            node = self._nodes.get(name)
            if node is None or self._is_silent(node, now):
                missing.append(name)
                self._looked.pop(name, None)
                continue
            before = self._looked.get(name)
            self._looked[name] = (now, node.program)
            self.last_sampled[name] = now
            if before is None or before[1] != node.program:
                missing.append(name)
                continue
            if now <= before[0]:
                continue
            seconds = min(now - before[0], BIN_S_MAX)
            spans.append(seconds)
            samples.append(self._sample(node, self._targets[name], sessions.get(name, 0.0), seconds))
        if not samples:
            return None
        mean = sum(spans) / len(spans)
        return PopBin(pop=PopId(pop), ended=now, seconds=mean, samples=tuple(samples), missing=tuple(missing))

    def _is_silent(self, node: SimNode, now: float) -> bool:
        nature = self._nature
        return (
            nature.is_dead(node.node, now)
            or nature.is_dark(node.pop, now)
            or nature.chance(nature.missing_chance, f"missing {node.node}")
        )

    def _sessions(self, pop: str, now: float) -> dict[NodeId, float]:
        """Load spread over the nodes that serve; one that has just come back is still filling."""
        weights = {
            name: 1.0 - exp(-(now - node.returned_at) / REFILL_S) if node.returned_at else 1.0
            for name, node in self._nodes.items()
            if node.pop == pop and node.serves and not self._nature.is_dead(name, now)
        }
        total = sum(weights.values())
        return {name: 100.0 * weight / total for name, weight in weights.items()} if total else {}

    def _sample(self, node: SimNode, target: Target, sessions: float, seconds: float) -> Sample:
        operations = round(OPERATIONS_PER_S * sessions / 100.0 * seconds)
        rate = self._nature.rate(node.memory.running)
        rate += self._nature.cold(node.pop, node.program, self._clock() - node.returned_at)
        failed = self._poisson(operations * rate, node.stream)
        counted = {"operations_total": float(operations), "failures_total": float(min(failed, operations))}
        wanted = {name: counted[name] for name in target.counters if name in counted}
        return Sample(node=node.node, release=node.memory.running, increments=wanted, sessions=sessions)

    def _poisson(self, mean: float, stream: str) -> int:
        """Normal above 50, where it differs from Poisson by less than the dispersion that the verdict allows for."""
        random = self._nature.stream(stream)
        if mean > 50:
            return max(0, round(random.gauss(mean, mean**0.5)))
        count, product, limit = 0, random.random(), exp(-mean)
        while product > limit:
            count += 1
            product *= random.random()
        return count
