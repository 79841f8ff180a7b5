"""Exchange: how is one bounded HTTP call made to something near this node?"""

import http.client
import socket
from urllib.parse import urlsplit

from wavetrain.agent.ports import SilentError
from wavetrain.errors import UnreachableError
from wavetrain.wire.hurried import hurry

ANSWER_BYTES_MAX = 1024 * 1024


class _Inside(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path
        self._timeout_s = timeout_s

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._timeout_s)
        self.sock.connect(self._path)


def exchange(
    method: str, url: str, body: bytes = b"", *, timeout_s: float, inside: str = ""
) -> tuple[int, bytes]:
    """The status and the body of the answer. `inside` names a unix socket that stands in for the URL's host.

    `timeout_s` bounds the whole of it. Raises `UnreachableError` where there is no usable answer, `SilentError`
    where there was none in time.
    """
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if inside:
        connection: http.client.HTTPConnection = _Inside(inside, timeout_s)
    else:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        headers = {"Content-Type": "application/json"} if body else {}
        hurry(connection, timeout_s)
        connection.request(method, target, body or None, headers)
        answer = connection.getresponse()
        content = answer.read(ANSWER_BYTES_MAX + 1)
    except TimeoutError as error:
        raise SilentError(f"{method} {url}: no answer within {timeout_s:g} s") from error
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a chunk of -5 bytes
        raise UnreachableError(f"{method} {url}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if len(content) > ANSWER_BYTES_MAX:
        raise UnreachableError(f"{method} {url}: the answer has more than {ANSWER_BYTES_MAX} bytes")
    return answer.status, content
