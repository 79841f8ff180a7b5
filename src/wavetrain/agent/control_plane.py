"""Control plane: how is it asked what this node should run?"""

import hashlib
import http.client
import ipaddress
import ssl
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

import msgspec

from wavetrain.agent.ports import Opener
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.wire.agent_messages import Poll, Told

TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 256 * 1024
CHUNK_BYTES = 256 * 1024
SAID_CHARACTERS = 300
BACKOFF_FIRST_S = 0.5


class ControlPlane:
    """The node agents' door at `url`. Polls keep one connection, an artifact has one of its own.

    For one thread's polls; artifacts may be read by another.
    """

    def __init__(self, url: str, token: str, ca_file: str = "") -> None:
        self._url = urlsplit(url)
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise RefusedError(f"the control plane's url is {url!r}; it must be like https://HOST:PORT")
        if self._url.scheme == "http" and not _stays_here(self._url):
            raise RefusedError(
                f"the control plane's url {url} is not loopback; it must be https, so that no token leaks"
            )
        self._token = token
        self._ca_file = ca_file
        self._connection: http.client.HTTPConnection | None = None

    def poll(self, poll: Poll) -> Told:
        """Report and ask; waits up to `poll.wait_s` for news. Raises `UnreachableError`."""
        body = msgspec.json.encode(poll)
        fresh = self._connection is None
        try:
            status, content = self._exchange(body, poll.wait_s)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if fresh:
                raise _away(error) from error
            # A connection that was kept may have been closed meanwhile; a new one tells.
            try:
                status, content = self._exchange(body, poll.wait_s)
            except (OSError, http.client.HTTPException) as again:
                self.close()
                raise _away(again) from again
        if status != 200:
            self.close()
            said = content[:SAID_CHARACTERS].decode(errors="replace")
            raise UnreachableError(f"the control plane refused the report with {status}: {said}")
        try:
            return msgspec.json.decode(content, type=Told)
        except msgspec.DecodeError as error:
            raise UnreachableError(
                f"the control plane's answer is not understood, and ignored: {error}"
            ) from error

    def opener(self, digest: str) -> Opener:
        """Reads an artifact, from its first byte on each call."""
        return lambda: self._artifact(digest)

    def close(self) -> None:
        """Let the connection go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, body: bytes, wait_s: float) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = self._open()
        connection = self._connection
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(wait_s + TIMEOUT_S)
        connection.request("POST", self._path("/v1/agent/poll"), body, self._headers("application/json"))
        answer = connection.getresponse()
        content = answer.read(ANSWER_BYTES_MAX + 1)
        if len(content) > ANSWER_BYTES_MAX:
            raise http.client.HTTPException(f"the answer has more than {ANSWER_BYTES_MAX} bytes")
        return answer.status, content

    def _artifact(self, digest: str) -> Iterator[bytes]:
        connection = self._open()
        try:
            connection.request("GET", self._path(f"/v1/agent/artifacts/{digest}"), headers=self._headers())
            answer = connection.getresponse()
            if answer.status != 200:
                raise UnreachableError(
                    f"the control plane answered {answer.status} for artifact {digest[:12]}"
                )
            while chunk := answer.read(CHUNK_BYTES):
                yield chunk
        except http.client.IncompleteRead as error:
            raise UnreachableError(f"artifact {digest[:12]} came cut short") from error
        except (OSError, http.client.HTTPException) as error:
            raise _away(error) from error
        finally:
            connection.close()

    def _open(self) -> http.client.HTTPConnection:
        host = self._url.hostname or ""
        if self._url.scheme == "http":
            return http.client.HTTPConnection(host, self._url.port, timeout=TIMEOUT_S)
        context = ssl.create_default_context(cafile=self._ca_file or None)
        return http.client.HTTPSConnection(host, self._url.port, timeout=TIMEOUT_S, context=context)

    def _path(self, path: str) -> str:
        return self._url.path.rstrip("/") + path

    def _headers(self, content_type: str = "") -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self._token}"}
        return {**headers, "Content-Type": content_type} if content_type else headers


def backoff_s(node: str, failures: int, most_s: float) -> float:
    """How long to wait after the n-th failure in a row: doubling, between half and all of it, by a stable hash.

    So that nodes that lost the control plane together do not come back together.
    """
    whole = min(BACKOFF_FIRST_S * 2.0 ** min(failures - 1, 30), most_s)
    bits = hashlib.sha256(f"{node} {failures}".encode()).digest()[:4]
    return whole * (0.5 + 0.5 * int.from_bytes(bits, "big") / 2**32)


def _stays_here(url: SplitResult) -> bool:
    """Whether the host is this machine, as a name or an address; a name that merely begins like one is not."""
    host = url.hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _away(error: Exception) -> UnreachableError:
    return UnreachableError(f"the control plane does not answer: {error or type(error).__name__}")
