"""House: how does the real control plane run over a practice fleet, crashes included?"""

from collections.abc import Callable, Sequence
from random import Random

import msgspec

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.adapters.memory_view import MemoryChange
from wavetrain.control import poll
from wavetrain.control.poll import Report
from wavetrain.control.tick import Ticker
from wavetrain.decide.facts import Choice, Facts
from wavetrain.decide.permit import Caller
from wavetrain.errors import RefusedError
from wavetrain.model.access import Role
from wavetrain.model.fleet import Desired, Generation, NodeId, PopId, Reported
from wavetrain.simulate.clock import VirtualClock
from wavetrain.simulate.health import SimHealth
from wavetrain.simulate.nature import Nature
from wavetrain.simulate.nodes import ContentUnit, SimNode, Spoken
from wavetrain.wire.told import told_of


class CrashError(Exception):
    """The control plane died just before a commit."""


class Seal:
    """A `Trust` whose signatures say what they sign; the simulation's nodes do not check them."""

    def sign(self, node: NodeId, generation: Generation, digest: str, lifetime_s: float) -> str:
        """The signed words."""
        return f"{node} {generation} {digest} {lifetime_s}"

    def public(self) -> str:
        """No key."""
        return ""


class House:
    """The control plane. After a crash another process goes on with the same store."""

    def __init__(
        self,
        clock: VirtualClock,
        nature: Nature,
        nodes: dict[NodeId, SimNode],
        contents: dict[NodeId, ContentUnit],
        decide: Callable[[Facts], Choice],
    ) -> None:
        self.clock = clock
        self.nature = nature
        self.nodes = nodes
        self.contents = contents
        self.crash_chance = 0.0
        self.crashes = 0
        self.broken: list[str] = []
        self._decide = decide
        self._trust = Seal()
        self._late: list[tuple[float, Spoken]] = []
        self.store = MemoryStore(clock)
        self._move_in()

    def _move_in(self) -> None:
        self.store.take(f"process-{self.crashes}")
        self.store.crash_at = self._crash
        self.health = SimHealth(self.clock, self.nodes, self.nature)
        self.ticker = Ticker(self.store, self.health, self._decide)

    def _crash(self, changes: Sequence[MemoryChange]) -> None:
        if self.nature.chance(self.crash_chance):
            raise CrashError(f"before {len(changes)} changes")

    def survive(self, act: Callable[[], None]) -> bool:
        """Do it; when the process dies in it, another one takes over. Whether it came to its end."""
        try:
            act()
        except CrashError:
            self.crash()
            return False
        return True

    def crash(self) -> None:
        """This process is gone; its successor has what the store has."""
        self.crashes += 1
        self.store = self.store.beside()
        self._move_in()

    def seen_s(self) -> dict[str, float]:
        """Really: seconds since each node was last measured by this process."""
        return {name: self.clock() - at for name, at in self.health.last_sampled.items()}

    def polls(self) -> None:
        """Every node that has something to say, or to read, speaks to the door once."""
        now = self.clock()
        with self.store.read() as view:
            told = {item.node: item for item in view.find(Desired)}
        for when, spoken in [item for item in self._late if item[0] <= now]:
            self._late.remove((when, spoken))
            self.survive(lambda said=spoken: self._hear(said))  # type: ignore[misc]
            self.nodes[spoken.node].heard = None  # what it says every few seconds sets that right again
        for name, node in self.nodes.items():
            if not self.nature.is_dead(name, now):
                self._poll(node, told.get(name), now)
        for name, unit in self.contents.items():
            if not self.nature.is_dead(unit.home.node, now):
                self._poll_content(unit, told.get(name), now)

    def _poll(self, node: SimNode, told: Desired | None, now: float) -> None:
        spoken = node.spoken()
        has_news = spoken != node.heard
        if not has_news and (told is None or told.generation <= node.memory.read):
            return
        wire = self.nature.wire
        if self.nature.chance(wire.lost):
            return
        if has_news:
            if self.nature.chance(wire.delayed):
                self._late.append((now + self.nature.random.uniform(5, 60), spoken))
            elif self.survive(lambda: self._hear(spoken)):
                node.heard = spoken
                if self.nature.chance(wire.doubled):
                    self.survive(lambda: self._hear(spoken))
            else:
                return
        if not self.nature.chance(wire.answer_lost):
            order = poll.order(self.store, self._trust, node.node)
            self._check(node, order)
            node.read(told_of(node.node, order), now)

    def _hear(self, spoken: Spoken) -> None:
        caller = Caller(spoken.node, (Role.NODE,))
        report = Report(
            node=spoken.node,
            generation=spoken.generation,
            release=spoken.release,
            phase=spoken.phase,
            detail=spoken.detail,
            metrics=f"http://127.0.0.1/{spoken.node}",
            boot=spoken.boot,
        )
        try:
            poll.hear(self.store, caller, report)
        except RefusedError:
            return

    def _check(self, node: SimNode, order: poll.Order) -> None:
        """What the door hands out."""
        if (
            order.permitted_s > 0
            and order.release in order.tombstones
            and order.release != node.memory.running
        ):
            self.broken.append(
                f"G3: {node.node} gets a permission for {order.release}, which has a tombstone"
            )

    def _poll_content(self, unit: ContentUnit, told: Desired | None, now: float) -> None:
        """Content units are devices of their own, whose door is a later one; their reports are written as such."""
        spoken = unit.spoken()
        has_news = spoken != unit.heard
        if not has_news and (told is None or told.generation <= unit.generation):
            return
        if self.nature.chance(self.nature.wire.lost):
            return
        if has_news and self.survive(lambda: self._write(unit, spoken)):
            unit.heard = spoken
        if told is not None:
            unit.read(told_of(unit.unit, poll.order(self.store, self._trust, unit.unit)), now)

    def _write(self, unit: ContentUnit, spoken: Spoken) -> None:
        with self.store.write() as transaction:
            known = transaction.get(Reported, unit.unit)
            if known is not None and known.generation > spoken.generation:
                return
            transaction.put(
                Reported(
                    node=unit.unit,
                    pop=PopId(unit.home.pop),
                    generation=spoken.generation,
                    release=spoken.release,
                    phase=spoken.phase,
                    since=transaction.now,
                    version=known.version if known is not None else 0,
                )
            )


class Plan(msgspec.Struct, frozen=True):
    """How much goes wrong in a history: drawn once from its seed."""

    crash_chance: float
    act_chance: float
    away_chance: float
    diligent: bool
    calm_after: int


def plan_of(random: Random) -> Plan:
    """Some histories are quiet, some are rough; in most of them persons answer when they are asked."""
    return Plan(
        crash_chance=random.choice((0.0, 0.0, 0.01, 0.04)),
        act_chance=random.choice((0.0, 0.01, 0.03)),
        away_chance=random.choice((0.0, 0.0, 0.004)),
        diligent=random.random() < 0.7,
        calm_after=random.choice((60, 120, 180)),
    )
