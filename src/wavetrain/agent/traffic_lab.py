"""Traffic by the lab's balancer: where do this node's sessions go?"""

import json

import msgspec

from wavetrain.agent.exchange import exchange
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.wire.json_message import read_message

TIMEOUT_S = 3.0


class _Server(msgspec.Struct):
    node: str
    sessions: int


class LabTraffic:
    """The balancer's admin door at `url`."""

    def __init__(self, url: str, node: str, invite_spread_ms: int) -> None:
        self._url = url.rstrip("/")
        self._node = node
        self._invite_spread_ms = invite_spread_ms

    def drain(self, spread_ms: int) -> None:
        self._ask("POST", f"/servers/{self._node}/drain?spread_ms={spread_ms}")

    def sessions(self) -> int | None:
        try:
            servers = read_message(self._ask("GET", "/servers"), list[_Server], "servers")
        except (UnreachableError, RefusedError):
            return None
        return next((server.sessions for server in servers if server.node == self._node), None)

    def settle(self) -> None:
        """The lab's balancer keeps a drain for as long as it runs."""

    def undrain(self) -> None:
        self._ask("POST", f"/servers/{self._node}/ready")

    def invite(self) -> None:
        body = json.dumps({"count": None, "spread_ms": self._invite_spread_ms})
        self._ask("POST", f"/servers/{self._node}/invite", body.encode())

    def _ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        status, content = exchange(method, self._url + path, body, timeout_s=TIMEOUT_S)
        if status != 200:
            said = content[:200].decode(errors="replace")
            raise UnreachableError(f"the balancer answered {method} {path} with {status}: {said}")
        return content
