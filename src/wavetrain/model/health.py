"""Health: what was measured on nodes."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from wavetrain.model.fleet import NodeId, PopId

if TYPE_CHECKING:  # a node's agent shares this room, and has no use for numpy
    import numpy as np
    from numpy.typing import NDArray


class Verdict(StrEnum):
    """What the evidence says."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERRORED = "errored"


class Sample(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one node did in one bin: increments of its counters, by metric name, and its sessions at the end.

    A counter that was reset or not seen is absent: missing exposure, never zero.
    """

    node: NodeId
    release: str
    increments: dict[str, float]
    sessions: float


class PopBin(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One bin of one PoP: `seconds` long, ending at `ended` on the control plane's monotonic clock."""

    pop: PopId
    ended: float
    seconds: float
    samples: tuple[Sample, ...]
    missing: tuple[NodeId, ...] = ()
    """Nodes that were asked and did not answer."""


class PopCounts(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """One bin of one PoP as arrays, from a source that has them so: what a `PopBin` says, for many nodes.

    `counted` has the shape (counters, nodes); NaN where a counter was reset or not seen: missing exposure, never zero.
    `sessions` are those of each node at the end of the bin.
    """

    pop: PopId
    ended: float
    seconds: float
    nodes: tuple[NodeId, ...]
    releases: tuple[str, ...]
    counters: tuple[str, ...]
    counted: "NDArray[np.float64]"
    sessions: "NDArray[np.float64]"


class Observed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a health source has to say since it was last asked."""

    bins: tuple[PopBin, ...] = ()
    counts: tuple[PopCounts, ...] = ()
    """More bins, as arrays."""
    last_seen: Mapping[str, float] = {}
    """Seconds since each node was last sampled successfully."""
