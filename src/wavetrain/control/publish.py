"""Publish: what is told of maintenance and incidents follows what was decided.

Looks after commits, beside the ticker: reads the turns that changed, and writes down what has become otherwise, so that
every reader (page, calendar, notice) sees the same change under the same number. Holds nothing that the store cannot
make again: one that starts anew reads the records, and writes nothing where they are right.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush

import msgspec

from wavetrain.control.facts import policy_in, policy_of
from wavetrain.control.ports import Store, Transaction, View
from wavetrain.control.stops import table_of
from wavetrain.decide import incidents, maintenance
from wavetrain.decide.incidents import RESOLVED
from wavetrain.decide.maintenance import Work
from wavetrain.decide.work import undo_seconds
from wavetrain.errors import StaleError
from wavetrain.model.fleet import Pop, PopId, Quarantine, Retired
from wavetrain.model.journal import Entry
from wavetrain.model.lane import LANES
from wavetrain.model.maintenance import OPEN, Incident, Maintenance
from wavetrain.model.policy import PolicyText
from wavetrain.model.rollout import Rollout, Status, Turn
from wavetrain.model.standstill import Standstill

KEPT_FOR = timedelta(days=90)
"""What is over is shown for so long, and then let go."""
FORGET_MAX = 1_000
"""So much is let go of at once."""
WRITTEN_MAX = 500
"""So many records are written in one commit, for the ticker not to wait long."""
_KINDS = frozenset({"Rollout", "Turn", "Quarantine", "Retired", "Standstill", "Pop"})
_BACK = (Status.REVERTING, Status.REVERTED, Status.PARTLY_REVERTED)

Where = tuple[str, PopId]
"""A rollout and one of its PoPs."""


class Dirty(msgspec.Struct, frozen=True):
    """What has to be looked at."""

    turns: frozenset[Where]
    rollouts: frozenset[str]
    pops: frozenset[PopId]


class Publisher:
    """Keeps the records of maintenance and incidents in step. One thread uses it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sequence = -1
        self._known: dict[Where, list[Maintenance]] = {}
        self._rollouts: dict[str, Rollout] = {}
        self._told: dict[str, tuple[str, str]] = {}
        """By rollout: the status and cause with which all of its turns were looked at."""
        self._whys: dict[str, tuple[int, dict[PopId, str]]] = {}
        """By rollout: the number of the timetable that was read last, and why PoPs are not where they were first."""
        self._ends: list[tuple[datetime, Where]] = []
        """When records change by the clock alone, the next first."""

    def look(self) -> int:
        """Write what has become otherwise; how many records. Raises what the store raises; then it begins anew."""
        try:
            return self._looked()
        except Exception:
            self._sequence = -1
            raise

    def _looked(self) -> int:
        with self._store.read() as view:
            dirty, sequence = self._dirty(view), view.sequence
            turns = sorted(dirty.turns | self._due(view.now))
            news = [at for at in turns if self._of_turn(view, *at)]
            faults = self._incidents(view, dirty)
        written = self._write((), dirty) if faults else 0
        for start in range(0, len(news), WRITTEN_MAX):
            written += self._write(news[start : start + WRITTEN_MAX], None)
        self._sequence = sequence
        self._told |= {name: _mark(self._rollouts[name]) for name in dirty.rollouts if name in self._rollouts}
        return written

    def forget(self) -> int:
        """Let go of what has been over for long; how much."""
        with self._store.write() as transaction:
            before = transaction.now - KEPT_FOR
            old = [
                record
                for record in transaction.find(Maintenance)
                if record.over_at is not None and record.over_at < before
            ][:FORGET_MAX]
            gone = [
                record
                for record in transaction.find(Incident, state=RESOLVED)
                if record.over_at is not None and record.over_at < before
            ][:FORGET_MAX]
            for record in (*old, *gone):
                transaction.remove(record)
        if old:
            self._sequence = -1  # what is known is read anew
        return len(old) + len(gone)

    def _dirty(self, view: View) -> Dirty:
        """What changed since the last look; at first, and after a gap, everything."""
        changes = None
        if self._sequence >= 0:
            try:
                changes = [one for one in view.changes(self._sequence) if one.kind in _KINDS]
            except StaleError:
                changes = None
        if changes is None:
            return self._everything(view)
        turns = {(one.key[0], PopId(one.key[1])) for one in changes if one.kind == "Turn"}
        rollouts = {one.key[0] for one in changes if one.kind == "Rollout"}
        self._rollouts = {
            name: found for name in rollouts | {at[0] for at in turns} if (found := view.get(Rollout, name))
        }
        for name in rollouts:
            rollout = self._rollouts.get(name)
            if rollout is not None and self._told.get(name) != _mark(rollout):
                turns |= {(name, turn.pop) for turn in view.find(Turn, rollout=name)}
                turns |= {at for at in self._known if at[0] == name}
        pops = {PopId(one.key[0]) for one in changes if one.kind == "Pop"}
        aside = [one.record for one in changes if one.kind == "Quarantine"]
        pops |= {record.pop for record in aside if isinstance(record, Quarantine)}
        pops |= _short(view) if None in aside or any(one.kind == "Retired" for one in changes) else set()
        return Dirty(frozenset(turns), frozenset(rollouts | {at[0] for at in turns}), frozenset(pops))

    def _everything(self, view: View) -> Dirty:
        self._known, self._ends, self._told, self._whys = {}, [], {}, {}
        for record in view.find(Maintenance):
            self._known.setdefault((record.rollout, record.pop), []).append(record)
        for at, records in self._known.items():
            records.sort(key=_ordinal)
            if (when := maintenance.next_change(records[-1])) is not None:
                self._ends.append((when, at))
        heapify(self._ends)
        self._rollouts = {one.id: one for one in view.find(Rollout)}
        turns: set[Where] = {(turn.rollout, turn.pop) for turn in view.find(Turn)}
        turns |= {at for at, records in self._known.items() if records[-1].state in OPEN}
        pops = {item.pop for item in view.find(Quarantine)} | _short(view)
        return Dirty(frozenset(turns), frozenset(self._rollouts), frozenset(pops))

    def _due(self, now: datetime) -> frozenset[Where]:
        found: set[Where] = set()
        while self._ends and self._ends[0][0] <= now:
            found.add(heappop(self._ends)[1])
        return frozenset(found)

    def _of_turn(self, view: View, name: str, pop: PopId) -> list[Maintenance]:
        rollout = self._rollouts.get(name) or view.get(Rollout, name)
        if rollout is None:
            return []
        turn, known = view.get(Turn, name, pop), self._known.get((name, pop), ())
        work = Work(
            now=view.now,
            lane=LANES[rollout.lane],
            rollout=rollout,
            turn=turn,
            undo_s=_undo_s(view, rollout, turn),
            why=self._why(view, rollout, turn, known),
        )
        return maintenance.told(work, known)

    def _why(self, view: View, rollout: Rollout, turn: Turn | None, known: Sequence[Maintenance]) -> str:
        """Read only where something has moved, and each timetable once: one of a large train is a large record."""
        if turn is None or not known or known[-1].starts == turn.opens:
            return ""
        number, whys = self._whys.get(rollout.id, (1, {}))
        for later in range(number + 1, rollout.timetable + 1):
            whys = whys | {stop.pop: stop.why for stop in table_of(view, rollout.id, later).stops}
        self._whys[rollout.id] = (max(number, rollout.timetable), whys)
        return whys.get(turn.pop, "")

    def _incidents(self, view: View, dirty: Dirty) -> list[Incident]:
        made: list[Incident | None] = []
        for name in sorted(dirty.rollouts):
            rollout = self._rollouts.get(name)
            if rollout is None or rollout.status not in _BACK or not LANES[rollout.lane].disturbs:
                continue
            # Those of the turns that changed: the incident itself remembers the others.
            turns = [view.get(Turn, name, pop) for at, pop in sorted(dirty.turns) if at == name]
            exposed = [turn.pop for turn in turns if turn is not None and turn.cursor]
            known = view.get(Incident, f"{name}.back")
            made.append(incidents.of_rollout(rollout, exposed, known, view.now))
        standing = _open(view)
        if dirty.pops:
            headroom = _headroom(view, self._rollouts.values())
            made += [_of_pop(view, pop, headroom, standing) for pop in sorted(dirty.pops)]
        stands = next(iter(view.find(Standstill)), None)
        of_stand = next((one for one in standing if one.id.startswith(incidents.STANDSTILL)), None)
        made.append(incidents.of_standstill(stands, of_stand, view.now))
        return [one for one in made if one is not None]

    def _write(self, turns: Sequence[Where], dirty: Dirty | None) -> int:
        """Judge once more inside the transaction: what was read before it may be old."""
        with self._store.write() as transaction:
            names = {name for name, _ in turns}
            self._rollouts |= {
                name: one for name in names if (one := transaction.get(Rollout, name)) is not None
            }
            stored: list[tuple[Where, Maintenance]] = []
            for at in turns:
                stored += [(at, transaction.put(record)) for record in self._of_turn(transaction, *at)]
            faults = self._incidents(transaction, dirty) if dirty is not None else []
            for incident in faults:
                _note(transaction, transaction.put(incident))
        for at, record in stored:
            self._keep(at, record)
        return len(stored) + len(faults)

    def _keep(self, at: Where, record: Maintenance) -> None:
        known = self._known.setdefault(at, [])
        if known and known[-1].id == record.id:
            known[-1] = record
        else:
            known.append(record)
        if (when := maintenance.next_change(record)) is not None:
            heappush(self._ends, (when, at))


