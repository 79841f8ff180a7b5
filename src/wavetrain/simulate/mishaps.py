"""Mishaps: what goes wrong in a rehearsal, with whom?

Every chance is a stable hash of the seed, the kind and the name, so that the same seed gives the same mishaps in
whatever order they are asked for, and nothing is kept for the many to whom nothing happens.
"""

import re
from zlib import crc32

import msgspec

from wavetrain.errors import RefusedError

FACTOR_MAX = 1_000_000.0
MANY = 2**32


class Chances(msgspec.Struct, frozen=True, kw_only=True):
    """How often each mishap happens, as shares; per node, per report or per PoP and train."""

    node_sick: float = 0.0
    """Of nodes, canaries aside: the release never gets healthy on them."""
    node_dead: float = 0.0
    """Of nodes: goes down when it is told to update, for minutes to hours; one in ten for good."""
    report_lost: float = 0.0
    report_doubled: float = 0.0
    report_late: float = 0.0
    """Of reports: arrives once more when the node has said newer things."""
    pop_dark: float = 0.0
    """Of PoPs: nobody can measure them for a while in their window."""
    pop_slow: float = 0.0
    """Of PoPs: every step of their nodes takes `SLOWER` times as long."""
    pop_away: float = 0.0
    """Of PoPs: cut off for the whole of their first window, which they miss."""


CALM = Chances()
ROUGH = Chances(
    node_sick=2e-5,
    node_dead=1e-4,
    report_lost=0.01,
    report_doubled=0.01,
    report_late=0.005,
    pop_dark=0.02,
    pop_slow=0.01,
    pop_away=0.005,
)
"""An ordinary bad fortnight."""

SLOWER = 2.0
DARK_S = (600.0, 3_600.0)
AWAY_S = 5 * 3_600.0
DOWN_S = (600.0, 6 * 3_600.0)
GONE_SHARE = 0.1
"""Of the nodes that go down: those that only a person brings back."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with the release, and from when on."""

    factor: float = 1.0
    """How many times the usual failures it makes."""
    crashes: bool = False
    """Whether it comes up nowhere."""
    ring: str = ""
    """It begins when this ring does; empty: at once."""
    text: str = ""


_FAULT = re.compile(r"(?:x(?P<factor>[0-9]+(?:\.[0-9]+)?)|(?P<crash>crash))(?:@(?P<ring>[^@]{1,100}))?")


def read_fault(text: str, rings: tuple[str, ...]) -> Fault:
    """The fault that the text says: `x2`, `x10@pilot`, `crash`, `crash@all`; `RefusedError` for another."""
    found = _FAULT.fullmatch(text)
    if found is None:
        raise RefusedError(
            f"fault {text[:80]!r} cannot be read; give xN (N times the failures) or crash, and perhaps @RING"
        )
    ring = found["ring"] or ""
    if ring and ring not in rings:
        raise RefusedError(
            f"fault {text} begins at ring {ring}, which the policy does not have; it has {', '.join(rings)}"
        )
    factor = float(found["factor"] or 1.0)
    if not 0 < factor <= FACTOR_MAX:
        raise RefusedError(f"fault {text} has factor {factor:g}; give more than 0 and at most {FACTOR_MAX:g}")
    return Fault(factor=factor, crashes=found["crash"] is not None, ring=ring, text=text)


class Mishaps:
    """The seeded mishaps of one rehearsal."""

    def __init__(self, seed: int, chances: Chances = ROUGH) -> None:
        self.seed = seed
        self.chances = chances
        self._salts: dict[str, int] = {}

    def roll(self, kind: str, name: str, count: int = 0) -> float:
        """From 0 to below 1; the same for the same kind, name and count."""
        salt = self._salts.get(kind)
        if salt is None:
            salt = self._salts[kind] = crc32(f"{self.seed} {kind}".encode())
        # CRC-32 alone is linear: names that differ in one digit would fall together. A multiply mixes it.
        mixed = (crc32(name.encode(), salt ^ count) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        mixed ^= mixed >> 29
        return ((mixed * 0xBF58476D1CE4E5B9 >> 20) & 0xFFFFFFFF) / MANY

    def between(self, kind: str, name: str, span: tuple[float, float], count: int = 0) -> float:
        """Evenly from a span."""
        return span[0] + (span[1] - span[0]) * self.roll(kind, name, count)

    def is_sick(self, node: str) -> bool:
        """Whether the release never gets healthy on a node."""
        return self.chances.node_sick > 0 and self.roll("sick", node) < self.chances.node_sick

    def down_s(self, node: str) -> float:
        """For how long a node goes down when it is told to update: 0 for not at all, infinite for good."""
        if self.chances.node_dead <= 0 or self.roll("dead", node) >= self.chances.node_dead:
            return 0.0
        return float("inf") if self.roll("gone", node) < GONE_SHARE else self.between("down", node, DOWN_S)

    def slowness(self, pop: str) -> float:
        """How many times longer the steps of a PoP's nodes take."""
        is_slow = self.chances.pop_slow > 0 and self.roll("slow", pop) < self.chances.pop_slow
        return SLOWER if is_slow else 1.0

    def dark_s(self, pop: str) -> tuple[float, float] | None:
        """How long after its window opens nobody can measure a PoP, and for how long; None for never."""
        if self.chances.pop_dark <= 0 or self.roll("dark", pop) >= self.chances.pop_dark:
            return None
        return self.roll("dark begins", pop) * 5_400.0, self.between("dark lasts", pop, DARK_S)

    def is_away(self, pop: str) -> bool:
        """Whether a PoP is cut off in its first window."""
        return self.chances.pop_away > 0 and self.roll("away", pop) < self.chances.pop_away
