"""Outside: which addresses does a host have that a customer has named, and may they be spoken to?"""

import socket
from collections.abc import Sequence

from wavetrain.decide.reachable import Network, refusal
from wavetrain.errors import RefusedError, UnreachableError


class Outside:
    """Everything that is public, and the networks that the operator allows beside."""

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def addresses(self, host: str, port: int) -> list[str]:
        """All of them, in the order in which they are to be tried.

        `RefusedError` where one of them may not be spoken to, `UnreachableError` where the name is not known.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise UnreachableError(
                f"{host[:80]} has no address that is known here; correct the name, or try again later"
            ) from None
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        for address in addresses:
            if why := refusal(address, self._allowed):
                # What a name stands for here is the operator's own business: it is not said to who asked.
                said = why if host == address else f"{host[:80]} stands for {why.partition(' is ')[2]}"
                raise RefusedError(
                    f"{said}; name a public one, or let the operator allow its network under [notices] of "
                    "wavetrain.toml"
                )
        return addresses
