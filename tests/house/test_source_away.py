"""Prometheus dies in mid-rollout: what it measured waits, nothing passes and nothing goes back, until it is back."""

import json
import time
from pathlib import Path

import msgspec
import pytest
from tests.house.conftest import Open
from tests.house.running import eventually, setting

from wavetrain.lab.prometheus import program
from wavetrain.lab.releases import GOOD
from wavetrain.lab.source_choice import Measured

AWAY = "telemetry_away"


def source_events(log: Path) -> list[str]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line["event"] for line in lines if str(line.get("event")).startswith("source")]


@pytest.mark.lab
@pytest.mark.skipif(program() is None, reason="Prometheus is not installed: apt-get install prometheus")
def test_a_release_waits_while_its_source_is_away_and_goes_on_after_it(opened: Open) -> None:
    running = opened(msgspec.structs.replace(setting(), source=Measured.PROMETHEUS))
    house = running.house
    # Prometheus has just begun, and has no samples yet: that is its first fault.
    eventually("the source is well", lambda: source_events(house.log)[-1:] == ["source well"])
    rollout = house.submit("2.0.0", GOOD)
    eventually("a canary is told", lambda: running.turn(rollout).get("phase") in ("canary", "baking"))
    house.kill_source()
    eventually("the wave says so", lambda: AWAY in json.dumps(running.rollout(rollout)))
    seen = running.rollout(rollout)
    assert seen["status"] == "rolling"
    assert [wave["status"] for wave in seen["waves"]] == ["errored"]
    exposed = running.turn(rollout)["exposed"]
    time.sleep(2.0)
    later = running.rollout(rollout)
    assert (later["status"], running.turn(rollout)["exposed"]) == ("rolling", exposed)
    log = [json.loads(line) for line in house.log.read_text().splitlines()]
    assert any(line.get("event") == "source fault" and "cannot be asked" in line["error"] for line in log)
    house.start_source()
    assert running.until_over(rollout)["status"] == "completed"
    running.assert_nothing_was_cut()
