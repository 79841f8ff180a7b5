"""Ground: what stands in the store now, kept up change by change?

It is what the sentinel looks at: no code of the house is asked, and following costs what has changed.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from wavetrain.control.ports import View
from wavetrain.model.fleet import Cordon, Desired, Fleet, Pop, PopId, Quarantine, Reported, Retired
from wavetrain.model.policy import Policy, PolicyText
from wavetrain.model.record import Record
from wavetrain.model.release import Tombstone
from wavetrain.model.rollout import Rollout, Slot, Turn, TurnPhase, Wave
from wavetrain.model.window import Freeze
from wavetrain.simulate.mirror import Line, load_at

R = TypeVar("R", bound=Record)
Pair = tuple[Any, Any]

OUT = frozenset({"draining", "updating", "verifying", "returning", "failed"})
UNDER_WAY = frozenset({TurnPhase.PLACEBO, TurnPhase.CANARY, TurnPhase.BAKING, TurnPhase.REST, TurnPhase.BACK})
KEPT: tuple[type[Record], ...] = (
    Rollout,
    Wave,
    Turn,
    Slot,
    Desired,
    Reported,
    Quarantine,
    Cordon,
    Retired,
    Freeze,
    Tombstone,
    PolicyText,
)


WIDE = frozenset({"Reported", "Desired"})
"""Kinds with a record for each node: kept under the node's name."""


class Found(NamedTuple):
    """A record that was there."""

    kind: str
    key: tuple[str, ...]
    record: Record | None


