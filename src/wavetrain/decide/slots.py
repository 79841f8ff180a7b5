"""Slots: which disruption slots does a budget, a PoP or a unit hold?"""

from collections.abc import Collection, Iterable, Iterator

from wavetrain.model.fleet import PopId, UnitId
from wavetrain.model.rollout import Slot

Key = tuple[str, ...]
Index = dict[str, dict[Key, Slot]]
_NONE: dict[Key, Slot] = {}
PLACE, OWNER, BUDGET = range(3)


class Slots:
    """Slots by key, found by budget, PoP and owner without looking at the others.

    A draft works on a layer over the facts' own slots: what it gives out and takes back is seen there alone. A layer
    copies the few slots of a budget, PoP or owner when it first changes one of them.
    """

    __slots__ = ("_base", "_gone", "_indices", "_moves", "added", "moved", "turned")

    def __init__(self, slots: Iterable[Slot] = (), base: "Slots | None" = None) -> None:
        self._base = base
        self._gone: set[Key] = set()
        self._moves: dict[PopId, int] = {}
        self._indices: tuple[Index, Index, Index] = ({}, {}, {})
        self.moved = 0
        """How often any slot was taken or given back in this layer."""
        self.turned = 0
        """How often a PoP came to own its first slot, or gave back its last, in this layer."""
        self.added: dict[Key, Slot] = {}
        """The slots of this layer, in the order in which they were taken."""
        for slot in slots:
            self.take(slot)

    def layer(self) -> "Slots":
        """These slots, to be changed without touching them."""
        return Slots(base=self)

    def take(self, slot: Slot) -> None:
        """A slot is owned; the same one again replaces it."""
        key, was_busy = slot.key, self.is_busy(slot.pop)
        before = self.get(key)
        if before is not None:
            self._forget(key, before)
        self.added[key] = slot
        for held in self._own(slot):
            held[key] = slot
        self._count(slot.pop, was_busy)

    def free(self, slot: Slot) -> None:
        """A slot is owned no more."""
        key, was_busy = slot.key, self.is_busy(slot.pop)
        before = self.get(key)
        if before is None:
            return
        self._forget(key, before)
        self.added.pop(key, None)
        if self.below(key) is not None:
            self._gone.add(key)
        self._count(slot.pop, was_busy)

    def get(self, key: Key) -> Slot | None:
        """The slot under a key, if it is owned."""
        found = self.added.get(key)
        if found is not None:
            return found
        return None if self._base is None or key in self._gone else self._base.get(key)

    def below(self, key: Key) -> Slot | None:
        """The slot under a key as the layers below have it."""
        return self._base.get(key) if self._base is not None else None

    def gone(self) -> list[Slot]:
        """The slots of the layers below that were given back here, in key order; one taken again is none."""
        keys = [key for key in self._gone if key not in self.added]
        found = [slot for key in keys if (slot := self.below(key)) is not None]
        return sorted(found, key=_place)

    def of_pop(self, pop: PopId) -> Collection[Slot]:
        """Those that units of a PoP own."""
        return self._in(PLACE, pop).values()

    def of_owner(self, unit: UnitId) -> Collection[Slot]:
        """Those that a unit owns."""
        return self._in(OWNER, unit).values()

    def of_budget(self, budget: str) -> Collection[Slot]:
        """Those of a budget that are owned."""
        return self._in(BUDGET, budget).values()

    def moves(self, pop: PopId) -> int:
        """How often a slot of a PoP was taken or given back in this layer."""
        return self._moves.get(pop, 0)

    def is_busy(self, pop: PopId) -> bool:
        """Whether a unit of a PoP owns one."""
        return bool(self._in(PLACE, pop))

    def __iter__(self) -> Iterator[Slot]:
        """All of them, in key order."""
        below = [] if self._base is None else [slot for slot in self._base if self.get(slot.key) is slot]
        yield from sorted([*below, *self.added.values()], key=_place)

    def _in(self, index: int, name: str) -> dict[Key, Slot]:
        """The slots under a name: this layer's own where it has changed one of them, else those below."""
        found = self._indices[index].get(name)
        if found is not None:
            return found
        return self._base._in(index, name) if self._base is not None else _NONE  # noqa: SLF001 - its own kind

    def _own(self, slot: Slot) -> list[dict[Key, Slot]]:
        """The slots under each of its names, this layer's own to change."""
        made = []
        for index, name in enumerate((slot.pop, slot.owner, slot.budget)):
            mine = self._indices[index]
            held = mine.get(name)
            if held is None:
                held = mine[name] = dict(self._in(index, name))
            made.append(held)
        return made

    def _forget(self, key: Key, slot: Slot) -> None:
        for held in self._own(slot):
            held.pop(key, None)
        if self._base is None:
            for index, name in enumerate((slot.pop, slot.owner, slot.budget)):
                if not self._indices[index][name]:
                    del self._indices[index][name]

    def _count(self, pop: PopId, was_busy: bool) -> None:
        self.moved += 1
        self._moves[pop] = self._moves.get(pop, 0) + 1
        if self.is_busy(pop) != was_busy:
            self.turned += 1


def _place(slot: Slot) -> tuple[str, int]:
    return slot.budget, slot.ordinal
