"""Errand: when does which step of one update begin on a node?

The steps and what is said in each are the agent's own (`agent/update`): every course is walked once through its table
and remembered, so that a hundred thousand like updates cost a hundred thousand lists of instants.
"""

from functools import lru_cache

import msgspec

from wavetrain.agent.update import Event, Over, Step, Update, next_step, phase_of
from wavetrain.model.fleet import FIRST, Generation, NodeId, Phase, PopId

OLD, NEW = "old", "new"


class Stride(msgspec.Struct, frozen=True):
    """One step of a course: what it is, what the node says in it, and whether it runs the new release by then."""

    step: Step | None
    """None: it is over."""
    phase: Phase
    is_new: bool
    detail: str


@lru_cache(maxsize=64)
def course(fails_at: Step | None, how: Event, detail: str) -> tuple[Stride, ...]:
    """The steps of an update in which everything is done, save that `how` happens in the step `fails_at`."""
    at: Update | Over = Update(
        generation=FIRST, release=NEW, digest="", size=0, came_from=OLD, step=Step.STAGE, until=0.0, boot=""
    )
    strides: list[Stride] = []
    runs_new = False
    while isinstance(at, Update):
        strides.append(Stride(at.step, phase_of(at), runs_new, at.detail))
        event = how if at.step is fails_at else Event.DONE
        runs_new = {Step.SWITCH: event is Event.DONE, Step.BACK: False}.get(at.step, runs_new)
        at = next_step(at, event, detail if event is not Event.DONE else "")
    strides.append(Stride(None, at.phase, runs_new, at.detail))
    return tuple(strides)


SECONDS: dict[Step, float] = {
    Step.STAGE: 10.0,
    Step.DRAIN: 0.0,
    Step.SWITCH: 4.0,
    Step.VERIFY: 10.0,
    Step.RETURN: 3.0,
    Step.BACK: 4.0,
    Step.RECHECK: 10.0,
    Step.LEAVE: 3.0,
}
"""How long each step takes, but for the drain, which is as long as sessions take to move."""


class Errand(msgspec.Struct):
    """An update under way on one node; `at` is the stride that it is in."""

    node: NodeId
    pop: PopId
    generation: Generation
    came_from: str
    release: str
    strides: tuple[Stride, ...]
    begins: list[float]
    """When each stride begins, on the steady clock in seconds."""
    at: int = 0

    @property
    def stride(self) -> Stride:
        """Where it stands."""
        return self.strides[self.at]

    @property
    def is_over(self) -> bool:
        """Whether it came to its end."""
        return self.at + 1 == len(self.strides)

    def advance(self, now: float) -> bool:
        """Go on to where it stands at `now`; whether anything changed."""
        before, last = self.at, len(self.strides) - 1
        while self.at < last and self.begins[self.at + 1] <= now:
            self.at += 1
        return self.at != before

    @property
    def next_at(self) -> float:
        """When the next stride begins."""
        return self.begins[self.at + 1]

    @property
    def runs(self) -> str:
        """The release that the node runs."""
        return self.release if self.strides[self.at].is_new else self.came_from

    def recall(self, why: str) -> None:
        """A newer instruction asks for something else: before the switch the node turns round at its next step."""
        step = self.stride.step
        if step not in (Step.STAGE, Step.DRAIN, Step.SWITCH) or self.strides[-1].phase is Phase.LAPSED:
            return
        self.strides = course(step, Event.RECALLED, why)
        self.begins = instants(
            self.strides, self.begins[0], self.begins[self.at + 1 :], self.begins[: self.at + 1]
        )


def instants(
    strides: tuple[Stride, ...], start: float, then: list[float], kept: list[float] | None = None
) -> list[float]:
    """When each stride begins: those that are `kept`, the next at the first of `then`, the rest as long as usual."""
    begins = list(kept or [start])
    if then and len(begins) < len(strides):
        begins.append(then[0])
    while len(begins) < len(strides):
        step = strides[len(begins) - 1].step
        begins.append(begins[-1] + (SECONDS[step] if step is not None else 0.0))
    return begins


def begun(
    node: NodeId,
    pop: PopId,
    generation: Generation,
    came_from: str,
    release: str,
    *,
    at: float,
    until: float,
    drain_s: float,
    slowness: float,
    is_sick: bool,
) -> Errand:
    """The whole errand of a permission that ends at `until`; `is_sick`: the new release does not pass its probe.

    `slowness` is how many times longer all steps take but the drain, which ends after `drain_s`.
    """
    ready = at + SECONDS[Step.STAGE] * slowness
    drained = ready + drain_s
    if is_sick:
        strides = course(Step.VERIFY, Event.REFUSED, f"{release} was not healthy")
    elif ready >= until:
        strides = course(Step.STAGE, Event.LAPSED, f"the permission for generation {generation} ended")
    elif drained >= until:
        drained = until
        strides = course(Step.DRAIN, Event.LAPSED, f"the permission for generation {generation} ended")
    else:
        strides = course(None, Event.DONE, "")
    begins = [at, ready]
    for index in range(2, len(strides)):
        step = strides[index - 1].step
        assert step is not None
        begins.append(drained if step is Step.DRAIN else begins[-1] + SECONDS[step] * slowness)
    return Errand(node, pop, generation, came_from, release, strides, begins)
