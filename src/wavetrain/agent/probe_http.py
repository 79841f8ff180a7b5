"""Probe by HTTP: does the release answer with 200?"""

from wavetrain.agent.exchange import exchange
from wavetrain.agent.ports import Health, Healthy, SilentError, Unhealthy
from wavetrain.errors import UnreachableError

SAID_CHARACTERS = 200


class HttpProbe:
    """GET of `url`; while two programs share its socket, over the one inside."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s

    def check(self, inside: str = "") -> Health:
        try:
            status, content = exchange("GET", self._url, timeout_s=self._timeout_s, inside=inside)
        except UnreachableError as error:
            return Unhealthy(str(error), silent=isinstance(error, SilentError))
        if status == 200:
            return Healthy()
        said = content[:SAID_CHARACTERS].decode(errors="replace")
        return Unhealthy(f"GET {self._url}: {status} {said}".rstrip())
