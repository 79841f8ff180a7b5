"""Mirror: what stands in the store now, what stood there before, and what did the last commits change?"""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.model.fleet import Cordon, Desired, Pop, Quarantine, Reported, Retired
from wavetrain.model.record import Record
from wavetrain.model.rollout import Rollout, Slot, Turn, Wave

R = TypeVar("R", bound=Record)


class Line(Protocol):
    """One change: which record, and what it became."""

    @property
    def kind(self) -> str: ...
    @property
    def key(self) -> tuple[str, ...]: ...
    @property
    def record(self) -> Record | None: ...


class Mirror:
    """The records by kind and key, kept up from the store's changes; no code of the house is asked."""

    def __init__(self) -> None:
        self.sequence = 0
        self.held: dict[str, dict[tuple[str, ...], Record]] = {}
        self.moved: list[tuple[Record | None, Record | None]] = []
        """Before and after of every record that the last follow saw changed; the first and the last state of it."""

    def follow(self, store: MemoryStore) -> None:
        """Take in all changes since the last time."""
        with store.read() as view:
            changes = view.changes(self.sequence)
            self.sequence = view.sequence
        self.take(changes)

    def take(self, changes: Iterable["Line"]) -> None:
        """Take in these changes, which follow the last ones."""
        first: dict[tuple[str, tuple[str, ...]], Record | None] = {}
        for change in changes:
            table = self.held.setdefault(change.kind, {})
            first.setdefault((change.kind, change.key), table.get(change.key))
            if change.record is None:
                table.pop(change.key, None)
            else:
                table[change.key] = change.record
        self.moved = [(before, self.held[kind].get(key)) for (kind, key), before in first.items()]

    def all(self, kind: type[R]) -> list[R]:
        """Every record of a kind."""
        return list(self.held.get(kind.__name__, {}).values())  # type: ignore[arg-type]

    def get(self, kind: type[R], *key: str) -> R | None:
        """One record, or None."""
        return self.held.get(kind.__name__, {}).get(key)  # type: ignore[return-value]

    def changed(self, kind: type[R]) -> list[tuple[R | None, R | None]]:
        """Before and after of the records of a kind that changed."""
        return [pair for pair in self.moved if isinstance(pair[0] or pair[1], kind)]  # type: ignore[misc]

    def before(self, kind: type[R], *key: str) -> R | None:
        """A record as it was before the last follow."""
        for old, new in self.moved:
            known = old or new
            if isinstance(known, kind) and known.key == key:
                return old  # type: ignore[return-value]
        return self.get(kind, *key)

    def out_of(self, pop: Pop) -> set[str]:
        """The nodes of a PoP that serve nothing, or are about to: what the control plane can know of it."""
        members: set[str] = set(pop.nodes)
        out: set[str] = {slot.owner for slot in self.all(Slot)}
        out |= {item.node for item in self.all(Quarantine)} | {item.node for item in self.all(Retired)}
        out |= {item.subject for item in self.all(Cordon)}
        out |= {
            item.node
            for item in self.all(Reported)
            if item.phase.value in ("draining", "updating", "verifying", "returning", "failed")
        }
        return members & out

    def is_out(self, pop: Pop, headroom: float, now: datetime) -> bool:
        """Whether the rest of a PoP's nodes cannot carry its load of this hour times the headroom."""
        left = len(pop.nodes) - len(self.out_of(pop))
        return left / len(pop.nodes) + 1e-9 < min(1.0, load_at(pop, now) * headroom)

    def rollout_of(self, told: Desired) -> Rollout | None:
        """The rollout that an instruction belongs to."""
        return self.get(Rollout, told.rollout) if told.rollout else None

    def turns_of(self, rollout: str) -> list[Turn]:
        """Its turns."""
        return [turn for turn in self.all(Turn) if turn.rollout == rollout]

    def waves_of(self, rollout: str) -> list[Wave]:
        """Its waves."""
        return [wave for wave in self.all(Wave) if wave.rollout == rollout]


def is_step(before: Record | None, after: Record | None) -> bool:
    """Whether something came nearer to its end; a window that is missed again is none."""
    match before, after:
        case Rollout(), Rollout():
            return before.status is not after.status or before.wave != after.wave
        case Turn(), Turn():
            return before.phase is not after.phase or before.progress != after.progress
        case _:
            return isinstance(before or after, Rollout | Turn)


def difference(before: Record | None, after: Record | None) -> str:
    """What changed of a record, for people."""
    if before is None or after is None:
        return f"{type(before or after).__name__} {'come' if before is None else 'go'}: {before or after}"
    changed = [
        f"{name} {getattr(before, name)!r} into {getattr(after, name)!r}"
        for name in before.__struct_fields__
        if name != "version" and getattr(before, name) != getattr(after, name)
    ]
    return f"{type(after).__name__} {'/'.join(after.key)} {'; '.join(changed)}"


def load_at(pop: Pop, now: datetime) -> float:
    """The forecast load of a PoP at an instant: of the hour on its own clock, where that is known."""
    return pop.hours[now.astimezone(ZoneInfo(pop.zone)).hour] if pop.hours else pop.load
