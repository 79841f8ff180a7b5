"""Blast radius: whom does work on these PoPs touch, in the customers' units?"""

import math
from collections.abc import Iterable

import msgspec

from wavetrain.model.fleet import Fleet, Pop, PopId
from wavetrain.model.policy import Budgets


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What some PoPs carry."""

    pops: int
    nodes: int
    sites: int
    """Sites whose primary is one of them."""
    single_homed: int
    """Of these, the sites that have no secondary."""
    accounts: int
    """Accounts that have at least one of these sites."""


class Blast:
    """Knows which sites hang on which PoP."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._sites: dict[PopId, int] = {}
        self._single: dict[PopId, int] = {}
        self._accounts: dict[PopId, set[str]] = {}
        for site in fleet.sites.values():
            self._sites[site.primary] = self._sites.get(site.primary, 0) + 1
            self._accounts.setdefault(site.primary, set()).add(site.account)
            if not site.secondary:
                self._single[site.primary] = self._single.get(site.primary, 0) + 1

    def of(self, pops: Iterable[PopId]) -> Reach:
        """What hangs on these PoPs, each account counted once."""
        names = [pop for pop in pops if pop in self._fleet.pops]
        accounts: set[str] = set()
        for pop in names:
            accounts |= self._accounts.get(pop, set())
        return Reach(
            pops=len(names),
            nodes=sum(len(self._fleet.pops[pop].nodes) for pop in names),
            sites=sum(self._sites.get(pop, 0) for pop in names),
            single_homed=sum(self._single.get(pop, 0) for pop in names),
            accounts=len(accounts),
        )


def undo_rounds(pop: Pop, exposed: int, budgets: Budgets) -> int:
    """In how many rounds the exposed nodes of a PoP go back: all PoPs do so at once, past windows and freezes.

    At once go as many as the revert's share of the PoP allows and as its load leaves over, at least one.
    """
    nodes = len(pop.nodes)
    spare = math.floor(nodes * (1.0 - min(1.0, pop.load * budgets.headroom)) + 1e-9)
    at_once = max(1, min(math.floor(nodes * budgets.revert_share + 1e-9), spare))
    return -(-exposed // at_once)
