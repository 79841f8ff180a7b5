"""A gateway that hangs: its sockets stay open, and nothing answers."""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.agent.haproxy import haproxy
from tests.house.conftest import Open
from tests.house.running import eventually, setting

from wavetrain.errors import UnreachableError
from wavetrain.lab.admin_call import ask
from wavetrain.lab.balancer_choice import Choice
from wavetrain.lab.pops import Lab

pytestmark = pytest.mark.lab

SITES, USERS, NODES = 22, 2, 3


def until(what: str, since: float, condition: Any) -> float:
    """Seconds since a moment until a condition holds."""
    eventually(what, condition, 12)
    return time.monotonic() - since


def busiest(lab: Lab) -> tuple[str, int]:
    """The node that carries most, and how many sessions that is: a node that was up late may have got none."""
    lab.wait_for_sessions(within_s=30)
    carried = {node: int(server["sessions"]) for node, server in lab.servers("lis1").items()}
    node = max(carried, key=lambda node: carried[node])
    assert carried[node] >= (SITES + USERS) // NODES, carried
    return node, carried[node]


@pytest.mark.parametrize("balancer", [Choice.HAPROXY, Choice.BUILTIN])
def test_a_frozen_gateway_is_down_within_a_second_its_sessions_back_within_two_and_its_agent_starts_it_again(
    opened: Open, balancer: Choice
) -> None:
    if balancer is Choice.HAPROXY:
        haproxy()
    house = opened(setting(nodes=NODES, sites=SITES, stubborn=0, balancer=balancer))
    lab = house.lab
    assert lab.balancers.kind == balancer
    node, before = busiest(lab)
    lab.reset_figures()

    frozen_at = time.monotonic()
    frozen = lab.faults.hang(node)
    down_s = until("it is marked down", frozen_at, lambda: not lab.servers("lis1")[node]["up"])
    until("its sessions are elsewhere", frozen_at, lambda: node not in lab.felt().nodes)
    lab.wait_for_sessions(within_s=4)
    felt = lab.felt().cooperative
    up_s = until("it is up again", frozen_at, lambda: lab.servers("lis1")[node]["up"])

    assert 0.2 < down_s < 1.0, "soon, and not because one answer was late"
    assert felt.cut == before
    assert 300 < felt.gap_ms.p99 < 2000
    assert up_s < 9
    assert not Path(f"/proc/{frozen}").exists(), "it was killed"
    assert ask(lab.nodes[node].admin_at, "GET", "/healthz")["version"] == house.house.baseline.version
    assert "killed and started again once" in house.memory(node).hung
    assert house.journal(kind="revert") == []


def test_a_lab_of_haproxy_leaves_no_process_behind_and_needs_no_root(opened: Open) -> None:
    haproxy()
    house = opened(setting(nodes=1, sites=2, stubborn=0, balancer=Choice.HAPROXY))
    pid = house.lab.processes.pid("balancer lis1")
    if os.geteuid() == 0:
        uid = next(
            line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Uid:")
        )
        assert "0" not in uid.split()[1:]
    house.lab.stop()
    assert not Path(f"/proc/{pid}").exists()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(UnreachableError):
        house.lab.servers("lis1")
