"""Balancer: the program that stands before the nodes of one PoP.

    GET  /servers                                  the nodes: state, up, sessions, admitted
    POST /servers/NODE/drain?spread_ms=500         no new sessions; those it has are asked to move, evenly
    POST /servers/NODE/ready                       takes sessions again
    POST /servers/NODE/maint                       no new sessions; those it has are left alone
    POST /servers/NODE/invite {"count", "spread_ms"}  asks sessions back, up to the node's share (or to `count`)

It keeps nothing over a restart.
"""

import argparse
import asyncio
import functools
import json
import signal
import socket
from typing import Any

import uvloop

from wavetrain.errors import UnreachableError
from wavetrain.lab.admin_call import Caller
from wavetrain.lab.admin_door import AdminDoor, Answer, Request, json_answer, not_found
from wavetrain.lab.balancer_pool import STATES, Node, Pool
from wavetrain.lab.balancer_relay import Relay
from wavetrain.lab.lifeline import hold_lifeline

CHECK_EVERY_S = 0.15
CHECK_AGAIN_S = 0.05
"""After a check that failed. A node that hangs is down after 0.15 + 0.3 + 0.05 + 0.3 s, and twice a late look."""
CHECK_WITHIN_S = 0.3
DOWN_AFTER = 2
DRAIN_SPREAD_MS = 500
INVITE_SPREAD_MS = 800
SPREAD_LIMIT_MS = 60_000
FOLLOW_WITHIN_S = 5.0  # how long an invitation leads a session to its node, beyond the spread
BACKLOG = 4096


class Health:
    """Checks one node again and again."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._caller = Caller(node.admin_at)
        self._now = asyncio.Event()
        self._failed = 0

    def look_now(self) -> None:
        """Do not wait for the next check."""
        self._now.set()

    def suspect(self) -> None:
        """Give the node no new session before a check says that it is well."""
        self.node.suspect = True
        self.look_now()

    async def run(self) -> None:
        """Check until cancelled: down after two failures in a row, up after one success."""
        while True:
            self._now.clear()
            if await self._well():
                self._failed = 0
                self.node.up = True
                self.node.suspect = False
            else:
                self._failed += 1
                self.node.suspect = True
                if self._failed >= DOWN_AFTER:
                    self._down()
            try:
                async with asyncio.timeout(CHECK_AGAIN_S if self._failed else CHECK_EVERY_S):
                    await self._now.wait()
            except TimeoutError:
                continue

    async def _well(self) -> bool:
        try:
            status, _ = await self._caller.ask("GET", "/healthz", timeout_s=CHECK_WITHIN_S)
        except UnreachableError:
            return False
        return status == 200

    def _down(self) -> None:
        self.node.up = False
        cut_all(self.node)


def cut_all(node: Node) -> None:
    """End every session of a node at once, so that its sites look for another one."""
    for session in list(node.sessions):
        assert isinstance(session, Relay)
        session.cut()


class Balancer:
    """The running program."""

    def __init__(self, nodes: list[Node]) -> None:
        self._pool = Pool(nodes)
        self._health = {node: Health(node) for node in nodes}
        self._callers = {node: Caller(node.admin_at) for node in nodes}
        self._door = AdminDoor(self._answer)

    async def run(self, vip: socket.socket, admin: socket.socket) -> None:
        """Balance until SIGTERM."""
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        checks = [asyncio.ensure_future(health.run()) for health in self._health.values()]
        server = await loop.create_server(
            lambda: Relay(self._pool, lambda node: self._health[node].suspect()), sock=vip, backlog=BACKLOG
        )
        await self._door.listen(admin)
        await stopped.wait()
        self._door.close()
        server.close()
        for check in checks:
            check.cancel()
        await asyncio.wait(checks)
        for node in self._pool.nodes.values():
            cut_all(node)
        await asyncio.sleep(0)  # the ends of the sessions are called back

    def _answer(self, request: Request) -> Any:
        words = request.path.strip("/").split("/")
        match request.method, words:
            case "GET", ["servers"]:
                return json_answer([self._described(node) for node in self._pool.nodes.values()])
            case "POST", ["servers", name, act] if act in (*STATES, "invite"):
                node = self._pool.nodes.get(name)
                if node is None:
                    known = ", ".join(self._pool.nodes)
                    return json_answer({"error": f"no node {name} in this PoP; it has {known}"}, 404)
                if act == "invite":
                    return self._invite(node, request)
                return self._set(node, act, request)
            case _:
                return not_found(request)

    def _described(self, node: Node) -> dict[str, Any]:
        return {
            "node": node.name,
            "state": node.state,
            "up": node.up,
            "sessions": len(node.sessions),
            "share": self._pool.share(node),
            "admitted_total": node.admitted,
        }

    async def _set(self, node: Node, state: str, request: Request) -> Answer:
        spread_ms = request.whole_number("spread_ms", DRAIN_SPREAD_MS, SPREAD_LIMIT_MS)
        node.state = state
        asked = 0
        if state == "drain":
            asked = await self._ask_to_move(node, f"reason=update&spread_ms={spread_ms}", b"")
        elif state == "ready":
            self._health[node].look_now()
            await self._tell(node, "/stay", b"")
        return json_answer({**self._described(node), "asked": asked})

    async def _invite(self, node: Node, request: Request) -> Answer:
        most, spread_ms = _invitation(request)
        loop = asyncio.get_running_loop()
        self._pool.forget_invitations(loop.time())
        if not node.in_service:
            return json_answer({**self._described(node), "invited": 0})
        chosen = self._pool.invite(node, most, loop.time() + spread_ms / 1000 + FOLLOW_WITHIN_S)
        query = f"reason=rebalance&spread_ms={spread_ms}"
        asked = [
            self._ask_to_move(where, query, json.dumps({"peers": peers}).encode())
            for where, peers in chosen.items()
        ]
        invited = sum(await asyncio.gather(*asked))
        return json_answer({**self._described(node), "invited": invited})

    async def _ask_to_move(self, node: Node, query: str, body: bytes) -> int:
        """How many sessions the node was able to ask."""
        answer = await self._tell(node, f"/move-away?{query}", body)
        return int(answer.get("told", 0))

    async def _tell(self, node: Node, path: str, body: bytes) -> dict[str, Any]:
        """What the node's gateway answers; nothing where it does not, because a dead node can be drained too."""
        try:
            status, content = await self._callers[node].ask("POST", path, body)
        except UnreachableError:
            return {}
        return dict(json.loads(content)) if status == 200 else {}


