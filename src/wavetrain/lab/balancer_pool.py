"""Balancer pool: which node of a PoP takes the next session, and whose sessions may be asked back?"""

from collections.abc import Iterable
from typing import Protocol

LEAVERS_KEPT = 10_000
STATES = ("ready", "drain", "maint")


class Carried(Protocol):
    """What the pool knows of one session."""

    @property
    def source(self) -> str:
        """The address of the site or user."""

    @property
    def peer(self) -> str:
        """ADDRESS:PORT of this session as its gateway sees it."""


class Node:
    """One server of the pool."""

    def __init__(self, name: str, sessions_at: tuple[str, int], admin_at: tuple[str, int]) -> None:
        self.name = name
        self.sessions_at = sessions_at
        self.admin_at = admin_at
        self.state = "ready"
        self.up = False
        self.suspect = (
            False  # a session was cut from the node's side; not chosen before a check says it is well
        )
        self.admitted = 0
        self.sessions: dict[Carried, None] = {}
        self.leavers: dict[str, None] = {}  # sources that moved away in a drain, oldest first

    @property
    def in_service(self) -> bool:
        """Whether it takes new sessions."""
        return self.up and self.state == "ready"


class Pool:
    """The nodes of one PoP and the sessions on each."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = {node.name: node for node in nodes}
        self._by_source: dict[str, list[Carried]] = {}
        self._invited: dict[str, tuple[Node, float]] = {}

    def choose(self, source: str, tried: Iterable[Node], now: float) -> Node | None:
        """The node for a new session: the inviting one, or that with the fewest sessions; None if none is left."""
        left = [node for node in self.nodes.values() if node.in_service and node not in tried]
        left = [node for node in left if not node.suspect] or left
        inviting, until = self._invited.pop(source, (None, 0.0))
        if inviting in left and now < until:
            return inviting
        return min(left, key=lambda node: (len(node.sessions), node.admitted), default=None)

    def joined(self, node: Node, session: Carried) -> None:
        """A session is on a node, or about to be."""
        node.sessions[session] = None
        self._by_source.setdefault(session.source, []).append(session)

    def left(self, node: Node, session: Carried) -> None:
        """A session has gone. Who left a drained node for another one is remembered."""
        node.sessions.pop(session, None)
        others = self._by_source[session.source]
        others.remove(session)
        if not others:
            del self._by_source[session.source]
        elif node.state == "drain":
            node.leavers.pop(session.source, None)
            node.leavers[session.source] = None
            if len(node.leavers) > LEAVERS_KEPT:
                del node.leavers[next(iter(node.leavers))]

    def share(self, node: Node) -> int:
        """How many sessions each node would have if all in service (and this one) had as many."""
        serving = [other for other in self.nodes.values() if other.in_service or other is node]
        return sum(len(other.sessions) for other in serving) // len(serving)

    def invite(self, node: Node, most: int | None, until: float) -> dict[Node, list[str]]:
        """Choose who comes back to a node: newest leavers first, then from the fullest nodes, up to its share.

        Returns the peers to ask, by the node that they are on now. No node is brought below its own share.
        Until `until` (the clock of `choose`) a new session of theirs is led here.
        """
        share = self.share(node)
        wanted = share - len(node.sessions)
        if most is not None:
            wanted = min(wanted, most)
        spare = {
            other: len(other.sessions) - share
            for other in self.nodes.values()
            if other.in_service and other is not node
        }
        chosen: dict[Node, list[str]] = {}
        for session, where in self._candidates(node, spare):
            if wanted <= 0:
                break
            if spare[where] > 0 and session.source not in self._invited:
                spare[where] -= 1
                wanted -= 1
                chosen.setdefault(where, []).append(session.peer)
                self._invited[session.source] = (node, until)
                node.leavers.pop(session.source, None)
        return chosen

    def forget_invitations(self, now: float) -> None:
        """Drop the invitations that nobody followed in time."""
        for source in [source for source, (_, until) in self._invited.items() if until <= now]:
            del self._invited[source]

    def _candidates(self, node: Node, spare: dict[Node, int]) -> list[tuple[Carried, Node]]:
        where = {session: other for other in spare for session in other.sessions}
        back = [
            session
            for source in reversed(node.leavers)
            for session in self._by_source.get(source, ())[-1:]
            if session in where
        ]
        fullest_first = sorted(where, key=lambda session: -spare[where[session]])
        return [(session, where[session]) for session in dict.fromkeys([*back, *fullest_first])]
