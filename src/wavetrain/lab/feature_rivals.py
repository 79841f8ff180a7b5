"""Feature rivals: how does our evaluation compare with others' libraries, and with the least that an answer costs?"""

import socket
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from wavetrain.errors import UnreachableError
from wavetrain.evaluator.evaluator import Evaluator
from wavetrain.lab import feature_peer
from wavetrain.lab.feature_bench import ours_ns
from wavetrain.lab.line_process import LineProcess
from wavetrain.wiring.clock import utc_now

PEERS_PYTHON = Path(sys.prefix) / "peers" / "bin" / "python"
ALL = "/ofrep/v1/evaluate/flags"
OURS_ACCOUNTS, PEER_ACCOUNTS = 2_000, 20
WITHIN_S = 30.0


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Nanoseconds a flag: medians of rounds that were taken in turn."""

    ours: float
    peers: dict[str, float]


def pace(rounds: int) -> Pace:
    """Ours and the peers', in turn, so that a machine that gets slower meanwhile slows all."""
    now, fresh = utc_now(), count()
    if not PEERS_PYTHON.exists():
        return Pace(ours=median(ours_ns(OURS_ACCOUNTS, fresh, now) for _ in range(rounds)), peers={})
    ours: list[float] = []
    with LineProcess([str(PEERS_PYTHON), feature_peer.__file__]) as process:
        took: dict[str, list[float]] = {name: [] for name in process.first}
        for _ in range(rounds):
            ours.append(ours_ns(OURS_ACCOUNTS, fresh, now))
            for name, seen in took.items():
                seen.append(process.ask(f"{name} {PEER_ACCOUNTS}"))
    return Pace(ours=median(ours), peers={name: median(seen) for name, seen in took.items()})


def ofrep_ratio(rounds: int, requests: int) -> float:
    """The share of the floor's pace that our door reaches: answers a second of the processor, the median of rounds.

    One process serves both, each by one connection with TLS, as every door has it; a new account each time.
    """
    with _serving("tls") as (server, _):
        told = server.first
        size = _asked(told, ALL, 1)[1]
        server.ask(f"size {size}")
        _asked(told, ALL, requests)
        _asked(told, "/floor", requests)
        ours: list[float] = []
        floor: list[float] = []
        for _ in range(rounds):
            for path, seen in ((ALL, ours), ("/floor", floor)):
                before = server.ask("cpu")
                _asked(told, path, requests)
                seen.append(server.ask("cpu") - before)
    return median(bare / mine for bare, mine in zip(floor, ours, strict=True))


def kill_switch_s(evaluators: int, rounds: int) -> list[float]:
    """Seconds from switching a feature off to the last of so many connected evaluators, over TLS on loopback."""
    with _serving("tls") as (server, _):
        told = server.first
        heard = threading.Event()
        made = [
            Evaluator(
                f"https://127.0.0.1:{told['port']}", told["secret"], ca_file=told["ca"], changed=heard.set
            )
            for _ in range(evaluators)
        ]
        try:
            for one in made:
                one.start()
            _until(lambda: all(one.listens for one in made), "the evaluators have not connected")
            return [_killed(server, made, f"flag-{number}", heard) for number in range(rounds)]
        finally:
            for one in made:
                one.close()


def _killed(server: LineProcess, made: Sequence[Evaluator], key: str, heard: threading.Event) -> float:
    left, begun = list(made), server.ask(f"off {key}")
    deadline = time.monotonic() + WITHIN_S
    while left:
        heard.clear()
        left = [one for one in left if one.evaluate(key, "account-1", None).reason != "DISABLED"]
        if left and not heard.wait(max(0.0, deadline - time.monotonic())):
            raise UnreachableError(f"{len(left)} evaluators have not heard that {key} is off")
    return time.monotonic() - float(begun)


def _until(holds: Callable[[], bool], text: str) -> None:
    step = threading.Event()
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        if time.monotonic() > deadline:
            raise UnreachableError(f"{text} within {WITHIN_S:g} s; see the errors above")
        step.wait(0.02)


class _serving:  # noqa: N801 (used as a verb)
    """A feature server in a folder of its own."""

    def __init__(self, how: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="wavetrain-bench-")
        name = self._folder.name
        self._process = LineProcess([sys.executable, "-m", "wavetrain.lab.feature_server", how, name])

    def __enter__(self) -> tuple[LineProcess, Path]:
        return self._process, Path(self._folder.name)

    def __exit__(self, *error: Any) -> None:
        self._process.__exit__(None, None, None)
        self._folder.cleanup()


_FRESH = count()


def _asked(told: dict[str, Any], path: str, requests: int) -> tuple[int, int]:
    """So many requests, one after the other; how many, and the length of the last answer's body."""
    size = 0
    context = ssl.create_default_context(cafile=told["ca"])
    with (
        socket.create_connection(("127.0.0.1", told["port"]), timeout=WITHIN_S) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        reader = connection.makefile("rb")
        for _ in range(requests):
            body = b'{"context":{"targetingKey":"account-%d","user":"bench"}}' % next(_FRESH)
            head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {told['secret']}\r\n"
            connection.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            if b"200" not in reader.readline():
                raise UnreachableError(f"{path} was refused; see the errors above")
            while (line := reader.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
            reader.read(size)
    return requests, size
