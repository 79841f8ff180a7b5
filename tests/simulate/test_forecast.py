"""In histories in which nothing goes wrong, the next disturbance falls into the range that was forecast for it."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec
import pytest

from wavetrain.control import forecast
from wavetrain.decide.forecast import Range
from wavetrain.model.fleet import PopId
from wavetrain.model.lane import LANES
from wavetrain.model.rollout import Rollout, Turn
from wavetrain.simulate.cut import Cut
from wavetrain.simulate.history import History

SEEDS = range(8)


class Said(msgspec.Struct, frozen=True):
    """A forecast that waits for its disturbance."""

    at: datetime
    range: Range


class Foreseen(History):
    """A history that asks for every PoP's and one node's forecast after each tick, and compares with what comes."""

    def __init__(self, seed: int, bend: Callable[[Range], Range] = lambda said: said) -> None:
        """`bend`: how what was foreseen is falsified, to see that this is noticed."""
        self.bend = bend
        releases = History(seed).nature.used
        super().__init__(
            seed, cut=Cut(only=frozenset(name for name in releases if name.startswith("release-")))
        )
        self.pending: dict[str, list[Said]] = {}
        self.met: list[float] = []
        self.open = 0
        self.wrong: list[str] = []
        self._cursors: dict[tuple[str, ...], int] = {}
        self._known: object = None

    def _tick(self) -> None:
        super()._tick()
        if hasattr(self, "pending"):
            self._compare()
            self._foretell()

    def _compare(self) -> None:
        """Whatever was told since the last tick was a disturbance of its PoP, and of the node."""
        now = self.moment
        turns = [turn for turn in self.mirror.all(Turn) if LANES[self._lane(turn)].disturbs]
        for turn in turns:
            before = self._cursors.get(turn.key, 0)
            if turn.cursor > before:
                for name in (turn.pop, *turn.order[before : turn.cursor]):
                    self._meet(name, now)
            self._cursors[turn.key] = turn.cursor
        # Another release, or a consent: what was foreseen before knew nothing of it.
        known = [(item.id, item.approvals) for item in self.mirror.all(Rollout)]
        if known != self._known:
            self.pending.clear()
        self._known = known

    def _lane(self, turn: Turn) -> str:
        return next(item.lane for item in self.mirror.all(Rollout) if item.id == turn.rollout)

    def _meet(self, name: str, now: datetime) -> None:
        for said in self.pending.pop(name, []):
            latest = said.range.latest
            if now < said.range.earliest or (latest is not None and now > latest):
                self.wrong.append(f"{name} at {now}, foreseen at {said.at}: {said.range}")
            if latest is None:
                self.open += 1
            else:
                self.met.append((latest - said.range.earliest).total_seconds() / 3_600)

    def _foretell(self) -> None:
        with self.house.store.read() as view:
            pops: Iterable[PopId] = self.fleet.pops
            whole = forecast.ranges(view, set(pops))
            last = {pop.id: pop.nodes[-1] for pop in self.fleet.pops.values()}
            ones = {
                node: found.range
                for pop, node in last.items()
                for found in forecast.ranges(view, {pop}, node).values()
            }
            moving = {str(item.unit) for turn in self.mirror.all(Turn) for item in turn.progress}
            ones = {
                node: found for node, found in ones.items() if node not in moving
            }  # it is being disturbed
            for name, found in [*((pop, item.range) for pop, item in whole.items()), *ones.items()]:
                self.pending.setdefault(name, []).append(Said(view.now, self.bend(found)))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_next_disturbance_falls_into_the_range_that_was_foreseen(seed: int) -> None:
    history = Foreseen(seed)
    outcome = history.play()
    assert outcome.broken == ()
    assert not history.wrong, "\n".join(history.wrong[:5])
    assert len(history.met) > 20


@pytest.mark.parametrize(
    "bend",
    [
        lambda said: msgspec.structs.replace(said, earliest=said.earliest + timedelta(minutes=1)),
        lambda said: msgspec.structs.replace(said, latest=said.latest and said.earliest),
    ],
    ids=["a minute too late", "no window is ever missed"],
)
def test_a_range_that_is_too_narrow_is_noticed(bend: Callable[[Range], Range]) -> None:
    history = Foreseen(4, bend)
    history.play()
    assert history.wrong
