"""Program of a node: how does a gateway start, take over its sockets, and leave?

The supervisor hands the listening sockets over by the convention of sd_listen_fds (LISTEN_FDS, LISTEN_FDNAMES,
first descriptor 3). While two programs share them, the new one accepts nothing before it is healthy, so that
neither a health check nor a session meets a program that is not ready; its supervisor asks it on a unix socket
of its own (WAVETRAIN_ADMIN_SOCKET).
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

from wavetrain.lab.admin_door import TEXT_TYPE, AdminDoor, Answer, Request, json_answer, not_found
from wavetrain.lab.gateway.figures import Figures
from wavetrain.lab.gateway.sessions import REASONS, SESSIONS_LIMIT, Sessions
from wavetrain.lab.gateway.switches import Switches, switches_from, switches_in, threshold
from wavetrain.lab.gateway.visits import Visits
from wavetrain.lab.lifeline import hold_lifeline
from wavetrain.lab.tls_lines import server_context

FIRST_DESCRIPTOR = 3
STOP_GRACE_S = 2.0
GRACE_USED = 0.9  # the rest is for leaving in order, before the supervisor kills
LEAST_GRACE_S = 0.5  # an accepted connection may not be counted yet
LOOK_EVERY_S = 0.5
SPREAD_LIMIT_MS = 60_000
BAD_START = 2


class Place(NamedTuple):
    """Where this program runs, as its supervisor said in the environment."""

    node: str
    shared: Path
    sockets: dict[str, int]
    admin_socket: str
    stop_grace_s: float


def place_from(environment: Mapping[str, str], pid: int) -> Place:
    """Read the environment. Raises ValueError with the variable, the rule and the way out."""
    for name in ("WAVETRAIN_NODE", "WAVETRAIN_SHARED", "LISTEN_FDS", "LISTEN_FDNAMES"):
        if not environment.get(name):
            raise ValueError(f"{name} is not set; start this program through a supervisor that sets it")
    if environment.get("LISTEN_PID", str(pid)) != str(pid):
        raise ValueError(f"LISTEN_PID names another process than {pid}; the sockets are not for this one")
    names = environment["LISTEN_FDNAMES"].split(":")
    if environment["LISTEN_FDS"] != str(len(names)) or not {"sessions", "admin"} <= set(names):
        raise ValueError(
            "LISTEN_FDNAMES must name as many sockets as LISTEN_FDS, among them sessions and admin"
        )
    return Place(
        environment["WAVETRAIN_NODE"],
        Path(environment["WAVETRAIN_SHARED"]),
        {name: FIRST_DESCRIPTOR + n for n, name in enumerate(names)},
        environment.get("WAVETRAIN_ADMIN_SOCKET", ""),
        float(environment.get("WAVETRAIN_STOP_GRACE_S", STOP_GRACE_S)),
    )


class Gateway:
    """The running program."""

    def __init__(self, place: Place, release: str, faults: Switches) -> None:
        self._loop = asyncio.get_running_loop()
        self._place = place
        self._release_faults = faults
        self._switches = faults
        self._started = self._loop.time()
        self._figures = Figures(place.node, release)
        self._visits = Visits(place.shared)
        context = server_context(str(place.shared / "cert.pem"), str(place.shared / "key.pem"))
        self._sessions = Sessions(context, self._figures, self._visits, f"{place.node} {release}")
        self._shared_door = AdminDoor(self._answer)
        self._own_door = AdminDoor(self._answer)
        self._accepting = False
        self._stopping = False
        self._stopped = asyncio.Event()
        self._faults_seen = -1

    async def run(self) -> None:
        """Serve until told to stop and nobody is left."""
        self._loop.add_signal_handler(signal.SIGTERM, self._stop)
        self._look()
        if self._place.admin_socket:
            await self._own_door.listen_unix(self._place.admin_socket)
        else:
            await self._listen_admin()
        await self._wait_until_healthy()
        if not self._stopping:
            self._accepting = True
            self._sessions.accept_on(socket.socket(fileno=self._place.sockets["sessions"]))
            if self._place.admin_socket:
                await self._listen_admin()
        await self._stopped.wait()
        await self._leave()

    @property
    def healthy(self) -> bool:
        """What the probe is told."""
        late = self._loop.time() - self._started >= self._switches.start_delay_s
        return late and not self._switches.never_healthy

    async def _listen_admin(self) -> None:
        await self._shared_door.listen(socket.socket(fileno=self._place.sockets["admin"]))

    async def _wait_until_healthy(self) -> None:
        while not self.healthy and not self._stopping:
            await asyncio.sleep(0.02)

    def _look(self) -> None:
        """What is due twice a second: the node's own faults, the visits, silent arrivals."""
        file = self._place.shared / "faults.json"
        try:
            seen = file.stat().st_mtime_ns if file.exists() else 0
            if seen != self._faults_seen:
                self._faults_seen = seen
                self._switches = self._release_faults.worse(switches_in(file))
        except (ValueError, OSError) as error:
            print(f"gateway {self._place.node}: {error}; the faults stay as they were", file=sys.stderr)  # noqa: T201
        self._sessions.fails_below = threshold(self._switches.operations_failed_ratio)
        self._sessions.slow_below = threshold(self._switches.operations_slow_ratio)
        self._sessions.slow_s = self._switches.operations_slow_s
        crash_after = self._switches.crash_after_s
        if crash_after is not None and self._loop.time() - self._started >= crash_after:
            os.kill(os.getpid(), signal.SIGKILL)
        self._visits.save()
        self._sessions.drop_silent_arrivals()
        self._loop.call_later(LOOK_EVERY_S, self._look)

    def _stop(self) -> None:
        self._stopping = True
        self._sessions.stop_accepting()
        self._shared_door.close()
        self._stopped.set()

    async def _leave(self) -> None:
        self._sessions.move_away("update", 0.0, None)
        stopped = self._loop.time()
        while True:
            served = self._loop.time() - stopped
            if served >= GRACE_USED * self._place.stop_grace_s or (
                served >= LEAST_GRACE_S and not len(self._sessions)
            ):
                break
            await asyncio.sleep(0.02)
        self._own_door.close()
        self._visits.save()
        if self._place.admin_socket:
            Path(self._place.admin_socket).unlink(missing_ok=True)

    def _answer(self, request: Request) -> Answer:
        match request.method, request.path:
            case "GET", "/healthz":
                return self._health()
            case "GET", "/metrics":
                text = self._figures.exposition(len(self._sessions), self._sessions.draining)
                return Answer(200, text.encode(), TEXT_TYPE)
            case "GET", "/sessions":
                return json_answer(self._sessions.counts())
            case "GET", "/moves":
                return json_answer(self._figures.arrivals_since(request.whole_number("since", 0, 1 << 62)))
            case "GET", "/visits":
                return json_answer(self._visits.all())
            case "POST", "/move-away":
                return self._move_away(request)
            case "POST", "/stay":
                self._sessions.stay()
                return json_answer({})
            case _:
                return not_found(request)

    def _health(self) -> Answer:
        health = {
            "node": self._figures.node,
            "version": self._figures.release,
            "sessions": len(self._sessions),
            "ok": self.healthy,
            "draining": self._sessions.draining,
            "pid": os.getpid(),
        }
        return json_answer(health, 200 if self.healthy else 503)

    def _move_away(self, request: Request) -> Answer:
        reason = request.query.get("reason", "update")
        if reason not in REASONS:
            raise ValueError(f"/move-away: reason={reason!r} must be one of {', '.join(REASONS)}")
        spread_ms = request.whole_number("spread_ms", 0, SPREAD_LIMIT_MS)
        peers: list[str] | None = None
        if request.body:
            try:
                peers = json.loads(request.body)["peers"]
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError('/move-away: the body must be {"peers": ["ADDRESS:PORT", ...]}') from error
            if not isinstance(peers, list) or not all(isinstance(peer, str) for peer in peers):
                raise ValueError("/move-away: peers must be a list of texts like 127.0.0.1:53122")
        elif "count" in request.query:
            count = request.whole_number("count", 0, SESSIONS_LIMIT)
            peers = self._sessions.who_may_leave(count, request.query.get("from", ""))
        return json_answer({"told": self._sessions.move_away(reason, spread_ms / 1000, peers)})


async def _run(place: Place, release: str, faults: Switches) -> None:
    hold_lifeline(asyncio.get_running_loop())
    await Gateway(place, release, faults).run()


def main() -> NoReturn:
    """Run the release in the working folder until stopped; exit 2 where it cannot start."""
    try:
        content = json.loads(Path("release.json").read_bytes())
        faults = switches_from(content.get("faults", {}), "release.json: faults")
        place = place_from(os.environ, os.getpid())
    except (ValueError, OSError) as error:
        print(f"gateway: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(BAD_START)
    running = _run(place, content["version"], faults)
    try:
        import uvloop
    except ImportError:
        asyncio.run(running)
    else:
        uvloop.run(running)
    sys.exit(0)
