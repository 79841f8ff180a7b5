"""Connection: what does the server take from a connection before it is a request?"""

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wavetrain.doors.peer import EXTENSION

HEAD_BYTES_MAX = 32 * 1024
"""Of a request's first line and headers together."""
HEAD_S = 20.0
"""How long they may take, from the first connection or the first byte."""
CONNECTIONS_MAX = 12_000
"""At once; every node of a great fleet holds one open."""
FILES_BESIDE = 500
"""Files that a control plane has open beside them."""

_TOO_LONG = f"The head of a request has {HEAD_BYTES_MAX} bytes at most; send less."


def allow_files() -> None:
    """Let this process open as many files as it may have connections, as far as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + FILES_BESIDE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Connection(HttpToolsProtocol):
    """HTTP/1.1 with a limit on the head of a request, and with what the handshake has proven of the client."""

    head_s = HEAD_S
    _shown = b""
    _is_head = True
    _arrived = 0
    """Bytes of a head that has not ended yet."""
    _counted = 0
    """Bytes of the parts of the head."""
    _asked_at = 0.0
    """When its last request began, or it was opened; on the loop's clock."""
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        session = transport.get_extra_info("ssl_object")
        self._asked_at = self.loop.time()
        self._shown = (session.getpeercert(binary_form=True) or b"") if session is not None else b""
        self._time()

    def connection_lost(self, exc: Exception | None) -> None:
        self._untime()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._arrived += len(data)
        super().data_received(data)
        # What came in one piece was counted part by part; this is for a head, or a part of it, that never ends.
        if not self._is_head:
            self._arrived = 0
        elif self._arrived > HEAD_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response(_TOO_LONG)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_head, self._counted, self._asked_at = True, 0, self.loop.time()
        extensions: dict[str, Any] = {EXTENSION: self._shown}
        self.scope["extensions"] = extensions
        if self._timer is None:
            self._time()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_head = False
        self._untime()
        super().on_headers_complete()
        if getattr(self.server_state, "leaving", False):
            self.end_with_answer()

    def end_with_answer(self) -> None:
        """The answer that is due says that it is the connection's last one."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def is_due(self, since: float) -> bool:
        """Whether nothing is being answered on it, and its client has asked, or opened it, after `since`."""
        return self._asked_at >= since and (self.cycle is None or self.cycle.response_complete)

    def _count(self, size: int) -> None:
        self._counted += size
        if self._counted > HEAD_BYTES_MAX:
            raise ValueError(_TOO_LONG)  # the parser ends with it, and the answer is 400

    def _time(self) -> None:
        self._timer = self.loop.call_later(self.head_s, self._too_slow)

    def _untime(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()
