"""Planes: control planes as processes, for tests of how they follow one another."""

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wavetrain.lab.layout import free_port

WITHIN_S = 60.0


class Plane:
    """`wavetrain up`, and what it says line by line."""

    def __init__(
        self, folder: Path, name: str, store: str, *options: str, port: int = 0, more: str = ""
    ) -> None:
        file = folder / f"{name}.toml"
        file.write_text(
            f'listen = "127.0.0.1:{port or free_port()}"\nlog = "json"\nstore = "{store}"\n{more}\n'
        )
        command = [sys.executable, "-m", "wavetrain.cli.main", "up", "--config", str(file), *options]
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
def up(folder: Path, name: str, store: str, *options: str, port: int = 0, more: str = "") -> Iterator[Plane]:
    """One that is gone afterwards."""
    plane = Plane(folder, name, store, *options, port=port, more=more)
    try:
        yield plane
    finally:
        plane.process.kill()
        plane.end()
        assert plane.process.stdout is not None
        plane.process.stdout.close()
