"""The running control plane is updated in the middle of a train, under load: nobody notices but by a longer answer."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from tests.house.conftest import Open
from tests.house.hammering import Hammer
from tests.house.running import Running, eventually, setting

from wavetrain.adapters.sql_store import SqlStore
from wavetrain.agent.update import Step
from wavetrain.cli.client import at
from wavetrain.simulate.live import LiveGuards

pytestmark = pytest.mark.lab

UPDATES = 3
NODES = 10
"""So many that the train outlasts an update of the control plane, on a machine that starts programs slowly, too."""
PAUSE_S_MAX = 15.0
"""Of an answer; about one second where the machine has nothing else to do."""
LOOK_S = 0.1


@contextmanager
def watched(running: Running) -> Iterator[LiveGuards]:
    """The guards, held to every commit from now on."""
    guards = LiveGuards(running.house.folder / "control" / "store.sqlite")
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(LOOK_S):
            guards.look()

    thread = threading.Thread(target=watch, name="guards")
    thread.start()
    try:
        yield guards
    finally:
        ended.set()
        thread.join()
        guards.look()
        guards.close()


def epoch(running: Running) -> int:
    with closing(SqlStore(running.house.folder / "control" / "store.sqlite")) as store, store.read() as view:
        return view.epoch


def away(running: Running) -> list[str]:
    """What agents said of polls that failed."""
    found = []
    for node in running.lab.nodes.values():
        lines = (node.folder / "agent.log").read_text().splitlines()
        found += [line for line in lines if line.startswith("{") and json.loads(line).get("event") == "away"]
    return found


def steer(running: Running, rollout: str, act: str) -> None:
    running.house.desk["operator"].post(at("rollouts", rollout, act), {"reason": "updates"})


def test_three_updates_in_the_middle_of_a_train_fail_no_request_and_break_no_guard(opened: Open) -> None:
    running = opened(setting(nodes=NODES, sites=10, stubborn=0))
    house = running.house
    before, away_before = epoch(running), away(running)
    token = house.admin_token.read_text().strip()
    with (
        watched(running) as guards,
        Hammer(house.url, house.authority, token, ("/readyz", "/v1/status")) as hammer,
    ):
        rollout = house.submit("2.0.0")
        eventually("a node is on its way", lambda: running.nodes_in(Step.DRAIN, Step.SWITCH, Step.VERIFY))
        for number in range(UPDATES):
            assert house.update_control_plane() == 0
            assert epoch(running) == before + 1 + number
            if not number:
                assert not running.rollout(rollout)["is_over"], "the train goes on under the next one"
        assert running.until_over(rollout)["status"] == "completed"
    assert hammer.failed == []
    assert hammer.asked > 100
    assert hammer.slowest_s < PAUSE_S_MAX
    assert away(running) == away_before, "no poll of a node failed"
    assert guards.broken == []
    assert set(running.running().values()) == {"2.0.0"}
    running.assert_each_node_was_disturbed_once(rollout, "2.0.0")
    running.assert_nothing_was_cut()
