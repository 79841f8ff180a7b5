"""Demand: what do customers ask of each PoP, summed up over their sites?"""

from datetime import date

import msgspec

from wavetrain.model.fleet import PopId


class Pair(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Two PoPs of which sites have one as primary and the other as secondary; `one` sorts before `other`."""

    one: PopId
    other: PopId
    sites: int


class Blackday(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A day, on the clock of the PoP, on which so many of its sites would rather not be disturbed."""

    day: date
    sites: int


class Demand(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the sites of a fleet ask of one train. Everything is counted in sites; what is absent is 0."""

    sites: dict[PopId, int] = {}
    """The sites that have a PoP as their primary."""
    pairs: tuple[Pair, ...] = ()
    early: dict[PopId, int] = {}
    """The sites of accounts that would be early."""
    blackouts: dict[PopId, tuple[Blackday, ...]] = {}
    """The heaviest black-out days of each shared PoP, no more of them than the policy weighs."""
    kinds: dict[PopId, tuple[str, ...]] = {}
    """Which kinds of sites a PoP serves, in alphabetical order."""

    @property
    def paired(self) -> dict[PopId, list[tuple[PopId, int]]]:
        """For each PoP: the PoPs that share sites with it, each with how many."""
        made: dict[PopId, list[tuple[PopId, int]]] = {}
        for pair in self.pairs:
            made.setdefault(pair.one, []).append((pair.other, pair.sites))
            made.setdefault(pair.other, []).append((pair.one, pair.sites))
        return made
