"""Figures: what does a gateway count for its operator?"""

import os
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

MOVES_KEPT = 20_000
MOVES_PER_ANSWER = 5_000


OPERATION_BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
RECONNECT_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Histogram:
    """Observations in seconds, by the least bound that they do not exceed."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        """So many observations of one size."""
        self.counts[bisect_left(self.bounds, seconds)] += times
        self.total += seconds * times

    def lines(self, name: str, labels: str) -> Iterator[str]:
        """In Prometheus' text format: each bound with all that do not exceed it."""
        yield f"# TYPE {name} histogram"
        below = list(accumulate(self.counts))
        for bound, count in zip((*map(str, self.bounds), "+Inf"), below, strict=True):
            yield f'{name}_bucket{{{labels},le="{bound}"}} {count}'
        yield f"{name}_sum{{{labels}}} {self.total:.6f}"
        yield f"{name}_count{{{labels}}} {below[-1]}"


class Figures:
    """Counters since this program started, and who came from where."""

    def __init__(self, node: str, release: str) -> None:
        self.node = node
        self.release = release
        self.started = time.time()
        self.program = f"{time.time_ns()}-{os.getpid()}"
        """Names this start: arrivals are counted from 0 in each."""
        self.operations = 0
        self.operations_failed = 0
        self.sessions_accepted = 0
        self.sessions_lost = 0
        self.reconnects = 0
        self.handshakes = 0
        self.handshakes_failed = 0
        self.dropped = 0
        self.operation_s = Histogram(OPERATION_BOUNDS_S)
        self.reconnect_s = Histogram(RECONNECT_BOUNDS_S)
        self.moves = {"update": 0, "rebalance": 0}
        self._arrivals: deque[dict[str, Any]] = deque(maxlen=MOVES_KEPT)
        self._next = 0

    def record_arrival(
        self, site: str, account: str, kind: str, previous: str, gap_ms: int, reason: str, was: str
    ) -> None:
        """Keep that a session came here from another one; `gap_ms` is what its user missed."""
        self.reconnect_s.observe(gap_ms / 1000)
        self._arrivals.append(
            {
                "n": self._next,
                "at": round(time.time(), 3),
                "moved": site,
                "account": account,
                "kind": kind,
                "from": previous,
                "to": self.node,
                "gap_ms": gap_ms,
                "reason": reason,
                "was": was,
            }
        )
        self._next += 1

    def arrivals_since(self, first: int) -> dict[str, Any]:
        """The arrivals numbered `first` and later that are still kept, and the number to ask for next."""
        wanted = [arrival for arrival in self._arrivals if arrival["n"] >= first][:MOVES_PER_ANSWER]
        after = wanted[-1]["n"] + 1 if wanted else max(first, self._next)
        return {"program": self.program, "next": after, "moves": wanted}

    def exposition(self, sessions: int, draining: bool) -> str:
        """All of it in Prometheus' text format."""
        labels = f'node="{self.node}",release="{self.release}"'
        counters = {
            "gateway_operations_total": self.operations,
            "gateway_operations_failed_total": self.operations_failed,
            "gateway_sessions_accepted_total": self.sessions_accepted,
            "gateway_sessions_lost_total": self.sessions_lost,
            "gateway_reconnects_total": self.reconnects,
            "gateway_handshakes_total": self.handshakes,
            "gateway_handshakes_failed_total": self.handshakes_failed,
            "gateway_dropped_total": self.dropped,
            "gateway_up_seconds_total": round(time.time() - self.started, 3),
            "process_cpu_seconds_total": round(time.process_time(), 4),
        }
        gauges = {
            "gateway_sessions": sessions,
            "gateway_draining": int(draining),
            "gateway_start_time_seconds": round(self.started, 3),
            "gateway_build_info": 1,
            "process_resident_memory_bytes": _resident_bytes(),
        }
        lines = []
        for name, value in counters.items():
            lines += [f"# TYPE {name} counter", f"{name}{{{labels}}} {value}"]
        lines.append("# TYPE gateway_moves_total counter")
        lines += [
            f'gateway_moves_total{{{labels},reason="{reason}"}} {n}' for reason, n in self.moves.items()
        ]
        for name, number in gauges.items():
            lines += [f"# TYPE {name} gauge", f"{name}{{{labels}}} {number}"]
        lines += self.operation_s.lines("gateway_operation_seconds", labels)
        lines += self.reconnect_s.lines("gateway_reconnect_seconds", labels)
        return "\n".join(lines) + "\n"


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
