"""Page bench: how long does a page take on a large fleet, and how near is the public summary to a bare answer?"""

import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Iterable
from statistics import median, quantiles
from typing import Any

import msgspec

from wavetrain.errors import UnreachableError
from wavetrain.lab.line_process import LineProcess

SUMMARY, FLOOR = "/api/v2/summary.json", "/floor"
PAGES = ("/status", "/status/history", "/status/regions/region-0", "/status/pops/pop0")
WITHIN_S = 60.0


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds at the 99th percentile, each of another account; a share; kilobytes."""

    account_page_ms_p99: float
    feed_ms_p99: float
    notice_ms_p99: float
    summary_ratio_to_floor: float
    page_kb_max: float


class Line:
    """A connection that asks one thing after the other."""

    def __init__(self, told: dict[str, Any]) -> None:
        plain = socket.create_connection(("127.0.0.1", told["port"]), timeout=WITHIN_S)
        context = ssl.create_default_context(cafile=told["ca"])
        self._line = context.wrap_socket(plain, server_hostname="127.0.0.1")
        self._reader = self._line.makefile("rb")

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *error: object) -> None:
        self._reader.close()
        self._line.close()

    def ask(self, path: str) -> int:
        """The length of the answer's body; `UnreachableError` where it is refused."""
        self._line.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        status = self._reader.readline()
        size = 0
        while (line := self._reader.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        body = self._reader.read(size)
        if b" 200 " not in status:
            raise UnreachableError(f"{path} was refused: {status.decode().strip()} {body[:200].decode()}")
        return size


def measure(windows: int, accounts: int, rounds: int, requests: int) -> Measured:
    """A fleet with so many windows to come and so many accounts, in a process of its own, asked over TLS."""
    with tempfile.TemporaryDirectory(prefix="wavetrain-bench-") as folder:
        command = [sys.executable, "-m", "wavetrain.lab.page_server", folder, str(windows), str(accounts)]
        with LineProcess(command) as server, Line(server.first) as line:
            feeds = [f"/feeds/{secret}" for secret in server.first["feeds"]]
            pages = max(line.ask(path) for path in (*PAGES, *feeds[:20]))
            return Measured(
                account_page_ms_p99=_p99_ms(line, feeds),
                feed_ms_p99=_p99_ms(line, [f"{feed}/calendar.ics" for feed in feeds]),
                notice_ms_p99=_p99_ms(line, [f"{feed}/maintnote.ics" for feed in feeds]),
                summary_ratio_to_floor=_ratio(server, line, rounds, requests),
                page_kb_max=round(pages / 1_000, 1),
            )


def _p99_ms(line: Line, paths: Iterable[str]) -> float:
    took: list[float] = []
    for path in paths:
        begun = time.perf_counter()
        line.ask(path)
        took.append(time.perf_counter() - begun)
    return round(quantiles(took, n=100)[98] * 1e3, 1)


def _ratio(server: LineProcess, line: Line, rounds: int, requests: int) -> float:
    """Answers a second of the server's processor, the summary's to those of as many bytes that never change."""
    server.ask(f"size {line.ask(SUMMARY)}")
    line.ask(FLOOR)
    ratios: list[float] = []
    for _ in range(rounds):
        seconds: list[float] = []
        for path in (SUMMARY, FLOOR):
            before = server.ask("cpu")
            for _ in range(requests):
                line.ask(path)
            seconds.append(server.ask("cpu") - before)
        ratios.append(seconds[1] / seconds[0])
    return round(median(ratios), 3)
