"""Touched: a dictionary of thousands of which one decision changes a few; which of them were they?"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Touched(dict[K, V]):
    """A copy of a mapping that remembers the keys set since; nothing is taken out of it but all at once.

    For what is read whole again and again, as fast as any dictionary: an `Overlay` is not copied, and slower to read.
    """

    def __init__(self, base: Mapping[K, V]) -> None:
        super().__init__(base)
        self.touched: set[K] = set()
        """Every key that was set, whether or not to another value."""

    def __setitem__(self, key: K, value: V) -> None:
        self.touched.add(key)
        super().__setitem__(key, value)

    def update(self, pairs: Iterable[tuple[K, V]]) -> None:  # type: ignore[override]
        """Set each of these."""
        for key, value in pairs:
            self[key] = value

    def __delitem__(self, key: K) -> None:
        raise TypeError(f"{key} cannot be taken out by itself")

    def pop(self, key: K, *_: Any) -> Any:
        """Not to be asked for."""
        del self[key]

    def setdefault(self, key: K, default: Any = None) -> Any:
        """Set it where it is not."""
        if key not in self:
            self[key] = default
        return self[key]
