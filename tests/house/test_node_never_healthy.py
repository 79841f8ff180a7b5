"""A node that does not get healthy on any release, in the middle of a rollout."""

import pytest
from tests.house.conftest import Open
from tests.house.running import SLOW_DRAIN, eventually, setting

from wavetrain.agent.update import Step
from wavetrain.cli.client import at
from wavetrain.model.fleet import Phase

pytestmark = pytest.mark.lab


def test_it_is_quarantined_the_others_go_back_and_retiring_it_frees_its_slot(opened: Open) -> None:
    running = opened(setting(times=SLOW_DRAIN))
    lab, operator = running.lab, running.house.desk["operator"]
    rollout = running.house.submit("2.0.0")
    eventually("the canary bakes", lambda: running.turn(rollout).get("phase") == "baking")
    canary = next(node for node, release in running.running().items() if release == "2.0.0")

    # The next one breaks between drain and switch: before, its program would take the sessions with it that still move.
    broken = running.freeze_in_drain()
    assert broken != canary
    assert running.step(broken) is Step.DRAIN
    lab.faults.break_node(broken, never_healthy=True)
    running.thaw(broken)

    eventually("it is quarantined", lambda: running.turn(rollout)["quarantined"] == [broken])
    assert running.memory(broken).phase is Phase.FAILED
    assert running.memory(broken).running == "1.9.0"
    eventually("the rest asks a person", lambda: (running.turn(rollout)["hold"] or {}).get("asks"))
    assert running.turn(rollout)["hold"]["code"] == "slot_taken"
    why = running.why(broken)
    assert why["hold"]["code"] == "quarantined"
    assert f"{broken} did not come up on 2.0.0 and serves on no release" in why["answer"]

    operator.post(at("rollouts", rollout, "revert"), {"reason": "one node is lost"})
    over = running.until_over(rollout)
    assert (over["status"], over["residue"]) == ("partly reverted", [broken])
    assert set(running.running().values()) == {"1.9.0"}
    assert running.why(broken)["hold"]["code"] == "quarantined"

    freed = operator.post(at("nodes", broken, "retire"), {"reason": "its disk is gone"})
    assert freed["slots"] == ["pop:lis1/0"]
    assert running.why(broken)["hold"]["code"] == "retired"
    running.assert_nothing_was_cut()

    again = running.house.submit("2.0.1")
    assert running.until_over(again)["status"] == "completed"
    assert running.running() == {node: "1.9.0" if node == broken else "2.0.1" for node in lab.nodes}
    running.assert_nothing_was_cut()
