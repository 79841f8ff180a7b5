"""Prometheus in the lab: how does one scrape nodes, and answer for them?"""

import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from wavetrain.adapters.promql_call import Call, Place
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.lab.layout import HOST, free_port
from wavetrain.lab.pops import Progress
from wavetrain.lab.processes import Processes
from wavetrain.lab.source_choice import Measured
from wavetrain.wire.prometheus_answer import FaultyError, instant_of

PROMETHEUS = "prometheus"
"""As a program of a lab."""
INTERVAL_S = 0.5
READY_WITHIN_S = 60.0
LOOK_EVERY_S = 0.1
ASK_S = 2.0
FREE_FROM = 3
"""Where a free port is looked for: apart from where a lab and its control plane look."""
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
    return shutil.which(PROMETHEUS)


def chosen(choice: Measured, find: Callable[[], str | None] = program) -> str | None:
    """Where the Prometheus of a choice is; None for none. Raises `RefusedError` where it is asked for and not there."""
    found = find()
    if choice is Measured.SCRAPE or (choice is Measured.AUTO and found is None):
        return None
    if found is None:
        raise RefusedError(
            "lab: the source prometheus needs Prometheus, which is not on the PATH; install it (apt-get install "
            "prometheus), or take --source scrape"
        )
    return found


class Prometheus:
    """One server with its data in a folder of its own, on loopback."""

    def __init__(
        self, path: str, folder: Path, interval_s: float = INTERVAL_S, options: tuple[str, ...] = ()
    ) -> None:
        self._path, self._folder, self._options = path, folder, options
        self._interval_s = interval_s
        self.url = f"http://{HOST}:{free_port(FREE_FROM)}"
        self._call = Call(Place(url=self.url, timeout_s=ASK_S))

    def start(self, addresses: Iterable[str], processes: Processes) -> None:
        """Start it over the addresses of nodes, with `/metrics` at each."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "prometheus.yml"
        targets = ", ".join(f'"{address}"' for address in addresses)
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
        processes.start(PROMETHEUS, command, self._folder / "log", tied=True)

    def scraped(self) -> int:
        """How many nodes it has scraped well; that it is ready says nothing of that."""
        try:
            return round(instant_of(self._call.ask(f'count(up{{job="{JOB}"}} == 1) or vector(0)')))
        except FaultyError:
            return 0

    def wait(self, nodes: int, progress: Progress | None = None, within_s: float = READY_WITHIN_S) -> None:
        """Wait until it has scraped so many nodes. Raises `UnreachableError`."""
        deadline = time.monotonic() + within_s
        while (found := self.scraped()) < nodes:
            if progress is not None:
                progress("nodes scraped by Prometheus", found, nodes)
            if time.monotonic() > deadline:
                raise UnreachableError(
                    f"Prometheus scraped {found} of {nodes} nodes after {within_s:g} s; see {self._folder / 'log'}"
                )
            time.sleep(LOOK_EVERY_S)

    def table(self) -> str:
        """The lines of `[health]` in a `wavetrain.toml` that has it as its source."""
        return f'[health]\nsource = "prometheus"\nurl = "{self.url}"\n'

    def close(self) -> None:
        """Ask it no more; it ends with its processes."""
        self._call.close()
