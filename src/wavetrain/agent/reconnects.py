"""Reconnects: which sessions came to this node from another one, and what did that cost them?

The node's program tells it at a page, by number: `{"program": "...", "next": N, "moves": [{"n", "at", "moved",
"account", "kind", "from", "was", "gap_ms", "reason"}]}`, those numbered `?since=` and later that it still has. What was
told to a control plane that heard it is not asked for again; after a restart of the agent it may be told twice, under
the same program and number.
"""

import contextlib
import math
from threading import Lock
from typing import Annotated

import msgspec

from wavetrain.agent.exchange import exchange
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.wire.agent_messages import ReconnectSaid
from wavetrain.wire.json_message import read_message

EVERY_S = 5.0
TIMEOUT_S = 1.0
PER_POLL_MAX = 150
WAITING_MAX = 5_000
"""So many wait to be told; the program keeps the others until then."""
Text = Annotated[str, msgspec.Meta(max_length=200)]


class _Move(msgspec.Struct, frozen=True):
    n: Annotated[int, msgspec.Meta(ge=0)]
    at: float
    moved: Text
    account: Text
    gap_ms: Annotated[int, msgspec.Meta(ge=0)]
    reason: Text
    kind: Text = "site"
    before: Text = msgspec.field(default="", name="from")
    was: Text = ""


class _Page(msgspec.Struct, frozen=True):
    moves: list[_Move]
    program: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """Programs without one are taken for one that never starts anew."""


class Reconnects:
    """Reads the page and remembers what was told. Safe under threads."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._turn = Lock()
        self._due = 0.0
        self._program = ""
        self._since = 0
        self._waiting: dict[tuple[str, int], _Move] = {}

    def look(self, now: float) -> None:
        """Read it, where that is due (`now`: monotonic seconds). Raises `UnreachableError`."""
        with self._turn:
            if self._url and now >= self._due and len(self._waiting) < WAITING_MAX:
                self._due = now + EVERY_S
                self._take()

    def last_words(self) -> None:
        """Read it at once: its program is about to be ended. What cannot be read is lost."""
        with self._turn, contextlib.suppress(UnreachableError):
            if self._url:
                self._take()

    def _take(self) -> None:
        page = self._read(self._since)
        if page.program != self._program:
            self._program, self._since = page.program, 0
            page = self._read(0)
            if page.program != self._program:
                return  # it started again in between: the next look sees it
        for move in page.moves[:WAITING_MAX]:
            if move.n >= self._since:
                self._waiting[self._program, move.n] = move
                self._since = move.n + 1

    def news(self, clock: float) -> tuple[ReconnectSaid, ...]:
        """What to say with the next report, the oldest first; `clock`: seconds since the Unix epoch, as the page's."""
        with self._turn:
            first = list(self._waiting.items())[:PER_POLL_MAX]
        return tuple(
            ReconnectSaid(
                n=n,
                program=program,
                session=move.moved,
                account=move.account,
                kind=move.kind,
                before=move.before,
                was=move.was,
                lost_ms=move.gap_ms,
                reason=move.reason,
                ago_s=round(max(0.0, clock - move.at), 3) if math.isfinite(move.at) else 0.0,
            )
            for (program, n), move in first
        )

    def heard(self, said: tuple[ReconnectSaid, ...]) -> None:
        """The report arrived."""
        with self._turn:
            for one in said:
                self._waiting.pop((one.program, one.n), None)

    def _read(self, since: int) -> _Page:
        url = f"{self._url}?since={since}"
        status, content = exchange("GET", url, timeout_s=TIMEOUT_S)
        if status != 200:
            raise UnreachableError(f"GET {url}: {status}")
        try:
            return read_message(content, _Page, "reconnects")
        except RefusedError as error:
            raise UnreachableError(f"GET {url}: {error}") from error
