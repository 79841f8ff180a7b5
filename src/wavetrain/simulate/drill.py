"""Drill: does a crash at any commit of a short history change its end?"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import msgspec

from wavetrain.agent.update import Step
from wavetrain.control import nodes, rollouts
from wavetrain.decide import planner
from wavetrain.errors import RefusedError
from wavetrain.model.rollout import Rollout, Status, Turn, TurnPhase
from wavetrain.simulate.answers import OLGA
from wavetrain.simulate.cut import Cut
from wavetrain.simulate.history import Decide, History
from wavetrain.simulate.mortal_store import CrashPoint
from wavetrain.simulate.persons import OVER

PAUSE_TICKS = 3
ANSWERS = frozenset(f"answer-{count}" for count in range(1, 100))


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What is left when a drill is over, and what it cost."""

    rollouts: dict[str, str]
    runs: dict[str, str]
    """By device: the release that it runs."""
    drained: dict[tuple[str, str], int]
    """By node and release: how often the node was drained for it."""
    broken: tuple[str, ...]
    commits: int
    ticks: int


class Drill(History):
    """The seed's releases on a fleet without faults; a pause and its end, and a node that is retired."""

    def __init__(self, seed: int, decide: Decide = planner.decide, crash: CrashPoint | None = None) -> None:
        quiet = History(seed, decide).nature.used
        kept = frozenset(name for name in quiet if name.startswith(("release-", "bad-")))
        super().__init__(seed, decide, Cut(only=kept | ANSWERS))
        self.house.crash_point = crash
        self._freezes.clear()
        self._script: list[tuple[Callable[[], bool], Callable[[], object]]] = [
            (self._is_half_way, self._pause),
            (self._has_paused_enough, self._resume),
            (self._is_one_over, self._retire),
        ]
        self._paused = ("", 0)

    def ending(self) -> Ending:
        """Play it."""
        self.play()
        drains = Counter(
            (str(deed.node), deed.release)
            for node in self.nodes.values()
            for deed in node.deeds
            if deed.step is Step.DRAIN
        )
        runs: dict[str, str] = {name: node.memory.running for name, node in self.nodes.items()}
        runs.update((name, unit.running) for name, unit in self.contents.items())
        return Ending(
            rollouts={rollout.id: rollout.status.value for rollout in self.mirror.all(Rollout)},
            runs=runs,
            drained=dict(drains),
            broken=tuple(self.broken),
            commits=self.house.commits,
            ticks=self.ticks,
        )

    def _people(self) -> None:
        """Those of the script, each when its moment has come; whoever gets no answer asks again."""
        self.mirror.follow(self.house.store)
        self.house.survive(lambda: self.persons.answer(self.house.store, self.mirror), again=True)
        if self._script and self._script[0][0]():
            _, act = self._script.pop(0)
            self.house.survive(lambda: _asked(act), again=True)

    def _is_half_way(self) -> bool:
        going = [turn for turn in self.mirror.all(Turn) if turn.phase is TurnPhase.REST and turn.progress]
        name = next((turn.rollout for turn in going if "gateway" in turn.rollout), "")
        rollout = self.mirror.get(Rollout, name) if name else None
        if rollout is not None and rollout.status is Status.ROLLING:
            self._paused = (name, self.ticks)
            return True
        return False

    def _pause(self) -> None:
        self._happen(f"a person pauses {self._paused[0]}")
        rollouts.pause(self.house.store, OLGA, self._paused[0], "drill")

    def _has_paused_enough(self) -> bool:
        return self.ticks >= self._paused[1] + PAUSE_TICKS

    def _resume(self) -> None:
        rollouts.resume(self.house.store, OLGA, self._paused[0])

    def _is_one_over(self) -> bool:
        ended = [item for item in self.mirror.all(Rollout) if item.lane == "pop" and item.status in OVER]
        return bool(ended) and not any(turn.progress for turn in self.mirror.all(Turn))

    def _retire(self) -> None:
        largest = max(self.fleet.pops.values(), key=lambda pop: (len(pop.nodes), pop.id))
        if len(largest.nodes) > 1:
            self._happen(f"a person retires {largest.nodes[-1]}")
            self.persons.touched.add(largest.nodes[-1])
            nodes.retire(self.house.store, OLGA, largest.nodes[-1], "drill")


def _asked(act: Callable[[], object]) -> None:
    """A refusal is an answer too: it was done before the crash."""
    try:
        act()
    except RefusedError:
        return


class Crashed(msgspec.Struct, frozen=True, kw_only=True):
    """A crash at one commit, and what came out otherwise than without it; empty is good."""

    seed: int
    commit: int
    after: bool
    wrong: tuple[str, ...]


def points(commits: int, stride: int = 1) -> list[CrashPoint]:
    """Just before and just after each commit, or after every so manieth."""
    return [CrashPoint(at, after) for at in range(1, commits + 1, stride) for after in (False, True)]


def crash_everywhere(
    seed: int, decide: Decide = planner.decide, at: Iterable[CrashPoint] | None = None
) -> Iterator[Crashed]:
    """Play the drill of a seed once as it is, and once more for each crash point of it."""
    calm = Drill(seed, decide).ending()
    if calm.broken:
        yield Crashed(seed=seed, commit=0, after=False, wrong=calm.broken)
        return
    for point in points(calm.commits) if at is None else at:
        crashed = Drill(seed, decide, point).ending()
        wrong = tuple(difference(calm, crashed))
        yield Crashed(seed=seed, commit=point.commit, after=point.after, wrong=wrong)


def difference(calm: Ending, crashed: Ending) -> Iterator[str]:
    """What is otherwise than in the ending without a crash, and should not be."""
    yield from crashed.broken
    for name, status in calm.rollouts.items():
        if crashed.rollouts.get(name) != status:
            yield f"{name} ends {crashed.rollouts.get(name, 'nowhere')} instead of {status}"
    for device, release in calm.runs.items():
        if crashed.runs[device] != release:
            yield f"{device} ends on {crashed.runs[device]} instead of {release}"
    for (node, release), times in crashed.drained.items():
        if times > calm.drained.get((node, release), 0):
            yield f"G14: {node} is drained {times} times for {release}"
