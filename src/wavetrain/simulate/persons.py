"""Persons: what do operators do, out of the blue or because they are asked?"""

from collections.abc import Callable
from datetime import timedelta

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.control import cordons, freezes, hotfixes, nodes, rollouts, standstill, withdraw
from wavetrain.control.rollouts import Consent
from wavetrain.decide.desired import is_joining
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import Cordon, Desired, Phase, Quarantine, Reported, Retired
from wavetrain.model.hotfix import Hotfix, How
from wavetrain.model.lane import node_of
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Rollout, Slot, Status, Turn, Wave
from wavetrain.model.standstill import Cause
from wavetrain.simulate.answers import OLGA, PAVEL, answer
from wavetrain.simulate.mirror import Mirror
from wavetrain.simulate.nature import Nature

OVER = frozenset(
    {"completed", "completed with residue", "reverted", "partly reverted", "stopped", "superseded"}
)


class Persons:
    """Operators at one store. `mend` is told each node that a person goes to see, `say` each act in words."""

    def __init__(
        self,
        nature: Nature,
        mend: Callable[[str], None],
        say: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._nature = nature
        self._clock = clock
        self._random = nature.stream("acts")
        self._mend = mend
        self._say = say
        self.done: list[str] = []
        self.consented = False
        """Whether anybody waved evidence through: then a bad release may get further."""
        self.touched: set[str] = set()
        """Nodes whose slots a person has freed."""

    def act(self, store: MemoryStore, mirror: Mirror) -> None:
        """One act at random; a refusal is an answer too."""
        name = self._nature.next_of("act")
        if not self._nature.lets(name):
            return
        self._random = self._nature.stream(name)
        under_way = [item for item in mirror.all(Rollout) if item.status not in OVER]
        acts = (
            (6, lambda: self._steer(store, under_way)),
            (2, lambda: self._freeze(store, mirror)),
            (2, lambda: self._cordon(store, mirror)),
            (1, lambda: self._tend(store, mirror)),
            (1, lambda: self._withdraw(store, under_way)),
        )
        chosen = self._random.choices([act for _, act in acts], weights=[weight for weight, _ in acts])[0]
        self._try(chosen)

    def answer(self, store: MemoryStore, mirror: Mirror) -> bool:
        """Do what is asked for, everywhere; whether anything was asked."""
        asked = [
            (rollout, hold)
            for rollout in mirror.all(Rollout)
            if rollout.status not in OVER
            for hold in holds_of(mirror, rollout)
            if hold.asks or hold.reason is Reason.CORDONED
        ]
        if not asked or not self._nature.lets(name := self._nature.next_of("answer")):
            return bool(asked)
        self._random = self._nature.stream(name)
        for rollout, hold in asked:
            self._try(lambda at=rollout, why=hold: self._answer(store, mirror, at, why))  # type: ignore[misc]
        return True

    def place(self, store: MemoryStore, mirror: Mirror) -> None:
        """Somebody wants another way into the train under way for a release that has not departed."""
        name = self._nature.next_of("place")
        waiting = [item for item in mirror.all(Rollout) if item.status in (Status.PLANNED, Status.ANNOUNCED)]
        if not waiting or not self._nature.lets(name):
            return
        random = self._nature.stream(name)
        rollout, how = random.choice(waiting), random.choice(list(How))
        hotfix = Hotfix(how=how, wave=1 if how is How.RESTART else 0)
        self._try(lambda: self._place(store, rollout, hotfix))

    def _place(self, store: MemoryStore, rollout: Rollout, hotfix: Hotfix) -> None:
        hotfixes.place(store, OLGA, rollout.id, hotfix, "practice")
        self.done.append(f"place {rollout.id} {hotfix.how.value}")

    def revert(self, store: MemoryStore, rollout: Rollout) -> None:
        """Send it back."""
        rollouts.revert(store, OLGA, rollout.id, "practice")
        self.done.append(f"revert {rollout.id}")

    def _try(self, act: Callable[[], None]) -> None:
        before = len(self.done)
        try:
            act()
        except RefusedError as error:
            self.done.append(f"refused: {error}")
        for said in self.done[before:]:
            self._say(f"a person: {said}")

    def _steer(self, store: MemoryStore, under_way: list[Rollout]) -> None:
        if not under_way:
            return
        rollout = self._random.choice(under_way)
        verb = self._random.choice(("pause", "pause", "resume", "resume", "abort", "revert", "approve"))
        if verb == "revert" and rollout.status is Status.REVERTING:
            return
        if verb == "pause":
            rollouts.pause(store, OLGA, rollout.id, "practice")
        elif verb == "resume":
            rollouts.resume(store, OLGA, rollout.id)
        elif verb == "abort":
            rollouts.abort(store, OLGA, rollout.id, "practice")
        elif verb == "revert":
            rollouts.revert(store, OLGA, rollout.id, "practice")
        else:
            rollouts.approve(store, PAVEL, rollout.id, Consent.GENERAL)
        self.done.append(f"{verb} {rollout.id}")

    def _freeze(self, store: MemoryStore, mirror: Mirror) -> None:
        with store.read() as view:
            starts = view.now + timedelta(hours=self._random.uniform(0, 20))
        pops = sorted(key[0] for key in mirror.held.get("Pop", {}))
        scope = self._random.choice(((), ("pop",), ("east",), (self._random.choice(pops),)))
        ends = starts + timedelta(hours=self._random.uniform(1, 40))
        freezes.add(store, OLGA, starts=starts, ends=ends, reason="practice", scope=scope)
        self.done.append(f"freeze {starts:%m-%d %H:%M} {scope}")

    def _cordon(self, store: MemoryStore, mirror: Mirror) -> None:
        known = mirror.all(Cordon)
        if known and self._random.random() < 0.6:
            cordons.uncordon(store, OLGA, known[0].subject)
            self.done.append(f"uncordon {known[0].subject}")
            return
        subjects = sorted(key[0] for key in mirror.held.get("Pop", {}))
        subjects += sorted(key[0] for key in mirror.held.get("Reported", {}) if "+" not in key[0])
        subject = self._random.choice(subjects)
        cordons.cordon(store, OLGA, subject, "practice")
        self.done.append(f"cordon {subject}")

    def _tend(self, store: MemoryStore, mirror: Mirror) -> None:
        names = sorted(key[0] for key in mirror.held.get("Reported", {}) if "+" not in key[0])
        if not names:
            return
        node = self._random.choice(names)
        if self._random.random() < 0.5:
            nodes.retire(store, OLGA, node, "practice")
            self.done.append(f"retire {node}")
            self.touched.add(node)
        else:
            self._rebuild(store, node)

    def _withdraw(self, store: MemoryStore, under_way: list[Rollout]) -> None:
        if under_way and self._random.random() < 0.5:
            rollout = self._random.choice(under_way)
            withdraw.withdraw(store, PAVEL, rollout.release, "practice")
            self.done.append(f"withdraw {rollout.release}")

    def _rebuild(self, store: MemoryStore, node: str) -> None:
        nodes.rebuild(store, OLGA, node, "practice")
        self.done.append(f"rebuild {node}")
        self.touched.add(node)
        self._mend(node)

    def _answer(self, store: MemoryStore, mirror: Mirror, rollout: Rollout, hold: Hold) -> None:
        self.consented = self.consented or hold.reason is Reason.INCONCLUSIVE
        said = answer(store, rollout, hold, "practice")
        if said is not None:
            self.done.append(said)
            return
        match hold.reason:
            case Reason.CLOCK | Reason.NODE_CLOCK:
                self._set_right(store, hold)
            case Reason.CAPACITY if self._random.random() < 0.4:
                rollouts.approve(store, PAVEL, rollout.id, Consent.FORWARD)
                self.done.append(f"forward {rollout.id}")
                self._repair(store, mirror, rollout)
            case Reason.LAPSED_OFTEN:
                for unit in sorted(unit for turn in mirror.turns_of(rollout.id) for unit in turn.lapses):
                    self._rebuild(store, node_of(unit))
            case _:
                self._repair(store, mirror, rollout)

    def _set_right(self, store: MemoryStore, hold: Hold) -> None:
        """Every clock is set right, or the control plane's taken as it is; a node that does not say so is rebuilt."""
        if hold.reason is Reason.CLOCK and self._random.random() < 0.5:
            standstill.confirm(store, PAVEL, Cause.CLOCK.value, "practice")
            self.done.append("confirm clock")
            return
        self._nature.set_clocks(self._clock())
        self.done.append("set every clock")
        if hold.reason is Reason.NODE_CLOCK and self._random.random() < 0.3:
            self._rebuild(store, hold.detail.partition(" ")[0])

    def _repair(self, store: MemoryStore, mirror: Mirror, rollout: Rollout) -> None:
        """Uncordon everything, and set up anew every node that is lost, retired or silent."""
        for cordon in mirror.all(Cordon):
            cordons.uncordon(store, OLGA, cordon.subject)
        lost = {item.node for item in mirror.all(Quarantine)} | {item.node for item in mirror.all(Retired)}
        lost |= {item.node for item in mirror.all(Reported) if item.phase is Phase.FAILED}
        lost |= {order.node for order in mirror.all(Desired) if _is_stuck_joining(mirror, order)}
        turns = mirror.turns_of(rollout.id)
        with store.read() as view:
            lost |= {slot.owner for slot in mirror.all(Slot) if view.now - slot.since > timedelta(minutes=20)}  # type: ignore[misc]
            lost |= {item.unit for turn in turns for item in turn.progress if item.late_at < view.steady}  # type: ignore[misc]
        for turn in turns:
            if turn.hold is not None and turn.hold.reason in (Reason.TELEMETRY_AWAY, Reason.NOT_REPORTING):
                lost |= {unit for unit in turn.exposed if unit in turn.hold.detail}  # type: ignore[misc]
        for node in sorted({node_of(name) for name in lost}):
            self._rebuild(store, node)


def _is_stuck_joining(mirror: Mirror, order: Desired) -> bool:
    """Whether a node that joined does not run what it was told, which is what others may wait for."""
    return is_joining(order, mirror.get(Reported, order.node))


def holds_of(mirror: Mirror, rollout: Rollout) -> list[Hold]:
    """What binds a rollout now: its own hold, the wave's, or those of its turns."""
    if rollout.hold is not None and rollout.status is not Status.REVERTING:
        return [rollout.hold]
    held = [rollout.hold] if rollout.hold is not None else []
    wave = mirror.get(Wave, rollout.id, str(rollout.wave))
    if wave is not None and wave.hold is not None:
        held.append(wave.hold)
    turns: list[Turn] = mirror.turns_of(rollout.id)
    if rollout.status is not Status.REVERTING:
        turns = [turn for turn in turns if turn.wave == rollout.wave]
    return held + [turn.hold for turn in turns if turn.hold is not None]
