"""Control plane: how is it asked what this node should run?"""

import hashlib
import http.client
import ssl
from collections.abc import Iterator
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec

from wavetrain.agent.ports import NotUnderstoodError, Opener
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.wire.agent_messages import JoinAsked, Joined, Poll, RenewAsked, Told
from wavetrain.wire.hurried import HurriedTls, hurry
from wavetrain.wire.json_message import read_message

UNPROCESSABLE = 422
T = TypeVar("T")

TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 256 * 1024
CHUNK_BYTES = 256 * 1024
SAID_CHARACTERS = 300
BACKOFF_FIRST_S = 0.5


REFUSALS = frozenset({400, 401, 403, 404, 409, 413, 422})
"""Answers that stay the same however often one asks."""

_BROKEN = (OSError, http.client.HTTPException, ValueError)
"""What comes of an answer that is none; http.client has ValueError for a chunk of -5 bytes."""


class Known(Protocol):
    """Whom the node believes, and by what it is known itself."""

    @property
    def context(self) -> ssl.SSLContext:
        """For connections that are this node's own."""
        ...

    @property
    def bare(self) -> ssl.SSLContext:
        """For connections of a node that is not known yet."""
        ...

    @property
    def revision(self) -> int:
        """Grows with each certificate."""
        ...


class ControlPlane:
    """The node agents' door at `url`. Polls keep one connection, an artifact has one of its own.

    For one thread's polls; artifacts may be read by another.
    """

    def __init__(self, url: str, known: Known) -> None:
        self._url = urlsplit(url)
        if self._url.scheme != "https" or not self._url.hostname:
            raise RefusedError(f"the control plane's url is {url!r}; it must be like https://HOST:PORT")
        self._known = known
        self._connection: http.client.HTTPSConnection | None = None
        self._revision = -1

    def poll(self, poll: Poll) -> Told:
        """Report and ask; waits up to `poll.wait_s` for news. Raises `UnreachableError`."""
        body = msgspec.json.encode(poll)
        if self._revision != self._known.revision:
            self.close()  # it bears the certificate that this node had before
        fresh = self._connection is None
        try:
            status, content = self._exchange(body, poll.wait_s)
        except _BROKEN as error:
            self.close()
            if fresh:
                raise _away(error) from error
            # A connection that was kept may have been closed meanwhile; a new one tells.
            try:
                status, content = self._exchange(body, poll.wait_s)
            except _BROKEN as again:
                self.close()
                raise _away(again) from again
        if status != 200:
            self.close()
            said = content[:SAID_CHARACTERS].decode(errors="replace")
            kind = NotUnderstoodError if status == UNPROCESSABLE else UnreachableError
            raise kind(f"the control plane refused the report with {status}: {said}")
        return _read(content, Told)

    def join(self, asked: JoinAsked) -> Joined:
        """Ask for the first certificate. Raises `RefusedError` for a secret that does not count, `UnreachableError`."""
        return self._enrol("/v1/agent/join", asked, self._known.bare)

    def renew(self, asked: RenewAsked) -> Joined:
        """Ask for the next certificate. Raises `RefusedError`, `UnreachableError`."""
        return self._enrol("/v1/agent/renew", asked, self._known.context)

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
            self._revision = self._known.revision
            self._connection = self._open(self._known.context)
        connection = self._connection
        hurry(connection, wait_s + TIMEOUT_S)
        return self._posted(connection, "/v1/agent/poll", body)

    def _enrol(self, path: str, asked: JoinAsked | RenewAsked, context: ssl.SSLContext) -> Joined:
        connection = self._open(context)
        try:
            hurry(connection, TIMEOUT_S)
            status, content = self._posted(connection, path, msgspec.json.encode(asked))
        except _BROKEN as error:
            raise _away(error) from error
        finally:
            connection.close()
        if status not in (200, 201):
            said = content[:SAID_CHARACTERS].decode(errors="replace")
            refusal = RefusedError if status in REFUSALS else UnreachableError
            raise refusal(f"the control plane gave no certificate, with {status}: {said}")
        return _read(content, Joined)

    def _posted(self, connection: http.client.HTTPSConnection, path: str, body: bytes) -> tuple[int, bytes]:
        connection.request("POST", self._path(path), body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read(ANSWER_BYTES_MAX + 1)
        if len(content) > ANSWER_BYTES_MAX:
            raise http.client.HTTPException(f"the answer has more than {ANSWER_BYTES_MAX} bytes")
        return answer.status, content

    def _artifact(self, digest: str) -> Iterator[bytes]:
        connection = self._open(self._known.context)
        try:
            connection.request("GET", self._path(f"/v1/agent/artifacts/{digest}"))
            answer = connection.getresponse()
            if answer.status != 200:
                raise UnreachableError(
                    f"the control plane answered {answer.status} for artifact {digest[:12]}"
                )
            while chunk := answer.read(CHUNK_BYTES):
                yield chunk
        except http.client.IncompleteRead as error:
            raise UnreachableError(f"artifact {digest[:12]} came cut short") from error
        except _BROKEN as error:
            raise _away(error) from error
        finally:
            connection.close()

    def _open(self, context: ssl.SSLContext) -> http.client.HTTPSConnection:
        context.sslsocket_class = HurriedTls
        return http.client.HTTPSConnection(
            self._url.hostname or "", self._url.port, timeout=TIMEOUT_S, context=context
        )

    def _path(self, path: str) -> str:
        return self._url.path.rstrip("/") + path


def backoff_s(node: str, failures: int, most_s: float) -> float:
    """How long to wait after the n-th failure in a row: doubling, between half and all of it, by a stable hash.

    So that nodes that lost the control plane together do not come back together.
    """
    whole = min(BACKOFF_FIRST_S * 2.0 ** min(failures - 1, 30), most_s)
    bits = hashlib.sha256(f"{node} {failures}".encode()).digest()[:4]
    return whole * (0.5 + 0.5 * int.from_bytes(bits, "big") / 2**32)


def _read(content: bytes, kind: type[T]) -> T:
    try:
        return read_message(content, kind, "the control plane's answer")
    except RefusedError as error:
        raise UnreachableError(
            f"what the control plane answers is not understood, and ignored: {error}"
        ) from error


def _away(error: Exception) -> UnreachableError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return UnreachableError(
            f"the control plane's certificate is not believed ({error.verify_message}); see that `control_plane` "
            "names it as its certificate does, and that `ca_file` holds its authority.pem"
        )
    return UnreachableError(f"the control plane does not answer: {error or type(error).__name__}")
