"""Traffic by commands: how do the operator's own programs move this node's work?"""

from collections.abc import Mapping

from wavetrain.agent import command
from wavetrain.errors import RefusedError, UnreachableError


class CommandTraffic:
    """`commands` holds the argument lists of drain and undrain, and may hold sessions and invite.

    `sessions` writes one whole number. They read WAVETRAIN_NODE and WAVETRAIN_SPREAD_MS (`drain` alone).
    """

    def __init__(self, node: str, commands: Mapping[str, tuple[str, ...]], timeout_s: float) -> None:
        self._node = node
        self._commands = commands
        self._timeout_s = timeout_s

    def drain(self, spread_ms: int) -> None:
        self._run("drain", WAVETRAIN_SPREAD_MS=str(spread_ms))

    def sessions(self) -> int | None:
        if "sessions" not in self._commands:
            return None
        try:
            return int(self._run("sessions"))
        except (UnreachableError, ValueError):
            return None

    def settle(self) -> None:
        """The operator's programs know no more than `drain`."""

    def undrain(self) -> None:
        self._run("undrain")

    def invite(self) -> None:
        if "invite" in self._commands:
            self._run("invite")

    def _run(self, name: str, **variables: str) -> str:
        try:
            return command.run(
                self._commands[name], {"WAVETRAIN_NODE": self._node, **variables}, self._timeout_s
            )
        except RefusedError as error:
            raise UnreachableError(str(error)) from error
