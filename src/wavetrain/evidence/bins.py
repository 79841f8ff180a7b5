"""Bins: what was counted on which node in one span of time?

A bin holds increments, never totals. A node that was not observed is left out of the bin: a missing
scrape is missing exposure, never zero events.
"""

from math import isfinite

from msgspec import Struct

from wavetrain.errors import RefusedError

MAX_NODES = 4096
"""Nodes in one bin, or known to one pre-period."""


class NodeCount(Struct, frozen=True):
    """Events and exposure (operations, session-seconds, node-seconds ...) of one node."""

    node: str
    events: float
    exposure: float


class Bin(Struct, frozen=True):
    """The counts of one metric in one stratum during `seconds` seconds."""

    seconds: float
    nodes: tuple[NodeCount, ...]

    def __post_init__(self) -> None:
        if not (isfinite(self.seconds) and self.seconds > 0):
            raise RefusedError(
                f"bin of {self.seconds} s: a bin needs a positive length; leave empty ones out"
            )
        if len(self.nodes) > MAX_NODES:
            raise RefusedError(f"bin of {len(self.nodes)} nodes: at most {MAX_NODES}; split the stratum")
        if len({count.node for count in self.nodes}) != len(self.nodes):
            raise RefusedError("bin names a node twice: each node counts once per bin; merge its counts")
        for count in self.nodes:
            if not (0 <= count.events < float("inf") and 0 <= count.exposure < float("inf")):
                raise RefusedError(
                    f"node {count.node}: events {count.events} and exposure {count.exposure} must be "
                    f"finite and "
                    "not negative; treat a counter reset as a missing node"
                )
