"""Time limit: how is a conversation ended that takes too long as a whole?"""

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class TimeLimit:
    """Hangs up when the time is over. A library's own time-out bounds each wait for bytes, not all of them together."""

    def __init__(self, seconds: float, line: Callable[[], socket.socket | None]) -> None:
        """`line` gives the socket that is spoken through, once there is one."""
        self._line = line
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True
        self.passed = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def _hang_up(self) -> None:
        self.passed = True
        line = self._line()
        if line is not None:
            with contextlib.suppress(OSError):
                # Of the plain socket: a TLS one would first wait to say good-bye.
                socket.socket.shutdown(line, socket.SHUT_RDWR)
