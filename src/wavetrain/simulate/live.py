"""Live: which guards does a running control plane break? Its store is followed commit by commit, from outside."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import msgspec

from wavetrain.adapters.kinds import Shapes
from wavetrain.adapters.sql_store import SqlStore
from wavetrain.model.ledger import LEDGER, Ledger
from wavetrain.model.record import Record
from wavetrain.simulate import invariants
from wavetrain.simulate.invariants import Guard, Seen
from wavetrain.simulate.mirror import Mirror

STEPS: tuple[Guard, ...] = (
    invariants.g1,
    invariants.g3,
    invariants.g4,
    invariants.g6,
    invariants.g10,
    invariants.g12,
    invariants.g14,
)
"""Held to by every commit."""

STATES: tuple[Guard, ...] = (invariants.g7, invariants.g11, invariants.g15)
"""A commit between a report and the tick that takes it in may stand against these; none may for long."""

PATIENCE_S = 3.0


class _Line(msgspec.Struct, frozen=True):
    kind: str
    key: tuple[str, ...]
    record: Record | None


class LiveGuards:
    """Watches the store in `file` without writing to it. Begin before the first release is submitted."""

    def __init__(self, file: Path) -> None:
        self._store = SqlStore(file)
        self._shapes = Shapes(())
        self._mirror = Mirror()
        self._since: dict[str, float] = {}
        self.broken: list[str] = []
        """Every guard that did not hold, as `G4: what, where`, once."""

    def look(self) -> int:
        """Take in what was committed since the last look; how many guards were broken so far."""
        with self._store.read() as view:
            changes = view.changes(self._mirror.sequence)
            self._mirror.sequence = view.sequence
            steady = view.steady
        for _, commit in groupby(changes, key=lambda change: change.commit):
            lines = []
            for change in commit:
                shape = self._shapes.named(change.kind)
                record = shape.decode(change.body) if change.body is not None else None
                lines.append(_Line(change.kind, change.key, record))
            self._mirror.take(lines)
            self._note(text for guard in STEPS for text in _said(guard, self._seen(steady)))
        self._mirror.take(())
        self._note(self._lasting(self._seen(steady), steady))
        return len(self.broken)

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def _note(self, texts: Iterable[str]) -> None:
        self.broken += [text for text in dict.fromkeys(texts) if text not in self.broken]

    def _seen(self, steady: float) -> Seen:
        ledger = self._mirror.get(Ledger, LEDGER) or Ledger()
        now = datetime.fromtimestamp(steady, UTC) + timedelta(seconds=ledger.jumped_s)
        told = invariants.told_by(self._mirror)
        return Seen(mirror=self._mirror, now=now, steady=steady, told=told, sampled_s={}, on_release={})

    def _lasting(self, seen: Seen, steady: float) -> Iterator[str]:
        said = [text for guard in STATES for text in _said(guard, seen)]
        self._since = {text: self._since.get(text, steady) for text in said}
        return (text for text, since in self._since.items() if steady - since > PATIENCE_S)


def _said(guard: Guard, seen: Seen) -> list[str]:
    return [f"{guard.__name__.upper()}: {text}" for text in guard(seen)]
