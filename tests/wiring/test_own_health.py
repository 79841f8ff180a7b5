"""One control plane as a process: what its doors, its log, its manager and its doctor say of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.doors.test_health import families

from wavetrain.lab.layout import free_port
from wavetrain.wiring import doctor, doctor_door
from wavetrain.wiring.config import read
from wavetrain.wiring.knock import knock

WITHIN_S = 60.0


class Running:
    """A control plane, started as a service manager would."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "wavetrain.toml"
        self.file.write_text(f'listen = "127.0.0.1:{free_port()}"\n')
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(WITHIN_S)
        self.log = folder / "log"
        command = [sys.executable, "-m", "wavetrain.cli.main", "up", "--config", str(self.file)]
        told = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "400000"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=log, env={**os.environ, **told}
            )

    def heard(self, text: bytes) -> None:
        """The manager hears this before long."""
        while (said := self.manager.recv(4096)) != text:
            assert said in (b"WATCHDOG=1", text) or said.startswith(b"READY=1"), said
            if said.startswith(text):
                return

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(WITHIN_S)
        finally:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path)
    try:
        yield made
    finally:
        made.end()
        made.manager.close()


def test_a_control_plane_says_how_it_is_from_its_start_to_its_end(running: Running) -> None:
    running.heard(b"READY=1")
    running.heard(b"WATCHDOG=1")
    config, folder = read(running.file)
    until = time.monotonic() + WITHIN_S
    while (ready := doctor_door.asked_ready(config, folder)).status_code != httpx.codes.OK:
        assert time.monotonic() < until, ready.text
    checks = [item["name"] for item in ready.json()["checks"]]
    assert {"store", "tick", "lease", "disk", "certificate"} == set(checks)
    assert knock(running.file) == ""
    vouching = doctor_door.vouching(config, folder)
    scraped = doctor_door.asked(f"{doctor_door.door_of(config)}/metrics", *vouching).text
    seen = families(scraped)
    assert {item.labels["check"]: item.value for item in seen["wavetrain_ready"].samples} == dict.fromkeys(
        checks, 1.0
    )
    assert sum(item.value for item in seen["wavetrain_ticks"].samples) >= 1
    found = {item.check: item for item in doctor.examine(running.file, None).findings}
    assert found["door"].state == "ok", found["door"]
    assert "is ready" in found["door"].thing
    assert found["store"].state == "ok", found["store"]
    os.kill(running.process.pid, signal.SIGTERM)
    running.heard(b"STOPPING=1")
    assert running.end() == 0
    events = [line["event"] for line in running.lines()]
    assert (events[0], events[-1]) == ("starts", "ends")
    assert "ready" in events
    assert "fault" not in " ".join(events)
    assert knock(running.file)


def test_the_command_ends_with_1_on_a_fail_and_speaks_json(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "wavetrain.cli.main",
        "doctor",
        "--config",
        str(tmp_path / "none.toml"),
        "--json",
    ]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert answer.returncode == 1
    assert answer.stderr == ""
    said = json.loads(answer.stdout)
    assert said["healthy"] is False
    assert [item["state"] for item in said["findings"] if item["check"] == "configuration"] == ["fail"]
