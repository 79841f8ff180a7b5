"""Overlay: facts with the changes of one decision laid over them; the facts themselves stay as they are."""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Overlay(MutableMapping[K, V], Generic[K, V]):
    """A mapping over another one. Costs what was changed, not what there is."""

    __slots__ = ("base", "changed", "gone")

    def __init__(self, base: Mapping[K, V]) -> None:
        self.base = base
        self.changed: dict[K, V] = {}
        """What was set, in the order in which it was first set."""
        self.gone: set[K] = set()

    def __getitem__(self, key: K) -> V:
        if key in self.changed:
            return self.changed[key]
        if key in self.gone:
            raise KeyError(key)
        return self.base[key]

    def get(self, key: K, default: V | None = None) -> V | None:  # type: ignore[override]
        """What stands under a key now."""
        found = self.changed.get(key)
        if found is not None:
            return found
        return default if self.gone and key in self.gone else self.base.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self.changed or (key in self.base and key not in self.gone)

    def __setitem__(self, key: K, value: V) -> None:
        self.changed[key] = value
        self.gone.discard(key)

    def __delitem__(self, key: K) -> None:
        if key not in self:
            raise KeyError(key)
        self.changed.pop(key, None)
        if key in self.base:
            self.gone.add(key)

    def __iter__(self) -> Iterator[K]:
        for key in self.base:
            if key not in self.gone:
                yield key
        for key in self.changed:
            if key not in self.base:
                yield key

    def __len__(self) -> int:
        return len(self.base) - len(self.gone) + sum(key not in self.base for key in self.changed)
