"""In whole histories, what is told of maintenance is what the nodes went through; its numbers count what is seen."""

from collections.abc import Callable, Sequence
from datetime import datetime

import pytest

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.control import publish
from wavetrain.control.publish import Publisher
from wavetrain.decide import maintenance as decided
from wavetrain.decide.maintenance import Work
from wavetrain.model.lane import LANES
from wavetrain.model.maintenance import OPEN, Course, Incident, Maintenance, MaintenanceState
from wavetrain.model.rollout import Rollout, Status, Turn, TurnPhase
from wavetrain.simulate.history import History

S = MaintenanceState
TICKS = 220
Decide = Callable[[Work, Sequence[Maintenance]], list[Maintenance]]


def visible(record: Maintenance) -> tuple[object, ...]:
    """What a reader of a page or a calendar sees."""
    return record.state, record.starts, record.ends, record.course, record.reason, record.urgent


class Published(History):
    """A history with a look after each tick, held against the turns by an eye of its own."""

    def __init__(self, seed: int) -> None:
        self.publisher: Publisher | None = None
        self.on: MemoryStore | None = None
        self.seen: dict[str, Maintenance] = {}
        self.wrong: list[str] = []
        super().__init__(seed)

    def _tick(self) -> None:
        super()._tick()
        while not self.house.survive(self._look):
            pass
        self._check()

    def _look(self) -> None:
        store = self.house.store
        if self.publisher is None or self.on is not store:
            self.on, self.publisher = store, Publisher(store)
        self.publisher.look()

    def _check(self) -> None:
        store = self.house.store
        with store.read() as view:
            before, now = view.sequence, view.now
            records = view.find(Maintenance)
            rollouts = {str(one.id): one for one in view.find(Rollout)}
            turns = [turn for turn in view.find(Turn) if LANES[rollouts[turn.rollout].lane].disturbs]
            incidents = {one.rollout for one in view.find(Incident)}
        Publisher(store).look()
        with store.read() as view:
            self._claim("another process finds something to write", view.sequence != before)
        standing: dict[tuple[str, str], Maintenance] = {}
        for record in records:
            self._compare(record)
            if record.state in OPEN:
                at = record.rollout, record.pop
                self._claim(f"{at} has two open stretches", at in standing)
                standing[at] = record
        for turn in turns:
            self._hold(turn, rollouts[turn.rollout], standing.get((turn.rollout, turn.pop)), now)
            if rollouts[turn.rollout].status is Status.REVERTING and turn.cursor:
                self._claim(
                    f"{turn.rollout} goes back, and no incident says so", turn.rollout not in incidents
                )

    def _compare(self, record: Maintenance) -> None:
        known = self.seen.get(record.id)
        if known is not None and known != record:
            grown, is_same = record.sequence - known.sequence, visible(known) == visible(record)
            self._claim(f"{record.id} changed under the same number", not is_same and grown < 1)
            self._claim(f"{record.id} has another number, and nothing changed", is_same and grown != 0)
            self._claim(f"{record.id} was over, and changed", known.state not in OPEN)
        self.seen[record.id] = record

    def _hold(self, turn: Turn, rollout: Rollout, record: Maintenance | None, now: datetime) -> None:
        at = f"{turn.rollout} on {turn.pop}"
        is_moving = record is not None and record.state is S.IN_PROGRESS
        self._claim(f"{at} moves units, and nobody is told", bool(turn.progress) and not is_moving)
        if record is not None and is_moving and record.course is Course.FORWARD and not turn.progress:
            began = record.began_at is not None and record.starts <= now
            self._claim(f"{at} is said to be worked on, and nothing has moved", not began)
        goes_back = turn.phase is TurnPhase.BACK and turn.cursor > 0
        is_back = record is not None and record.course is Course.BACK
        self._claim(f"{at}: the way back is not told as it is", goes_back != is_back)
        waits = turn.phase is TurnPhase.WAITING and not turn.progress and now < turn.closes
        if waits and rollout.status in (Status.ANNOUNCED, Status.ROLLING, Status.PAUSED):
            is_told = record is not None and (record.starts, record.ends) == (turn.opens, turn.closes)
            self._claim(f"{at} will be worked on from {turn.opens}, and that is not told", not is_told)

    def _claim(self, text: str, is_wrong: bool) -> None:
        if is_wrong:
            self.wrong.append(text)


def played(seed: int) -> Published:
    history = Published(seed)
    while history.ticks < TICKS and not history.broken and not history.wrong:
        history._submit()
        history._people()
        history._live()
        history._tick()
        history.pace.pass_time(history._holds())
    return history


@pytest.mark.parametrize("seed", range(6))
def test_what_is_told_is_what_happens(seed: int) -> None:
    history = played(seed)
    assert history.wrong == []
    assert history.seen


def quiet(work: Work, known: Sequence[Maintenance]) -> list[Maintenance]:
    """Under the same number."""
    return [
        record.changed(sequence=known[-1].sequence) if known and known[-1].id == record.id else record
        for record in decided.told(work, known)
    ]


def deaf(work: Work, known: Sequence[Maintenance]) -> list[Maintenance]:
    """Nothing of the way back."""
    made = decided.told(work, known)
    return [record for record in made if record.course is Course.FORWARD]


def stuck(work: Work, known: Sequence[Maintenance]) -> list[Maintenance]:
    """Where it was planned first."""
    made = decided.told(work, known)
    return [
        record.changed(starts=known[-1].starts, ends=known[-1].ends)
        if known and record.id == known[-1].id
        else record
        for record in made
    ]


@pytest.mark.parametrize("planted", [quiet, deaf, stuck])
def test_a_planted_bug_is_caught(planted: Decide, monkeypatch: pytest.MonkeyPatch) -> None:
    class Planted:
        Work = Work
        next_change = staticmethod(decided.next_change)
        told = staticmethod(planted)

    monkeypatch.setattr(publish, "maintenance", Planted)
    assert any(played(seed).wrong for seed in range(6))
