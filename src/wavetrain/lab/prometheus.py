"""Prometheus in the lab: how does one scrape nodes, and answer for them?"""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from wavetrain.adapters.promql_call import Call, Place
from wavetrain.errors import UnreachableError
from wavetrain.lab.layout import HOST, free_port
from wavetrain.lab.processes import Processes
from wavetrain.wire.prometheus_answer import FaultyError, instant_of

NAME = "prometheus"
READY_WITHIN_S = 60.0
LOOK_EVERY_S = 0.1
ASK_S = 2.0
JOB = "nodes"

CONFIG = """\
# What Prometheus scrapes in a lab
global:
  scrape_interval: {interval}
  scrape_timeout: {interval}
scrape_configs:
  - job_name: {job}
    static_configs:
      - targets: [{targets}]
"""


def program() -> str | None:
    """The installed Prometheus."""
    return shutil.which("prometheus")


class Prometheus:
    """One server with its data in a folder of its own, on loopback."""

    def __init__(
        self, path: str, folder: Path, interval_s: float = 1.0, options: tuple[str, ...] = ()
    ) -> None:
        self._path, self._folder, self._options = path, folder, options
        self._interval_s = interval_s
        self.url = f"http://{HOST}:{free_port()}"
        self._call = Call(Place(url=self.url, timeout_s=ASK_S))

    def start(self, addresses: Mapping[str, str], processes: Processes) -> None:
        """Start it over the addresses of nodes, by name, with `/metrics` at each."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "prometheus.yml"
        targets = ", ".join(f'"{address}"' for address in addresses.values())
        interval = f"{round(self._interval_s * 1000)}ms"
        file.write_text(CONFIG.format(interval=interval, job=JOB, targets=targets))
        command = [
            self._path,
            f"--config.file={file}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--log.level=warn",
            *self._options,
        ]
        processes.start(NAME, command, self._folder / "log", tied=True)

    def scraped(self) -> int:
        """How many nodes it has scraped well; that it is ready says nothing of that."""
        try:
            return round(instant_of(self._call.ask(f'count(up{{job="{JOB}"}} == 1) or vector(0)')))
        except FaultyError:
            return 0

    def wait(self, nodes: int, within_s: float = READY_WITHIN_S) -> None:
        """Wait until it has scraped so many nodes. Raises `UnreachableError`."""
        deadline = time.monotonic() + within_s
        while (found := self.scraped()) < nodes:
            if time.monotonic() > deadline:
                raise UnreachableError(
                    f"Prometheus scraped {found} of {nodes} nodes after {within_s:g} s; see {self._folder / 'log'}"
                )
            time.sleep(LOOK_EVERY_S)

    def close(self) -> None:
        """Ask it no more; it ends with its processes."""
        self._call.close()
