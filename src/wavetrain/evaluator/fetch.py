"""Fetch: how does a program get its features from the control plane, and hear that they have changed?"""

import http.client
import json
import ssl
from collections.abc import Iterator, Sequence
from urllib.parse import quote, urlsplit

import msgspec

from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.wire.ofrep_messages import EVENTS
from wavetrain.wire.snapshot_messages import SNAPSHOT, SnapshotAsked, SnapshotSent, read_sent

TIMEOUT_S = 10.0
SILENT_S = 30.0
"""A stream on which not even a sign of life comes for so long is dead."""
ANSWER_BYTES_MAX = 64 * 1024 * 1024
LINE_BYTES_MAX = 64 * 1024
_BROKEN = (OSError, http.client.HTTPException, ValueError)


class Source:
    """The evaluators' door at `url`. Each call opens a connection of its own; for one thread at a time."""

    def __init__(self, url: str, token: str, context: ssl.SSLContext | None = None) -> None:
        """Without a context the machine's own authorities are believed."""
        self._url = urlsplit(url)
        if self._url.scheme != "https" or not self._url.hostname:
            raise RefusedError(f"the control plane's url is {url!r}; it must be like https://HOST:PORT")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._context = context or ssl.create_default_context()
        self._stream: http.client.HTTPSConnection | None = None
        self._etag = ""

    def snapshot(self, accounts: Sequence[str], mark: str, is_known: bool) -> SnapshotSent | None:
        """What is so now; None where it is what was fetched before. `mark` is that of the event that told of it.

        Raises `UnreachableError`.
        """
        path = f"{SNAPSHOT}?flagConfigEtag={quote(mark)}" if mark else SNAPSHOT
        headers = {**self._headers, "Content-Type": "application/json"}
        if is_known and self._etag:
            headers["If-None-Match"] = self._etag
        connection = self._open(TIMEOUT_S)
        try:
            connection.request(
                "POST", path, msgspec.json.encode(SnapshotAsked(accounts=tuple(accounts))), headers
            )
            answer = connection.getresponse()
            content = answer.read(ANSWER_BYTES_MAX + 1)
        except _BROKEN as error:
            raise UnreachableError(
                f"the control plane does not answer: {error or type(error).__name__}"
            ) from error
        finally:
            connection.close()
        if answer.status == http.client.NOT_MODIFIED:
            return None
        if answer.status != http.client.OK or len(content) > ANSWER_BYTES_MAX:
            text = content[:300].decode(errors="replace")
            raise UnreachableError(f"the control plane gave no features, with {answer.status}: {text}")
        try:
            made = read_sent(content)
        except RefusedError as error:
            raise UnreachableError(f"what the control plane sends is not understood: {error}") from error
        self._etag = answer.getheader("ETag", "")
        return made

    def events(self) -> Iterator[str]:
        """The mark of each event, as it comes; ends, or raises `UnreachableError`, when the stream does."""
        self._stream = connection = self._open(SILENT_S)
        try:
            connection.request("GET", EVENTS, headers=self._headers)
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise UnreachableError(f"the control plane tells of no changes, with {answer.status}")
            while line := answer.readline(LINE_BYTES_MAX):
                if line.startswith(b"data: "):
                    told = json.loads(line[6:])
                    if isinstance(told, dict) and told.get("type") == "refetchEvaluation":
                        yield str(told.get("etag", ""))
        except _BROKEN as error:
            raise UnreachableError(f"the stream of changes broke: {error or type(error).__name__}") from error
        finally:
            connection.close()

    def close(self) -> None:
        """Let who waits for an event go; from any thread."""
        stream = self._stream
        if stream is not None and stream.sock is not None:
            try:
                stream.sock.shutdown(2)
            except OSError:
                return

    def _open(self, timeout_s: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            self._url.hostname or "", self._url.port, timeout=timeout_s, context=self._context
        )
