"""Ports: which one will nobody else take before it is used?"""

import os
import socket
from itertools import count, islice

from wavetrain.lab.layout import HOST, PORTS

_TURN = count(len(PORTS) // 4 * 3)
"""Away from those that a lab of this process is laid out on, and a further one each time."""
APART = 131


def free_port() -> int:
    """A port on loopback that nobody listens on now.

    It is none of those that the kernel gives to outgoing connections: between this look and its use, one of hundreds
    of other tests' clients would get it now and then.
    """
    for turn in islice(_TURN, len(PORTS)):
        with socket.socket() as probing:
            try:
                probing.bind((HOST, PORTS[(os.getpid() * APART + turn) % len(PORTS)]))
                probing.listen()
            except OSError:
                continue
            return int(probing.getsockname()[1])
    raise AssertionError(f"none of {PORTS} is free")
