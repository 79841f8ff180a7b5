"""Hand-over: how does one control plane pass its doors and its store to the next one, and get them back?

Both talk over the unix socket `handover.sock` in the control plane's folder, a line of JSON each way and step:

    new   {"release", "prove_s"}    asks to take over
    old   {"refused"}               why not; or, once it has served its last request and let go of the store:
    old   {"yours": true}           with its listening sockets (SCM_RIGHTS)
    new   {"proven": true}          it serves; or {"proven": false, "why"}: it gives everything back

A conversation that breaks off before `proven` gives everything back, too: the kernel ends it with its process,
however that ends.
"""

import array
import contextlib
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import msgspec

from wavetrain.errors import RefusedError, UnreachableError

SOCKET = "handover.sock"
LINE_BYTES_MAX = 4096
DOORS_MAX = 8
REQUEST_WITHIN_S = 2.0
PROVE_S = 20.0
"""How long a new release may take from the moment that the doors are its own until it has proven itself."""
PROVE_S_MAX = 120.0
SPARE_S = 3.0
"""How much longer the old one waits for that word: the new one knows best that its time is up."""
GIVE_WITHIN_S = 60.0
"""How long the old one may take to end its tick and to answer its last request."""
LOOK_S = 0.1
TEXT_CHARACTERS = 300


class Asked(msgspec.Struct, frozen=True):
    """Who asks to take over, and how long it may need until it has proven itself."""

    release: str
    prove_s: float = PROVE_S


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one of both says to the other."""

    refused: str = ""
    yours: bool = False
    proven: bool | None = None
    why: str = ""


class _Line:
    """One end of the conversation."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the conversation, if it has not ended."""
        self._connection.close()

    def say(self, said: Said | Asked) -> None:
        """`OSError` where nobody hears."""
        self._connection.sendall(msgspec.json.encode(said) + b"\n")

    def hear(self, within_s: float, ended: Callable[[], bool], doors: list[socket.socket]) -> bytes | None:
        """The next line; None when the other one has gone, or `ended` says so. `TimeoutError`."""
        until = time.monotonic() + within_s
        while b"\n" not in self._rest:
            if ended():
                return None
            if time.monotonic() > until:
                raise TimeoutError
            if not select.select([self._connection], [], [], LOOK_S)[0]:
                continue
            try:
                content = self._receive(doors)
            except OSError:
                return None
            if not content or len(self._rest) > LINE_BYTES_MAX:
                return None
            self._rest += content
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _receive(self, doors: list[socket.socket]) -> bytes:
        size = array.array("i").itemsize
        content, ancillary, _, _ = self._connection.recvmsg(
            LINE_BYTES_MAX, socket.CMSG_SPACE(DOORS_MAX * size), socket.MSG_CMSG_CLOEXEC
        )
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                numbers = array.array("i", data[: len(data) - len(data) % size])
                doors += [socket.socket(fileno=number) for number in numbers]
        return content


class Successor(_Line):
    """Who asks this process for everything."""

    def __init__(self, connection: socket.socket, asked: Asked) -> None:
        super().__init__(connection)
        self.asked = asked
        self.pid = _peer(connection)[0]
        self._process: int | None = None
        with contextlib.suppress(OSError):
            self._process = os.pidfd_open(self.pid)

    def close(self) -> None:
        super().close()
        if self._process is not None:
            os.close(self._process)
            self._process = None

    def refuse(self, why: str) -> None:
        """Everything stays here."""
        with contextlib.suppress(OSError):
            self.say(Said(refused=why[:TEXT_CHARACTERS]))
        self.close()

    def give(self, door: socket.socket) -> None:
        """It is the successor's turn. `OSError` where it has gone meanwhile."""
        line = msgspec.json.encode(Said(yours=True)) + b"\n"
        socket.send_fds(self._connection, [line], [door.fileno()])

    def verdict(self, ended: Callable[[], bool]) -> str:
        """Empty when it has proven itself; else why everything comes back.

        One that does not say so in time is killed: it may hold the store's lock, and hang.
        """
        try:
            line = self.hear(min(self.asked.prove_s, PROVE_S_MAX) + SPARE_S, ended, [])
        except TimeoutError:
            self._kill()
            return f"it has not proven itself within {self.asked.prove_s:g} s"
        if line is None:
            return "it ended before it had proven itself"
        try:
            said = msgspec.json.decode(line, type=Said)
        except msgspec.MsgspecError as error:
            self._kill()
            return f"it says what is not understood: {error}"
        return "" if said.proven else said.why or "it says that it is not well"

    def outlive(self, ended: Callable[[], bool]) -> None:
        """Wait until it has gone."""
        with contextlib.suppress(TimeoutError):
            while self.hear(threading.TIMEOUT_MAX, ended, []) is not None:
                pass

    def _kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(OSError):
                os.kill(self.pid, 9)
            select.select([self._process], [], [], REQUEST_WITHIN_S)


