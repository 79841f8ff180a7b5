"""Cut: which ingredients of a history are left out?"""

import shlex
from collections.abc import Collection

import msgspec

NAMES_MAX = 10_000


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """What is played of a seed's course of events. The whole of it by default.

    Every release, fault and act of a person is an ingredient with a name; see `Outcome.ingredients`.
    """

    only: frozenset[str] | None = None
    """The ingredients that may happen; None: all."""
    without: frozenset[str] = frozenset()
    """The ingredients that must not happen."""
    ticks: int = 0
    """The history stops after so many ticks; 0: when it is over."""
    clock_steps: bool = False
    """Whether clocks may be stepped; not part of the ordinary course."""

    def takes(self, name: str) -> bool:
        """Whether the ingredient may happen."""
        return name not in self.without and (self.only is None or name in self.only)

    def options(self) -> str:
        """The options of `wavetrain simulate` that say the same."""
        said = []
        if self.only is not None:
            said.append(f"--only {shlex.quote(','.join(sorted(self.only)))}")
        if self.without:
            said.append(f"--without {shlex.quote(','.join(sorted(self.without)))}")
        if self.ticks:
            said.append(f"--ticks {self.ticks}")
        if self.clock_steps:
            said.append("--clock-steps")
        return " ".join(said)


def names(text: str) -> frozenset[str]:
    """The names in a text with commas; ValueError for too many."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if len(found) > NAMES_MAX:
        raise ValueError(f"{len(found)} ingredients are named; name at most {NAMES_MAX}")
    return frozenset(found)


def unknown(cut: Cut, known: Collection[str]) -> list[str]:
    """The names in `without` that the history does not have: most likely misspelt."""
    return sorted(cut.without - set(known))
