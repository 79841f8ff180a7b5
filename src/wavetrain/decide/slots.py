"""Slots: which disruption slots does a budget, a PoP or a unit hold?"""

from collections.abc import Iterable, Iterator

from wavetrain.model.fleet import PopId, UnitId
from wavetrain.model.rollout import Slot

Key = tuple[str, ...]
_NONE: dict[Key, Slot] = {}


class Slots:
    """Slots by key, found by budget, PoP and owner without looking at the others.

    A draft works on a layer over the facts' own slots: what it gives out and takes back is seen there alone.
    """

    __slots__ = ("_base", "_budgets", "_gone", "_moves", "_owners", "_pops", "added")

    def __init__(self, slots: Iterable[Slot] = (), base: "Slots | None" = None) -> None:
        self._base = base
        self._gone: set[Key] = set()
        self._moves: dict[PopId, int] = {}
        self._pops: dict[PopId, dict[Key, Slot]] = {}
        self._owners: dict[UnitId, dict[Key, Slot]] = {}
        self._budgets: dict[str, dict[Key, Slot]] = {}
        self.added: dict[Key, Slot] = {}
        """The slots of this layer, in the order in which they were taken."""
        for slot in slots:
            self.take(slot)

    def layer(self) -> "Slots":
        """These slots, to be changed without touching them."""
        return Slots(base=self)

    def take(self, slot: Slot) -> None:
        """A slot is owned; the same one again replaces it."""
        key = slot.key
        if key in self.added:
            self._forget(self.added[key])
        self.added[key] = slot
        self._moves[slot.pop] = self._moves.get(slot.pop, 0) + 1
        self._pops.setdefault(slot.pop, {})[key] = slot
        self._owners.setdefault(slot.owner, {})[key] = slot
        self._budgets.setdefault(slot.budget, {})[key] = slot

    def free(self, slot: Slot) -> None:
        """A slot is owned no more."""
        key = slot.key
        self._moves[slot.pop] = self._moves.get(slot.pop, 0) + 1
        if key in self.added:
            self._forget(self.added[key])
        if self._base is not None and self._base.has(key):
            self._gone.add(key)

    def has(self, key: Key) -> bool:
        """Whether a slot is owned."""
        return key in self.added or (key not in self._gone and self._base is not None and self._base.has(key))

    def get(self, key: Key) -> Slot | None:
        """The slot under a key, if it is owned."""
        if key in self.added:
            return self.added[key]
        return None if self._base is None or key in self._gone else self._base.get(key)

    def below(self, key: Key) -> Slot | None:
        """The slot under a key as the layers below have it."""
        return self._base.get(key) if self._base is not None else None

    def gone(self) -> list[Slot]:
        """The slots of the layers below that were given back here, in key order; one taken again is none."""
        keys = [key for key in self._gone if key not in self.added]
        found = [slot for key in keys if (slot := self.below(key)) is not None]
        return sorted(found, key=lambda slot: (slot.budget, slot.ordinal))

    def of_pop(self, pop: PopId) -> list[Slot]:
        """Those that units of a PoP own."""
        return self._found(self._pops.get(pop, _NONE), self._base.of_pop(pop) if self._base else [])

    def of_owner(self, unit: UnitId) -> list[Slot]:
        """Those that a unit owns."""
        return self._found(self._owners.get(unit, _NONE), self._base.of_owner(unit) if self._base else [])

    def of_budget(self, budget: str) -> list[Slot]:
        """Those of a budget that are owned."""
        return self._found(
            self._budgets.get(budget, _NONE), self._base.of_budget(budget) if self._base else []
        )

    def moves(self, pop: PopId) -> int:
        """How often a slot of a PoP was taken or given back in this layer."""
        return self._moves.get(pop, 0)

    @property
    def moved(self) -> int:
        """How often any was."""
        return sum(self._moves.values())

    def is_busy(self, pop: PopId) -> bool:
        """Whether a unit of a PoP owns one."""
        return pop in self._pops or (self._base is not None and bool(self.of_pop(pop)))

    def __iter__(self) -> Iterator[Slot]:
        """All of them, in key order."""
        below = (
            [slot for slot in self._base if not self._is_hidden(slot.key)] if self._base is not None else []
        )
        yield from sorted([*below, *self.added.values()], key=lambda slot: (slot.budget, slot.ordinal))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _found(self, mine: dict[Key, Slot], below: list[Slot]) -> list[Slot]:
        if self._gone or self.added:
            below = [slot for slot in below if not self._is_hidden(slot.key)]
        return [*below, *mine.values()]

    def _is_hidden(self, key: Key) -> bool:
        return key in self._gone or key in self.added

    def _forget(self, slot: Slot) -> None:
        key = slot.key
        del self.added[key]
        for index, place in (
            (self._pops, slot.pop),
            (self._owners, slot.owner),
            (self._budgets, slot.budget),
        ):
            held: dict[Key, Slot] = index[place]  # type: ignore[index]
            del held[key]
            if not held:
                del index[place]  # type: ignore[arg-type]
