"""Nature: which faults do releases, nodes, wires and telemetry have in one history?"""

from enum import StrEnum
from random import Random

import msgspec

from wavetrain.simulate.cut import Cut

BASE_RATE = 0.002
"""Failed operations per operation of a sound release."""
DEGRADED_RATE = 0.03
"""Failed operations per operation that a degraded release adds."""
COLD_RATE = 0.005
"""Failed operations per operation that a cold node adds, where it does."""
COLD_S = 900.0
"""For so long after its return a node is cold, where cold nodes fail more."""


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
    """By so much that later reports may overtake it."""
    answer_doubled: float = 0.0
    answer_delayed: float = 0.0


class Span(msgspec.Struct, frozen=True):
    """From one steady second to another."""

    begins: float
    ends: float

    def holds(self, seconds: float) -> bool:
        """Whether the instant is inside; the end is not."""
        return self.begins <= seconds < self.ends


class ClockStep(msgspec.Struct, frozen=True):
    """From `at` on (true seconds) a clock is wrong by `by_s` more. `whose`: a node, or empty for the control plane."""

    at: float
    by_s: float
    whose: str = ""


class Nature:
    """The seeded faults of one history.

    With a `seed` each kind of chance has a stream of its own, so that leaving one ingredient out does not reshuffle
    all the others; without one they share `random`.
    """

    def __init__(self, random: Random, *, seed: int | None = None, cut: Cut | None = None) -> None:
        self.random = random
        self.cut = cut or Cut()
        self.used: dict[str, None] = {}
        """The ingredients that have happened, or would have but for the cut, in order."""
        self.kinds: dict[str, Kind] = {}
        self.sick: set[tuple[str, str]] = set()
        """Node and release: this release never gets healthy on this node."""
        self.wrong: set[tuple[str, str]] = set()
        """Node and release: another version comes up instead."""
        self.garbled: set[tuple[str, str]] = set()
        """Node and release: its bytes never arrive whole, so that the node refuses them."""
        self.worse: dict[str, float] = {}
        """By release: what a degraded one adds, where it is not the usual."""
        self.cold_starts: set[str] = set()
        """PoPs whose nodes fail more while they are cold, on any release."""
        self.breaking: dict[str, float] = {}
        """By node: when the release breaks that it runs, although it has served for long; once."""
        self.dead: dict[str, list[Span]] = {}
        self.dark: dict[str, list[Span]] = {}
        """By PoP: spans in which nobody can measure it."""
        self.wire = Wire()
        self.restart_chance = 0.0
        self.missing_chance = 0.0
        self.late_bin_chance = 0.0
        """That a bin of measurements arrives with the next one only."""
        self.doubled_bin_chance = 0.0
        """That a bin arrives twice."""
        self.clock_steps: list[ClockStep] = []
        self._seed = seed
        self._streams: dict[str, Random] = {}
        self._counts: dict[str, int] = {}

    def stream(self, name: str) -> Random:
        """The chance of one kind of thing."""
        if self._seed is None:
            return self.random
        known = self._streams.get(name)
        if known is None:
            known = self._streams[name] = Random(f"{self._seed} {name}")  # noqa: S311 - practice, not secrecy
        return known

    def lets(self, name: str) -> bool:
        """Whether the ingredient may happen; it is remembered either way."""
        self.used[name] = None
        return self.cut.takes(name)

    def next_of(self, kind: str) -> str:
        """The name of the next ingredient of a kind."""
        self._counts[kind] = count = self._counts.get(kind, 0) + 1
        return f"{kind}-{count}"

    def clock_off(self, whose: str, seconds: float) -> float:
        """By how many seconds a clock is wrong."""
        return sum(step.by_s for step in self.clock_steps if step.whose == whose and step.at <= seconds)

    def set_clocks(self, seconds: float) -> None:
        """Every clock is right again; the steps that are still to come stay."""
        self.clock_steps = [step for step in self.clock_steps if step.at > seconds]

    def is_dead(self, node: str, seconds: float) -> bool:
        """Whether the node is down."""
        return any(span.holds(seconds) for span in self.dead.get(node, ()))

    def is_dark(self, pop: str, seconds: float) -> bool:
        """Whether telemetry of the PoP is away."""
        return any(span.holds(seconds) for span in self.dark.get(pop, ()))

    def breaks(self, node: str, seconds: float) -> bool:
        """Whether the release that the node runs breaks now."""
        if seconds < self.breaking.get(node, float("inf")):
            return False
        del self.breaking[node]
        return True

    def comes_up(self, node: str, release: str) -> bool:
        """Whether the release passes the node's own probe."""
        return self.kinds.get(release) is not Kind.NEVER_HEALTHY and (node, release) not in self.sick

    def cold(self, pop: str, program: int, age_s: float) -> float:
        """Failed operations per operation, more than usual, of a program that was just started on a node."""
        is_cold = pop in self.cold_starts and program > 1 and age_s < COLD_S
        return COLD_RATE if is_cold else 0.0

    def rate(self, release: str) -> float:
        """Failed operations per operation."""
        is_degraded = self.kinds.get(release) is Kind.DEGRADED
        return BASE_RATE + (self.worse.get(release, DEGRADED_RATE) if is_degraded else 0.0)

    def chance(self, share: float, stream: str = "") -> bool:
        """Whether something of this chance happens."""
        return share > 0 and self.stream(stream).random() < share
