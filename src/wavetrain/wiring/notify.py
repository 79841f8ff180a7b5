"""Notify: how does the service manager hear that this process is ready, and still moves?

systemd's protocol: lines of `NAME=VALUE` in one datagram to the socket that `NOTIFY_SOCKET` names; see sd_notify(3).
"""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping

BEATS_PER_LIMIT = 4
"""How often the manager hears of us within the time after which it would end us."""


class Notify:
    """Tells the manager; without one, or when it does not listen, nothing happens."""

    def __init__(
        self, environ: Mapping[str, str] = os.environ, clock: Callable[[], float] = time.monotonic
    ) -> None:
        place = environ.get("NOTIFY_SOCKET", "")
        # An @ stands for the zero byte of an abstract address.
        self._place = "\0" + place[1:] if place.startswith("@") else place
        limit = environ.get("WATCHDOG_USEC", "")
        is_ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._every_s = int(limit) / 1e6 / BEATS_PER_LIMIT if limit.isdecimal() and is_ours else 0.0
        self._clock = clock
        self._beat_at = float("-inf")

    def ready(self, where: str) -> None:
        """The doors are open."""
        self._say(f"READY=1\nSTATUS=serving {where}")

    def waits(self, why: str) -> None:
        """It has begun, and its doors stay closed for now."""
        self._say(f"STATUS={why}")

    def ends(self) -> None:
        """It was told to stop."""
        self._say("STOPPING=1")

    def beat(self) -> None:
        """The ticker has come round once more; said when it is time to."""
        if self._every_s <= 0 or self._clock() - self._beat_at < self._every_s:
            return
        self._beat_at = self._clock()
        self._say("WATCHDOG=1")

    def _say(self, text: str) -> None:
        if not self._place.startswith(("/", "\0")):
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.connect(self._place)
            out.send(text.encode())
