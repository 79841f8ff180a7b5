"""Agents end as a crash does, between the steps of an update."""

import pytest
from tests.house.conftest import Open
from tests.house.running import SLOW_DRAIN, eventually, setting

from wavetrain.agent.update import Step

pytestmark = pytest.mark.lab

SLOW_START_S = 1.0


def test_an_agent_killed_between_drain_and_switch_or_between_switch_and_probe_ends_its_update_once(
    opened: Open,
) -> None:
    running = opened(setting(nodes=3, sites=18, times=SLOW_DRAIN))
    house, lab = running.house, running.lab
    rollout = house.submit("2.0.0")

    # The canary: its agent is frozen in the drain, and dies when every session that follows the signal has moved.
    canary = running.freeze_in_drain()
    house.kill_agent(canary)
    assert running.step(canary) is Step.DRAIN
    assert running.memory(canary).running == "1.9.0"
    house.start_agent(canary)
    eventually("the canary bakes", lambda: running.turn(rollout).get("phase") == "baking")
    assert running.memory(canary).running == "2.0.0"

    # The next one: its new program starts slowly, so that its agent dies after the switch and before a good probe.
    for node in set(lab.nodes) - {canary}:
        lab.faults.break_node(node, start_delay_s=SLOW_START_S)
    eventually("a node verifies", lambda: running.nodes_in(Step.VERIFY))
    (second,) = running.nodes_in(Step.VERIFY)
    house.kill_agent(second)
    assert second != canary
    assert running.step(second) is Step.VERIFY
    house.start_agent(second)

    assert running.until_over(rollout)["status"] == "completed"
    assert set(running.running().values()) == {"2.0.0"}
    running.assert_each_node_was_disturbed_once(rollout, "2.0.0")
    running.assert_nothing_was_cut()
