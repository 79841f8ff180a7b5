"""Faults: what is wrong with a file or message, every fault with its place, the rule and the way out."""

import re

import msgspec

from wavetrain.errors import RefusedError

FAULTS_SHOWN_MAX = 50
FAULTS_KEPT_MAX = 1_000
"""With so many the reading stops: nobody corrects more by hand, and a hostile file must not fill the memory."""
PLACE_CHARACTERS_MAX = 300
"""Of a key path: who sends a longer one is told its beginning."""
_LAST_STEP = re.compile(r"(\[\d+\]|\.?[^.\[\]]+)$")


class Fault(msgspec.Struct, frozen=True):
    """One broken rule."""

    place: str
    """The key path, e.g. `pop[2].zone`; empty for the whole file."""
    line: int
    """Counted from 1; 0 where it is not known."""
    rule: str
    way_out: str

    def __str__(self) -> str:
        where = f"line {self.line}, {self.place or 'the line'}" if self.line else self.place
        return f"{where or 'the file'}: {self.rule}; {self.way_out}"


class Faults:
    """The faults found so far in one file. `lines` maps key paths to line numbers."""

    def __init__(self, name: str, lines: dict[str, int] | None = None) -> None:
        self.name = name
        self.found: list[Fault] = []
        self._lines = lines or {}

    def add(self, place: str, rule: str, way_out: str, line: int = 0) -> None:
        """Remember a broken rule at a key path, whose line is looked up where it is not given."""
        place = place[:PLACE_CHARACTERS_MAX]
        self.found.append(Fault(place, line or self._line(place), rule, way_out))
        if len(self.found) >= FAULTS_KEPT_MAX:
            self.refuse()

    def refuse(self) -> None:
        """Raise one `RefusedError` with everything found; do nothing when nothing was."""
        if not self.found:
            return
        ordered = sorted(self.found, key=lambda fault: fault.line)
        count = len(ordered)
        head = f"{self.name} has {count} fault{'s' if count > 1 else ''}:"
        if count >= FAULTS_KEPT_MAX:
            head = f"{self.name} has {count} faults or more; what follows them was not read:"
        lines = [f"  {fault}" for fault in ordered[:FAULTS_SHOWN_MAX]]
        if count > FAULTS_SHOWN_MAX:
            lines.append(f"  and {count - FAULTS_SHOWN_MAX} more")
        raise RefusedError("\n".join([head, *lines]))

    def _line(self, place: str) -> int:
        """The line of a key path, or of the nearest table around it."""
        while place and place not in self._lines:
            # A key may be empty or hold dots and brackets: then a character goes, so that this ends.
            shorter = _LAST_STEP.sub("", place)
            place = shorter if shorter != place else place[:-1]
        return self._lines.get(place, 0)
