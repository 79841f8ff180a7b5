"""Turnover: which nodes join the practice fleet in the middle of a history, and which leave it?"""

from collections.abc import Iterable

import msgspec

from wavetrain.control import fleets
from wavetrain.control.facts import fleet_of
from wavetrain.decide import work
from wavetrain.decide.permit import Caller
from wavetrain.errors import RefusedError
from wavetrain.model.access import Role
from wavetrain.model.fleet import Fleet, NodeId, Pop
from wavetrain.model.lane import CONTENT
from wavetrain.simulate import practice
from wavetrain.simulate.house import House
from wavetrain.simulate.nature import Nature
from wavetrain.simulate.nodes import ContentUnit, SimNode

CHANCE = 0.005
"""Per tick, until persons leave a history to itself."""
BOUGHT = (practice.BASELINE, practice.BASELINE, "0.9.0", "")
"""What a machine runs that joins: what machines are set up with, something older, or nothing."""
HEADROOM = 1.1
OLGA = Caller("olga", (Role.OPERATOR, Role.VIEWER))


class Turnover:
    """Applies a fleet with one node more, or one less, now and then; the machine comes or goes with it."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._nature: Nature = house.nature
        self._count = 0
        self.done: list[str] = []

    def turn(self) -> SimNode | None:
        """Perhaps change the fleet; the node that has joined, or None."""
        if self._nature.stream("turnover").random() >= CHANCE:
            return None
        name = self._nature.next_of("fleet")
        if not self._nature.lets(name):
            return None
        random = self._nature.stream(name)
        with self._house.store.read() as view:
            fleet = fleet_of(view)
        pops = sorted(fleet.pops.values(), key=lambda pop: pop.id)
        spare = [pop for pop in pops if _can_lose_one(pop)]
        if spare and random.random() < 0.5:
            pop = random.choice(spare)
            self._leave(fleet, pop, random.choice(pop.nodes))
            return None
        return self._join(fleet, random.choice(pops), random.choice(BOUGHT))

    def _leave(self, fleet: Fleet, pop: Pop, node: NodeId) -> None:
        others = tuple(other for other in pop.nodes if other != node)
        if self._apply(fleet, pop, others, f"{node} leaves {pop.id}"):
            self._house.nodes.pop(node)
            self._house.contents.pop(NodeId(node + CONTENT.suffix))
            self._house.channel.forget(node)

    def _join(self, fleet: Fleet, pop: Pop, running: str) -> SimNode | None:
        self._count += 1
        node = NodeId(f"{pop.id}-new{self._count}")
        if not self._apply(
            fleet, pop, (*pop.nodes, node), f"{node} joins {pop.id} with {running or 'nothing'}"
        ):
            return None
        made = self._house.nodes[node] = SimNode(node, pop.id, running, self._nature)
        unit = NodeId(node + CONTENT.suffix)
        self._house.contents[unit] = ContentUnit(unit, made, practice.BASELINE)
        return made

    def _apply(self, fleet: Fleet, pop: Pop, nodes: Iterable[NodeId], text: str) -> bool:
        """Whether the fleet was applied; a refusal is an answer too."""
        after = msgspec.structs.replace(fleet, pops=fleet.pops | {pop.id: pop.changed(nodes=tuple(nodes))})
        try:
            if not self._house.survive(lambda: fleets.apply(self._house.store, OLGA, after), again=True):
                return False  # the second process has died in it as well
        except RefusedError as error:
            self._house.told(f"refused: {error}")
            return False
        self.done.append(text)
        self._house.told(text)
        return True


def _can_lose_one(pop: Pop) -> bool:
    """Whether those that stay can spare a node: else nothing could ever be done there any more."""
    return len(pop.nodes) > 2 and bool(work.spared(len(pop.nodes) - 1, pop.load, HEADROOM))
