"""Memory table: the records of one kind in memory, by key with an index for every lookup field."""

from collections.abc import Iterable, Mapping
from typing import Any

from wavetrain.adapters.kinds import Ident, Shape
from wavetrain.model.record import Record


class MemoryTable:
    """Records by identity. `owner` is the state that may change it in place; every other one copies first."""

    __slots__ = ("_order", "_places", "owner", "records", "shape")

    def __init__(self, shape: Shape, owner: object) -> None:
        self.shape = shape
        self.owner = owner
        self.records: dict[Ident, Record] = {}
        self._places: dict[str, dict[str | int, set[Ident]]] = {name: {} for name in shape.index}
        self._order: list[Ident] | None = []

    def copy(self, owner: object) -> "MemoryTable":
        """The same records, for another owner to change."""
        other = MemoryTable(self.shape, owner)
        other.records = dict(self.records)
        other._places = {
            name: {value: set(idents) for value, idents in places.items()}
            for name, places in self._places.items()
        }
        other._order = None
        return other

    def apply(self, written: Mapping[Ident, Record | None]) -> None:
        """Insert, replace, or remove where the value is None."""
        records = self.records
        for ident, record in written.items():
            older = records.get(ident)
            if record is None:
                if older is not None:
                    del records[ident]
                    self._order = None
            else:
                records[ident] = record
                if older is None:
                    self._order = None
            for name, places in self._places.items():
                self._move(
                    places,
                    ident,
                    getattr(older, name) if older is not None else None,
                    getattr(record, name) if record is not None else None,
                )

    @staticmethod
    def _move(places: dict[str | int, set[Ident]], ident: Ident, older: Any, newer: Any) -> None:
        if older == newer:
            return
        if older is not None:
            idents = places[older]
            idents.remove(ident)
            if not idents:
                del places[older]
        if newer is not None:
            places.setdefault(newer, set()).add(ident)

    def find(
        self, equal: Mapping[str, str | int], written: Mapping[Ident, Record | None] | None
    ) -> list[Any]:
        """The records with these field values, in key order, as if `written` were applied already."""
        if not equal and not written:
            return [self.records[ident] for ident in self._ordered()]
        found = self._matching(equal)
        if written:
            found = [(ident, record) for ident, record in found if ident not in written]
            found += [
                (ident, record)
                for ident, record in written.items()
                if record is not None and all(getattr(record, name) == value for name, value in equal.items())
            ]
        found.sort(key=_ident)
        return [record for _, record in found]

    def _ordered(self) -> list[Ident]:
        order = self._order
        if order is None:
            # Set once complete: a view in another thread may be sorting the same table at this moment.
            self._order = order = sorted(self.records)
        return order

    def _matching(self, equal: Mapping[str, str | int]) -> list[tuple[Ident, Record]]:
        records = self.records
        if not equal:
            return list(records.items())
        sets: list[Iterable[Ident]] = []
        for name, value in equal.items():
            if name in self._places:
                sets.append(self._places[name].get(value, ()))
            else:  # the only key field
                sets.append((value,) if value in records else ())
        smallest = min(sets, key=len)  # type: ignore[arg-type]
        return [
            (ident, record)
            for ident in smallest
            if all(getattr(record := records[ident], name) == value for name, value in equal.items())
        ]


def _ident(found: tuple[Ident, Record]) -> Ident:
    return found[0]
