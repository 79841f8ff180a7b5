"""The fleet changes in mid-train: nodes and PoPs join and leave, and every guard holds all the same."""

from random import Random

import msgspec
import pytest

from wavetrain.control import fleets
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import Fleet, NodeId, Pop, PopId, Reported
from wavetrain.model.lane import CONTENT
from wavetrain.simulate import practice
from wavetrain.simulate.answers import OLGA
from wavetrain.simulate.history import History
from wavetrain.simulate.nodes import ContentUnit, SimNode

CHANCE = 0.02
CHANGES_MAX = 6


class Refitted(History):
    """A history in whose first days a person applies another fleet now and then."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.changes: list[str] = []
        self._chance = Random(f"refit {seed}")

    def _people(self) -> None:
        super()._people()
        if len(self.changes) < CHANGES_MAX and self.ticks > 20 and self._chance.random() < CHANCE:
            self.house.survive(self._refit, again=True)

    def _refit(self) -> None:
        before = fleets.current(self.house.store)
        after = self._changed(before)
        old, new = set(_members(before)), set(_members(after))
        try:
            fleets.apply(self.house.store, OLGA, after)
        except RefusedError as error:
            self.changes.append(f"refused: {error}")
            return
        for name in old - new:
            del self.nodes[name]
            del self.contents[NodeId(name + CONTENT.suffix)]
            self.persons.touched.add(name)
        for name in new - old:
            pop = next(pop for pop in after.pops.values() if name in pop.nodes)
            self.nodes[name] = SimNode(name, pop.id, practice.BASELINE, self.nature)
            unit = NodeId(name + CONTENT.suffix)
            self.contents[unit] = ContentUnit(unit, self.nodes[name], practice.BASELINE)
            self._deeds[name] = 0
            self.persons.touched.add(name)  # it may drain without a slot: it serves nobody yet
        self.changes.append(f"+{sorted(new - old)} -{sorted(old - new)}")
        self._happen(f"a person applies another fleet: {self.changes[-1]}")

    def _changed(self, fleet: Fleet) -> Fleet:
        """One node or PoP more, or one less."""
        pops = dict(fleet.pops)
        pop = pops[self._chance.choice(sorted(pops))]
        way = self._chance.random()
        number = len(self.changes) + 100
        if way < 0.4:
            pops[pop.id] = _with(pop, (*pop.nodes, NodeId(f"{pop.id}-n{number}")))
        elif way < 0.7 and len(pop.nodes) > 1:
            gone = self._chance.choice(pop.nodes)
            pops[pop.id] = _with(pop, tuple(node for node in pop.nodes if node != gone))
        elif way < 0.85:
            name = PopId(f"pop-{number}")
            nodes = (NodeId(f"{name}-n0"), NodeId(f"{name}-n1"))
            pops[name] = msgspec.structs.replace(_with(pop, nodes), id=name, version=0)
        elif pop.id != practice.PILOT and not any(pop.id in group.members for group in fleet.groups.values()):
            del pops[pop.id]
        return msgspec.structs.replace(fleet, pops=pops)


def _with(pop: Pop, nodes: tuple[NodeId, ...]) -> Pop:
    """With a load of which it can spare a node."""
    return msgspec.structs.replace(pop, nodes=nodes, load=min(pop.load, 0.4))


def _members(fleet: Fleet) -> list[NodeId]:
    return [node for pop in fleet.pops.values() for node in pop.nodes]


@pytest.mark.parametrize("first", [0, 4, 8, 12])
def test_every_guard_holds_while_nodes_and_pops_join_and_leave(first: int) -> None:
    changes, joiners = 0, 0
    for seed in range(first, first + 4):
        history = Refitted(seed)
        outcome = history.play()
        assert not outcome.broken, (seed, outcome.broken, history.changes)
        changes += len([change for change in history.changes if not change.startswith("refused")])
        with history.house.store.read() as view:
            joiners += len([item for item in view.find(Reported) if "-n10" in item.node])
    assert changes > 4
    assert joiners, "some that joined have reported"