class Predecessor(_Line):
    """Who runs now, and is asked for everything."""

    def ask(self, asked: Asked, ended: Callable[[], bool]) -> list[socket.socket] | None:
        """The doors, as soon as they are ours; None when the other one has gone. `RefusedError`."""
        doors: list[socket.socket] = []
        try:
            self.say(asked)
            line = self.hear(GIVE_WITHIN_S, ended, doors)
        except TimeoutError:
            raise UnreachableError(
                f"the control plane that runs does not end its work within {GIVE_WITHIN_S:g} s; see its log"
            ) from None
        except OSError:
            return None
        if line is None:
            return None
        try:
            said = msgspec.json.decode(line, type=Said)
        except msgspec.MsgspecError as error:
            raise UnreachableError(
                f"the control plane that runs says what is not understood: {error}"
            ) from error
        if not said.yours:
            raise RefusedError(f"the control plane that runs does not hand over: {said.refused}")
        return doors

    def proven(self) -> None:
        """We serve; it may go."""
        with contextlib.suppress(OSError):
            self.say(Said(proven=True))

    def give_back(self, why: str) -> None:
        """We do not; it may take everything again, once this process has let go."""
        with contextlib.suppress(OSError):
            self.say(Said(proven=False, why=why[:TEXT_CHARACTERS]))
        self.close()


def find(folder: Path) -> Predecessor | None:
    """The control plane of a folder, as far as one runs there that can hand over."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(REQUEST_WITHIN_S)
    try:
        with _short(folder) as place:
            connection.connect(place)
    except OSError:
        connection.close()
        return None
    return Predecessor(connection)


class Reception:
    """Hears who asks to take over; `asked` is called in its thread."""

    def __init__(self, folder: Path, asked: Callable[[Successor], None]) -> None:
        self._asked = asked
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        (folder / SOCKET).unlink(missing_ok=True)  # of one that ran before
        with _short(folder) as place:
            self._door.bind(place)
        (folder / SOCKET).chmod(0o600)
        self._door.listen(4)
        self._door.settimeout(LOOK_S)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="handover", daemon=True)

    def open(self) -> None:
        """From now on somebody may ask."""
        self._thread.start()

    def close(self) -> None:
        """Nobody may ask any more; the file stays, since it may be another one's by now."""
        self._ended.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()
        self._door.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._door.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self._meet(connection)

    def _meet(self, connection: socket.socket) -> None:
        connection.settimeout(REQUEST_WITHIN_S)
        if _peer(connection)[1] not in (os.getuid(), 0):
            connection.close()
            return
        try:
            line = _Line(connection).hear(REQUEST_WITHIN_S, self._ended.is_set, [])
            asked = msgspec.json.decode(line or b"", type=Asked)
        except (TimeoutError, msgspec.MsgspecError):
            connection.close()
            return
        self._asked(Successor(connection, asked))


@contextlib.contextmanager
def _short(folder: Path) -> Iterator[str]:
    """A unix socket's address has 107 bytes; a folder may have more."""
    opened = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{opened}/{SOCKET}"
    finally:
        os.close(opened)


def _peer(connection: socket.socket) -> tuple[int, int]:
    """The process and the user of the other end."""
    size = struct.calcsize("3i")
    pid, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(pid), int(user)
