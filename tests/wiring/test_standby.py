"""Two control planes on one PostgreSQL: one works, one waits, and a frozen one that comes back ends."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.databases import Databases

from wavetrain.lab.layout import free_port

pytestmark = pytest.mark.lab

WITHIN_S = 30.0
TAKEOVER_S = 5.0


class Plane:
    """`wavetrain up`, and what it says line by line."""

    def __init__(self, folder: Path, name: str, store: str) -> None:
        file = folder / f"{name}.toml"
        file.write_text(f'listen = "127.0.0.1:{free_port()}"\nlog = "json"\nstore = "{store}"\n')
        command = [sys.executable, "-m", "wavetrain.cli.main", "up", "--config", str(file)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.said: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def hear(self, word: str) -> None:
        """Read on until a line says it."""
        deadline = time.monotonic() + WITHIN_S
        while not (self.said and word in self.said[-1]):
            left = deadline - time.monotonic()
            assert left > 0, f"{word} was not said, but: {self.said}"
            self.said.append(self._lines.get(timeout=left))

    def end(self) -> int:
        """Its exit code; whatever it has not read of itself is read."""
        code = self.process.wait(WITHIN_S)
        self._reader.join(WITHIN_S)
        while not self._lines.empty():
            self.said.append(self._lines.get())
        return code


@contextmanager
def up(folder: Path, name: str, store: str) -> Iterator[Plane]:
    plane = Plane(folder, name, store)
    try:
        yield plane
    finally:
        plane.process.kill()
        plane.end()
        assert plane.process.stdout is not None
        plane.process.stdout.close()


def test_a_standby_opens_its_doors_when_the_first_hangs_which_then_ends(
    databases: Databases, tmp_path: Path
) -> None:
    store = databases.fresh()
    with up(tmp_path, "first", store) as first:
        first.hear('{"ready": ')
        with up(tmp_path, "second", store) as second:
            second.hear('"standby"')
            os.kill(first.process.pid, signal.SIGSTOP)
            begun = time.monotonic()
            second.hear('{"ready": ')
            assert time.monotonic() - begun < TAKEOVER_S
            os.kill(first.process.pid, signal.SIGCONT)
            assert first.end() == 3
            assert "took the lease over" in first.said[-1]
            with up(tmp_path, "third", store) as third:
                third.hear('"standby"')
                third.process.terminate()
                assert third.end() == 0, "a standby that was told to stop did as it was told"
            second.process.terminate()
            assert second.end() == 0