def _mark(rollout: Rollout) -> tuple[str, str]:
    return rollout.status.value, rollout.cause


def _ordinal(record: Maintenance) -> int:
    return int(record.id.rpartition(".")[2])


def _open(view: View) -> list[Incident]:
    return [one for one in view.find(Incident) if one.state != RESOLVED]


def _short(view: View) -> set[PopId]:
    """The PoPs of which it is said that they have less capacity."""
    return {pop for one in _open(view) if one.id.startswith(incidents.CAPACITY) for pop in one.pops}


def _undo_s(view: View, rollout: Rollout, turn: Turn | None) -> float:
    if turn is None or rollout.status not in _BACK:
        return 0.0
    return float(undo_seconds(policy_of(view, rollout.policy), len(turn.order)))


def _headroom(view: View, rollouts: Iterable[Rollout]) -> float:
    """Of the newest rollout's policy: what its planner keeps free."""
    newest = max(rollouts, key=lambda one: one.created_at, default=None)
    text = view.get(PolicyText, newest.policy) if newest is not None else None
    return policy_in(text, newest.policy).budgets.headroom if newest is not None and text is not None else 1.0


def _of_pop(view: View, name: PopId, headroom: float, standing: Sequence[Incident]) -> Incident | None:
    pop = view.get(Pop, name)
    if pop is None:
        return None
    members = pop.members
    lost = {
        item.node
        for item in view.find(Quarantine, pop=name)
        # One that a person has retired is gone on purpose, and nobody waits for it.
        if not item.serves and view.get(Retired, item.node) is None
    }
    known = next(
        (one for one in standing if one.id.startswith(incidents.CAPACITY) and one.pops == (name,)), None
    )
    return incidents.of_capacity(pop, len(lost & members), headroom, known, view.now)


def _note(transaction: Transaction, incident: Incident) -> None:
    last = incident.told[-1]
    entry = Entry(
        at=transaction.now,
        who="status",
        kind="incident",
        subject=incident.id,
        text=f"{incident.title}: {incident.state}: {last.text}",
        rollout=incident.rollout,
    )
    transaction.note([entry])
