"""Balancer relay: how do the bytes of a session pass between a site and a node?"""

import asyncio
from typing import TYPE_CHECKING, cast

from wavetrain.lab.balancer_pool import Node, Pool

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT_WITHIN_S = 1.0
EARLY_LIMIT_BYTES = 64 * 1024  # what a site may send before its node is connected


class _End(asyncio.Protocol):
    """One of the two connections; hands what it reads to the other one, and its pace too."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        other = self.other
        if other is not None and other.transport is not None:
            other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def end_other(self) -> None:
        self.transport = None
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class _Upstream(_End):
    def __init__(self, relay: "Relay") -> None:
        super().__init__()
        self._relay = relay

    def connection_lost(self, _exc: Exception | None) -> None:
        by_node = self.other is not None and self.other.transport is not None
        by_node = by_node and not self.other.transport.is_closing()  # type: ignore[union-attr]
        self.end_other()
        self._relay.upstream_ended(by_node)


class Relay(_End):
    """A session: the connection of a site, and the node that it was given."""

    def __init__(self, pool: Pool, suspected: "Callable[[Node], None]") -> None:
        super().__init__()
        self._pool = pool
        self._suspected = suspected
        self._connecting: asyncio.Task[None] | None = None
        self.node: Node | None = None
        self.source = ""
        self.peer = ""
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self.source = transport.get_extra_info("peername")[0]
        self._connecting = asyncio.ensure_future(self._connect())

    def connection_lost(self, _exc: Exception | None) -> None:
        self.end_other()
        if self._connecting is not None:
            self._connecting.cancel()

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            super().data_received(data)
            return
        self._early += data
        if len(self._early) > EARLY_LIMIT_BYTES:
            self.cut()

    def upstream_ended(self, by_node: bool) -> None:
        """The node's connection is over."""
        node, self.node = self.node, None
        if node is None:
            return
        self._pool.left(node, self)
        if by_node and node.state == "ready":
            self._suspected(node)

    def cut(self) -> None:
        """End the session at once, because its node is dead."""
        if self.transport is not None:
            self.transport.abort()

    async def _connect(self) -> None:
        """Try one node after the other, each once."""
        loop = asyncio.get_running_loop()
        tried: list[Node] = []
        while (node := self._pool.choose(self.source, tried, loop.time())) is not None:
            tried.append(node)
            self._pool.joined(node, self)
            self.node = node
            try:
                opening = loop.create_connection(lambda: _Upstream(self), *node.sessions_at)
                async with asyncio.timeout(CONNECT_WITHIN_S):
                    _, upstream = await opening
            except asyncio.CancelledError:
                self._give_up(node)
                raise
            except (TimeoutError, OSError):
                self._give_up(node)
                self._suspected(node)
                continue
            self._join(node, upstream)
            return
        if self.transport is not None:
            self.transport.abort()

    def _give_up(self, node: Node) -> None:
        if self.node is node:
            self.node = None
            self._pool.left(node, self)

    def _join(self, node: Node, upstream: _Upstream) -> None:
        self._connecting = None
        if upstream.transport is None:
            if self.transport is not None:
                self.transport.abort()
            return
        if self.transport is None:
            upstream.transport.abort()
            return
        node.admitted += 1
        host, port = upstream.transport.get_extra_info("sockname")[:2]
        self.peer = f"{host}:{port}"
        upstream.other = self
        self.other = upstream
        if self._early:
            upstream.transport.write(self._early)
            self._early = b""
