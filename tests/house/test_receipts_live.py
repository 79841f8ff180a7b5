"""A real update of live sessions: receipts say what the sites' own logs say, and a fault is in none."""

import os
import signal
from collections import Counter
from typing import Any

import msgspec
import pytest
from tests.house.conftest import Open
from tests.house.running import Running, eventually, setting

from wavetrain.lab.admin_call import ask
from wavetrain.lab.layout import NodePlace

pytestmark = pytest.mark.lab

OURS = {"update": "moved", "rebalance": "invited", "lost": "cut"}
TOLD_S = 90.0
"""A calm node asks every half a minute, and says then what came to it."""


def logs(running: Running, after: int = 0) -> list[dict[str, Any]]:
    """Every change of session, as the sites themselves wrote it down."""
    pop = running.lab.pop("lis1")
    return list(ask(pop.sites_at, "GET", f"/moves?since={after}")["moves"])


def told(running: Running) -> dict[str, dict[str, Any]]:
    """What the receipts of all accounts say of each site; users are told together."""
    found: dict[str, dict[str, Any]] = {}
    for account in running.lab.accounts:
        for one in running.get(f"/v1/accounts/{account}/receipts"):
            found |= {site["site"]: site for site in one["receipt"]["sites"] if site["site"] != "users"}
    return found


def program_of(node: NodePlace) -> int:
    return int(ask(node.admin_at, "GET", "/healthz")["pid"])


def test_a_receipt_says_what_the_sites_own_logs_say_and_a_node_that_dies_is_in_none(opened: Open) -> None:
    running = opened(msgspec.structs.replace(setting(nodes=3, sites=12), customers=True))
    rollout = running.house.submit("2.0.0")
    assert running.until_over(rollout)["status"] == "completed"
    running.assert_nothing_was_cut()

    def said() -> Counter[tuple[str, str]]:
        return Counter(
            (move["moved"], OURS[move["reason"]]) for move in logs(running) if "user" not in move["moved"]
        )

    def receipts() -> Counter[tuple[str, str]]:
        return Counter(
            {
                (site, code): count
                for site, one in told(running).items()
                for code, count in one["codes"].items()
            }
        )

    eventually("every change of session is in a receipt", lambda: receipts() == said(), TOLD_S)
    assert len(said()) > 5
    by_site = told(running)
    for name in by_site:
        gaps = [move["gap_ms"] / 1000 for move in logs(running) if move["moved"] == name]
        assert by_site[name]["worst_s"] == pytest.approx(max(gaps), abs=0.002)
        assert by_site[name]["lost_s"] == pytest.approx(sum(gaps), abs=0.01)

    victim = next(
        node for name, node in running.lab.nodes.items() if running.lab.servers("lis1")[name]["sessions"]
    )
    before, count = receipts(), len(logs(running))
    os.kill(program_of(victim), signal.SIGKILL)
    eventually("sessions were lost", lambda: any(move["reason"] == "lost" for move in logs(running, count)))
    lost = {move["moved"] for move in logs(running, count) if move["reason"] == "lost"}

    def answers() -> dict[str, str]:
        return {
            one["session"]: one["answer"]
            for account in running.lab.accounts
            for one in running.get(f"/v1/accounts/{account}/reconnects")["reconnects"]
            if one["code"] == "lost"
        }

    eventually("the loss was told", lambda: lost <= set(answers()), TOLD_S)
    assert {answers()[name] for name in lost} == {"no: its node was not being updated"}
    assert receipts() == before