class Ground:
    """Records by key, with what is asked of them by PoP, owner and wave."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.sequence = 0
        self.held: dict[str, dict[tuple[str, ...], Any]] = {
            kind.__name__: {} for kind in KEPT if kind.__name__ not in WIDE
        }
        self.reported: dict[str, Reported] = {}
        self.orders: dict[str, Any] = {}
        self.slots_of: dict[str, dict[tuple[str, ...], Slot]] = {}
        self.owners: dict[str, int] = {}
        """How many slots each unit owns."""
        self.busy: dict[str, set[str]] = {}
        """By PoP: the nodes that say that they serve nothing."""
        self.lost: dict[str, dict[str, Quarantine]] = {}
        """By PoP: the quarantined."""
        self.moving: dict[str, int] = {}
        """The units in progress, each with the number of turns that say so."""
        self.silent: dict[tuple[str, int], set[str]] = {}
        """By rollout and wave: the PoPs that wait and say no reason."""
        self.under_way: dict[PopId, Turn] = {}
        """The turn of each PoP where something moves, bakes or goes back."""
        self.moved: dict[tuple[str, tuple[str, ...]], Pair] = {}
        """Before and after of what the last batches changed, until `settle`."""

    def load(self, view: View) -> None:
        """Begin with what a view shows; everything in it counts as seen."""
        for kind in KEPT:
            self.take(Found(kind.__name__, record.key, record) for record in view.find(kind))
        self.sequence = view.sequence
        self.settle()

    def take(self, changes: Iterable[Line]) -> None:
        """Follow these changes; each must follow the last."""
        for change in changes:
            kind, key, record = change.kind, change.key, change.record
            if kind == "Reported":
                before: Any = self.reported.get(key[0])
                self._said(before, record)
            elif kind == "Desired":
                before = self.orders.get(key[0])
                if record is None:
                    self.orders.pop(key[0], None)
                else:
                    self.orders[key[0]] = record
            elif kind in self.held:
                before = self.held[kind].get(key)
                self._set(kind, key, record)
                self._index(kind, key, before, record)
            else:
                continue
            first = self.moved.get((kind, key))
            self.moved[kind, key] = (before if first is None else first[0], record)

    def settle(self) -> None:
        """What has changed so far was looked at."""
        self.moved = {}

    def changed(self, kind: type[R]) -> list[tuple[R | None, R | None]]:
        """Before and after of the records of a kind since `settle`."""
        name = kind.__name__
        return [pair for (known, _), pair in self.moved.items() if known == name]

    def all(self, kind: type[R]) -> list[R]:
        """Every record of a kind; not for `WIDE`."""
        return list(self.held[kind.__name__].values())

    def get(self, kind: type[R], *key: str) -> R | None:
        """One record, or None; not for `WIDE`."""
        return self.held[kind.__name__].get(key)

    def before(self, kind: type[R], *key: str) -> R | None:
        """A record as it was at the last `settle`."""
        pair = self.moved.get((kind.__name__, key))
        return pair[0] if pair is not None else self.get(kind, *key)

    def policy(self, rollout: Rollout) -> Policy:
        """The policy that a rollout is pinned to."""
        text = self.get(PolicyText, rollout.policy)
        assert text is not None
        return text.policy

    def out_of(self, pop: Pop) -> set[str]:
        """The nodes of a PoP that serve nothing, or are about to: what the control plane can know of it."""
        out = {slot.owner for slot in self.slots_of.get(pop.id, {}).values()} | self.busy.get(pop.id, set())
        out |= self.lost.get(pop.id, {}).keys()
        people = self.held["Cordon"].keys() | self.held["Retired"].keys()
        if people:
            out |= {node for node in pop.nodes if (node,) in people}
        return out & pop.members

    def is_out(self, pop: Pop, headroom: float, now: datetime) -> bool:
        """Whether the rest of a PoP's nodes cannot carry its load of this hour times the headroom."""
        left = len(pop.nodes) - len(self.out_of(pop))
        return left / len(pop.nodes) + 1e-9 < min(1.0, load_at(pop, now) * headroom)

    def _set(self, kind: str, key: tuple[str, ...], record: Record | None) -> None:
        if record is None:
            self.held[kind].pop(key, None)
        else:
            self.held[kind][key] = record

    def _said(self, before: Reported | None, after: Any) -> None:
        node = (before or after).node
        if after is None:
            del self.reported[node]
        else:
            self.reported[node] = after
        was = before is not None and before.phase.value in OUT
        now = after is not None and after.phase.value in OUT
        if was and before is not None and (not now or before.pop != after.pop):
            self.busy[before.pop].discard(node)
        if now:
            self.busy.setdefault(after.pop, set()).add(node)

    def _index(self, kind: str, key: tuple[str, ...], before: Any, after: Any) -> None:
        if kind == "Slot":
            self._slot(key, before, after)
        elif kind == "Turn":
            self._turn(before, after)
        elif kind == "Quarantine":
            if before is not None:
                self.lost[before.pop].pop(before.node, None)
            if after is not None:
                self.lost.setdefault(after.pop, {})[after.node] = after

    def _slot(self, key: tuple[str, ...], before: Slot | None, after: Slot | None) -> None:
        if before is not None:
            self.slots_of[before.pop].pop(key, None)
            _less(self.owners, before.owner)
        if after is not None:
            self.slots_of.setdefault(after.pop, {})[key] = after
            self.owners[after.owner] = self.owners.get(after.owner, 0) + 1

    def _turn(self, before: Turn | None, after: Turn | None) -> None:
        if before is None or after is None or before.progress is not after.progress:
            for item in before.progress if before is not None else ():
                _less(self.moving, item.unit)
            for item in after.progress if after is not None else ():
                self.moving[item.unit] = self.moving.get(item.unit, 0) + 1
        if before is not None:
            self.silent[before.rollout, before.wave].discard(before.pop)
        if after is None:
            return
        silent = self.silent.setdefault((after.rollout, after.wave), set())
        if after.hold is None and after.phase is not TurnPhase.DONE:
            silent.add(after.pop)
        if after.phase in UNDER_WAY:
            self.under_way[after.pop] = after
        elif before is not None and self.under_way.get(after.pop) is before:
            del self.under_way[after.pop]


def _less(counts: dict[str, int], name: str) -> None:
    if counts.get(name, 0) > 1:
        counts[name] -= 1
    else:
        counts.pop(name, None)
