"""The control plane dies at one commit after another of a rollout, by `kill -9`, and is started again each time."""

import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from tests.house.conftest import Open
from tests.house.running import ROLLOUT_S_MAX, Running, setting

from wavetrain.cli.lab_house import CONTROL_PLANE, LabHouse, Setting
from wavetrain.errors import UnreachableError

pytestmark = pytest.mark.lab

COMMITS = (3, 2, 4, 1, 5, 2)
"""After so many commits of its own a process dies, before the last of them where their number is odd, else after it."""
DEATHS_MIN = 4
PERMISSION, PATIENT = "permission_s = 15.0", "permission_s = 60.0"
"""Longer than a slow machine needs to start a control plane again: else a permission may lapse, and be given twice."""


class Restarts:
    """What starts a control plane again that has ended, as a service manager does."""

    def __init__(self, house: LabHouse, monkeypatch: pytest.MonkeyPatch) -> None:
        self._house = house
        self._left = list(COMMITS)
        self.deaths = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        monkeypatch.setattr(
            type(house), "control_plane_command", property(lambda _: self._command()), raising=True
        )

    def __enter__(self) -> "Restarts":
        self._house.kill_control_plane()
        self._start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._left.clear()
        if CONTROL_PLANE not in self._house.lab.processes.ended():
            self._house.kill_control_plane()
        self._start()

    def _command(self) -> list[str]:
        config = str(self._house.config)
        if not self._left:
            return [sys.executable, "-m", "wavetrain.cli.main", "up", "--config", config]
        commits = self._left.pop(0)
        when = "before" if commits % 2 else "after"
        return [sys.executable, "-m", "tests.house.mortal", config, str(commits), when]

    def _start(self) -> None:
        while True:
            try:
                self._house.start_control_plane()
                return
            except UnreachableError:  # it died before its doors were open
                self.deaths += 1

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            if CONTROL_PLANE in self._house.lab.processes.ended():
                self.deaths += 1
                self._start()


def patient(given: Setting) -> Setting:
    """The same house with permissions that outlive every restart."""
    assert PERMISSION in given.policy
    return msgspec.structs.replace(given, policy=given.policy.replace(PERMISSION, PATIENT))


def until_over(running: Running, rollout: str) -> dict[str, object]:
    """As `Running.until_over`, through a control plane that is often away."""
    until = time.monotonic() + ROLLOUT_S_MAX
    while time.monotonic() < until:
        try:
            seen = running.rollout(rollout)
            if seen.get("is_over"):
                return seen
        except UnreachableError:
            pass
        threading.Event().wait(0.1)
    raise AssertionError(f"{rollout} is not over")


def test_a_rollout_completes_through_a_crash_at_one_commit_after_another(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    running = opened(patient(setting()))
    rollout = running.house.submit("2.0.0")
    with Restarts(running.house, monkeypatch) as restarts:
        assert until_over(running, rollout)["status"] == "completed"
    assert restarts.deaths >= DEATHS_MIN
    assert set(running.running().values()) == {"2.0.0"}
    running.assert_each_node_was_disturbed_once(rollout, "2.0.0")
    running.assert_nothing_was_cut()
