"""PostgreSQL: a server of one's own from this machine's binaries, for as long as it is wanted."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from wavetrain.errors import UnreachableError
from wavetrain.lab.processes import Processes

START_S = 30.0
LOOK_EVERY_S = 0.05
INSTALLED = Path("/usr/lib/postgresql")
UNPRIVILEGED = ("postgres", "nobody")
"""The server refuses to run as root: the first of these users that this machine has runs it instead."""

SETTINGS: dict[str, str] = {
    "listen_addresses": "''",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}
"""Of a server that nobody's facts depend on; a benchmark turns the disk on again."""

DURABLE: dict[str, str] = {"fsync": "on", "full_page_writes": "on"}


def binaries() -> Path | None:
    """The folder of the newest server that is installed here, or None."""
    versions = sorted(INSTALLED.glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).parent if found else None


class Server:
    """Started in `__enter__` in a folder of its own, on a unix socket; ended with its data in `__exit__`.

    Raises `UnreachableError` when PostgreSQL is not installed or does not start.
    """

    def __init__(self, settings: Mapping[str, str] = {}) -> None:
        folder = binaries()
        if folder is None:
            raise UnreachableError("PostgreSQL is not installed; install it: apt-get install postgresql")
        self._binaries = folder
        self._settings = {**SETTINGS, **settings}
        self._processes = Processes()
        self.root = Path()

    def __enter__(self) -> Self:
        self.root = Path(tempfile.mkdtemp(prefix="wavetrain-pg-"))
        try:
            self._give_away()
            self._run("initdb", "-D", str(self.root / "data"), "-U", "wavetrain", "-A", "trust", "-E", "UTF8",
                      "--no-locale", "-N")  # fmt: skip
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """The server's own process."""
        return int((self.root / "data" / "postmaster.pid").read_text().split()[0])

    def start(self) -> None:
        """Start it, the first time or again after `stop`."""
        settings = [f"-c{name}={value.strip(chr(39))}" for name, value in self._settings.items()]
        command = [*self._as_user(), str(self._binaries / "postgres"), "-D", str(self.root / "data"),
                   "-k", str(self.root), *settings]  # fmt: skip
        process = self._processes.start("postgresql", command, self.root / "log", tied=True)
        deadline = time.monotonic() + START_S
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                said = (self.root / "log").read_text()[-500:]
                raise UnreachableError(f"PostgreSQL did not start: {said}")
            time.sleep(LOOK_EVERY_S)

    def stop(self) -> None:
        """End it as a machine's shutdown does: open connections are cut."""
        self._cut(signal.SIGINT)
        self._processes.stop("postgresql")

    def make(self, database: str) -> str:
        """A new database; its url."""
        self._run("createdb", "-h", str(self.root), "-U", "wavetrain", database)
        return self.url(database)

    def url(self, database: str) -> str:
        """Where a database of this server is."""
        return f"postgresql://wavetrain@/{database}?host={self.root}"

    def _answers(self) -> bool:
        command = [str(self._binaries / "pg_isready"), "-q", "-h", str(self.root), "-U", "wavetrain"]
        return subprocess.run(command, check=False).returncode == 0

    def _run(self, program: str, *options: str) -> None:
        command = [*self._as_user(), str(self._binaries / program), *options]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            raise UnreachableError(f"PostgreSQL's {program} failed: {done.stderr.strip()[-500:]}")

    def _user(self) -> pwd.struct_passwd | None:
        if os.geteuid() != 0:
            return None
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        return next((known[name] for name in UNPRIVILEGED if name in known), None)

    def _as_user(self) -> list[str]:
        user = self._user()
        if user is None:
            return []
        ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}"]
        return ["setpriv", *ids, "--clear-groups", "--pdeathsig=INT", "--"]

    def _give_away(self) -> None:
        (self.root / "log").touch()
        user = self._user()
        if user is not None:
            for path in (self.root, self.root / "log"):
                os.chown(path, user.pw_uid, user.pw_gid)

    def _cut(self, how: signal.Signals) -> None:
        """Told by SIGTERM it would wait until everybody has hung up."""
        for pid in self._processes.pids().values():
            os.kill(pid, how)

    def _end(self) -> None:
        self._cut(signal.SIGQUIT)  # nobody needs its data any more
        self._processes.stop_all()
        shutil.rmtree(self.root, ignore_errors=True)
