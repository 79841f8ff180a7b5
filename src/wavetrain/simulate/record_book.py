"""Record book: what was seen of a rehearsal's train, turn by turn?"""

from collections.abc import Iterable
from datetime import date, datetime

import msgspec

from wavetrain.model.fleet import Fleet, PopId
from wavetrain.model.policy import Budgets
from wavetrain.model.rollout import Rollout, Status, Turn, TurnPhase, Wave, WaveStatus
from wavetrain.simulate.blast import undo_rounds
from wavetrain.simulate.ground import Ground
from wavetrain.simulate.mirror import Line

WAITS, MOVES, DONE, WENT_BACK = "waits", "moves", "done", "went back"


class Visit(msgspec.Struct):
    """What became of one PoP."""

    pop: PopId
    wave: int
    planned: datetime
    began: datetime | None = None
    ended: datetime | None = None
    outcome: str = WAITS
    missed: int = 0
    """Windows that it was given and did not begin in, or did not end in."""


class RecordBook:
    """Follows the turns of one rollout."""

    def __init__(self, plan_fleet: Fleet, ground: Ground, budgets: Budgets) -> None:
        self._fleet = plan_fleet
        self._ground = ground
        self._budgets = budgets
        self.visits: dict[PopId, Visit] = {}
        self.done = 0
        self.exposed: dict[PopId, int] = {}
        """By PoP: how many of its nodes were ever told the release."""
        self.used: set[tuple[PopId, datetime]] = set()
        """PoPs with the windows in which a node of theirs was told the release."""
        self.fault_at = 0.0
        """When the release began to be bad, on the steady clock; 0 for never."""
        self.at_fault: dict[PopId, int] = {}
        """What had been exposed by then."""
        self.at_stop: dict[PopId, int] | None = None
        """What had been exposed when the verdict fell, or a person was asked; None while neither has happened."""
        self.stopped_at = 0.0
        self.wave_ends: dict[int, tuple[datetime, int]] = {}
        """By wave: when it passed, and in how many rounds all that was exposed by then could have gone back."""
        self.rounds = 0
        """In how many rounds all that is exposed now could go back."""
        self.night_rounds: dict[date, int] = {}
        """The same at the end of each night."""

    def note(self, now: datetime, changes: Iterable[Line]) -> None:
        """What changed."""
        for change in changes:
            record = change.record
            if type(record) is Turn:
                self._turn(record, now)
            elif type(record) is Wave and record.status is WaveStatus.PASSED:
                self.wave_ends.setdefault(record.ordinal, (now, self.rounds))
            elif type(record) is Rollout and self.at_stop is None and self._is_stopped(record):
                self.at_stop, self.stopped_at = dict(self.exposed), now.timestamp()

    def begin_fault(self, steady: float) -> None:
        """From now on the release is bad."""
        self.fault_at, self.at_fault = steady, dict(self.exposed)

    @property
    def nights(self) -> list[date]:
        """The nights of the train in which anything moved: the days (UTC) on which the windows that were used open."""
        return sorted({opens.date() for _, opens in self.used})

    @staticmethod
    def _is_stopped(rollout: Rollout) -> bool:
        return rollout.failed_at > 0 or rollout.status in (Status.PAUSED, Status.REVERTING)

    def _turn(self, turn: Turn, now: datetime) -> None:
        visit = self.visits.get(turn.pop)
        if visit is None:
            visit = self.visits[turn.pop] = Visit(turn.pop, turn.wave, turn.opens)
        moved = self._ground.moved.get(("Turn", turn.key))
        was: Turn | None = moved[0] if moved is not None else None
        if was is not None and was.opens != turn.opens and was.closes <= now:
            visit.missed += 1
        visit.wave = turn.wave
        if visit.began is None:
            visit.planned = turn.opens
        if turn.cursor:
            self._expose(turn, was.cursor if was is not None else 0)
            visit.began = visit.began or turn.started_at or now
        match turn.phase:
            case TurnPhase.DONE:
                self.done += visit.outcome != DONE
                visit.outcome, visit.ended = DONE, visit.ended or now
            case TurnPhase.REVERTED if visit.began is not None:
                visit.outcome, visit.ended = WENT_BACK, now
            case TurnPhase.WAITING | TurnPhase.REVERTED:
                pass
            case _:
                visit.outcome = MOVES

    def _expose(self, turn: Turn, before: int) -> None:
        if turn.cursor > self.exposed.get(turn.pop, 0):
            self.exposed[turn.pop] = turn.cursor
            pop = self._fleet.pops.get(turn.pop)
            if pop is not None:
                self.rounds = max(self.rounds, undo_rounds(pop, turn.cursor, self._budgets))
        if turn.cursor > before:
            self.used.add((turn.pop, turn.opens))
            self.night_rounds[turn.opens.date()] = self.rounds
