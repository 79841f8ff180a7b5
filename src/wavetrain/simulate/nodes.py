"""Nodes: how does a simulated node obey, fail and report? Its choices are the agent's own."""

from collections.abc import Callable

import msgspec

from wavetrain.agent import accept
from wavetrain.agent.accept import Instant, Task
from wavetrain.agent.memory import Memory
from wavetrain.agent.update import BEFORE_SWITCH, Event, Over, Step, next_step, phase_of
from wavetrain.model.fleet import Generation, NodeId, Phase
from wavetrain.simulate.nature import Nature
from wavetrain.wire.agent_messages import Bans, Told

SECONDS: dict[Step, float] = {
    Step.STAGE: 4.0,
    Step.DRAIN: 8.0,
    Step.SWITCH: 2.0,
    Step.VERIFY: 5.0,
    Step.RETURN: 2.0,
    Step.BACK: 2.0,
    Step.RECHECK: 5.0,
    Step.LEAVE: 2.0,
}
"""How long each step takes."""


class Trusting:
    """Takes every signature for the control plane's: what is practised here is obedience, not cryptography."""

    def objection(self, _told: Told) -> str:
        """None."""
        return ""

    def bans_objection(self, _bans: Bans) -> str:
        """None."""
        return ""


TRUSTING = Trusting()


class Spoken(msgspec.Struct, frozen=True):
    """What a node reports."""

    node: NodeId
    generation: Generation
    release: str
    phase: Phase
    detail: str
    boot: str


class Deed(msgspec.Struct, frozen=True):
    """What a node did, and when, on the steady clock."""

    at: float
    node: NodeId
    step: Step
    generation: Generation
    release: str
    ran: str
    restart: bool = False


