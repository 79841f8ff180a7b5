"""Trains: several rollouts over a small fleet of obedient nodes, with the real ticks over a store in memory."""

from datetime import UTC, datetime, timedelta
from random import Random

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.control import fleets, hotfixes, policies
from wavetrain.control.tick import Ticker
from wavetrain.decide.entry import refusal
from wavetrain.decide.permit import Caller
from wavetrain.model.access import Role
from wavetrain.model.fleet import FIRST, Desired, Fleet, NodeId, Phase, Reported
from wavetrain.model.hotfix import Hotfix
from wavetrain.model.journal import Entry
from wavetrain.model.lane import CONTENT
from wavetrain.model.plan import Hold
from wavetrain.model.policy import Policy
from wavetrain.model.release import Release, ReleaseId, Stage
from wavetrain.model.rollout import Rollout, Status, Turn
from wavetrain.simulate.health import SimHealth
from wavetrain.simulate.nature import Nature

SUNDAY = datetime(2026, 3, 1, 0, 0, tzinfo=UTC)
OLD = "1.0.0"
OLGA = Caller("olga", (Role.OPERATOR, Role.APPROVER))


class Trains:
    """The nodes do at once as they are told, save those in `deaf`. Time passes only when it is told to."""

    def __init__(self, where: Fleet, *rules: Policy) -> None:
        self.seconds = (SUNDAY - timedelta(hours=12)).timestamp()
        self.store = MemoryStore(lambda: self.seconds)
        self.where = where
        self.deaf: set[str] = set()
        self.lost: set[tuple[str, str]] = set()
        """Pairs of node and release: it goes back by itself."""
        fleets.apply(self.store, OLGA, where)
        for rule in rules:
            policies.apply(self.store, OLGA, rule)
        for home in where.pops.values():
            for node in home.nodes:
                self.say(node, OLD)
                self.say(node + CONTENT.suffix, OLD)
        self.ticker = Ticker(self.store, SimHealth(lambda: self.seconds, {}, Nature(Random(1))))

    def say(self, node: str, release: str, phase: Phase = Phase.STEADY, told: Desired | None = None) -> None:
        """One node reports."""
        bare = node.removesuffix(CONTENT.suffix)
        pop = next(home.id for home in self.where.pops.values() if bare in home.nodes)
        with self.store.write() as transaction:
            known = transaction.get(Reported, node)
            transaction.put(
                Reported(
                    node=NodeId(node),
                    pop=pop,
                    generation=told.generation if told is not None else FIRST,
                    release=release,
                    phase=phase,
                    since=transaction.now,
                    metrics="",
                    version=known.version if known is not None else 0,
                )
            )

    def submit(self, number: str, fixes: str = "", hotfix: Hotfix | None = None, lane: str = "pop") -> str:
        """CI brings a release; its rollout's id. What the doors would refuse is refused."""
        component = {"pop": "gateway", "console": "console"}.get(lane, "rules")
        with self.store.write() as transaction:
            made = Release(
                id=ReleaseId(f"{component}@{number}"),
                component=component,
                number=number,
                lane=lane,
                digest="0" * 64,
                size=1,
                stage=Stage.CANDIDATE,
                submitted_at=transaction.now,
                submitted_by="ci",
                gates={"build": True, "tests": True},
                fixes=fixes,
                hotfix=hotfix or Hotfix(),
            )
            text = refusal(made.hotfix, hotfixes.scene(transaction, made))
            assert not text, text
            transaction.put(made)
        self.tick()
        return f"{component}-{number}"

    def tick(self, minutes: float = 0.0) -> None:
        """Time passes, a tick, the nodes obey, and another tick that must find nothing new for itself."""
        self.seconds += 60 * minutes
        self.ticker.tick()
        with self.store.read() as view:
            before = view.sequence
        self.ticker.tick(sweep=True)
        with self.store.read() as view:
            assert view.sequence == before, "the same tick again changes something"

    def obey(self) -> None:
        """Every node that was told something new does it, and says so."""
        with self.store.read() as view:
            told = [(order, view.get(Reported, order.node)) for order in view.find(Desired)]
        for order, said in told:
            if order.node in self.deaf or said is None or said.generation == order.generation:
                continue
            if (str(order.node), order.release) in self.lost:
                self.say(order.node, said.release, Phase.REVERTED, order)
            else:
                self.say(order.node, order.release, told=order)

    def run(self, until: object, minutes: float = 5.0, ticks: int = 4_000) -> None:
        """Tick and obey until `until` says so."""
        assert callable(until)
        for _ in range(ticks):
            if until():
                return
            self.obey()
            self.tick(minutes)
        raise AssertionError(f"it never came to that: {self.statuses()}, {self.said()[-5:]}")

    def until(self, name: str, *statuses: Status) -> None:
        """Until a rollout has one of these statuses."""
        self.run(lambda: self.rollout(name).status in statuses)

    def rollout(self, name: str) -> Rollout:
        """One rollout."""
        with self.store.read() as view:
            found = view.get(Rollout, name)
        assert found is not None, name
        return found

    def turn(self, name: str, pop: str) -> Turn:
        """One turn."""
        with self.store.read() as view:
            found = view.get(Turn, name, pop)
        assert found is not None, (name, pop)
        return found

    def pops(self, name: str) -> set[str]:
        """The PoPs of a rollout."""
        with self.store.read() as view:
            return {turn.pop for turn in view.find(Turn, rollout=name)}

    def hold(self, name: str) -> Hold:
        """What a rollout waits for."""
        hold = self.rollout(name).hold
        assert hold is not None, name
        return hold

    def statuses(self) -> dict[str, Status]:
        """Of every rollout."""
        with self.store.read() as view:
            return {str(item.id): item.status for item in view.find(Rollout)}

    def runs(self, pop: str, suffix: str = "") -> set[str]:
        """What the nodes of a PoP run."""
        with self.store.read() as view:
            said = [view.get(Reported, node + suffix) for node in self.where.pops[pop].nodes]  # type: ignore[index]
        return {item.release for item in said if item is not None}

    def journal(self) -> list[Entry]:
        """The last lines of the journal, the oldest first."""
        with self.store.read() as view:
            return list(view.journal_tail(2_000))

    def said(self) -> list[str]:
        """Their words."""
        return [entry.text for entry in self.journal()]
