"""House: how does the real control plane run over a practice fleet, crashes included?"""

from collections.abc import Callable, Sequence
from random import Random

import msgspec

from wavetrain.adapters.memory_view import MemoryChange
from wavetrain.control import poll
from wavetrain.control.audience import Nobody
from wavetrain.control.poll import Report
from wavetrain.control.ports import Evaluators
from wavetrain.control.tick import Ticker
from wavetrain.decide.facts import Choice, Facts
from wavetrain.decide.permit import Caller
from wavetrain.errors import RefusedError
from wavetrain.model.access import Role
from wavetrain.model.fleet import Desired, Generation, NodeId, PopId, Reported
from wavetrain.simulate.channel import Channel
from wavetrain.simulate.clock import VirtualClock
from wavetrain.simulate.health import SimHealth
from wavetrain.simulate.mortal_store import CrashError, CrashPoint, MortalStore
from wavetrain.simulate.nature import Nature
from wavetrain.simulate.nodes import ContentUnit, SimNode, Spoken
from wavetrain.wire.told import told_of


class Seal:
    """A `Trust` whose signatures say what they sign; the simulation's nodes do not check them."""

    def sign(
        self,
        node: NodeId,
        generation: Generation,
        digest: str,
        plan: str,
        lifetime_s: float,
        *,
        restart: bool = False,
    ) -> str:
        """The signed words."""
        return f"{node} {generation} {digest} {plan} {lifetime_s}{' restart' if restart else ''}"

    def sign_bans(self, component: str, serial: int, floor: str, tombstones: Sequence[str]) -> str:
        """The signed words."""
        return f"{component} {serial} {floor} {','.join(tombstones)}"

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
        self.crash_point: CrashPoint | None = None
        """The one commit at which this house crashes, beside those of chance."""
        self.commits = 0
        self.crashes = 0
        self.broken: list[str] = []
        self.told: Callable[[str], None] = lambda _: None
        """Hears what happens to the house, for people."""
        self.evaluators: Evaluators = Nobody()
        self._decide = decide
        self._trust = Seal()
        self.channel = Channel(nature)
        self._off_said: dict[NodeId, float] = {}
        self.store = MortalStore(self.steady)
        self._move_in()

    def steady(self) -> float:
        """What the control plane's clock shows."""
        return self.clock() + (self.nature.clock_off("", self.clock()) if self.nature.clock_steps else 0.0)

    def _move_in(self) -> None:
        self.store.take(f"process-{self.crashes}")
        self.store.crash_at = self._crash
        self.store.committed = self._committed
        self.health = SimHealth(self.clock, self.nodes, self.nature)
        running = self.clock if self.nature.cut.clock_steps else None
        self.ticker = Ticker(self.store, self.health, self._decide, running, evaluators=self)

    def behind(self, sequence: int) -> bool:
        """Whether an evaluator of features has not seen a change yet; a house without such programs has none."""
        return self.evaluators.behind(sequence)

    def _crash(self, changes: Sequence[MemoryChange]) -> None:
        self.commits += 1
        if self.crash_point == CrashPoint(self.commits, after=False):
            raise CrashError(f"before commit {self.commits} of {len(changes)} changes")
        if self.nature.chance(self.crash_chance, "crash") and self.nature.lets(self.nature.next_of("crash")):
            raise CrashError(f"before a commit of {len(changes)} changes")

    def _committed(self) -> None:
        if self.crash_point == CrashPoint(self.commits, after=True):
            raise CrashError(f"after commit {self.commits}")

    def survive(self, act: Callable[[], object], *, again: bool = False) -> bool:
        """Do it; when the process dies in it, another one takes over. Whether it came to its end.

        `again`: who asked for it has got no answer, and asks the successor once more.
        """
        try:
            act()
        except CrashError as error:
            self.told(f"the control plane dies {error}")
            self.crash()
            return again and self.survive(act)
        return True

    def crash(self) -> None:
        """This process is gone; its successor has what the store has."""
        self.crashes += 1
        self.store = self.store.beside()
        self._move_in()

    @property
    def may_freeze(self) -> bool:
        """Whether the process holds nobody up if it stops now: it has no transaction open."""
        return not self.store.writing

    def freeze(self) -> None:
        """This process stops in the middle of a tick; its successor has ticked when it goes on."""
        self.told("the ticker freezes before its commit; another process takes over and ticks")
        chance, self.crash_chance = self.crash_chance, 0.0
        self.crash()
        self.ticker.tick()
        self.crash_chance = chance

    def polls(self) -> None:
        """Every node that has something to say, or to read, speaks to the door once."""
        now = self.clock()
        with self.store.read() as view:
            told = {item.node: item for item in view.find(Desired)}
        for spoken in self.channel.late_reports(now):
            self.survive(lambda said=spoken: self._hear(said))  # type: ignore[misc]
            if spoken.node in self.nodes:  # it may have left meanwhile
                self.nodes[spoken.node].heard = None  # what it says every few seconds sets that right again
        for name, answer in self.channel.late_answers(now):
            if name in self.nodes and not self.nature.is_dead(name, now):
                self.nodes[name].read(answer, now)
        for name, node in self.nodes.items():
            if not self.nature.is_dead(name, now):
                self._poll(node, told.get(name), now)
        for name, unit in self.contents.items():
            if not self.nature.is_dead(unit.home.node, now):
                self._poll_content(unit, told.get(name), now)

    def _poll(self, node: SimNode, told: Desired | None, now: float) -> None:
        spoken, off_s = node.spoken(), self._clock_off(node.node)
        has_news = spoken != node.heard or off_s != self._off_said.get(node.node, 0.0)
        if not has_news and (told is None or told.generation <= node.memory.read):
            return
        if not self.channel.connects(node.node):
            return
        if has_news:
            for _ in range(self.channel.report(spoken, now)):
                if not self.survive(lambda: self._hear(spoken)):
                    return
                node.heard = spoken
                self._off_said[node.node] = off_s
        if self.channel.is_answered(node.node):
            order = poll.order(self.store, self._trust, node.node)
            self._check(node, order)
            answer = told_of(node.node, order)
            if self.channel.answer(node.node, answer, now):
                node.read(answer, now)

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
            clock=self._clock_of(spoken.node),
        )
        try:
            poll.hear(self.store, caller, report)
        except RefusedError:
            return

    def _clock_off(self, node: NodeId) -> float:
        """How far the node's clock is ahead of the control plane's."""
        now = self.clock()
        return self.nature.clock_off(node, now) - self.nature.clock_off("", now)

    def _clock_of(self, node: NodeId) -> float:
        """What the node's clock shows, where clocks may be wrong; it is not always asked."""
        return self.steady() + self._clock_off(node) if self.nature.cut.clock_steps else 0.0

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
        if not self.channel.connects(unit.unit):
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
