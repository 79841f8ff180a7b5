"""Listening: which socket do the doors open on?

A service manager or an agent's supervisor may hold it, and lend it (sd_listen_fds(3)): then connections wait there
while one program goes and the next one comes. Else it is made here.
"""

import os
import socket
from collections.abc import Mapping, Sequence

from wavetrain.errors import RefusedError, UnreachableError

FIRST_DESCRIPTOR = 3
NAME = "door"
BACKLOG = 4096
"""Connections that wait for one program after another; the system may hold fewer (net.core.somaxconn)."""


def lent(environ: Mapping[str, str] = os.environ) -> socket.socket | None:
    """The one that was lent to this process: the only one, or that which is named `door`. `RefusedError`."""
    count = environ.get("LISTEN_FDS", "")
    if not count or environ.get("LISTEN_PID", str(os.getpid())) != str(os.getpid()):
        return None
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    if not count.isdecimal() or int(count) < 1:
        raise RefusedError(f"LISTEN_FDS is {count[:20]!r}; whoever lends sockets says how many they are")
    place = names.index(NAME) if NAME in names else 0
    if NAME not in names and int(count) > 1:
        raise RefusedError(
            f"{count} listening sockets are lent, none of them as {NAME!r}; name one so, or lend one"
        )
    descriptor = FIRST_DESCRIPTOR + place
    os.set_inheritable(descriptor, False)
    return socket.socket(fileno=descriptor)


def given(doors: Sequence[socket.socket], listen: str) -> socket.socket | None:
    """The one, of those that a predecessor gave, which listens where the configuration says; the others are closed."""
    wanted = _place(listen)
    found = None
    for door in doors:
        if found is None and door.getsockname()[:2] == wanted:
            found = door
        else:
            door.close()
    return found


def made(listen: str) -> socket.socket:
    """A new one. `UnreachableError` where somebody else listens there."""
    host, port = _place(listen)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise UnreachableError(
            f"cannot listen on {listen}: {error.strerror}; end what listens there, or change listen"
        ) from None


def _place(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)
