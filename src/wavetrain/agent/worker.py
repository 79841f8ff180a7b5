"""Worker: how are the steps of an update carried out on this node?"""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from wavetrain.agent import accept, bans, quiet
from wavetrain.agent.accept import Instant, Task
from wavetrain.agent.log import Log
from wavetrain.agent.memory import Keeper, Memory
from wavetrain.agent.pace import EndedError, Pace
from wavetrain.agent.ports import Healthy, Installer, Opener, Probe, Traffic
from wavetrain.agent.update import Event, Over, Step, Update, next_step, phase_of
from wavetrain.errors import RefusedError, UnreachableError

T = TypeVar("T")

STAGE_TRIES = 3
"""How often bytes that are refused are fetched again: a cache on the way may have been at fault."""
TRIES = 3
RETRY_S = 0.5
RETRY_MAX_S = 10.0
SESSIONS_EVERY_S = 0.05
TEND_EVERY_S = 1.0

Happened = tuple[Event, str]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Of one update; seconds unless named otherwise."""

    drain_timeout_s: float = 10.0
    drain_spread_ms: int = 500
    probe_timeout_s: float = 10.0
    probe_every_s: float = 0.1
    probe_successes: int = 2
    """In a row."""
    nice: int = 0
    """How much lower the priority of fetching and unpacking is."""


class Initial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What runs on a node before it was ever told anything."""

    number: str
    digest: str
    file: str


