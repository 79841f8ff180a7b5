"""A node that nobody believes any more serves on, and is let in again."""

import json
import stat
from typing import Any

import pytest
from tests.house.conftest import Open
from tests.house.running import Running, eventually, setting

from wavetrain.cli.client import Client, at

pytestmark = pytest.mark.lab

NODE = "lis1-n1"


def said(running: Running, event: str) -> list[dict[str, Any]]:
    """What the node's agent has logged under this name."""
    log = running.lab.nodes[NODE].folder / "agent.log"
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def test_a_revoked_node_serves_on_says_so_and_joins_again_without_a_restart(opened: Open) -> None:
    running = opened(setting(nodes=2, sites=8, stubborn=0))
    place, house = running.lab.nodes[NODE], running.house
    secret, kept = place.folder / "join", place.folder / "agent" / "node.pem"
    assert secret.read_text() == ""
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    first = kept.read_bytes()

    with Client(house.url, house.admin_token.read_text().strip(), house.authority) as admin:
        revoked = admin.post(at("nodes", NODE, "revoke"), {"reason": "its disk was stolen"})
        assert revoked["certificates"] == 1
        # It waits for news now, for up to 20 s; a new process asks at once.
        house.kill_agent(NODE)
        house.start_agent(NODE)
        agent = running.lab.processes.pid(f"agent {NODE}")
        eventually("it finds out", lambda: said(running, "away"))
        assert "wavetrain node join lis1-n1" in said(running, "away")[-1]["error"]
        assert running.lab.servers("lis1")[NODE]["up"]
        secret.write_text(admin.post(at("nodes", NODE, "join"), {})["secret"])

    eventually("it is let in again", lambda: said(running, "back"))
    assert kept.read_bytes() != first
    assert secret.read_text() == ""
    assert running.lab.processes.pid(f"agent {NODE}") == agent
    running.assert_nothing_was_cut()
