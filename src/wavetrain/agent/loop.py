"""Loop: when does the node report?"""

from collections.abc import Callable

from wavetrain.agent import accept
from wavetrain.agent.accept import Instant, Judging, Task
from wavetrain.agent.control_plane import ControlPlane, backoff_s
from wavetrain.agent.enrol import Enrolment
from wavetrain.agent.log import Log
from wavetrain.agent.memory import Keeper, Memory
from wavetrain.agent.pace import Pace
from wavetrain.agent.ports import NotUnderstoodError
from wavetrain.agent.reconnects import Reconnects
from wavetrain.agent.visits import Visits
from wavetrain.errors import UnreachableError
from wavetrain.wire.agent_messages import DETAIL_CHARACTERS_MAX, Poll, Say

BUSY_EVERY_S = 0.5
"""How often a node that is being updated asks, beside at each change of its phase."""
MUTE_S = 600.0
"""So long sessions' reports are kept back after a control plane did not take a report with some of them: a node's own
word must get through to an older one."""
CALM_S = 1.0
"""The shortest time between two questions of a node that has nothing to do."""


class Loop:
    """Reports, polls and remembers; the worker does the rest."""

    def __init__(
        self,
        keeper: Keeper,
        control_plane: ControlPlane,
        visits: Visits,
        reconnects: Reconnects,
        enrolment: Enrolment,
        judge: Callable[[], Judging],
        pace: Pace,
        log: Log,
        *,
        node: str,
        metrics: str,
        boot: str,
        clock: Callable[[], float],
        wait_s: float,
        backoff_max_s: float,
    ) -> None:
        self._keeper = keeper
        self._control_plane = control_plane
        self._visits = visits
        self._reconnects = reconnects
        self._enrolment = enrolment
        self._judge = judge
        self._pace = pace
        self._log = log
        self._node = node
        self._metrics = metrics
        self._boot = boot
        self._clock = clock
        self._wait_s = wait_s
        self._backoff_max_s = backoff_max_s
        self._failures = 0
        self._mute_until = float("-inf")

    def run(self) -> None:
        """Until the pace ends."""
        while not self._pace.ended:
            self.turn()

    def turn(self) -> None:
        """One report and its answer, and the wait for the next one."""
        revision = self._keeper.revision
        memory = self._keeper.memory
        busy = is_busy(memory)
        self._look_at_reconnects()
        if not busy:
            self._look_at_visits()
        said = self._visits.news()
        is_mute = self._pace.now() < self._mute_until
        came = () if is_mute else self._reconnects.news(self._clock())
        wait_s = 0.0 if busy or self._failures else self._wait_s
        poll = Poll(say=self._say(memory), known=memory.read, wait_s=wait_s, visits=said, reconnects=came)
        asked = self._pace.now()
        try:
            self._enrolment.tend()
            told = self._control_plane.poll(poll)
            judge = self._judge()
        except UnreachableError as error:
            self._failures += 1
            if came and isinstance(error, NotUnderstoodError):
                self._mute_until = self._pace.now() + MUTE_S
            wait_s = backoff_s(self._node, self._failures, self._backoff_max_s)
            self._log(
                "away",
                error=f"{error}{self._enrolment.hint()}",
                failures=self._failures,
                wait_s=round(wait_s, 2),
            )
            self._keeper.wait(revision, wait_s)
            return
        if self._failures:
            self._log("back", failures=self._failures)
            self._failures = 0
        self._visits.heard(said)
        self._reconnects.heard(came)
        now = Instant(self._pace.now(), self._boot)
        try:
            after = self._keeper.change(lambda memory: accept.accept(memory, told, now, judge))
        except UnreachableError as error:
            # What was told is asked for again: without it written down, a crash would forget that it was begun.
            self._log("cannot write", error=str(error))
            self._keeper.complain(str(error))
            self._keeper.wait(self._keeper.revision, CALM_S)
            return
        if after.read != memory.read or after.refused != memory.refused:
            self._log("told", generation=str(told.generation), release=told.release, refused=after.refused)
        if is_busy(after):
            if busy:
                self._keeper.wait(revision, BUSY_EVERY_S)
            return
        short_s = CALM_S - (self._pace.now() - asked)
        if after == memory and short_s > 0:
            self._keeper.wait(revision, short_s)

    def _look_at_visits(self) -> None:
        try:
            self._visits.look(self._pace.now())
        except UnreachableError as error:
            self._log("no visits", error=str(error))

    def _look_at_reconnects(self) -> None:
        try:
            self._reconnects.look(self._pace.now())
        except UnreachableError as error:
            self._log("no reconnects", error=str(error))

    def _say(self, memory: Memory) -> Say:
        parts = (memory.detail, memory.refused, memory.trouble, memory.hung)
        return Say(
            node=self._node,
            generation=memory.generation,
            release=memory.running,
            phase=memory.phase,
            detail="; ".join(part for part in parts if part)[:DETAIL_CHARACTERS_MAX],
            metrics=self._metrics,
            boot=self._boot,
            clock=self._clock(),
        )


def is_busy(memory: Memory) -> bool:
    """Whether the worker has something to report of soon."""
    return memory.update is not None or accept.task(memory) in (Task.ADOPT, Task.BEGIN)
