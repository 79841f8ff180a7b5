"""Probe by command: does the operator's own check pass?"""

from wavetrain.agent import command
from wavetrain.agent.ports import Health, Healthy, SilentError, Unhealthy
from wavetrain.errors import RefusedError, UnreachableError


class CommandProbe:
    """A command that ends with 0 where the release serves; it may read WAVETRAIN_NODE and WAVETRAIN_ADMIN_SOCKET."""

    def __init__(self, node: str, argv: tuple[str, ...], timeout_s: float) -> None:
        self._node = node
        self._argv = argv
        self._timeout_s = timeout_s

    def check(self, inside: str = "") -> Health:
        variables = {"WAVETRAIN_NODE": self._node, "WAVETRAIN_ADMIN_SOCKET": inside}
        try:
            command.run(self._argv, variables, self._timeout_s)
        except (RefusedError, UnreachableError) as error:
            return Unhealthy(str(error), silent=isinstance(error, SilentError))
        return Healthy()
