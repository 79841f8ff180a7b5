"""The control plane ends as a crash does, in the middle of a wave."""

import pytest
from tests.house.conftest import Open
from tests.house.running import eventually, setting

from wavetrain.agent.update import Step

pytestmark = pytest.mark.lab


def test_after_a_crash_in_the_middle_of_a_wave_the_train_completes_and_no_node_is_disturbed_twice(
    opened: Open,
) -> None:
    running = opened(setting())
    rollout = running.house.submit("2.0.0")
    eventually("the rest follows", lambda: running.turn(rollout).get("phase") == "rest")
    eventually("a node drains", lambda: running.nodes_in(Step.DRAIN, Step.SWITCH, Step.VERIFY))
    (moving,) = running.nodes_in(Step.DRAIN, Step.SWITCH, Step.VERIFY)

    running.house.kill_control_plane()
    eventually(
        f"{moving} comes to its end alone",
        lambda: (lambda memory: memory.update is None and memory.running == "2.0.0")(running.memory(moving)),
    )
    running.house.start_control_plane()

    assert running.until_over(rollout)["status"] == "completed"
    assert set(running.running().values()) == {"2.0.0"}
    running.assert_each_node_was_disturbed_once(rollout, "2.0.0")
    running.assert_nothing_was_cut()
