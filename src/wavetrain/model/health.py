"""Health: what was measured on nodes."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

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


SAMPLES_MISSED: Final = "wavetrain_samples_missed"
"""What every node counts by itself: bins of which it should have told, and did not."""
SAMPLES_ASKED: Final = "wavetrain_samples_asked"
RESTARTS: Final = "wavetrain_restarts"
"""Starts of a node's program on the release that it ran already, by the start time that it serves."""


_LABELLED = re.compile(r'([A-Za-z_:][A-Za-z0-9_:]*)\{((?:[A-Za-z_][A-Za-z0-9_]*="[A-Za-z0-9._-]*",?)+)\}')
_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="([A-Za-z0-9._-]*)"')


def labelled(counter: str, labels: Mapping[str, str]) -> str:
    """The name of what a counter counts under some of its labels alone."""
    said = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return f"{counter}{{{said}}}" if said else counter


def selected(name: str) -> tuple[str, Mapping[str, str]]:
    """The counter and the labels that such a name stands for; the name itself and none where it is no such name."""
    found = _LABELLED.fullmatch(name)
    return (found[1], dict(_LABEL.findall(found[2]))) if found is not None else (name, {})


def bucket(histogram: str, bound: float) -> str:
    """The name of the counter of a histogram's observations that are at most `bound`."""
    return f'{histogram}_bucket{{le="{bound:g}"}}'


def bound_of(histogram: str, counter: str) -> float | None:
    """The bound that a counter of this name counts up to; None where it is no bucket of the histogram."""
    head, tail = f'{histogram}_bucket{{le="', '"}'
    if not (counter.startswith(head) and counter.endswith(tail)):
        return None
    return float(counter[len(head) : -len(tail)])


def observations(histogram: str) -> str:
    """The name of the counter of all of a histogram's observations."""
    return f"{histogram}_count"


class Trouble(StrEnum):
    """What a source of measurements may be as a whole, other than well."""

    UNREACHABLE = "unreachable"
    LATE = "late"
    REFUSED = "refused"
    """It answers with an error."""
    UNREADABLE = "unreadable"
    PARTIAL = "partial"
    CLOCK = "clock"
    """It says things about time that cannot be."""
    EMPTY = "empty"
    """It answers, and knows none of the nodes."""


class SourceFigures(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a source of measurements fared since this process began."""

    kind: str = ""
    """Its name in the configuration."""
    answered: int = 0
    """How often it said what it was asked for."""
    troubles: Mapping[str, int] = {}
    """How often it did not, by kind of `Trouble`."""
    fault: str = ""
    """What is wrong now, in one line."""
    skew_s: float | None = None
    """By how much its clock is ahead of ours, as of the last answer."""
    nodes: int = 0
    """How many are asked for."""
    refused: Mapping[str, str] = {}
    """Nodes whose samples cannot be used, each with what is wrong with them."""


class Sample(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one node did in one bin: increments of its counters, by name, and its sessions and levels at the end.

    A histogram is several counters: `observations`, and `bucket` for each of its bounds but the infinite one. A
    counter that was reset or not seen, or a gauge that was not, is absent: missing exposure, never zero.
    """

    node: NodeId
    release: str
    increments: dict[str, float]
    sessions: float
    levels: dict[str, float] = {}
    """Gauges, by name."""


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
    `sessions` are those of each node at the end of the bin, `levels` its gauges then, of the shape (gauges, nodes).
    """

    pop: PopId
    ended: float
    seconds: float
    nodes: tuple[NodeId, ...]
    releases: tuple[str, ...]
    counters: tuple[str, ...]
    counted: "NDArray[np.float64]"
    sessions: "NDArray[np.float64]"
    gauges: tuple[str, ...] = ()
    levels: "NDArray[np.float64] | None" = None
    """None where no gauge was asked for."""


class Observed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a health source has to say since it was last asked."""

    bins: tuple[PopBin, ...] = ()
    counts: tuple[PopCounts, ...] = ()
    """More bins, as arrays."""
    last_seen: Mapping[str, float] = {}
    """Seconds since each node was last sampled successfully."""
    fault: str = ""
    """What is wrong with the source as a whole, in one line; nothing where it answers as it should."""
    at: float | None = None
    """When this was said, on the clock of the bins' ends, where a source tells of a bin later than it ended."""
