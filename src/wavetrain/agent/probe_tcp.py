"""Probe by TCP: does the release take a connection?"""

import socket

from wavetrain.agent.ports import Health, Healthy, Unhealthy


class TcpProbe:
    """A connection to `address` (`HOST:PORT`), or to the socket inside."""

    def __init__(self, address: str, timeout_s: float) -> None:
        host, _, port = address.rpartition(":")
        self._address = (host.strip("[]"), int(port))
        self._timeout_s = timeout_s

    def check(self, inside: str = "") -> Health:
        try:
            if inside:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connecting:
                    connecting.settimeout(self._timeout_s)
                    connecting.connect(inside)
            else:
                socket.create_connection(self._address, self._timeout_s).close()
        except OSError as error:
            where = inside or "{}:{}".format(*self._address)
            return Unhealthy(
                f"a connection to {where} failed: {error}", silent=isinstance(error, TimeoutError)
            )
        return Healthy()
