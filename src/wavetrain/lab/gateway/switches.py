"""Switches: which faults does this gateway have on purpose?

A release brings its own in `release.json`; a node can have more in `faults.json` of its shared folder,
whatever release it runs. The worse of both holds.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GOOD_FAILED_RATIO = 0.0001

_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB
_STEP = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Switches:
    """The faults of a program; ratios in 0..1, times in seconds since its start."""

    never_healthy: bool = False
    operations_failed_ratio: float = GOOD_FAILED_RATIO
    operations_slow_ratio: float = 0.0
    operations_slow_s: float = 0.2
    crash_after_s: float | None = None
    start_delay_s: float = 0.0

    def worse(self, other: "Switches") -> "Switches":
        """The worse of two, switch by switch."""
        crashes = [at for at in (self.crash_after_s, other.crash_after_s) if at is not None]
        return Switches(
            self.never_healthy or other.never_healthy,
            max(self.operations_failed_ratio, other.operations_failed_ratio),
            max(self.operations_slow_ratio, other.operations_slow_ratio),
            max(self.operations_slow_s, other.operations_slow_s),
            min(crashes, default=None),
            max(self.start_delay_s, other.start_delay_s),
        )


def switches_from(raw: Any, place: str) -> Switches:
    """Read a JSON object of switches. Raises ValueError with the place, the rule and the way out."""
    if not isinstance(raw, dict):
        raise ValueError(f"{place}: the faults must be an object of switches, for example {{}}")
    known = Switches.__dataclass_fields__
    for name, value in raw.items():
        if name not in known:
            raise ValueError(f"{place}.{name}: no such switch; known are {', '.join(known)}")
        if name == "never_healthy":
            if not isinstance(value, bool):
                raise ValueError(f"{place}.{name}: must be true or false")
        elif isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ValueError(f"{place}.{name}: must be a number, 0 or more")
    for name in ("operations_failed_ratio", "operations_slow_ratio"):
        if raw.get(name, 0) > 1:
            raise ValueError(f"{place}.{name}: must be a share from 0 to 1")
    return Switches(**raw)


def switches_in(path: Path) -> Switches:
    """The switches of a node's own file; none where there is no file. Raises ValueError."""
    try:
        return switches_from(json.loads(path.read_bytes()), path.name)
    except FileNotFoundError:
        return Switches()


def threshold(ratio: float) -> int:
    """The hash value below which an operation fails."""
    return int(ratio * (1 << 64))


def operation_hash(salt: int, number: int) -> int:
    """A hash of 64 bits over a session and an operation (the finaliser of SplitMix64)."""
    mixed = (salt + number * _STEP) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * _MIX_1) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * _MIX_2) & _MASK
    return mixed ^ (mixed >> 31)
