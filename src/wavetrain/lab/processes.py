"""Processes: which programs did this lab start, and how do they end?"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from wavetrain.lab.lifeline import LIFELINE

END_WITHIN_S = 5.0
PR_SET_PDEATHSIG = 1
NOBODY = 65_534

_libc = ctypes.CDLL(None, use_errno=True)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a program of this lab: with the lifeline that ends it when this process is gone."""
    return {**os.environ, LIFELINE: str(os.getpid()), **(extra or {})}


class Processes:
    """The programs that were started here; none outlives `stop` or this process."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        sockets: Sequence[int] = (),
        extra: Mapping[str, str] | None = None,
        tied: bool = False,
        as_nobody: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own; its output goes to the end of `log`.

        `tied` is for a program that does not hold the lifeline itself: the kernel kills it when the *thread*
        that started it ends, so call from one that lives as long as the lab. `as_nobody` is for a program that
        needs no rights where this process has all of them.
        """
        nobody = NOBODY if as_nobody and os.geteuid() == 0 else None
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=sockets,
                env=environment(extra),
                start_new_session=True,
                preexec_fn=_die_with_parent(os.getpid()) if tied else None,
                user=nobody,
                group=nobody,
                extra_groups=None if nobody is None else [],
            )
        self._running[name] = process
        return process

    def pid(self, name: str) -> int:
        """The process id of a program that was started here."""
        return self._running[name].pid

    def pids(self) -> dict[str, int]:
        """Name -> process id of all that still run."""
        return {name: process.pid for name, process in self._running.items() if process.poll() is None}

    def ended(self) -> dict[str, int]:
        """Name -> exit code of those that ended by themselves."""
        codes = {name: process.poll() for name, process in self._running.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def stop(self, *names: str) -> None:
        """End these programs, last started first: SIGTERM, after 5 s SIGKILL to their whole group."""
        stopping = [(name, self._running[name]) for name in reversed(self._running) if name in names]
        for _, process in stopping:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGCONT)
        deadline = time.monotonic() + END_WITHIN_S
        for name, process in stopping:
            try:
                process.wait(max(0.01, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            del self._running[name]

    def kill(self, name: str) -> None:
        """End one as a crash does (SIGKILL to it alone, not to its group), and forget it."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def succeed(self, name: str, successor: str, within_s: float) -> int:
        """Wait for one to end by itself, and give its name to another one; its exit code. `TimeoutExpired`."""
        code = self._running[name].wait(within_s)
        self._running[name] = self._running.pop(successor)
        return code

    def stop_all(self) -> None:
        """End everything that was started here."""
        self.stop(*self._running)


def _die_with_parent(parent: int) -> Callable[[], None]:
    def tie() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return tie
