"""Watchdog: does the node's own program hang, and what is done about it?

A program that answers is alive, whatever it answers; one that ended is the supervisor's matter. What is left is one
that takes questions and does not answer. It is killed and started again, a few times at most. Which release runs is
never changed by that.
"""

import threading
from enum import StrEnum

import msgspec

from wavetrain.agent.log import Log
from wavetrain.agent.memory import Keeper
from wavetrain.agent.pace import EndedError, Pace
from wavetrain.agent.ports import Installer, Probe, Unhealthy
from wavetrain.agent.update import Step, Update
from wavetrain.errors import RefusedError, UnreachableError

OWN_PROBE = frozenset({Step.SWITCH, Step.VERIFY, Step.BACK, Step.RECHECK})
"""In these steps the update's own probe decides what becomes of the program."""
HELD_UP_S = 1.0
"""A look that took so much longer than it may says more of this machine than of the program."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """When a program is taken for hung, and how often it is started again."""

    every_s: float = 0.5
    looks: int = 3
    """In a row without an answer; 0: never looked at."""
    look_s: float = 1.0
    """How long a look may take."""
    grace_s: float = 10.0
    """How long a program may take from its start to its first answer."""
    backoff_s: float = 5.0
    """Between two restarts, twice as long after each."""
    restarts_max: int = 5
    span_s: float = 600.0
    """In which there are so many restarts at most."""


class Look(msgspec.Struct, frozen=True):
    """What one look saw. `process` names the program that was asked; empty: none runs."""

    at: float
    process: str
    silent: bool
    took_s: float = 0.0


class Watch(msgspec.Struct, frozen=True):
    """What is remembered between looks; times on the node's monotonic clock."""

    process: str = ""
    since: float = 0.0
    answered: bool = False
    silent: int = 0
    restarts: tuple[float, ...] = ()


class Verdict(StrEnum):
    """What follows from a look."""

    WELL = "well"
    WAIT = "wait"
    RESTART = "restart"
    LEAVE = "leave"
    """It hangs, and was started again often enough."""


def judge(watch: Watch, look: Look, rules: Rules) -> tuple[Watch, Verdict]:
    """What to remember, and what to do."""
    recent = tuple(at for at in watch.restarts if look.at - at < rules.span_s)
    watch = msgspec.structs.replace(watch, restarts=recent)
    if look.process != watch.process:
        watch = Watch(look.process, look.at, restarts=recent)
    if not look.process:
        return watch, Verdict.WELL
    if not look.silent:
        return msgspec.structs.replace(watch, answered=True, silent=0), Verdict.WELL
    if look.took_s > rules.look_s + HELD_UP_S:
        return watch, Verdict.WAIT
    if not watch.answered and look.at - watch.since < rules.grace_s:
        return watch, Verdict.WAIT
    watch = msgspec.structs.replace(watch, silent=watch.silent + 1)
    if watch.silent < rules.looks:
        return watch, Verdict.WAIT
    if len(recent) >= rules.restarts_max:
        return watch, Verdict.LEAVE
    if recent and look.at - recent[-1] < rules.backoff_s * 2.0 ** (len(recent) - 1):
        return watch, Verdict.WAIT
    restarted = Watch(look.process, look.at, restarts=(*recent, look.at))
    return restarted, Verdict.RESTART


def words(watch: Watch, verdict: Verdict, rules: Rules) -> str:
    """What the node says of it in its reports; empty for nothing."""
    if verdict is Verdict.LEAVE:
        return (
            f"its program does not answer; it was started again {len(watch.restarts)} times in "
            f"{rules.span_s:g} s and is left as it is: look at it"
        )
    if watch.restarts:
        times = "once" if len(watch.restarts) == 1 else f"{len(watch.restarts)} times"
        return f"its program did not answer and was killed and started again {times} in {rules.span_s:g} s"
    return ""


class Watchdog:
    """Looks at the program beside the worker, while no step of an update decides about it."""

    def __init__(
        self, keeper: Keeper, installer: Installer, probe: Probe, rules: Rules, pace: Pace, log: Log
    ) -> None:
        self._keeper = keeper
        self._installer = installer
        self._probe = probe
        self._rules = rules
        self._pace = pace
        self._log = log
        self._watch = Watch()

    def run(self) -> None:
        """Look until the pace ends."""
        while not self._pace.ended:
            begun = self._pace.now()
            try:
                self.turn()
                self._pace.wait(max(0.0, self._rules.every_s - (self._pace.now() - begun)))
            except EndedError:
                return
            except Exception as error:
                # Whatever it was, a node that nobody watches is worse than a look that failed.
                self._log("fault", error=repr(error), where="watchdog")
                self._pace.wait(self._rules.every_s)

    def turn(self) -> None:
        """One look, and what follows from it."""
        if not _watched(self._keeper.memory.update):
            self._watch = msgspec.structs.replace(self._watch, process="", silent=0)
            return
        try:
            process = self._installer.process()
            inside = self._installer.inside()
        except (UnreachableError, RefusedError, OSError):
            return
        asked = self._pace.now()
        seen = self._probe.check(inside) if process else None
        silent = isinstance(seen, Unhealthy) and seen.silent
        if silent and not _watched(self._keeper.memory.update):
            return
        now = self._pace.now()
        self._watch, verdict = judge(self._watch, Look(now, process, silent, now - asked), self._rules)
        said = words(self._watch, verdict, self._rules)
        if verdict is Verdict.RESTART:
            self._log("hangs", process=process, restarts=len(self._watch.restarts))
            try:
                self._installer.restart(process)
            except (UnreachableError, RefusedError, OSError) as error:
                said = f"its program does not answer and cannot be started again: {error}"
        self._keeper.change(lambda memory: msgspec.structs.replace(memory, hung=said))


def _watched(update: Update | None) -> bool:
    return update is None or update.step not in OWN_PROBE


def thread(watchdog: Watchdog) -> threading.Thread:
    """A thread that watches; it does not hold the process up."""
    return threading.Thread(target=watchdog.run, name="watchdog", daemon=True)
