"""Standing picture: what do the answers about features stand on, at one instant?"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import msgspec

from wavetrain.control import pop_runs
from wavetrain.control.roster import Roster
from wavetrain.decide import coverage, entitlement
from wavetrain.decide.activation import Bits, Sheet, bits_of


class When(msgspec.Struct, frozen=True):
    """The instant of a picture."""

    until: datetime
    """Then the clock alone changes an answer."""
    today: date
    """By the store's own clock, as the nodes count days."""


class Picture:
    """Everything that answers stand on, at one instant."""

    def __init__(
        self, sheet: Sheet, pops: Sequence[Bits], everywhere: Bits, roster: Roster, when: "When", version: int
    ) -> None:
        """`pops`: the features that each PoP has, by its number in the roster; `everywhere`: those that all have."""
        self.sheet = sheet
        self.pops = pops
        self.everywhere = everywhere
        self.roster = roster
        self.when = when
        self.version = version
        self.all: Bits = (1 << len(sheet.features)) - 1
        self.needless = coverage.bits(sheet.features, pop_runs.NOTHING, coverage.Catalogue())
        """The features that need no release."""
        self._licensed: dict[int, Bits] = {}
        self._had: dict[int, Bits] = {}

    def there(self, pop: int | None) -> Bits:
        """What a PoP has, by its number; one that came since is not known to have any that need a release."""
        return self.pops[pop] if pop is not None and pop < len(self.pops) else self.needless

    def covered(self, homes: Iterable[int], visits: Iterable[tuple[int, int]]) -> Bits:
        """What every PoP has that an account uses; where it uses none, what every PoP of the fleet has.

        A visit takes nothing away that was on when it began.
        """
        bits, is_any = self.all, False
        for pop in homes:
            bits &= self.there(pop)
            is_any = True
        for pop, had in visits:
            bits &= self.there(pop) | self.had(had)
            is_any = True
        return bits if is_any else self.everywhere

    def licensed(self, number: int) -> Bits:
        """What accounts may have of whom this is known."""
        found = self._licensed.get(number)
        if found is None:
            facts = self.roster.facts[number]
            found = self._licensed[number] = sum(
                1 << place
                for place, one in enumerate(self.sheet.features)
                if not entitlement.missing(one.needs, facts)
            )
        return found

    def had(self, number: int) -> Bits:
        """A set of features by its number in the roster."""
        found = self._had.get(number)
        if found is None:
            found = self._had[number] = bits_of(self.sheet, self.roster.had[number])
        return found
