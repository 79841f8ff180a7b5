"""Health: what was measured on nodes."""

from enum import StrEnum

import msgspec

from wavetrain.model.fleet import NodeId, PopId


class Verdict(StrEnum):
    """What the evidence says."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERRORED = "errored"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What one node did in one bin: increments of its counters, by metric name, and its sessions at the end.

    A counter that was reset or not seen is absent: missing exposure, never zero.
    """

    node: NodeId
    release: str
    increments: dict[str, float]
    sessions: float


class PopBin(msgspec.Struct, frozen=True, kw_only=True):
    """One bin of one PoP: `seconds` long, ending at `ended` on the control plane's monotonic clock."""

    pop: PopId
    ended: float
    seconds: float
    samples: tuple[Sample, ...]
    missing: tuple[NodeId, ...] = ()
    """Nodes that were asked and did not answer."""


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What a health source has to say since it was last asked."""

    bins: tuple[PopBin, ...] = ()
    last_seen: dict[str, float] = {}
    """Seconds since each node was last sampled successfully."""
