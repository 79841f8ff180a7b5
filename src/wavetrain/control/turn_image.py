"""Turn image: the turns and waves of the rollouts that are asked about, kept by the store's changes."""

from collections.abc import Mapping
from typing import Any, cast

from wavetrain.control.ports import View
from wavetrain.decide.facts import is_afoot
from wavetrain.model.fleet import PopId
from wavetrain.model.record import Record
from wavetrain.model.rollout import Turn, Wave

PARTS: dict[str, type[Turn] | type[Wave]] = {Turn.__name__: Turn, Wave.__name__: Wave}


class _Rollout:
    """The parts of one rollout, by their own key; in order where nothing new has come."""

    def __init__(self, view: View, rollout: str) -> None:
        self.held: dict[type[Record], dict[str, Any]] = {
            part: {record.key[1]: record for record in view.find(part, rollout=rollout)}
            for part in PARTS.values()
        }
        self.unsorted: set[type[Record]] = set()
        self.listed: dict[type[Record], tuple[Any, ...]] = {}
        self.afoot = {pop for pop, turn in self.held[Turn].items() if is_afoot(turn)}

    def take(self, part: type[Turn] | type[Wave], key: str, record: Record | None) -> None:
        held = self.held[part]
        self.listed.pop(part, None)
        if record is None:
            held.pop(key, None)
        else:
            if key not in held:
                self.unsorted.add(part)
            held[key] = record
        if part is Turn and record is not None and is_afoot(cast("Turn", record)):
            self.afoot.add(key)
        elif part is Turn:
            self.afoot.discard(key)

    def sorted(self, part: type[Turn] | type[Wave]) -> dict[str, Any]:
        """Kept in order, so that only a record that is new costs a sort."""
        if part in self.unsorted:
            self.unsorted.discard(part)
            held = self.held[part]
            names = sorted(held, key=int if part is Wave else None)
            self.held[part] = {name: held[name] for name in names}
        return self.held[part]

    def all(self, part: type[Turn] | type[Wave]) -> tuple[Any, ...]:
        if part not in self.listed:
            self.listed[part] = tuple(self.sorted(part).values())
        return self.listed[part]


class TurnImage:
    """What rollouts consist of, each read from the store when it is first asked about."""

    def __init__(self) -> None:
        self._rollouts: dict[str, _Rollout] = {}

    def turns(self, view: View, rollout: str) -> tuple[Turn, ...]:
        """The turns of a rollout, in the order of their PoPs."""
        return self._of(view, rollout).all(Turn)

    def by_pop(self, view: View, rollout: str) -> Mapping[PopId, Turn]:
        """The same turns in the same order, by PoP, until a change is taken."""
        return cast("Mapping[PopId, Turn]", self._of(view, rollout).sorted(Turn))

    def afoot(self, view: View, rollout: str) -> tuple[Turn, ...]:
        """Those of them that have anything to settle, in the same order; found without a look at the others."""
        known = self._of(view, rollout)
        turns = known.held[Turn]
        return tuple([turns[pop] for pop in sorted(known.afoot)])

    def waves(self, view: View, rollout: str) -> tuple[Wave, ...]:
        """The waves of a rollout, in order."""
        return self._of(view, rollout).all(Wave)

    def keep_only(self, rollouts: frozenset[str]) -> None:
        """Forget the others."""
        self._rollouts = {name: known for name, known in self._rollouts.items() if name in rollouts}

    def take(self, kind: str, key: tuple[str, ...], record: Record | None) -> None:
        """A turn or a wave has changed."""
        known = self._rollouts.get(key[0])
        if known is not None:
            known.take(PARTS[kind], key[1], record)

    def _of(self, view: View, rollout: str) -> _Rollout:
        known = self._rollouts.get(rollout)
        if known is None:
            known = self._rollouts[rollout] = _Rollout(view, rollout)
        return known
