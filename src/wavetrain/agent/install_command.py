"""Installer by commands: how do the operator's own programs put a release on the node?

They read WAVETRAIN_NODE, WAVETRAIN_RELEASE, WAVETRAIN_DIGEST, WAVETRAIN_ARTIFACT (`stage` alone) from their
environment, and each may be run again.
"""

from collections.abc import Mapping
from pathlib import Path

from wavetrain.agent import command
from wavetrain.agent.fetch import fetch
from wavetrain.agent.ports import Opener
from wavetrain.errors import RefusedError

NUMBER_CHARACTERS_MAX = 200
ANY_PROGRAM = "the operator's program"


class CommandInstaller:
    """`commands` holds the argument lists of stage, switch, back and current, and may hold confirm and restart.

    `current` writes the number of the release that the node is set to run.
    """

    def __init__(
        self, folder: Path, node: str, commands: Mapping[str, tuple[str, ...]], timeout_s: float
    ) -> None:
        self._incoming = folder / "incoming"
        self._node = node
        self._commands = commands
        self._timeout_s = timeout_s

    def current(self) -> str:
        number = self._run("current").strip()
        if len(number) > NUMBER_CHARACTERS_MAX or "\n" in number:
            raise RefusedError(
                f"the command `current` wrote {number[:40]!r}...; it must write one number, or nothing"
            )
        return number

    def stage(self, release: str, digest: str, size: int, opener: Opener) -> None:
        if not digest:  # it was adopted: known by its number alone, there is nothing to fetch
            return
        archive = self._incoming / digest
        fetch(opener(), archive, digest, size)
        try:
            self._run(
                "stage", WAVETRAIN_RELEASE=release, WAVETRAIN_DIGEST=digest, WAVETRAIN_ARTIFACT=str(archive)
            )
        finally:
            archive.unlink(missing_ok=True)

    def switch(self, release: str) -> None:
        if self.current() != release:
            self._run("switch", WAVETRAIN_RELEASE=release)
            self._check(release)

    def back(self, release: str) -> None:
        self._run("back", WAVETRAIN_RELEASE=release)
        self._check(release)

    def confirm(self) -> None:
        if "confirm" in self._commands:
            self._run("confirm")

    def keep(self) -> str:
        """The operator's own supervision does."""
        return ""

    def inside(self) -> str:
        return ""

    def process(self) -> str:
        """One name for all of them: the operator's programs do not say which one runs."""
        return ANY_PROGRAM if "restart" in self._commands else ""

    def restart(self, process: str) -> None:
        if process:
            self._run("restart", WAVETRAIN_RELEASE=self.current())

    def renew(self, process: str) -> None:
        self.restart(process)

    def _check(self, release: str) -> None:
        now = self.current()
        if now != release:
            raise RefusedError(f"after the command for release {release}, `current` says {now or 'nothing'}")

    def _run(self, name: str, **variables: str) -> str:
        return command.run(self._commands[name], {"WAVETRAIN_NODE": self._node, **variables}, self._timeout_s)
