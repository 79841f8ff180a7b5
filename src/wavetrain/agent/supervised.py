"""Supervised: what does the agent ask of its node's supervisor?"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.wire.json_message import read_message

PROGRAM = Path(__file__).with_name("supervisor.py")
ANSWER_WITHIN_S = 5.0
ANSWER_BYTES_MAX = 1024 * 1024
START_WITHIN_S = 15.0
LOOK_EVERY_S = 0.02
SOCKET_PATH_BYTES_MAX = 107
LONGEST_NAME = len("/A-4194304.sock")
LOG_TAIL_CHARACTERS = 300


class Listen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A listening socket that the programs share: its name, and `HOST:PORT`."""

    name: str
    address: str


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a supervisor is started with; absolute paths."""

    node: str
    listen: tuple[Listen, ...]
    slots: str
    shared: str
    sockets: str
    logs: str
    python: str
    stop_grace_s: float


class Program(msgspec.Struct, frozen=True):
    """A program as the supervisor sees it. `state` is running, waiting (to be restarted) or stopping."""

    slot: str
    pid: int
    state: str
    crashes: int
    last: str
    admin: str


class State(msgspec.Struct, frozen=True):
    """The supervisor's answer."""

    pid: int
    settings: Any
    programs: tuple[Program, ...]
    error: str = ""


class Supervised:
    """The supervisor of one node, started when it is needed and found again when it runs."""

    def __init__(self, settings: Settings, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        longest = len(os.fsencode(settings.sockets)) + LONGEST_NAME
        if longest > SOCKET_PATH_BYTES_MAX:
            raise RefusedError(
                f"the folder for sockets, {settings.sockets}, makes paths of up to {longest} bytes; unix sockets "
                f"allow {SOCKET_PATH_BYTES_MAX}: set `sockets` in [installer] to a shorter folder"
            )
        self._settings = settings
        self._answer_within_s = answer_within_s
        self._door = str(Path(settings.sockets) / "supervisor.sock")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, slot: str) -> None:
        """Have the program of a slot run. Raises `RefusedError` where it cannot be started."""
        self.ensure()
        self._ask({"do": "start", "slot": slot})

    def stop(self, slot: str) -> None:
        """Have the program of a slot leave; it may serve on for its grace."""
        self._ask({"do": "stop", "slot": slot})

    def restart(self, slot: str, pid: int) -> None:
        """Have a program of a slot killed and started again, if it is still the one with this process id."""
        self._ask({"do": "restart", "slot": slot, "pid": pid})

    def programs(self) -> tuple[Program, ...]:
        """All that run; none where there is no supervisor."""
        try:
            return self._ask({"do": "status"}).programs
        except UnreachableError:
            return ()

    def ensure(self) -> State:
        """The state of the supervisor, which is started if there is none."""
        try:
            return self._ask({"do": "status"})
        except UnreachableError:
            self._launch()
            return self._ask({"do": "status"})

    def as_set(self, state: State) -> bool:
        """Whether the supervisor runs with the settings of now."""
        return bool(state.settings == json.loads(msgspec.json.encode(self._settings)))

    def quit(self, grace_s: float) -> None:
        """End the supervisor and its programs, and wait until it is gone."""
        latest = time.monotonic() + grace_s + ANSWER_WITHIN_S
        try:
            self._ask({"do": "quit", "grace_s": grace_s})
        except UnreachableError:
            latest = 0.0
        while self._answers() and time.monotonic() < latest:
            time.sleep(LOOK_EVERY_S)
        if self._process is not None:
            self._process.wait(ANSWER_WITHIN_S)

    def _answers(self) -> bool:
        try:
            self._ask({"do": "status"})
        except UnreachableError:
            return False
        return True

    def _ask(self, request: dict[str, object]) -> State:
        try:
            try:
                line = self._exchange(request)
            except _StoppedError:
                line = self._exchange(request)  # every request may be repeated
            state = read_message(line, State, "the answer")
        except (OSError, RefusedError) as error:
            raise UnreachableError(
                f"the supervisor of {self._settings.node} does not answer: {error}"
            ) from error
        if state.error:
            raise RefusedError(state.error)
        return state

    def _exchange(self, request: dict[str, object]) -> bytes:
        """Raises `_StoppedError` where the supervisor was stopped and now goes on.

        It must not be killed: the programs end with it, and their sessions too.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(self._answer_within_s)
            asking.connect(self._door)
            try:
                asking.sendall(json.dumps(request).encode() + b"\n")
                with asking.makefile("rb") as answer:
                    return answer.readline(ANSWER_BYTES_MAX)
            except TimeoutError:
                pid = _listens_at(asking)
                if not _is_stopped(pid):
                    raise
                os.kill(pid, signal.SIGCONT)
                raise _StoppedError from None

    def _launch(self) -> None:
        sockets, logs = Path(self._settings.sockets), Path(self._settings.logs)
        for folder in (sockets, logs, Path(self._settings.shared), Path(self._settings.slots)):
            folder.mkdir(parents=True, exist_ok=True)
        file = sockets / "supervisor.json"
        file.write_bytes(msgspec.json.encode(self._settings))
        log = logs / "supervisor.log"
        if self._process is not None:
            self._process.poll()  # of one that ended, nothing is left behind
        with log.open("ab") as saying:
            begin = saying.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(PROGRAM), str(file)],
                stdin=subprocess.DEVNULL,
                stdout=saying,
                stderr=saying,
                start_new_session=True,
            )
        latest = time.monotonic() + START_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > latest:
                said = log.read_bytes()[begin:].decode(errors="replace").strip()[-LOG_TAIL_CHARACTERS:]
                raise UnreachableError(
                    f"the supervisor of {self._settings.node} does not start: {said or 'no word'}"
                )
            time.sleep(LOOK_EVERY_S)


class _StoppedError(OSError):
    """The supervisor was stopped by a signal."""


def _listens_at(connected: socket.socket) -> int:
    """The process id of the other end of a unix socket."""
    size = struct.calcsize("3i")
    pid, _, _ = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(pid)


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False
