"""Site session: how does a site keep its session alive while nodes come and go?

Make before break: asked to move, it opens a second session, switches when the new gateway has greeted it,
lets the old one answer what is outstanding, says goodbye and closes. A session that ended by itself is
opened again at once, after a short time that differs from site to site. A remote user who changes the
network roams: it moves in the same way, unasked.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from zlib import crc32

from wavetrain.lab.site_figures import Felt
from wavetrain.lab.tls_lines import SERVER_NAME, LineStream

PERIOD_S = 0.1
DEAD_AFTER_S = 1.0
OPEN_WITHIN_S = 1.0
FIRST_BACKOFF_S = 0.02
MOST_BACKOFF_S = 1.0
MOVES_KEPT = 20_000


class Surroundings:
    """What the sites of one PoP share."""

    def __init__(self, balancer: tuple[str, int], context: ssl.SSLContext) -> None:
        self.loop = asyncio.get_running_loop()
        self.balancer = balancer
        self.context = context
        self.moves: deque[dict[str, Any]] = deque(maxlen=MOVES_KEPT)
        self.moves_made = 0
        self.stopping = False


class Session:
    """One session of a site, from its first packet to its last."""

    __slots__ = ("acked", "asked", "before", "greeted", "node", "release", "sent", "site", "stream")

    def __init__(self, site: "Site") -> None:
        self.site = site
        self.stream = LineStream(site.around.loop, self)
        self.node = ""
        self.release = ""
        self.sent = 0
        self.acked = 0
        self.before = 0  # sent before the measuring span, and not answered yet
        self.asked = ""  # why the gateway asked to move
        self.greeted = False

    def stream_opened(self) -> None:
        site = self.site
        words = ("auth", site.kind, site.name, site.account, site.node or "-", site.why)
        self.stream.write(" ".join(words).encode() + b"\n")

    def stream_lost(self) -> None:
        self.site.session_lost(self)

    def stream_lines(self, lines: list[bytes]) -> None:
        for line in lines:
            if line.startswith(b"ok "):
                self.acked += 1
                self.site.acknowledged(self)
            elif line.startswith(b"failed "):
                self.acked += 1
                self.site.acknowledged(self, failed=True)
            elif line.startswith(b"hello "):
                _, self.node, self.release, state = line.decode().split(" ")
                self.greeted = True
                self.site.session_greeted(self, draining=state == "draining")
            elif line.startswith(b"move "):
                self.asked = line[5:].decode()
                self.site.asked_to_move(self)


class Site:
    """A site or a user, with the figures since the last reset."""

    def __init__(
        self, around: Surroundings, kind: str, name: str, account: str, source: str, stubborn: bool
    ) -> None:
        self.around = around
        self.kind = kind
        self.name = name
        self.account = account
        self.stubborn = stubborn
        self.node = ""  # the one that served last
        self.why = "first"
        self.session: Session | None = None
        self.on_first: Callable[[], None] | None = None
        self._source = source
        self._opening: Session | None = None
        self._retiring: Session | None = None
        self._number = 0
        self._attempts = 0
        self._last_ack: float | None = None
        self._alive_since = 0.0
        self._cut_at: float | None = None
        self._from = ""
        self._served = self._was = ""
        self._reason = ""
        self.reset()

    def reset(self) -> None:
        """Begin a new measuring span; the answers to what was sent before belong to none."""
        for session in (self.session, self._opening, self._retiring):
            if session is not None:
                session.before = session.sent - session.acked
        self.moves = self.cut = self.sent = self.acked = self.failed = 0
        self.lost = self.not_sent = self.bounces = self.roams = 0
        self.reconnects_ms: list[float] = []
        self._longest = 0.0

    def felt(self) -> Felt:
        """The figures of this site; a gap that still lasts counts as long as it has lasted."""
        longest = self._longest
        if self._last_ack is not None:
            longest = max(longest, time.monotonic() - self._last_ack - PERIOD_S)
        return Felt(
            sessions=1,
            up=int(self.session is not None),
            moves=self.moves,
            moved=int(self.moves > 0),
            cut=self.cut,
            sent=self.sent,
            acked=self.acked,
            failed=self.failed,
            lost=self.lost,
            not_sent=self.not_sent,
            bounces=self.bounces,
            roams=self.roams,
            gaps_ms=(round(1000 * longest, 2),),
            reconnects_ms=tuple(self.reconnects_ms),
        )

    def open(self) -> None:
        """Open a session, unless one is being opened."""
        if self._opening is not None or self.around.stopping:
            return
        session = self._opening = Session(self)
        self.around.loop.call_later(OPEN_WITHIN_S, self._too_late, session)
        try:
            session.stream.connect(self.around.balancer, self._source, self.around.context, SERVER_NAME)
        except OSError:
            self._opening = None
            self._again()

    def beat(self, due: float) -> None:
        """One heartbeat is due. A program that was held up passes the time when it should have run:
        what has not been read yet is no silence of the gateway.
        """
        session = self.session
        if session is None:
            if self._last_ack is not None:
                self.not_sent += 1
            return
        if session.sent > session.acked and due - self._alive_since > DEAD_AFTER_S:
            session.stream.close()
            self.session_lost(session)
            self.not_sent += 1
            return
        self._number += 1
        self.sent += 1
        session.sent += 1
        session.stream.write(b"op %d\n" % self._number)

    def acknowledged(self, session: Session, failed: bool = False) -> None:
        """An operation was answered, on the present session or on the one that is being left."""
        now = time.monotonic()
        if session.before:  # answers come in the order of the operations
            session.before -= 1
        else:
            self.acked += 1
            self.failed += failed
        gap = 0.0
        if self._last_ack is not None:
            gap = now - self._last_ack - PERIOD_S
            if gap > self._longest:
                self._longest = gap
        self._last_ack = now
        if session is self.session:
            self._alive_since = now
            if session.acked == 1:
                self._first_answer(session, gap)
        elif session is self._retiring and session.acked == session.sent:
            self._leave(session)

    def session_greeted(self, session: Session, draining: bool) -> None:
        """A gateway knows this site: switch to it, or look again if it is about to leave too."""
        if session is not self._opening:
            session.stream.close()
            return
        self._opening = None
        if not draining:
            self._attempts = 0
            self._switch(session)
            return
        self.bounces += 1
        if self.session is not None:
            session.stream.finish(b"bye\n")
            self._again()
            return
        self._switch(session)  # better than none, until there is another
        if not self.stubborn:
            self.why, self._reason = "moved", "update"
            self._again()

    def asked_to_move(self, session: Session) -> None:
        """The gateway wants this session to leave."""
        if session is self.session and not self.stubborn:
            self.why = "moved"
            self._reason = session.asked
            self.open()

    def roam(self) -> None:
        """Open a session anew of one's own accord, unless another change is under way."""
        if self.session is not None and self._opening is None and self._retiring is None:
            self.why, self._reason = "roamed", "roam"
            self.open()

    def session_lost(self, session: Session) -> None:
        """A session ended, and not because the site closed it."""
        if session is self._opening:
            self._opening = None
            self._again()
            return
        self._count_lost(session)
        if session is self._retiring:
            self._retiring = None
        elif session is self.session:
            self.session = None
            self.cut += 1
            self.why = "lost"
            self._cut_at = time.monotonic()
            self._again()

    def close(self) -> None:
        """Say goodbye for good."""
        for session in (self.session, self._opening, self._retiring):
            if session is not None:
                session.stream.finish(b"bye\n") if session.greeted else session.stream.close()
        self.session = self._opening = self._retiring = None

    def _switch(self, session: Session) -> None:
        now = time.monotonic()
        old, self.session = self.session, session
        self._from, self.node = self.node, session.node
        self._was, self._served = self._served, session.release
        self._alive_since = now
        if self._cut_at is not None:
            self.reconnects_ms.append(round(1000 * (now - self._cut_at), 2))
            self._cut_at = None
        if old is not None:
            if self.why == "roamed":
                self.roams += 1
            else:
                self.moves += 1
            if self._retiring is not None:
                self._leave(self._retiring)
            self._retiring = old
            if old.acked == old.sent:
                self._leave(old)
            else:
                self.around.loop.call_later(DEAD_AFTER_S, self._leave, old)
        if self.on_first is not None:
            self.on_first()
            self.on_first = None

    def _leave(self, session: Session) -> None:
        """End a session that another one has replaced."""
        if session is self._retiring:
            self._retiring = None
            self._count_lost(session)
            session.stream.finish(b"bye\n")

    def _count_lost(self, session: Session) -> None:
        self.lost += session.sent - session.acked

    def _first_answer(self, session: Session, gap: float) -> None:
        """Tell the gateway, and remember, what the change of sessions has cost."""
        if not self._from:
            return
        gap_ms = max(0, round(1000 * gap))
        reason = "lost" if self.why == "lost" else self._reason
        session.stream.write(f"came {self._from} {gap_ms} {reason} {self._was}\n".encode())
        self.around.moves_made += 1
        self.around.moves.append(
            {
                "n": self.around.moves_made - 1,
                "moved": self.name,
                "from": self._from,
                "to": session.node,
                "gap_ms": gap_ms,
                "reason": reason,
                "at": round(time.time(), 3),
            }
        )

    def _again(self) -> None:
        """Try again a little later, each time after twice as long, and each site at another moment."""
        self._attempts += 1
        spread = 1 + crc32(f"{self.name} {self._attempts}".encode()) / 2**32  # 1..2
        backoff = min(FIRST_BACKOFF_S * 2 ** (self._attempts - 1), MOST_BACKOFF_S)
        self.around.loop.call_later(backoff * spread, self.open)

    def _too_late(self, session: Session) -> None:
        if session is self._opening:
            session.stream.close()
            self.session_lost(session)
