"""Clock: what time is it in the simulation?"""

from datetime import UTC, datetime

STARTS = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
"""A Monday morning; trains depart on Sundays."""


class VirtualClock:
    """The steady clock of the store, the nodes and the health source, in seconds; moves only when it is told to."""

    def __init__(self) -> None:
        self.seconds = STARTS.timestamp()

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Let time pass; raises ValueError for a step back."""
        if seconds < 0:
            raise ValueError(f"a clock was to go back by {-seconds} s; time only passes")
        self.seconds += seconds
