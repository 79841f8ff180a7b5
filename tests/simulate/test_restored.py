"""A backup one hour old, restored in mid-train, disturbs nobody: not before it is confirmed, nor twice after."""

from collections import Counter
from random import Random

from wavetrain.control import policies, restored, rollouts, standstill
from wavetrain.control.leap import leap
from wavetrain.decide import planner
from wavetrain.decide.permit import Caller
from wavetrain.model.access import Role
from wavetrain.model.fleet import NodeId, Reported
from wavetrain.model.plan import Reason
from wavetrain.model.record import Record
from wavetrain.model.rollout import Rollout, Status
from wavetrain.simulate import practice
from wavetrain.simulate.clock import VirtualClock
from wavetrain.simulate.house import House
from wavetrain.simulate.nature import Kind, Nature
from wavetrain.simulate.nodes import Deed, SimNode
from wavetrain.simulate.schedule import Coming

NUMBER = "2.0.0"
ROLLOUT = f"gateway-{NUMBER}"
ADA = Caller("ada", (Role.APPROVER, Role.OPERATOR))
STEP_S = 10.0
HOUR_S = 3_600.0
LOOKS_MAX = 6_000
SOME = 5
"""So many nodes run the release when the backup is taken."""


class MidTrain:
    """A quiet practice fleet on which one good release travels."""

    def __init__(self) -> None:
        random = Random(11)
        self.clock = VirtualClock()
        self.nature = Nature(random)
        self.nature.kinds[NUMBER] = Kind.GOOD
        fleet = practice.fleet(random)
        self.nodes: dict[NodeId, SimNode] = {
            node: SimNode(node, pop.id, practice.BASELINE, self.nature)
            for pop in fleet.pops.values()
            for node in pop.nodes
        }
        self.house = House(self.clock, self.nature, self.nodes, {}, planner.decide)
        parts = (fleet.regions, fleet.pops, fleet.groups, fleet.accounts)
        records: list[Record] = [record for part in parts for record in part.values()]
        with self.house.store.write() as transaction:
            for record in records:
                transaction.put(record)
        for policy in practice.policies(random):
            policies.apply(self.house.store, ADA, policy)
        self.house.polls()
        with self.house.store.write() as transaction:
            transaction.put(Coming(lane="pop", number=NUMBER, kind=Kind.GOOD).release(transaction.now))

    @property
    def on_it(self) -> set[NodeId]:
        return {node for node, sim in self.nodes.items() if sim.memory.running == NUMBER}

    @property
    def deeds(self) -> list[Deed]:
        return [deed for sim in self.nodes.values() for deed in sim.deeds]

    def looks(self, *, leaps: bool) -> None:
        """Nodes live and poll, the control plane ticks, a person says yes where one is asked."""
        for sim in self.nodes.values():
            sim.live(self.clock())
        self.house.polls()
        self.house.ticker.tick()
        made = self.rollout()
        if made is not None and made.hold is None and made.status is Status.ROLLING:
            self._consent(made)
        if not (leaps and leap(self.house.store)):
            self.clock.advance(STEP_S)

    def rollout(self) -> Rollout | None:
        with self.house.store.read() as view:
            return view.get(Rollout, ROLLOUT)

    def _consent(self, made: Rollout) -> None:
        for kind in rollouts.Consent:
            if all(given.kind != kind for given in made.approvals):
                rollouts.approve(self.house.store, ADA, ROLLOUT, kind)

    def sequence(self) -> int:
        with self.house.store.read() as view:
            return view.sequence

    def restore(self, sequence: int) -> None:
        """The store is lost; its backup, taken after this change, takes its place."""
        with self.house.store.read() as view:
            taken_at = view.now
        self.house.store = self.house.store.at(sequence)
        restored.begin(self.house.store, taken_at, "ada")
        self.house.crash()
        for sim in self.nodes.values():
            sim.heard = None  # a node says what it runs with every poll, not only when it is news


def test_a_backup_one_hour_old_restored_in_mid_train_disturbs_nobody() -> None:
    train = MidTrain()
    _until(train, lambda: len(train.on_it) >= SOME)
    backup, then, on_it = train.sequence(), train.clock(), train.on_it
    _until(train, lambda: train.clock() - then >= HOUR_S and len(train.on_it) >= 2 * SOME)
    since, moving = train.on_it - on_it, [sim for sim in train.nodes.values() if sim.memory.update]
    assert since

    train.restore(backup)
    for sim in moving:  # what was permitted before comes to its end
        while sim.memory.update is not None:
            train.clock.advance(STEP_S)
            sim.live(train.clock())
    deeds = len(train.deeds)
    for _ in range(200):
        train.looks(leaps=True)
    assert len(train.deeds) == deeds
    made = train.rollout()
    assert made is not None
    assert made.hold is not None
    assert made.hold.reason is Reason.RESTORED

    (shown,) = standstill.seen(train.house.store, ADA)
    assert shown.difference is not None
    assert shown.difference.silent == ()
    assert since <= {NodeId(item.node) for item in shown.difference.moved}
    standstill.confirm(train.house.store, ADA, "restore", "read", shown.difference.digest)
    for _ in range(20):
        train.looks(leaps=True)
    assert len(train.deeds) == deeds
    made = train.rollout()
    assert made is not None
    assert made.status is Status.PAUSED

    rollouts.resume(train.house.store, ADA, ROLLOUT)
    _until(train, lambda: _is_over(train))
    assert train.on_it == set(train.nodes)
    begun = Counter((deed.node, deed.release) for deed in train.deeds if deed.step.name == "DRAIN")
    assert set(begun.values()) == {1}
    with train.house.store.read() as view:
        assert {item.generation.era for item in view.find(Reported)} == {2}


def _until(train: MidTrain, there: object) -> None:
    assert callable(there)
    for _ in range(LOOKS_MAX):
        if there():
            return
        train.looks(leaps=True)
    made = train.rollout()
    raise AssertionError(f"not there after {LOOKS_MAX} looks: {made}, {len(train.on_it)} on it")


def _is_over(train: MidTrain) -> bool:
    made = train.rollout()
    return made is not None and made.status is Status.COMPLETED