class Worker:
    """Carries out what the memory says, one task at a time."""

    def __init__(
        self,
        keeper: Keeper,
        installer: Installer,
        traffic: Traffic,
        probe: Probe,
        opener_for: Callable[[str], Opener],
        limits: Limits,
        pace: Pace,
        boot: str,
        log: Log,
        last_words: Callable[[], None] = lambda: None,
    ) -> None:
        """`last_words` is asked for before a program is ended, which then tells nothing any more."""
        self._keeper = keeper
        self._installer = installer
        self._traffic = traffic
        self._probe = probe
        self._opener_for = opener_for
        self._limits = limits
        self._pace = pace
        self._boot = boot
        self._log = log
        self._last_words = last_words
        self._prefetched = ""
        self._steps: dict[Step, Callable[[Update], Happened]] = {
            Step.STAGE: self._stage,
            Step.DRAIN: self._drain,
            Step.SWITCH: self._switch,
            Step.VERIFY: self._verify,
            Step.RETURN: lambda _: self._return(),
            Step.BACK: self._back,
            Step.RECHECK: self._verify,
            Step.LEAVE: lambda _: self._leave(),
        }

    def recover(self, initial: Initial | None) -> None:
        """Find what runs, or adopt what should; raises nothing that a later try may mend."""
        try:
            running = self._installer.current()
            if not running and initial is not None:
                file = Path(initial.file)
                self._installer.stage(
                    initial.number, initial.digest, file.stat().st_size, lambda: _read(file)
                )
                self._installer.switch(initial.number)
                running = self._installer.current()
            trouble = self._installer.keep()
        except (UnreachableError, OSError) as error:
            running, trouble = self._keeper.memory.running, str(error)
        self._change(running=running, trouble=trouble)
        self._log("found", release=running, trouble=trouble)

    def run(self) -> None:
        """Work until the pace ends."""
        while not self._pace.ended:
            try:
                revision = self._keeper.revision
                if not self.work():
                    self.tend()
                    self._keeper.wait(revision, TEND_EVERY_S)
            except EndedError:
                return
            except Exception as error:
                # A node must not stop listening because of one fault: the next turn begins the same step again.
                self._log("fault", error=repr(error))
                known = isinstance(error, UnreachableError)
                self._keeper.complain(str(error) if known else f"the agent met a fault: {error!r}")
                self._keeper.wait(self._keeper.revision, TEND_EVERY_S)

    def work(self) -> bool:
        """Do the task at hand to its end; whether there was one."""
        if self._keeper.memory.update is None:
            match accept.task(self._keeper.memory):
                case Task.NOTHING:
                    return False
                case Task.ADOPT:
                    self._keeper.change(accept.adopted)
                    self._log("adopted", generation=str(self._keeper.memory.generation))
                    return True
                case Task.PREFETCH:
                    return self._prefetch()
                case Task.BEGIN:
                    self._begin()
        update = self._keeper.memory.update
        while update is not None:
            update = self._step(update)
        return True

    def tend(self) -> None:
        """See that the release which should run does."""
        try:
            trouble = self._installer.keep()
        except (UnreachableError, RefusedError, OSError) as error:
            trouble = str(error)
        self._change(trouble=trouble)

    # The course of an update

    def _begin(self) -> None:
        memory = self._keeper.change(lambda memory: _told(accept.begun(memory)))
        assert memory.update is not None
        self._log("begin", generation=str(memory.generation), release=memory.update.release)

    def _step(self, update: Update) -> Update | None:
        event, detail = self._steps[update.step](update)
        self._log("step", step=update.step, happened=event, release=update.release, detail=detail)
        running = self._installer.current()
        way_back = not bans.withdrawn(self._keeper.memory.bans, update.came_from)
        after = next_step(update, event, detail, way_back=way_back)

        def write(memory: Memory) -> Memory:
            if isinstance(after, Over):
                return msgspec.structs.replace(
                    memory, update=None, running=running, phase=after.phase, detail=after.detail
                )
            return _told(msgspec.structs.replace(memory, update=after, running=running, detail=after.detail))

        return self._keeper.change(write).update

    def _stage(self, update: Update) -> Happened:
        if update.restart:
            if self._installer.process():
                return self._ended(update) or (Event.DONE, "")
            return Event.REFUSED, "there is no program here that this agent could start anew"
        refusals, tries = 0, 0
        while True:
            ended = self._ended(update)
            if ended:
                return ended
            try:
                self._fetch(update.release, update.digest, update.size, lambda: self._still_wanted(update))
                return self._ended(update) or (Event.DONE, "")
            except _NoLongerWantedError:
                continue
            except RefusedError as error:
                refusals += 1
                problem = str(error)
                if refusals == STAGE_TRIES:
                    return Event.REFUSED, problem
            except UnreachableError as error:
                problem = str(error)
            self._mention(problem)
            tries += 1
            self._pace.wait(min(RETRY_S * 2.0 ** (tries - 1), RETRY_MAX_S))

    def _drain(self, update: Update) -> Happened:
        latest: float | None = None
        while True:
            ended = self._ended(update)
            if ended:
                return ended
            try:
                if latest is None:
                    self._traffic.drain(self._limits.drain_spread_ms)
                    latest = self._pace.now() + self._limits.drain_timeout_s
            except UnreachableError as error:
                self._mention(f"cannot drain: {error}")
                self._pace.wait(RETRY_S)
                continue
            left = self._traffic.sessions()
            if left == 0:
                self._settle()
                return Event.DONE, ""
            if self._pace.now() >= latest:
                how_many = "nobody knows how many" if left is None else left
                self._log("drain ended", sessions=left)
                self._settle()
                return (
                    Event.DONE,
                    f"sessions that did not move in {self._limits.drain_timeout_s:g} s: {how_many}",
                )
            self._pace.wait(SESSIONS_EVERY_S)

    def _switch(self, update: Update) -> Happened:
        if update.restart:
            return self._renew(update)
        if self._installer.current() != update.release:
            ended = self._ended(update)
            if ended:
                return ended
        self._last_words()
        problem = self._tried(lambda: self._installer.switch(update.release))
        return (Event.REFUSED, f"{update.release} does not start: {problem}") if problem else (Event.DONE, "")

    def _renew(self, update: Update) -> Happened:
        """The program to be ended is written down first, so that one that was started since is not ended, too."""
        process = update.process
        if not process:
            ended = self._ended(update)
            if ended:
                return ended
            process = self._installer.process()
            self._change(update=msgspec.structs.replace(update, process=process))
        self._last_words()
        problem = self._tried(lambda: self._installer.renew(process))
        return (Event.REFUSED, f"{update.release} does not start: {problem}") if problem else (Event.DONE, "")

    def _verify(self, update: Update) -> Happened:
        """Probe what is current now: the new release, or the old one after going back."""
        self._settle()
        self.tend()
        latest = self._pace.now() + self._limits.probe_timeout_s
        good = 0
        while True:
            seen = self._probe.check(self._installer.inside())
            if isinstance(seen, Healthy):
                good += 1
                if good >= self._limits.probe_successes:
                    return Event.DONE, ""
            else:
                good = 0
                if self._pace.now() >= latest:
                    which = self._installer.current()
                    problem = (
                        f"{which} was not healthy within {self._limits.probe_timeout_s:g} s: {seen.detail}"
                    )
                    return Event.REFUSED, f"{update.detail}; {problem}".lstrip("; ")
            self._pace.wait(self._limits.probe_every_s)

    def _return(self) -> Happened:
        self._until_done(self._installer.confirm)
        self._refill()
        return Event.DONE, ""

    def _back(self, update: Update) -> Happened:
        self._last_words()
        problem = self._tried(lambda: self._installer.back(update.came_from))
        if problem:
            return Event.REFUSED, f"{update.detail}; going back to {update.came_from} failed: {problem}"
        return Event.DONE, ""

    def _leave(self) -> Happened:
        self._refill()
        return Event.DONE, ""

    # What several steps do

    def _settle(self) -> None:
        """Once; the update goes on without it, because what is left of a drain may not come to hold it up."""
        try:
            self._traffic.settle()
        except UnreachableError as error:
            self._log("not settled", problem=str(error))

    def _refill(self) -> None:
        """Take traffic again, for as long as it takes; the invitation alone may fail."""
        self._until_done(self._traffic.undrain)
        problem = self._tried(self._traffic.invite)
        if problem:
            self._log("not invited", problem=problem)

    def _ended(self, update: Update) -> Happened | None:
        """Whether an update that has not switched must not go on."""
        if accept.lapsed(update, Instant(self._pace.now(), self._boot)):
            problem = self._keeper.memory.detail
            return Event.LAPSED, f"the permission for generation {update.generation} ended; {problem}".rstrip(
                "; "
            )
        reason = accept.recalled(self._keeper.memory)
        return (Event.RECALLED, reason) if reason else None

    def _still_wanted(self, update: Update) -> None:
        if self._pace.ended:
            raise EndedError
        if self._ended(update):
            raise _NoLongerWantedError

    def _fetch(self, release: str, digest: str, size: int, look: Callable[[], None]) -> None:
        opener = self._opener_for(digest)

        def looking() -> Iterator[bytes]:
            for chunk in opener():
                look()
                yield chunk

        quiet.run(self._limits.nice, lambda: self._installer.stage(release, digest, size, looking))

    def _prefetch(self) -> bool:
        """Once per instruction, and again only for a newer one or a new process."""
        order = self._keeper.memory.order
        assert order is not None
        if self._prefetched == order.digest:
            return False
        self._prefetched = order.digest
        try:
            self._fetch(order.release, order.digest, order.size, self._still_running)
        except (RefusedError, UnreachableError) as error:
            self._mention(f"{order.release} could not be fetched ahead: {error}")
        return True

    def _still_running(self) -> None:
        if self._pace.ended:
            raise EndedError

    def _tried(self, act: Callable[[], None]) -> str:
        """What went wrong each time; empty where it was done. What is refused is not tried again."""
        problem = ""
        for _ in range(TRIES):
            try:
                act()
                return ""
            except RefusedError as error:
                return str(error)
            except UnreachableError as error:
                problem = str(error)
                self._pace.wait(RETRY_S)
        return problem

    def _until_done(self, act: Callable[[], None]) -> None:
        tries = 0
        while True:
            try:
                return act()
            except (UnreachableError, RefusedError) as error:
                self._mention(f"tries again: {error}")
                self._pace.wait(min(RETRY_S * 2.0**tries, RETRY_MAX_S))
                tries += 1

    def _mention(self, detail: str) -> None:
        self._change(detail=detail)

    def _change(self, **fields: object) -> None:
        self._keeper.change(lambda memory: msgspec.structs.replace(memory, **fields))


class _NoLongerWantedError(Exception):
    """While the bytes came, the update ended."""


def _told(memory: Memory) -> Memory:
    """The phase that the update's step is told as."""
    assert memory.update is not None
    return msgspec.structs.replace(memory, phase=phase_of(memory.update))


def _read(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        while chunk := content.read(256 * 1024):
            yield chunk


def thread(worker: Worker) -> threading.Thread:
    """A thread that works; it does not hold the process up."""
    return threading.Thread(target=worker.run, name="worker", daemon=True)
