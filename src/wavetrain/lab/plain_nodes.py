"""Plain nodes: how does a gateway run where there is no agent?"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from wavetrain.errors import UnreachableError
from wavetrain.lab.layout import NodePlace, listening
from wavetrain.lab.processes import environment

HEALTHY_WITHIN_S = 10.0
LOOK_EVERY_S = 0.01
FIRST_DESCRIPTOR = 3
OUT_OF_THE_WAY = 64  # descriptors that are copied to 3 and 4 must not be 3 or 4 themselves


class PlainNode:
    """The listening sockets of a node, and the gateway that serves them now."""

    def __init__(self, place: NodePlace, stop_grace_s: float = 2.0) -> None:
        self.place = place
        self._stop_grace_s = stop_grace_s
        place.shared.mkdir(parents=True, exist_ok=True)
        self._sockets = [listening(place.sessions_at), listening(place.admin_at)]
        self._running: list[subprocess.Popen[bytes]] = []
        self._started = 0

    @property
    def gateway(self) -> subprocess.Popen[bytes]:
        """The program started last."""
        return self._running[-1]

    def start(self, release: Path) -> Path:
        """Start the release unpacked in a folder; the unix socket on which it answers."""
        self._started += 1
        own_door = self.place.folder / f"admin-{self._started}.sock"
        own_door.unlink(missing_ok=True)
        extra = {
            "WAVETRAIN_NODE": self.place.name,
            "WAVETRAIN_SHARED": str(self.place.shared),
            "WAVETRAIN_PYTHON": sys.executable,
            "WAVETRAIN_ADMIN_SOCKET": str(own_door),
            "WAVETRAIN_STOP_GRACE_S": str(self._stop_grace_s),
            "LISTEN_FDS": "2",
            "LISTEN_FDNAMES": "sessions:admin",
        }
        away = [_copy(sock) for sock in self._sockets]

        def place_descriptors() -> None:
            for n, descriptor in enumerate(away):
                os.dup2(descriptor, FIRST_DESCRIPTOR + n)

        with (self.place.folder / "gateway.log").open("ab") as output:
            self._running.append(
                subprocess.Popen(
                    [str(release / "start")],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=environment(extra),
                    close_fds=False,  # the two descriptors are placed after Popen has looked at them
                    start_new_session=True,
                    preexec_fn=place_descriptors,
                )
            )
        for descriptor in away:
            os.close(descriptor)
        return own_door

    def wait_until_healthy(self, own_door: Path) -> None:
        """Wait until the program behind a unix socket says that it is healthy. Raises UnreachableError."""
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while not _healthy(own_door):
            if time.monotonic() > deadline or self.gateway.poll() is not None:
                log = self.place.folder / "gateway.log"
                raise UnreachableError(f"{self.place.name}: the gateway does not get healthy; see {log}")
            time.sleep(LOOK_EVERY_S)

    def hand_over(self, release: Path) -> None:
        """Replace the program: start the new one, wait until it is healthy, end the old one."""
        old = self._running[-1]
        self.wait_until_healthy(self.start(release))
        old.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the program as a crash does; the sockets stay."""
        self.gateway.kill()
        self.gateway.wait()

    def close(self) -> None:
        """End everything."""
        for process in self._running:
            process.kill()
            process.wait()
        for sock in self._sockets:
            sock.close()


def _copy(sock: socket.socket) -> int:
    return fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)


def _healthy(own_door: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(1)
        try:
            sock.connect(str(own_door))
            sock.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
            return sock.recv(4096).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False
