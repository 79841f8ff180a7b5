"""Balancers: what does a lab ask of the programs that stand before its nodes?"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from wavetrain.errors import RefusedError
from wavetrain.lab.admin_call import ask
from wavetrain.lab.balancer_choice import Choice
from wavetrain.lab.haproxy import Haproxy, program
from wavetrain.lab.layout import NodePlace, PopPlace, listening, text_of
from wavetrain.lab.processes import Processes


class Balancers(Protocol):
    """One kind of balancer, before the nodes of every PoP."""

    kind: str
    """As in `Choice`."""

    def start(self, pop: PopPlace, root: Path, processes: Processes) -> None:
        """Start the one of a PoP; its log is in `root`."""
        ...

    def servers(self, pop: PopPlace) -> dict[str, dict[str, Any]]:
        """The nodes by name: `state` (ready, drain or maint), `up`, `sessions`. Raises `UnreachableError`."""
        ...

    def traffic(self, pop: PopPlace, node: NodePlace, invite_spread_ms: int) -> str:
        """The lines of the table [traffic] in the node's `agent.toml`."""
        ...


class BuiltIn:
    """The lab's own balancer."""

    kind: str = Choice.BUILTIN

    def start(self, pop: PopPlace, root: Path, processes: Processes) -> None:
        nodes = [
            f"--node={node.name}={text_of(node.sessions_at)},{text_of(node.admin_at)}" for node in pop.nodes
        ]
        with listening(pop.vip) as vip, listening(pop.balancer_at) as admin:
            sockets = (vip.fileno(), admin.fileno())
            command = [sys.executable, "-m", "wavetrain.lab.balancer", *nodes]
            command += [f"--vip-fd={sockets[0]}", f"--admin-fd={sockets[1]}"]
            name = pop.size.id
            processes.start(f"balancer {name}", command, root / f"balancer-{name}.log", sockets)

    def servers(self, pop: PopPlace) -> dict[str, dict[str, Any]]:
        return {server["node"]: server for server in ask(pop.balancer_at, "GET", "/servers")}

    def traffic(self, pop: PopPlace, node: NodePlace, invite_spread_ms: int) -> str:  # noqa: ARG002 (one for all)
        return f"""\
kind = "lab"
url = "http://{text_of(pop.balancer_at)}"
invite_spread_ms = {invite_spread_ms}"""


def balancers(choice: Choice, find: Callable[[], str | None] = program) -> Balancers:
    """The balancers of a choice. Raises `RefusedError` where HAProxy is asked for and not installed."""
    found = find()
    if choice is Choice.BUILTIN or (choice is Choice.AUTO and found is None):
        return BuiltIn()
    if found is None:
        raise RefusedError(
            "lab: the balancer haproxy needs HAProxy, which is not installed; install it (apt-get install haproxy), or "
            "take --balancer builtin"
        )
    return Haproxy(found)
