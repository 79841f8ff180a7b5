"""Record book: what was seen of a rehearsal's train, wave by wave and night by night?"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from wavetrain.model.fleet import Fleet, PopId
from wavetrain.model.rollout import Rollout, Turn, TurnPhase, Wave
from wavetrain.simulate.ground import Ground
from wavetrain.simulate.mirror import Line

HOLDS_MAX = 1_000


class Visit(msgspec.Struct):
    """What became of one PoP."""

    pop: PopId
    wave: int
    planned: datetime
    began: datetime | None = None
    ended: datetime | None = None
    outcome: str = "waits"
    """waits, moves, done, went back."""
    missed: int = 0
    """Windows that it was given and did not begin in, or did not end in."""


class RecordBook:
    """Follows the turns of one rollout."""

    def __init__(self, fleet: Fleet, ground: Ground) -> None:
        self._fleet = fleet
        self._ground = ground
        self.visits: dict[PopId, Visit] = {}
        self.done = 0
        self.exposed: set[PopId] = set()
        self.exposed_nodes = 0
        """Nodes that were ever told the release."""
        self.fault_at = 0.0
        """When the release began to be bad, on the steady clock; 0 for never."""
        self.exposed_at_stop: tuple[int, int] | None = None
        """PoPs and nodes that had been told the release when it was stopped."""
        self.wave_ends: dict[int, datetime] = {}
        self.asked: dict[str, int] = {}
        """By reason: how often a person was asked."""
        self.undo_rounds: dict[PopId, int] = {}
        self.undo_max_s = 0.0

    def note(self, now: datetime, changes: Iterable[Line]) -> None:
        """What changed."""
        for change in changes:
            record = change.record
            if type(record) is Turn:
                self._turn(record, now)
            elif type(record) is Wave and record.status.value == "passed":
                self.wave_ends.setdefault(record.ordinal, now)
            elif type(record) is Rollout and record.failed_at and self.exposed_at_stop is None:
                self.exposed_at_stop = len(self.exposed), self.exposed_nodes

    def _turn(self, turn: Turn, now: datetime) -> None:
        visit = self.visits.get(turn.pop)
        if visit is None:
            visit = self.visits[turn.pop] = Visit(turn.pop, turn.wave, turn.opens)
        before = self._ground.moved.get(("Turn", turn.key))
        was = before[0] if before is not None else None
        if was is not None and was.opens != turn.opens and was.wave == turn.wave:
            visit.missed += 1
        visit.wave = turn.wave
        if visit.began is None:
            visit.planned = turn.opens
        if turn.cursor:
            self.exposed.add(turn.pop)
            visit.began = visit.began or turn.started_at or now
        before_cursor = was.cursor if was is not None else 0
        self.exposed_nodes += max(0, turn.cursor - before_cursor)
        match turn.phase:
            case TurnPhase.DONE:
                if visit.outcome != "done":
                    self.done += 1
                visit.outcome, visit.ended = "done", visit.ended or now
            case TurnPhase.REVERTED:
                if turn.cursor or visit.began:
                    visit.outcome, visit.ended = "went back", now
            case TurnPhase.WAITING:
                pass
            case _:
                visit.outcome = "moves"
        if turn.hold is not None and turn.hold.asks:
            was_asked = was is not None and was.hold is not None and was.hold.asks
            if not was_asked:
                name = turn.hold.reason.name.lower()
                self.asked[name] = self.asked.get(name, 0) + 1

    @property
    def nights(self) -> Mapping[int, int]:
        """PoPs that began, by day of the train in UTC, counted from the first that did."""
        began = sorted(visit.began for visit in self.visits.values() if visit.began is not None)
        found: dict[int, int] = {}
        for at in began:
            day = (at.date() - began[0].date()).days
            found[day] = found.get(day, 0) + 1
        return found
