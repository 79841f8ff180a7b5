"""Sessions: what do a site and its gateway say to each other?

site     auth KIND SITE ACCOUNT PREVIOUS WHY     WHY: first, moved, roamed or lost; PREVIOUS: a node or -
gateway  hello NODE RELEASE STATE                STATE: serving or draining (then: look again)
site     came PREVIOUS GAP_MS REASON RELEASE     once, after the first acknowledgement here;
                                                 RELEASE: of the node before
site     op N                                    one operation of the session, also its heartbeat
gateway  ok N | failed N
gateway  move REASON                             open a session elsewhere, then leave: update, rebalance
site     bye                                     and closes
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from zlib import crc32

from wavetrain.lab.gateway.figures import Figures
from wavetrain.lab.gateway.switches import Switches, operation_hash, threshold
from wavetrain.lab.gateway.visits import Visits
from wavetrain.lab.tls_lines import LineStream

SESSIONS_LIMIT = 10_000
ARRIVE_WITHIN_S = 5.0
ACCEPTS_PER_WAKE = 32
REASONS = ("update", "rebalance")
KINDS = ("site", "user")


class Session:
    """One connection of a site or user, from its accept to its end."""

    __slots__ = ("account", "gateway", "kind", "peer", "previous", "salt", "since", "site", "stream", "told")

    def __init__(self, gateway: "Sessions", peer: str, since: float) -> None:
        self.gateway = gateway
        self.peer = peer
        self.since = since
        self.stream = LineStream(gateway.loop, self)
        self.site = ""
        self.account = ""
        self.kind = ""
        self.previous = ""
        self.salt = 0
        self.told = False

    def stream_opened(self) -> None:
        """Nothing is owed before the site says who it is."""

    def stream_lost(self) -> None:
        self.gateway.ended(self, said_goodbye=False)

    def stream_lines(self, lines: list[bytes]) -> None:
        answers: list[bytes] = []
        gateway = self.gateway
        began, done = gateway.loop.time(), 0
        for line in lines:
            number = line[3:]
            if line.startswith(b"op ") and self.site and number.isdigit():
                failed = operation_hash(self.salt, int(number)) < gateway.fails_below
                gateway.figures.operations += 1
                if failed:
                    gateway.figures.operations_failed += 1
                answer = b"failed %b\n" % number if failed else b"ok %b\n" % number
                if operation_hash(self.salt + 1, int(number)) < gateway.slow_below:
                    gateway.figures.operation_s.observe(gateway.slow_s)
                    gateway.loop.call_later(gateway.slow_s, self._answer_late, answer)
                else:
                    done += 1
                    answers.append(answer)
            elif not self._other(line.decode("utf-8", "replace").split(" "), answers):
                break
        if answers:
            self.stream.write(b"".join(answers))
        if done:
            gateway.figures.operation_s.observe(gateway.loop.time() - began, done)

    def _answer_late(self, answer: bytes) -> None:
        if self.gateway.serves(self):
            self.stream.write(answer)

    def _other(self, words: list[str], answers: list[bytes]) -> bool:
        """Whether the connection goes on."""
        match words:
            case ["auth", kind, site, account, previous, why] if not self.site and kind in KINDS:
                self.kind, self.site, self.account, self.previous = kind, site, account, previous
                answers.append(self.gateway.arrived(self, why))
                return True
            case ["came", previous, gap_ms, reason, *was] if self.site and gap_ms.isdecimal():
                self.gateway.figures.record_arrival(
                    self.site, self.account, self.kind, previous, int(gap_ms), reason, "".join(was[:1])
                )
                return True
            case ["bye"]:
                self.gateway.ended(self, said_goodbye=True)
            case _:
                self.gateway.ended(self, said_goodbye=False)
        self.stream.close()
        return False


class Sessions:
    """The sessions that this program serves."""

    def __init__(self, context: ssl.SSLContext, figures: Figures, visits: Visits, seed: str) -> None:
        self.loop = asyncio.get_running_loop()
        self.figures = figures
        self.draining = False
        self.fails_below = threshold(Switches().operations_failed_ratio)
        self.slow_below = threshold(Switches().operations_slow_ratio)
        self.slow_s = Switches().operations_slow_s
        self._visits = visits
        self._seed = crc32(seed.encode()) << 32
        self._context = context
        self._arriving: dict[Session, None] = {}
        self._serving: dict[str, Session] = {}
        self._listener: socket.socket | None = None

    def __len__(self) -> int:
        return len(self._arriving) + len(self._serving)

    def accept_on(self, listener: socket.socket) -> None:
        """Accept from now on, from a socket that another program may share."""
        listener.setblocking(False)
        self._listener = listener
        self.loop.add_reader(listener.fileno(), self._accept)

    def stop_accepting(self) -> None:
        """Leave the socket to whoever shares it: close, never shut down."""
        if self._listener is not None:
            self.loop.remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None

    def arrived(self, session: Session, why: str) -> bytes:
        """Begin to serve a session that said who it is; the greeting."""
        self._arriving.pop(session, None)
        self._serving[session.peer] = session
        session.salt = self._seed | crc32(session.site.encode())
        self.figures.sessions_accepted += 1
        if why == "lost":
            self.figures.reconnects += 1
        self._visits.count(session.account)
        session.told = self.draining
        state = "draining" if self.draining else "serving"
        return f"hello {self.figures.node} {self.figures.release} {state}\n".encode()

    def serves(self, session: Session) -> bool:
        """Whether a session is still here."""
        return self._serving.get(session.peer) is session

    def ended(self, session: Session, said_goodbye: bool) -> None:
        """A connection is over."""
        if session in self._arriving:
            del self._arriving[session]
            self.figures.handshakes_failed += 1
        elif self._serving.get(session.peer) is session:
            del self._serving[session.peer]
            if not said_goodbye and not session.told:
                self.figures.sessions_lost += 1

    def move_away(self, reason: str, spread_s: float, peers: Iterable[str] | None) -> int:
        """Ask sessions to leave, evenly over `spread_s`; all of them, and whoever still comes, without `peers`.

        Returns how many will be asked.
        """
        if peers is None:
            self.draining = True
            chosen = list(self._serving.values())
        else:
            chosen = [self._serving[peer] for peer in peers if peer in self._serving]
        line = f"move {reason}\n".encode()
        for n, session in enumerate(chosen):
            if spread_s:
                self.loop.call_later(spread_s * n / len(chosen), self._tell, session, line, reason)
            else:
                self._tell(session, line, reason)
        return len(chosen)

    def who_may_leave(self, count: int, came_from: str) -> list[str]:
        """So many sessions that were not asked yet: those that came from this node first, the newest before."""
        staying = [session for session in reversed(self._serving.values()) if not session.told]
        staying.sort(key=lambda session: session.previous != came_from)
        return [session.peer for session in staying[:count]]

    def stay(self) -> None:
        """The drain is called off: whoever comes may stay."""
        self.draining = False
        for session in self._serving.values():
            session.told = False

    def counts(self) -> dict[str, int]:
        """Sessions by kind, those that have not said who they are, and those asked to leave."""
        kinds = [session.kind for session in self._serving.values()]
        return {
            **{kind: kinds.count(kind) for kind in KINDS},
            "arriving": len(self._arriving),
            "told": sum(session.told for session in self._serving.values()),
        }

    def drop_silent_arrivals(self) -> None:
        """End connections that did not say in time who they are."""
        limit = self.loop.time() - ARRIVE_WITHIN_S
        for session in [late for late in self._arriving if late.since < limit]:
            session.stream.close()
            del self._arriving[session]
            self.figures.handshakes_failed += 1

    def _tell(self, session: Session, line: bytes, reason: str) -> None:
        if self._serving.get(session.peer) is session:
            if not session.told:
                self.figures.moves[reason] += 1
            session.told = True
            session.stream.write(line)

    def _accept(self) -> None:
        for _ in range(ACCEPTS_PER_WAKE):
            if self._listener is None:
                return
            try:
                sock, address = self._listener.accept()
            except OSError:
                return  # taken by the program that shares the socket, or gone before we looked
            self.figures.handshakes += 1
            if len(self) >= SESSIONS_LIMIT:
                self.figures.dropped += 1
                sock.close()
                continue
            sock.setblocking(False)
            session = Session(self, f"{address[0]}:{address[1]}", self.loop.time())
            self._arriving[session] = None
            session.stream.accept(sock, self._context)
