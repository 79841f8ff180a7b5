"""In whole histories each hold that asks a person is told once for each time that it begins, crashes included."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

import pytest

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.control.alerts import Alerts
from wavetrain.control.ports import View
from wavetrain.control.tick import due
from wavetrain.decide import alerts as decided
from wavetrain.decide.alerts import Answer, Key, Scene
from wavetrain.model.notice import AlertKind, Outgoing
from wavetrain.model.rollout import Turn
from wavetrain.simulate.history import History

TICKS = 220
ALL = tuple(kind for kind in AlertKind if kind is not AlertKind.TEST)

Decide = Callable[[Scene, Mapping[Key, datetime]], Answer]


class Told(History):
    """A history with a look for alerts after each tick; counts by itself how often each hold of a PoP began."""

    def __init__(self, seed: int, decide: Decide) -> None:
        self.told_by = decide
        self.alerts: Alerts | None = None
        self.on: MemoryStore | None = None
        self.now_asking: set[tuple[str, str]] = set()
        self.begun: dict[tuple[str, str], int] = {}
        super().__init__(seed)

    def _tick(self) -> None:
        super()._tick()
        # A crash in the middle of it is one of the process; its successor looks again, at the same instant.
        while not self.house.survive(self._look):
            pass
        with self.house.store.read() as view:
            asking = holds_that_ask(view)
        for hold in asking - self.now_asking:
            self.begun[hold] = self.begun.get(hold, 0) + 1
        self.now_asking = asking

    def _look(self) -> None:
        store = self.house.store
        if self.alerts is None or self.on is not store:
            made = Alerts(store, [("ops", "webhook", ALL)], self.told_by, every_s=0.0)
            made.begin(f"process {self.house.crashes}")
            self.on, self.alerts = store, made
        self.alerts.look()


def holds_that_ask(view: View) -> set[tuple[str, str]]:
    """Straight from the records of PoPs."""
    return {
        (f"{turn.rollout}/{turn.pop}", turn.hold.reason.name.lower())
        for rollout in due(view)
        for turn in view.find(Turn, rollout=rollout.id)
        if turn.hold is not None and turn.hold.asks
    }


def played(seed: int, decide: Decide = decided.answer) -> Told:
    history = Told(seed, decide)
    while history.ticks < TICKS and not history.broken:
        history._submit()
        history._people()
        history._live()
        history._tick()
        history.pace.pass_time(history._holds())
    return history


def told(history: Told) -> dict[str, int]:
    """How many alerts there are about the holds of each PoP."""
    with history.house.store.read() as view:
        sent = [item.alert for item in view.find(Outgoing) if item.alert.kind is AlertKind.ASKS]
    assert len({(item.subject, item.title, item.since) for item in sent}) == len(sent)
    pops = [item.subject for item in sent if "/" in item.subject]
    return Counter(name for name in pops if not name.rsplit("/", 1)[1].isdecimal())


def expected(history: Told) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for (subject, _), times in history.begun.items():
        counts[subject] += times
    return counts


@pytest.mark.parametrize("seed", [1, 29])
def test_each_hold_of_a_pop_that_asks_is_told_once_each_time_it_begins(seed: int) -> None:
    history = played(seed)
    assert history.broken == [], "alerts disturb nothing"
    assert history.house.crashes >= 5
    assert told(history) == expected(history)
    assert sum(expected(history).values()) >= 4, "a history in which nobody is asked proves nothing"


def test_a_decider_that_forgets_since_when_is_seen_to_tell_things_again() -> None:
    history = played(1, lambda scene, _: decided.answer(scene, {}))
    assert told(history) != expected(history)
