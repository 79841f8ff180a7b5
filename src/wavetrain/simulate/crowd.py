"""Crowd: what do the nodes do that were told something?

Only a node that was told something has a state of its own here; all the others run the baseline and say nothing new.
What happens next is in a heap, so that a tick costs what happens in it.
"""

from collections.abc import Iterable, Iterator, Mapping
from heapq import heappop, heappush

from wavetrain.agent.update import Step
from wavetrain.control.poll import Report
from wavetrain.decide.permit import Caller
from wavetrain.model.access import Role
from wavetrain.model.fleet import FIRST, Desired, Generation, NodeId, Phase, PopId
from wavetrain.simulate.errand import Errand, begun
from wavetrain.simulate.mishaps import Mishaps

READ_S = (1.0, 5.0)
"""Nodes ask every few seconds."""
DRAIN_S = (20.0, 150.0)
DRAIN_SHARE_MAX = 0.6
"""An agent drains for no longer than this share of its permission."""
ROLES = (Role.NODE,)


class Crowd:
    """The nodes of a fleet on one steady clock."""

    def __init__(self, mishaps: Mishaps, baseline: str, metrics: Mapping[str, str]) -> None:
        """`metrics` says by PoP where its nodes are measured."""
        self.mishaps = mishaps
        self.baseline = baseline
        self.crashing = False
        """Whether the new release comes up nowhere."""
        self.spared: frozenset[str] = frozenset()
        """Nodes that no seeded sickness may hit: the canaries."""
        self.runs: dict[NodeId, str] = {}
        """The release of each node that does not run the baseline."""
        self.returned_at: dict[NodeId, float] = {}
        """When each node that was ever updated last took traffic again."""
        self.errands: dict[NodeId, Errand] = {}
        self.failed: set[NodeId] = set()
        """The nodes that serve on no release."""
        self.down: dict[NodeId, tuple[float, float]] = {}
        """From when until when a node is down."""
        self.rebuilt: set[NodeId] = set()
        """The nodes that a person has set up anew: they do not go down once more."""
        self.cut_off: dict[str, float] = {}
        """Until when a PoP is cut off."""
        self.longest_s = 0.0
        """The longest update so far that came to a good end."""
        self._metrics = metrics
        self._read: dict[NodeId, Generation] = {}
        self._later: dict[NodeId, Desired] = {}
        self._heap: list[tuple[float, int, NodeId]] = []
        self._count = 0
        self._said = 0
        self._unsaid: dict[NodeId, tuple[PopId, Generation, str, Phase, str]] = {}
        self._late: list[tuple[Caller, Report]] = []

    @property
    def next_at(self) -> float:
        """When something happens next, infinite where nothing does."""
        return self._heap[0][0] if self._heap else float("inf")

    @property
    def has_news(self) -> bool:
        """Whether somebody has something to say that did not get through."""
        return bool(self._unsaid or self._late)

    def is_gone(self, node: NodeId) -> bool:
        """Whether only a person brings the node back."""
        return self.down.get(node, (0.0, 0.0))[1] == float("inf")

    def serves(self, node: NodeId, now: float) -> bool:
        """Whether the node takes traffic."""
        errand = self.errands.get(node)
        if errand is not None and errand.stride.step is not Step.STAGE:
            return False
        return node not in self.failed and not self._is_down(node, now)

    def tell(self, orders: Iterable[Desired], now: float) -> None:
        """What nodes should run, as the store has it now; each reads it when it asks next."""
        for order in orders:
            known = self._later.get(order.node)
            if known is None and order.generation <= self._read.get(order.node, FIRST):
                continue
            self._later[order.node] = order
            if known is None:
                self._plan(now + self.mishaps.between("read", order.node, READ_S), order.node)

    def live(self, now: float) -> None:
        """Let everything happen that happens until `now`."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            at, _, node = heappop(heap)
            self._happen(node, at)

    def reports(self, now: float) -> list[tuple[Caller, Report]]:
        """What gets through of all that is news, in the order in which it happened."""
        chances, mishaps = self.mishaps.chances, self.mishaps
        saying = self._late
        self._late = []
        unsaid: dict[NodeId, tuple[PopId, Generation, str, Phase, str]] = {}
        for node, news in self._unsaid.items():
            self._said += 1
            is_lost = chances.report_lost and mishaps.roll("lost", node, self._said) < chances.report_lost
            if is_lost or (self.cut_off and now < self.cut_off.get(news[0], 0.0)):
                unsaid[node] = news
                continue
            pop, generation, release, phase, detail = news
            said = (
                Caller(node, ROLES),
                Report(
                    node=node,
                    generation=generation,
                    release=release,
                    phase=phase,
                    detail=detail,
                    metrics=self._metrics[pop],
                ),
            )
            saying.append(said)
            if chances.report_doubled and mishaps.roll("doubled", node, self._said) < chances.report_doubled:
                saying.append(said)
            if chances.report_late and mishaps.roll("late", node, self._said) < chances.report_late:
                self._late.append(said)
                unsaid[node] = news  # what overtook it is said once more
        self._unsaid = unsaid
        return saying

    def rebuild(self, node: NodeId, pop: PopId, now: float) -> None:
        """A person has set the machine up anew."""
        self.rebuilt.add(node)
        self.down.pop(node, None)
        self.errands.pop(node, None)
        self.failed.discard(node)
        self.runs.pop(node, None)
        self._read.pop(node, None)
        self._later.pop(node, None)
        self.returned_at[node] = now
        self._unsaid[node] = (pop, FIRST, self.baseline, Phase.STEADY, "")

    def retire(self, node: NodeId) -> None:
        """A person has taken the machine away: it does and says nothing any more, and nobody misses it."""
        for known in (
            self.down,
            self.errands,
            self.runs,
            self.returned_at,
            self._read,
            self._later,
            self._unsaid,
        ):
            known.pop(node, None)
        self.failed.add(node)

    def forget(self, nodes: Iterable[NodeId]) -> None:
        """Nobody asks any more when these came back, nor what they have read: their PoP is through."""
        for node in nodes:
            if node not in self.errands and node not in self._later:
                self.returned_at.pop(node, None)
                self._read.pop(node, None)

    def cut(self, pop: str, until: float) -> None:
        """Nothing gets from or to a PoP until then."""
        self.cut_off[pop] = until

    def away(self, now: float) -> Iterator[tuple[NodeId, float]]:
        """The nodes that are down, with when they went."""
        for node, (since, until) in self.down.items():
            if since <= now < until:
                yield node, since

    def _plan(self, at: float, node: NodeId) -> None:
        self._count += 1
        heappush(self._heap, (at, self._count, node))

    def _is_down(self, node: NodeId, now: float) -> bool:
        span = self.down.get(node)
        return span is not None and span[0] <= now < span[1]

    def _happen(self, node: NodeId, at: float) -> None:
        span = self.down.get(node)
        if span is not None and span[0] <= at < span[1]:
            if span[1] != float("inf"):
                self._plan(span[1], node)
            return
        errand = self.errands.get(node)
        if errand is not None and errand.advance(at):
            self._follow(errand)
        order = self._later.get(node)
        if order is not None:
            self._hear(order, at)

    def _follow(self, errand: Errand) -> None:
        """Say where an errand stands, and plan what comes next of it."""
        node, stride = errand.node, errand.stride
        self._unsaid.pop(node, None)
        self._unsaid[node] = (errand.pop, errand.generation, errand.runs, stride.phase, stride.detail)
        if errand.runs == self.baseline:
            self.runs.pop(node, None)
        else:
            self.runs[node] = errand.runs
        if not errand.is_over:
            self._plan(errand.next_at, node)
            return
        del self.errands[node]
        self.returned_at[node] = errand.begins[-1]
        if stride.phase is Phase.STEADY:
            self.longest_s = max(self.longest_s, errand.begins[-1] - errand.begins[0])
        if stride.phase is Phase.FAILED:
            self.failed.add(node)

    def _hear(self, order: Desired, at: float) -> None:
        """A node reads its order, unless its PoP is cut off; one that is busy with another turns round if it can."""
        node, pop = order.node, order.pop
        until = self.cut_off.get(pop, 0.0)
        if at < until:
            self._plan(until, node)
            return
        down_s = self.mishaps.down_s(node) if node not in self.down and node not in self.rebuilt else 0.0
        if down_s:
            self.down[node] = (at, at + down_s)
            if down_s != float("inf"):
                self._plan(at + down_s, node)
            return
        errand = self.errands.get(node)
        if errand is not None:
            if order.release != errand.release:
                errand.recall(f"generation {order.generation} names {order.release}")
                self._plan(errand.next_at, node)
            return
        del self._later[node]
        self._read[node] = order.generation
        self._begin(order, at)

    def _begin(self, order: Desired, at: float) -> None:
        node, pop = order.node, order.pop
        runs = self.runs.get(node, self.baseline)
        if order.restart and runs != order.release:
            return
        if runs == order.release and node not in self.failed and not order.restart:
            self._unsaid.pop(node, None)
            self._unsaid[node] = (pop, order.generation, runs, Phase.STEADY, "")
            return
        left = order.permitted_s - max(0.0, at - order.permitted_at)
        if left < 1.0:
            return
        slowness = self.mishaps.slowness(pop)
        drain_s = slowness * self.mishaps.between("drain", node, DRAIN_S, order.generation.counter)
        drain_s = min(drain_s, DRAIN_SHARE_MAX * order.permitted_s)
        is_new = order.release != self.baseline
        sick = is_new and (self.crashing or (node not in self.spared and self.mishaps.is_sick(node)))
        errand = begun(
            node,
            pop,
            order.generation,
            runs,
            order.release,
            at=at,
            until=at + left,
            drain_s=drain_s,
            slowness=slowness,
            is_sick=sick,
        )
        self.errands[node] = errand
        self._unsaid.pop(node, None)
        self._unsaid[node] = (pop, order.generation, runs, errand.stride.phase, "")
        self._plan(errand.next_at, node)