class SimNode:
    """One node. `deeds` grows with every step that it begins."""

    def __init__(self, node: NodeId, pop: str, running: str, nature: Nature) -> None:
        self.node = node
        self.pop = pop
        self.nature = nature
        self.stream = f"node {node}"
        """The name of its own chance."""
        self.memory = Memory(running=running)
        self.boot = 1
        self.deeds: list[Deed] = []
        self.ever_ran = {running}
        self.returned_at = 0.0
        self.program = 1
        self.heard: Spoken | None = None
        self._ends = 0.0
        self._now = 0.0

    @property
    def is_disturbed(self) -> bool:
        """Whether it takes no traffic because of an update."""
        update = self.memory.update
        return update is not None and update.step is not Step.STAGE

    @property
    def serves(self) -> bool:
        """Whether it takes traffic."""
        return not self.is_disturbed and self.memory.phase is not Phase.FAILED

    def spoken(self) -> Spoken:
        """What it would report now."""
        memory = self.memory
        phase = phase_of(memory.update) if memory.update is not None else memory.phase
        return Spoken(
            self.node, memory.generation, memory.running, phase, memory.detail, f"{self.node}-{self.boot}"
        )

    def read(self, told: Told, now: float) -> None:
        """Take in an answer."""
        self.memory = accept.accept(self.memory, told, Instant(now, str(self.boot)), TRUSTING)

    def live(self, now: float) -> None:
        """Do what there is to do until `now`."""
        if self.nature.is_dead(self.node, now):
            self._ends = max(self._ends, now)
            self._now = now
            return
        if self.memory.update is None and self.nature.breaks(self.node, now):
            broken = {"phase": Phase.FAILED, "detail": f"{self.memory.running} does not run any more"}
            self.memory = msgspec.structs.replace(self.memory, **broken)
        if self.memory.update is not None and self.nature.chance(self.nature.restart_chance, self.stream):
            self.restart(now)
        if self.memory.update is None:
            self._ends = max(self._now, 0.0)
        while self._begin_something(now) and self._ends <= now:
            self._step_over()
        self._now = now

    def restart(self, now: float) -> None:
        """Its agent begins the step at hand again; after a reboot no permission holds."""
        update = self.memory.update
        if self.nature.chance(0.3, self.stream):
            self.boot += 1
        if update is not None:
            self._ends = now + SECONDS[update.step]

    def rebuild(self, image: str) -> None:
        """A fresh machine that runs what machines are set up with."""
        self.memory = Memory(running=image)
        self.boot += 1
        self.program += 1
        self.heard = None
        self.ever_ran.add(image)

    def _begin_something(self, now: float) -> bool:
        if self.memory.update is not None:
            return True
        match accept.task(self.memory):
            case Task.ADOPT:
                self.memory = accept.adopted(self.memory)
            case Task.BEGIN:
                self.memory = accept.begun(self.memory)
                self._ends = max(self._now, now - SECONDS[Step.STAGE])
                self._enter()
                return True
            case _:
                pass
        return False

    def _enter(self) -> None:
        update = self.memory.update
        assert update is not None
        ran, restart = self.memory.running, update.restart
        deed = Deed(self._ends, self.node, update.step, update.generation, update.release, ran, restart)
        self.deeds.append(deed)
        self._ends += SECONDS[update.step]

    def _step_over(self) -> None:
        update = self.memory.update
        assert update is not None
        event, detail = self._happens()
        after = next_step(update, event, detail, way_back=update.came_from not in self.memory.tombstones)
        running = self.memory.running
        if update.step is Step.SWITCH and event is Event.DONE:
            running = self._version(update.release)
        elif update.step is Step.BACK and event is Event.DONE:
            running = update.came_from
        if running != self.memory.running or (update.restart and update.step is Step.SWITCH):
            self.program += event is Event.DONE
            self.ever_ran.add(running)
        if isinstance(after, Over):
            if after.phase is Phase.STEADY or update.step is Step.LEAVE:
                self.returned_at = self._ends
            self.memory = msgspec.structs.replace(
                self.memory, update=None, running=running, phase=after.phase, detail=after.detail
            )
        else:
            self.memory = msgspec.structs.replace(
                self.memory, update=after, running=running, phase=phase_of(after), detail=after.detail
            )
            self._enter()

    def _version(self, release: str) -> str:
        return f"{release}-wrong" if (self.node, release) in self.nature.wrong else release

    def _happens(self) -> tuple[Event, str]:
        update = self.memory.update
        assert update is not None
        if update.step is Step.STAGE and (self.node, update.release) in self.nature.garbled:
            return Event.REFUSED, f"the bytes of {update.release} have another digest"
        if update.step in BEFORE_SWITCH:
            if accept.lapsed(update, Instant(self._ends, str(self.boot))):
                return Event.LAPSED, f"the permission for generation {update.generation} ended"
            reason = accept.recalled(self.memory)
            if reason:
                return Event.RECALLED, reason
        probed = {Step.VERIFY: self.memory.running, Step.RECHECK: update.came_from}.get(update.step)
        if probed is not None and not self.nature.comes_up(self.node, probed):
            return Event.REFUSED, f"{probed} was not healthy"
        return Event.DONE, ""


class ContentUnit:
    """A node's content: pulled without a drain; what its breaker rejects leaves the last known good loaded."""

    def __init__(self, unit: NodeId, home: SimNode, running: str) -> None:
        self.unit = unit
        self.home = home
        self.running = running
        self.generation = Generation(0, 0)
        self.phase = Phase.STEADY
        self.tombstones: tuple[str, ...] = ()
        self.heard: Spoken | None = None
        self.refused: Callable[[str], None] = lambda _: None
        self._loading: tuple[float, Told] | None = None

    def spoken(self) -> Spoken:
        """What it would report now."""
        return Spoken(self.unit, self.generation, self.running, self.phase, "", self.home.spoken().boot)

    def read(self, told: Told, now: float) -> None:
        """Take in an answer; older generations and withdrawn content are refused."""
        self.tombstones = told.tombstones
        if told.generation <= self.generation or told.release in told.tombstones or not told.release:
            return
        self.generation = told.generation
        if told.release == self.running:
            self.phase = Phase.STEADY
            return
        self.phase = Phase.STAGING
        self._loading = (now + 6.0, told)

    def live(self, now: float) -> None:
        """Load what was read, or let the breaker reject it."""
        if self._loading is None or now < self._loading[0] or self.home.nature.is_dead(self.home.node, now):
            return
        told = self._loading[1]
        self._loading = None
        if told.generation != self.generation:
            return
        good = self.home.nature.comes_up(self.unit, told.release)
        self.phase = Phase.STEADY if good else Phase.REVERTED
        self.running = told.release if good else self.running
