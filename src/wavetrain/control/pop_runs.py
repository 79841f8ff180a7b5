"""PoP runs: what does each PoP run now, as features' coverage looks at it?"""

from collections.abc import Collection, Iterable
from typing import cast

from wavetrain.control.bans import Banned, banned
from wavetrain.control.ports import Change, View
from wavetrain.decide import coverage
from wavetrain.decide.coverage import Back, Catalogue, Runs
from wavetrain.model.fleet import Desired, Pop, PopId, Quarantine, Reported, Retired
from wavetrain.model.lane import node_of
from wavetrain.model.record import Record
from wavetrain.model.release import Floor, Release, Tombstone
from wavetrain.model.rollout import Rollout, RolloutId, Status, Turn

NOTHING: Runs = frozenset()
_OF_NODES: dict[str, type[Reported | Desired | Quarantine]] = {
    kind.__name__: kind for kind in (Reported, Desired, Quarantine)
}


class PopRuns:
    """By PoP, as of the view that was last followed. Costs what has changed: the records of a PoP are read anew."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self._runs: dict[PopId, Runs] = {}
        self._backs: dict[RolloutId, Rollout] = {}
        """The rollouts that go back now."""
        self._home: dict[str, PopId] = {}
        self._bans: dict[str, Banned] = {}
        """By component of those rollouts."""

    def of(self, pop: PopId) -> Runs:
        """What a PoP runs; nothing where there is none of this name."""
        return self._runs.get(pop, NOTHING)

    @property
    def pops(self) -> Iterable[PopId]:
        """Those of the fleet."""
        return self._runs.keys()

    def load(self, view: View, only: Collection[PopId] | None = None) -> None:
        """Everything, from the records; or these PoPs alone, to be asked once."""
        self.catalogue = Catalogue(view.find(Release))
        self._backs = {one.id: one for one in view.find(Rollout, status=Status.REVERTING.value)}
        self._ban(view)
        retired = frozenset(one.node for one in view.find(Retired))
        if only is not None:
            pops = [pop for name in only if (pop := view.get(Pop, name)) is not None]
            self._runs = {pop.id: self._read(view, pop, retired) for pop in pops}
            return
        said: dict[PopId, list[Reported]] = {}
        for one in view.find(Reported):
            said.setdefault(one.pop, []).append(one)
        told: dict[PopId, list[Desired]] = {}
        for order in view.find(Desired):
            told.setdefault(order.pop, []).append(order)
        pops = view.find(Pop)
        self._home = {node: pop.id for pop in pops for node in pop.nodes}
        self._runs = {
            pop.id: self._made(view, pop, said.get(pop.id, []), told.get(pop.id, []), retired) for pop in pops
        }

    def follow(self, view: View, changes: Iterable[Change]) -> set[PopId] | None:
        """Take in what has changed; the PoPs that run otherwise, or None where it may be any."""
        dirty: set[PopId] = set()
        is_any = is_all = False
        for change in changes:
            if change.kind == Release.__name__:
                record = change.record
                is_any |= isinstance(record, Release) and self.catalogue.take(record)
            elif change.kind == Pop.__name__:
                is_all = True
            else:
                dirty |= self._touched(view, change)
        if is_all:
            self.load(view)
            return None
        if dirty:
            self._ban(view)
        retired = frozenset(one.node for one in view.find(Retired)) if dirty else frozenset()
        others: set[PopId] = set()
        for name in dirty:
            pop = view.get(Pop, name)
            if pop is None:
                continue
            made = self._read(view, pop, retired)
            if made != self._runs.get(name):
                others.add(name)
                self._runs[name] = made
        return None if is_any else others

    def _touched(self, view: View, change: Change) -> set[PopId]:
        """The PoPs that may run otherwise after a change."""
        kind, name = change.kind, change.key[0]
        if kind in _OF_NODES or kind == Retired.__name__:
            home = self._home.get(node_of(name))
            return {home} if home is not None else set()
        if kind == Turn.__name__ and name in self._backs:
            return {PopId(change.key[1])}
        if kind == Rollout.__name__:
            return self._turned(view, RolloutId(name), cast("Rollout | None", change.record))
        if kind in (Tombstone.__name__, Floor.__name__):
            return {pop for rollout in self._backs for pop in _reached(view, rollout)}
        return set()

    def _turned(self, view: View, name: RolloutId, rollout: Rollout | None) -> set[PopId]:
        """The PoPs of a rollout that goes back since now, or does so no more."""
        is_back = rollout is not None and rollout.status is Status.REVERTING
        was_back = name in self._backs
        if rollout is not None and is_back:
            self._backs[name] = rollout
        elif was_back:
            del self._backs[name]
        return _reached(view, name) if is_back != was_back else set()

    def _ban(self, view: View) -> None:
        self._bans = {one.component: banned(view, one.component) for one in self._backs.values()}

    def _read(self, view: View, pop: Pop, retired: frozenset[str]) -> Runs:
        return self._made(view, pop, view.find(Reported, pop=pop.id), view.find(Desired, pop=pop.id), retired)

    def _made(
        self, view: View, pop: Pop, said: list[Reported], told: list[Desired], retired: frozenset[str]
    ) -> Runs:
        lost = {one.node: one for one in view.find(Quarantine, pop=pop.id)}
        back = []
        for rollout in self._backs.values():
            turn = view.get(Turn, rollout.id, pop.id)
            if turn is not None and turn.cursor:
                back.append(Back(rollout, turn, self._bans[rollout.component].has))
        return coverage.runs(pop, said, {one.node: one for one in told}, lost, retired, back)


def _reached(view: View, rollout: str) -> set[PopId]:
    return {turn.pop for turn in view.find(Turn, rollout=rollout) if turn.cursor}


WATCHED: frozenset[str] = frozenset(
    kind.__name__
    for kind in cast(
        "tuple[type[Record], ...]",
        (*_OF_NODES.values(), Retired, Turn, Rollout, Release, Pop, Tombstone, Floor),
    )
)
"""The kinds whose changes may make a PoP run otherwise."""
