"""Rig: a lab whose gateways run without agents, for the tests of this folder."""

import datetime
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wavetrain.lab.admin_call import ask
from wavetrain.lab.balancer_choice import Choice
from wavetrain.lab.layout import PopSize
from wavetrain.lab.plain_nodes import PlainNode
from wavetrain.lab.pops import Lab
from wavetrain.lab.releases import build, unpack

POP = "lis1"
STOP_GRACE_S = 0.8
NODES = tuple(f"{POP}-n{n}" for n in range(1, 5))


def eventually(what: str, condition: Callable[[], object], within_s: float = 10.0) -> float:
    """Wait until a condition holds; the seconds it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < within_s, f"not within {within_s} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - started


class Rig:
    """One PoP of four nodes with live sessions."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.nodes: dict[str, PlainNode] = {}

    def release(self, version: str, **faults: Any) -> Path:
        """A release, built and unpacked."""
        return unpack(build(self.lab.artifacts, version, faults), self.lab.root / f"release-{version}")

    def start(self, release: Path, sites: bool) -> None:
        """Start all of it, and wait for the sessions."""
        doors = []
        for name, place in self.lab.nodes.items():
            self.nodes[name] = PlainNode(place, STOP_GRACE_S)
            doors.append((self.nodes[name], self.nodes[name].start(release)))
        for node, door in doors:
            node.wait_until_healthy(door)
        if sites:
            self.lab.start_balancers()
            self.lab.wait_for_nodes()
            self.lab.start_sites()
            self.lab.wait_for_sessions()

    def on_node(self, name: str) -> int:
        """Sessions that the balancer has on a node."""
        return int(self.lab.servers(POP)[name]["sessions"])

    def tell(self, name: str, act: str, body: Any = None) -> Any:
        """Ask the balancer to do something with a node."""
        return ask(self.lab.pop(POP).balancer_at, "POST", f"/servers/{name}/{act}", body)

    def gateway(self, name: str, path: str, method: str = "GET") -> Any:
        """Ask a node's gateway."""
        return ask(self.lab.nodes[name].admin_at, method, path, statuses=(200, 503))

    def drain(self, name: str) -> None:
        """Move the cooperative sessions of a node away."""
        self.tell(name, "drain?spread_ms=200")
        stubborn = self.lab.pop(POP).size.stubborn
        eventually(f"{name} is drained", lambda: self.on_node(name) <= stubborn)
        eventually(
            f"only sessions that ignore the signal are left on {name}",
            lambda: (lambda at: at["told"] == at["site"] + at["user"])(self.gateway(name, "/sessions")),
        )

    def refill(self, name: str) -> Any:
        """Put a node back in service and invite its sessions; what the balancer answered."""
        self.tell(name, "ready")
        eventually(f"{name} is up", lambda: self.lab.servers(POP)[name]["up"])
        return self.tell(name, "invite", {"spread_ms": 200})

    def restart(self, name: str, release: Path) -> None:
        """Start the gateway of a node again after a crash."""
        node = self.nodes[name]
        node.wait_until_healthy(node.start(release))
        eventually(f"{name} is up", lambda: self.lab.servers(POP)[name]["up"])


@contextmanager
def rig(
    root: Path,
    sites: int = 0,
    users: int = 0,
    stubborn: int = 0,
    balancer: Choice = Choice.BUILTIN,
    roam_every_s: float = 0.0,
) -> Iterator[tuple[Rig, Path]]:
    """A running PoP and the good release on it; nothing is left of it afterwards. Without sites: nodes alone."""
    size = PopSize(POP, NODES, sites, users, stubborn, roam_every_s)
    with Lab(root, [size], datetime.datetime.now(datetime.UTC), balancer) as lab:
        running = Rig(lab)
        try:
            good = running.release("2.0.0")
            running.start(good, sites=sites > 0)
            yield running, good
        finally:
            for node in running.nodes.values():
                node.close()
