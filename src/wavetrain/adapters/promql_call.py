"""PromQL call: how is a source of metrics asked, and by when must it have answered?"""

import contextlib
import http.client
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Mapping

import msgspec

from wavetrain.decide.plain_line import plain_line
from wavetrain.model.health import Trouble
from wavetrain.wire.hurried import HurriedTls, hurry
from wavetrain.wire.prometheus_answer import SAID_CHARACTERS, FaultyError, refusal_of

BYTES_MAX = 64 * 1024 * 1024
PATH = "/api/v1/query"
WHOLE = {"partial_response": "false", "deny_partial_response": "1", "dedup": "true", "nocache": "1"}
"""Thanos and VictoriaMetrics are asked for a whole answer or none, Thanos for each sample once; others ignore it."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a source is, with what it takes to be let in."""

    url: str
    timeout_s: float
    headers: Mapping[str, str] = {}
    trust: ssl.SSLContext | None = None
    """Verifies the source's certificate; `https` needs it."""


class Call:
    """Asks from any thread; connections are kept and used again."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._url = urllib.parse.urlsplit(place.url)
        self._path = self._url.path.rstrip("/") + PATH
        self._headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "User-Agent": "wavetrain",
            **place.headers,
        }
        self._idle: list[http.client.HTTPConnection] = []
        self._busy: set[http.client.HTTPConnection] = set()
        self._lock = threading.Lock()
        if place.trust is not None:
            place.trust.sslsocket_class = HurriedTls

    def ask(self, query: str, at: float | None = None) -> bytes:
        """The body of the answer to a query, as of an instant of the source's clock or of now. `FaultyError`."""
        form = {"query": query, "timeout": f"{round(self._place.timeout_s * 1000)}ms", **WHOLE}
        if at is not None:
            form["time"] = f"{at:.3f}"
        body = urllib.parse.urlencode(form).encode()
        url, limit = self._place.url, self._place.timeout_s
        try:
            return self._tried(body)
        except TimeoutError:
            raise FaultyError(Trouble.LATE, f"{url} did not answer within {limit:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            said = plain_line(str(error) or type(error).__name__, SAID_CHARACTERS)
            raise FaultyError(Trouble.UNREACHABLE, f"{url} cannot be asked: {said}") from None

    def close(self) -> None:
        """Let go of the connections; who waits for an answer hears at once that there is none."""
        with self._lock:
            lines = [connection.sock for connection in self._busy if connection.sock is not None]
        for line in lines:
            with contextlib.suppress(OSError):
                # Of the plain socket: a TLS one would first wait to say good-bye.
                socket.socket.shutdown(line, socket.SHUT_RDWR)
        while (kept := self._kept()) is not None:
            kept.close()

    def _tried(self, body: bytes) -> bytes:
        kept = self._kept()
        if kept is not None:
            # One that was closed while nobody used it says nothing of the source.
            with contextlib.suppress(http.client.RemoteDisconnected, ConnectionError):
                return self._asked(kept, body)
        return self._asked(self._opened(), body)

    def _asked(self, connection: http.client.HTTPConnection, body: bytes) -> bytes:
        with self._lock:
            self._busy.add(connection)
        try:
            hurry(connection, self._place.timeout_s)
            connection.request("POST", self._path, body, self._headers)
            answer = connection.getresponse()
            content = answer.read(BYTES_MAX + 1)
        except BaseException:
            connection.close()
            raise
        finally:
            with self._lock:
                self._busy.discard(connection)
        if len(content) > BYTES_MAX:
            connection.close()
            raise FaultyError(
                Trouble.UNREADABLE, f"{self._place.url} answered with more than {BYTES_MAX} bytes"
            )
        if answer.status != http.client.OK:
            connection.close()
            said = refusal_of(content) or answer.reason
            said = plain_line(f"answered {answer.status}: {said}", SAID_CHARACTERS)
            raise FaultyError(Trouble.REFUSED, f"{self._place.url} {said}")
        with self._lock:
            self._idle.append(connection)
        return content

    def _kept(self) -> http.client.HTTPConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _opened(self) -> http.client.HTTPConnection:
        host, port, limit = self._url.hostname or "", self._url.port, self._place.timeout_s
        if self._url.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=limit, context=self._place.trust)
        return http.client.HTTPConnection(host, port, timeout=limit)
