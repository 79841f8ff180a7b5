"""Figures: what does a gateway count for its operator?"""

import time
from collections import deque
from typing import Any

MOVES_KEPT = 20_000
MOVES_PER_ANSWER = 5_000


class Figures:
    """Counters since this program started, and who came from where."""

    def __init__(self, node: str, release: str) -> None:
        self.node = node
        self.release = release
        self.started = time.time()
        self.operations = 0
        self.operations_failed = 0
        self.sessions_accepted = 0
        self.sessions_lost = 0
        self.reconnects = 0
        self.moves = {"update": 0, "rebalance": 0}
        self._arrivals: deque[dict[str, Any]] = deque(maxlen=MOVES_KEPT)
        self._next = 0

    def record_arrival(
        self, site: str, account: str, kind: str, previous: str, gap_ms: int, reason: str
    ) -> None:
        """Keep that a session came here from another one; `gap_ms` is what its user missed."""
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
            }
        )
        self._next += 1

    def arrivals_since(self, first: int) -> dict[str, Any]:
        """The arrivals numbered `first` and later that are still kept, and the number to ask for next."""
        wanted = [arrival for arrival in self._arrivals if arrival["n"] >= first][:MOVES_PER_ANSWER]
        return {"next": wanted[-1]["n"] + 1 if wanted else max(first, self._next), "moves": wanted}

    def exposition(self, sessions: int, draining: bool) -> str:
        """All of it in Prometheus' text format."""
        labels = f'node="{self.node}",release="{self.release}"'
        counters = {
            "gateway_operations_total": self.operations,
            "gateway_operations_failed_total": self.operations_failed,
            "gateway_sessions_accepted_total": self.sessions_accepted,
            "gateway_sessions_lost_total": self.sessions_lost,
            "gateway_reconnects_total": self.reconnects,
        }
        gauges = {
            "gateway_sessions": sessions,
            "gateway_draining": int(draining),
            "gateway_start_time_seconds": round(self.started, 3),
            "gateway_build_info": 1,
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
        return "\n".join(lines) + "\n"
