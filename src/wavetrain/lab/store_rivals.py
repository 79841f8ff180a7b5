"""Store rivals: how soon does a standby take over, and can a writer that was frozen still do harm?"""

import os
import signal
import statistics
import subprocess
import sys
import time
from types import TracebackType
from typing import Self

import msgspec

from wavetrain.adapters.sql_store import SqlStore
from wavetrain.errors import UnreachableError
from wavetrain.lab.processes import environment
from wavetrain.wiring.lease import LEASE_S, LOOK_S

SHORT_S = 0.3
"""A lease for rounds that are about what a late commit does, not about how long a lease lasts."""
LOOK_EVERY_S = 0.05
WITHIN_S = 20.0
INSIDE_EVERY = 5
"""Every fifth round freezes the writer inside its transaction, the others just before it."""


class LateCommits(msgspec.Struct, frozen=True, kw_only=True):
    """Of so many commits that came after a takeover, how many were refused, and how many wrote something."""

    rounds: int
    refused: int
    written: int


class RivalProcess:
    """A process of its own on the store; ended in `__exit__`, frozen or not."""

    def __init__(self, place: str, holder: str, lease_s: float) -> None:
        command = [sys.executable, "-m", "wavetrain.lab.store_rival", place, holder, str(lease_s)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
            start_new_session=True,
        )
        self.hear("here")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def tell(self, line: str) -> None:
        """Say what to do; it is read when the process runs."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self, wanted: str = "") -> str:
        """Its next answer, which begins with `wanted`; `UnreachableError` for another one."""
        assert self._process.stdout is not None
        said = self._process.stdout.readline().strip()
        if not said.startswith(wanted):
            raise UnreachableError(
                f"the rival said {said!r} where {wanted!r} was expected; see its errors above"
            )
        return said

    def freeze(self) -> None:
        """Stop it where it is."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._process.wait()


def takeover_s(place: str, how: str, rounds: int = 1) -> float:
    """Seconds from the end of a writer (`kill` or `freeze`) until a standby has the lease; the median of rounds."""
    took = []
    for number in range(rounds):
        standby = SqlStore(place)
        try:
            with RivalProcess(place, f"writer-{how}-{number}", LEASE_S) as writer:
                writer.tell("keep")
                writer.hear("keeps")
                if standby.lease("standby", LEASE_S) is not None:
                    raise UnreachableError("the standby got the lease although the writer keeps it")
                begun = time.monotonic()
                writer.kill() if how == "kill" else writer.freeze()
                _take(standby, "standby", LEASE_S, LOOK_S)
                took.append(time.monotonic() - begun)
                standby.release_lease()
        finally:
            standby.close()
    return statistics.median(took)


def late_commits(place: str, rounds: int) -> LateCommits:
    """Freeze a writer that is about to commit, let another take over, let the first one go on, and see."""
    refused = written = 0
    standby = SqlStore(place)
    try:
        for number in range(rounds):
            with RivalProcess(place, f"late-{number}", SHORT_S) as writer:
                writer.tell("lease")
                writer.hear("epoch")
                inside = number % INSIDE_EVERY == INSIDE_EVERY - 1
                if inside:
                    writer.tell("open")
                    writer.hear("open")
                writer.freeze()
                _take(standby, f"standby-{number}", SHORT_S, LOOK_EVERY_S)
                writer.tell("commit" if inside else "write")
                writer.thaw()
                answer = writer.hear()
            refused += answer.startswith("refused")
            written += answer == "written"
            standby.release_lease()
    finally:
        standby.close()
    return LateCommits(rounds=rounds, refused=refused, written=written)


def _take(standby: SqlStore, holder: str, lease_s: float, every_s: float) -> None:
    """As a standby does: ask again and again. A writer frozen inside its transaction keeps it waiting for a while."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        try:
            if standby.lease(holder, lease_s) is not None:
                return
        except UnreachableError:
            continue
        time.sleep(every_s)
    raise UnreachableError(f"the standby has not taken over within {WITHIN_S:g} s; see the database's log")
