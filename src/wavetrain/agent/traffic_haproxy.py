"""Traffic by HAProxy: how does its runtime API move this node's work away and back?

HAProxy keeps new sessions off a server; it cannot ask those that are there to leave. That signal is the program's
own, so the agent asks the node's program for it by `goaway_url`, and the programs of the other nodes by `invite_urls`
to let some of theirs go: a balancer of `leastconn` brings those to the node that has the fewest.
"""

import time
from collections.abc import Mapping
from typing import Literal

from wavetrain.agent.exchange import exchange
from wavetrain.agent.haproxy_socket import FORCED_MAINT, HaproxySocket, Server
from wavetrain.errors import RefusedError, UnreachableError

LOOK_EVERY_S = 0.05

Left = Literal["stay", "cut"]


class HaproxyTraffic:
    """One server of one backend. URLs are asked by POST, with `{spread_ms}`, `{count}` and `{node}` filled in."""

    def __init__(
        self,
        haproxy: HaproxySocket,
        backend: str,
        server: str,
        *,
        node: str,
        goaway_url: str = "",
        stay_url: str = "",
        invite_urls: Mapping[str, str] | None = None,
        invite_spread_ms: int = 800,
        left: Left = "stay",
        timeout_s: float = 3.0,
        ready_timeout_s: float = 5.0,
    ) -> None:
        self._haproxy = haproxy
        self._backend = backend
        self._name = server
        self._node = node
        self._goaway_url = goaway_url
        self._stay_url = stay_url
        self._invite_urls = invite_urls or {}
        self._invite_spread_ms = invite_spread_ms
        self._left = left
        self._timeout_s = timeout_s
        self._ready_timeout_s = ready_timeout_s
        self._draining_ms: int | None = None

    def check(self) -> None:
        """Whether the server is there and may be set. Raises `RefusedError` where not, `UnreachableError`."""
        self._haproxy.server(self._backend, self._name)
        self._haproxy.check_level()
        servers = self._haproxy.servers(self._backend)
        strangers = sorted(set(self._invite_urls) - set(servers))
        if strangers:
            raise RefusedError(
                f"`invite_urls` in [traffic] names {', '.join(strangers)}; {self._backend} has {', '.join(servers)}"
            )

    def drain(self, spread_ms: int) -> None:
        self._draining_ms = spread_ms
        if not self._seen().drains:  # one in maintenance is not led back to a drain
            self._set("drain")
        self._tell(self._goaway_url, spread_ms=spread_ms)

    def sessions(self) -> int | None:
        try:
            server = self._seen()
            if self._draining_ms is not None and not server.drains:
                self.drain(self._draining_ms)  # HAProxy was restarted and knows nothing of the drain
                server = self._seen()
        except UnreachableError:
            return None
        return server.sessions

    def settle(self) -> None:
        """Into maintenance once it is empty; what is left stays on the program, or is cut as `left` says.

        Maintenance also keeps off what a cookie or a table sticks to this server, which a drain does not.
        """
        server = self._seen()
        if server.sessions and self._left == "stay":
            if not server.drains:
                self._set("drain")
            return
        if not server.admin & FORCED_MAINT:
            self._set("maint")
        if server.sessions:
            self._haproxy.act(f"shutdown sessions server {self._backend}/{self._name}")

    def undrain(self) -> None:
        self._draining_ms = None
        self._set("ready")
        self._tell(self._stay_url)
        latest = time.monotonic() + self._ready_timeout_s
        while not (server := self._seen()).is_up:
            if time.monotonic() > latest:
                raise UnreachableError(
                    f"HAProxy finds {self._backend}/{self._name} {server.status} "
                    f"{self._ready_timeout_s:g} s after it was set ready: {server.detail or 'it says no more'}"
                )
            time.sleep(LOOK_EVERY_S)

    def invite(self) -> None:
        if not self._invite_urls:
            return
        servers = self._haproxy.servers(self._backend)
        if self._name not in servers or not servers[self._name].is_up:
            return
        for name, count in givers(servers, self._name).items():
            if url := self._invite_urls.get(name, ""):
                self._tell(url, spread_ms=self._invite_spread_ms, count=count)

    def _seen(self) -> Server:
        try:
            return self._haproxy.server(self._backend, self._name)
        except RefusedError as error:  # the port's word for what may be mended while the agent runs
            raise UnreachableError(str(error)) from error

    def _set(self, state: str) -> None:
        self._haproxy.act(f"set server {self._backend}/{self._name} state {state}")

    def _tell(self, url: str, **words: int) -> None:
        """Ask a program; one that does not answer is no reason to stop: a dead node can be drained, too."""
        if not url:
            return
        for name, word in {**words, "node": self._node}.items():
            url = url.replace(f"{{{name}}}", str(word))
        try:
            status, content = exchange("POST", url, timeout_s=self._timeout_s)
        except UnreachableError:
            return
        if not 200 <= status < 300:
            said = content[:200].decode(errors="replace")
            raise UnreachableError(
                f"the program answered POST {url} with {status}: {said}; correct the url in [traffic]"
            )


def givers(servers: Mapping[str, Server], mine: str) -> dict[str, int]:
    """How many sessions each other server should let go, so that `mine` comes to its share; none below their own.

    The share is what each would have if all in service had as many. The fullest give first.
    """
    serving = {
        name: server.sessions
        for name, server in servers.items()
        if name == mine or (server.is_up and not server.drains)
    }
    if mine not in serving:
        return {}
    share = sum(serving.values()) // len(serving)
    wanted = share - serving.pop(mine)
    chosen = {}
    for name in sorted(serving, key=lambda name: (-serving[name], name)):
        count = min(serving[name] - share, wanted)
        if count <= 0:
            break
        chosen[name] = count
        wanted -= count
    return chosen
