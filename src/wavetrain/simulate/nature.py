"""Nature: which faults do releases, nodes, wires and telemetry have in one history?"""

from enum import StrEnum
from random import Random

import msgspec

BASE_RATE = 0.002
"""Failed operations per operation of a sound release."""


class Kind(StrEnum):
    """What a release is like."""

    GOOD = "good"
    DEGRADED = "degraded"
    """Passes its probe, and fails a few per cent of operations."""
    NEVER_HEALTHY = "never healthy"
    """Fails its probe everywhere."""


class Wire(msgspec.Struct, frozen=True):
    """Chances per poll of what may happen between a node and the control plane."""

    lost: float = 0.0
    answer_lost: float = 0.0
    doubled: float = 0.0
    delayed: float = 0.0


class Span(msgspec.Struct, frozen=True):
    """From one steady second to another."""

    begins: float
    ends: float

    def holds(self, seconds: float) -> bool:
        """Whether the instant is inside; the end is not."""
        return self.begins <= seconds < self.ends


class Nature:
    """The seeded faults of one history."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.kinds: dict[str, Kind] = {}
        self.sick: set[tuple[str, str]] = set()
        """Node and release: this release never gets healthy on this node."""
        self.wrong: set[tuple[str, str]] = set()
        """Node and release: another version comes up instead."""
        self.garbled: set[tuple[str, str]] = set()
        """Node and release: its bytes never arrive whole, so that the node refuses them."""
        self.dead: dict[str, list[Span]] = {}
        self.dark: dict[str, list[Span]] = {}
        """By PoP: spans in which nobody can measure it."""
        self.wire = Wire()
        self.restart_chance = 0.0
        self.missing_chance = 0.0

    def is_dead(self, node: str, seconds: float) -> bool:
        """Whether the node is down."""
        return any(span.holds(seconds) for span in self.dead.get(node, ()))

    def is_dark(self, pop: str, seconds: float) -> bool:
        """Whether telemetry of the PoP is away."""
        return any(span.holds(seconds) for span in self.dark.get(pop, ()))

    def comes_up(self, node: str, release: str) -> bool:
        """Whether the release passes the node's own probe."""
        return self.kinds.get(release) is not Kind.NEVER_HEALTHY and (node, release) not in self.sick

    def rate(self, release: str) -> float:
        """Failed operations per operation."""
        return BASE_RATE + (0.03 if self.kinds.get(release) is Kind.DEGRADED else 0.0)

    def chance(self, share: float) -> bool:
        """Whether something of this chance happens."""
        return share > 0 and self.random.random() < share
