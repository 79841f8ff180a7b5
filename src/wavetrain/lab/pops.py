"""PoPs: the lab as a whole, from an empty folder to live sessions and back to nothing."""

import datetime
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from wavetrain.errors import UnreachableError
from wavetrain.lab.admin_call import ask
from wavetrain.lab.agents import end_supervisor
from wavetrain.lab.balancer_choice import Choice
from wavetrain.lab.balancers import balancers
from wavetrain.lab.certificates import Authority
from wavetrain.lab.faults import Faults
from wavetrain.lab.layout import NodePlace, PopPlace, PopSize, lay_out, listening, text_of
from wavetrain.lab.processes import Processes
from wavetrain.lab.site_figures import PopFelt, all_pops

READY_WITHIN_S = 60.0
UPDATED = "update"
"""Why a session leaves a node that is being drained."""
LOOK_EVERY_S = 0.1

Progress = Callable[[str, int, int], None]  # what is waited for, how many are there, how many there must be


class Lab:
    """PoPs of real processes. Use it as a context: whatever ends the block, nothing is left running."""

    def __init__(
        self,
        root: Path,
        sizes: Sequence[PopSize],
        now: datetime.datetime,
        balancer: Choice = Choice.BUILTIN,
    ) -> None:
        self.root = root
        self.balancers = balancers(balancer)
        self.pops: tuple[PopPlace, ...] = lay_out(root, sizes)
        self.accounts = tuple(account for size in sizes for account in size.accounts)
        """The customers that have sessions."""
        self.nodes: dict[str, NodePlace] = {node.name: node for pop in self.pops for node in pop.nodes}
        self.faults = Faults(self.nodes.values())
        self.processes = Processes()
        self._write_folder(now)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def artifacts(self) -> Path:
        """The folder for releases."""
        return self.root / "artifacts"

    @property
    def authority(self) -> Path:
        """The certificate that sites verify gateways against."""
        return self.root / "authority.pem"

    def start_agents(
        self, write_agent_config: Callable[[NodePlace], str], command: Callable[[NodePlace], Sequence[str]]
    ) -> None:
        """Write each node's `agent.toml` and start its agent with the command for it."""
        for node in self.nodes.values():
            node.agent_config.write_text(write_agent_config(node))
            self.start_agent(node, command(node))

    def start_agent(self, node: NodePlace, command: Sequence[str]) -> None:
        """Start one node's agent, the first time or again."""
        self.processes.start(f"agent {node.name}", command, node.folder / "agent.log", tied=True)

    def start_balancers(self) -> None:
        """Start the balancer of each PoP."""
        for pop in self.pops:
            self.balancers.start(pop, self.root, self.processes)

    def start_sites(self) -> None:
        """Start the sites and users of each PoP."""
        for pop in self.pops:
            size = pop.size
            with listening(pop.sites_at) as admin:
                command = [
                    f"--pop={size.id}",
                    f"--index={pop.index}",
                    f"--balancer={text_of(pop.vip)}",
                    f"--authority={self.authority}",
                    f"--admin-fd={admin.fileno()}",
                    f"--sites={size.sites}",
                    f"--users={size.users}",
                    f"--stubborn={size.stubborn}",
                    f"--roam-every-s={size.roam_every_s}",
                ]
                self._start(pop, "sites", command, (admin.fileno(),))

    def wait_for_nodes(self, progress: Progress | None = None, within_s: float = READY_WITHIN_S) -> None:
        """Wait until every balancer finds every node up. Raises UnreachableError."""
        self._wait("nodes", len(self.nodes), self._nodes_up, progress, within_s)

    def wait_for_sessions(self, progress: Progress | None = None, within_s: float = READY_WITHIN_S) -> None:
        """Wait until every site and user has a session. Raises UnreachableError."""
        there = sum(pop.size.sites + pop.size.users + pop.size.stubborn for pop in self.pops)
        self._wait("sessions", there, self._sessions_up, progress, within_s)

    def felt(self) -> PopFelt:
        """What all sites and users felt since the last reset."""
        return all_pops(self.felt_in(pop.size.id) for pop in self.pops)

    def felt_in(self, pop: str) -> PopFelt:
        """What the sites and users of one PoP felt."""
        return msgspec.convert(ask(self.pop(pop).sites_at, "GET", "/stats"), PopFelt)

    def moves_so_far(self) -> dict[str, int]:
        """How many changes of session the sites and users of each PoP have made."""
        return {pop.size.id: self._moves(pop, 1 << 61)["next"] for pop in self.pops}

    def first_to_leave(self, after: Mapping[str, int]) -> float | None:
        """When the first session, after so many changes of each PoP, had come from a node that was being updated.

        Seconds since the Unix epoch; None where none has come.
        """
        moves = [move for pop in self.pops for move in self._moves(pop, after[pop.size.id])["moves"]]
        return min((move["at"] for move in moves if move["reason"] == UPDATED), default=None)

    def reset_figures(self) -> None:
        """Begin a new measuring span everywhere."""
        for pop in self.pops:
            ask(pop.sites_at, "POST", "/reset")

    def _moves(self, pop: PopPlace, first: int) -> dict[str, Any]:
        return dict(ask(pop.sites_at, "GET", f"/moves?since={first}"))

    def servers(self, pop: str) -> dict[str, dict[str, Any]]:
        """The nodes of a PoP as its balancer sees them, by name."""
        return self.balancers.servers(self.pop(pop))

    def traffic(self, node: NodePlace, invite_spread_ms: int) -> str:
        """What the agent of a node is told about its balancer."""
        return self.balancers.traffic(self.pop(node.pop), node, invite_spread_ms)

    def pop(self, name: str) -> PopPlace:
        """Where a PoP is."""
        return next(pop for pop in self.pops if pop.size.id == name)

    def stop(self) -> None:
        """End every process of this lab."""
        for name in self.nodes:
            self.faults.resume(name)
        self.processes.stop_all()
        for node in self.nodes.values():
            end_supervisor(node)
            if node.sockets.parent != node.folder:
                shutil.rmtree(node.sockets, ignore_errors=True)

    def _write_folder(self, now: datetime.datetime) -> None:
        self.artifacts.mkdir(parents=True, exist_ok=True)
        authority = Authority(now)
        authority.write(self.root)
        for node in self.nodes.values():
            node.shared.mkdir(parents=True, exist_ok=True)
            authority.issue(node.shared)

    def _start(self, pop: PopPlace, program: str, command: Sequence[str], sockets: tuple[int, ...]) -> None:
        name = f"{program} {pop.size.id}"
        log = self.root / f"{program}-{pop.size.id}.log"
        self.processes.start(name, [sys.executable, "-m", f"wavetrain.lab.{program}", *command], log, sockets)

    def _nodes_up(self) -> int:
        try:
            return sum(server["up"] for pop in self.pops for server in self.servers(pop.size.id).values())
        except UnreachableError:  # a balancer may still be about to start
            return 0

    def _sessions_up(self) -> int:
        felt = self.felt()
        return felt.cooperative.up + felt.stubborn.up

    def _wait(
        self, what: str, wanted: int, count: Callable[[], int], progress: Progress | None, within_s: float
    ) -> None:
        deadline = time.monotonic() + within_s
        while True:
            there = count()
            if progress is not None:
                progress(what, there, wanted)
            if there >= wanted:
                return
            if ended := self.processes.ended():
                raise UnreachableError(
                    f"lab: {', '.join(ended)} ended by itself; see the logs in {self.root}"
                )
            if time.monotonic() > deadline:
                raise UnreachableError(
                    f"lab: {there} of {wanted} {what} after {within_s:g} s; see the logs in {self.root}"
                )
            time.sleep(LOOK_EVERY_S)
