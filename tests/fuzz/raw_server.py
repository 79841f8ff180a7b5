"""Raw server: who answers with any bytes at all?"""

import socket
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

WAIT_S = 5.0


class RawServer:
    """Answers whatever comes with the parts that `answer` holds, one after the other, and hangs up.

    Between two parts it waits for `pause_s`.
    """

    def __init__(self, pause_s: float = 0.0) -> None:
        self.answer: Iterable[bytes] = ()
        self._pause_s = pause_s
        self._ended = threading.Event()
        self._door = socket.create_server(("127.0.0.1", 0))
        self._door.settimeout(0.05)
        self._thread = threading.Thread(target=self._run, name="raw server")

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._door.getsockname()[1]}"

    def http(self, body: bytes, status: int = 200) -> None:
        """Answer well-formed HTTP with this body."""
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.answer = (head.encode() + body,)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(WAIT_S)
        self._door.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._door.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(WAIT_S)
                try:
                    self._speak(connection)
                except OSError:
                    continue

    def _speak(self, connection: socket.socket) -> None:
        connection.recv(65536)
        for part in self.answer:
            connection.sendall(part)
            if self._pause_s and self._ended.wait(self._pause_s):
                return
        connection.shutdown(socket.SHUT_WR)