def _invitation(request: Request) -> tuple[int | None, int]:
    """The most sessions to invite (None: up to the share), and the spread in ms. Raises ValueError."""
    wanted = {"count": None, "spread_ms": INVITE_SPREAD_MS}
    try:
        given = json.loads(request.body or b"{}")
    except ValueError as error:
        raise ValueError(f"{request.path}: the body is not JSON ({error})") from error
    if not isinstance(given, dict) or not set(given) <= set(wanted):
        raise ValueError(f'{request.path}: the body must be like {{"count": null, "spread_ms": 800}}')
    wanted.update(given)
    count, spread_ms = wanted["count"], wanted["spread_ms"]
    if count is not None and (type(count) is not int or count < 0):
        raise ValueError(f"{request.path}: count must be null or a whole number, 0 or more")
    if type(spread_ms) is not int or not 0 <= spread_ms <= SPREAD_LIMIT_MS:
        raise ValueError(f"{request.path}: spread_ms must be a whole number from 0 to {SPREAD_LIMIT_MS}")
    return count, spread_ms


def address(text: str) -> tuple[str, int]:
    """Read HOST:PORT. Raises ValueError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"{text!r} must be HOST:PORT")
    return host, int(port)


def _node(text: str) -> Node:
    name, _, places = text.partition("=")
    sessions_at, _, admin_at = places.partition(",")
    return Node(name, address(sessions_at), address(admin_at))


async def _run(nodes: list[Node], vip: socket.socket, admin: socket.socket) -> None:
    hold_lifeline(asyncio.get_running_loop())
    await Balancer(nodes).run(vip, admin)


def main() -> None:
    """Balance on the two listening sockets that were inherited."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--vip-fd", type=int, required=True, help="descriptor of the socket that sites connect to"
    )
    parser.add_argument("--admin-fd", type=int, required=True, help="descriptor of the admin socket")
    parser.add_argument(
        "--node", type=_node, action="append", required=True, metavar="NAME=SESSIONS_AT,ADMIN_AT"
    )
    given = parser.parse_args()
    listening = functools.partial(socket.socket, socket.AF_INET, socket.SOCK_STREAM)
    uvloop.run(_run(given.node, listening(fileno=given.vip_fd), listening(fileno=given.admin_fd)))


if __name__ == "__main__":
    main()
