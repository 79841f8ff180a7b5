"""The control plane is away for a whole maintenance window."""

from datetime import datetime, timedelta

import pytest
from tests.house.conftest import Open
from tests.house.running import Running, eventually, setting

from wavetrain.adapters.sql_store import SqlStore
from wavetrain.control.facts import ledger_of

pytestmark = pytest.mark.lab


def pass_time_until(running: Running, moment: datetime) -> None:
    """Let train time pass while the control plane is away; in a lab it passes in the store."""
    store = SqlStore(running.house.folder / "control" / "store.sqlite", exclusive=True)
    with store.write() as transaction:
        ledger = ledger_of(transaction)
        ahead = (moment - transaction.now).total_seconds()
        assert ahead > 0
        transaction.put(ledger.changed(jumped_s=ledger.jumped_s + ahead))
    store.close()


@pytest.mark.parametrize(("phase", "pops"), [("waiting", ("lis1",)), ("baking", ("lis1", "opo1"))])
def test_nodes_serve_on_nobody_reverts_and_the_pop_moves_to_a_later_window(
    opened: Open, phase: str, pops: tuple[str, ...]
) -> None:
    running = opened(setting(pops=pops, nodes=3, sites=12 * len(pops)))
    rollout = running.house.submit("2.0.0")
    eventually(f"lis1 is {phase}", lambda: running.turn(rollout).get("phase") == phase)
    running.house.kill_control_plane()
    missed = running.opens("lis1", rollout)
    before = running.running()

    pass_time_until(running, missed + timedelta(hours=5))
    eventually("every agent finds nobody", lambda: all(running.is_alone(node) for node in running.lab.nodes))
    assert running.running() == before
    running.assert_nothing_was_cut()
    running.house.start_control_plane()

    over = running.until_over(rollout)
    assert over["status"] == "completed"
    assert set(running.running().values()) == {"2.0.0"}
    moved = [line for line in running.journal(rollout, "timetable") if line["subject"] == "lis1"]
    assert moved[0]["text"].startswith(f"lis1 missed its window of {missed:%Y-%m-%d %H:%M} UTC and moves to")
    assert datetime.fromisoformat(running.turn(rollout)["opens"]) > missed
    assert running.journal(rollout, "revert") == []
    if phase == "waiting":  # what it had seen before it was killed was too little to judge by
        waits = [line["text"] for line in running.journal(rollout, "hold") if line["seq"] > moved[0]["seq"]]
        assert any("has not watched the fleet long enough" in text for text in waits)
    running.assert_each_node_was_disturbed_once(rollout, "2.0.0")
    running.assert_nothing_was_cut()
