"""Listeners: which accounts have a way to be told, and which of them use which PoP?"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from wavetrain.control import account_features
from wavetrain.control.ports import Change, View
from wavetrain.control.status_picture import StatusPicture
from wavetrain.model.fleet import PopId, Site, Visit
from wavetrain.model.subscription import Subscription

EVERYBODY = ""
"""The account of the operator's own ways."""


class Listener(msgspec.Struct):
    """An account that has a way to be told."""

    ways: dict[str, Subscription]
    pops: frozenset[PopId] = frozenset()

    @property
    def since(self) -> datetime:
        """From when on it is told."""
        return min(way.since for way in self.ways.values())


class Listeners:
    """All of them, kept in step with the store's changes. Accounts without a way are not in it."""

    def __init__(self) -> None:
        self.known: dict[str, Listener] = {}
        self._at: dict[PopId, set[str]] = {}

    def load(self, view: View) -> None:
        """Begin anew."""
        self.known, self._at = {}, {}
        for way in view.find(Subscription):
            self.known.setdefault(way.account, Listener({})).ways[way.name] = way
        for pop, account in _uses(view, self.known):
            self._at.setdefault(pop, set()).add(account)
        for pop, accounts in self._at.items():
            for account in accounts:
                self.known[account].pops |= {pop}

    def follow(self, view: View, changes: Iterable[Change]) -> set[str]:
        """The accounts whose ways or PoPs have changed, and that still listen."""
        touched: set[str] = set()
        for change in changes:
            record = change.record
            if change.kind == "Subscription":
                account, name = change.key
                listener = self.known.setdefault(account, Listener({}))
                if isinstance(record, Subscription):
                    listener.ways[name] = record
                else:
                    listener.ways.pop(name, None)
                touched.add(account)
            elif isinstance(record, Site | Visit) and record.account in self.known:
                touched.add(record.account)
        return {account for account in touched if self._place(view, account)}

    def at(self, pop: PopId, picture: StatusPicture) -> Iterable[str]:
        """The accounts that are told of what happens at a PoP; the management application is everybody's."""
        if pop in picture.consoles:
            return self.known
        here = self._at.get(pop, set())
        return here | {EVERYBODY} if EVERYBODY in self.known else here

    def _place(self, view: View, account: str) -> bool:
        listener = self.known[account]
        for pop in listener.pops:
            self._at[pop].discard(account)
        if not listener.ways:
            del self.known[account]
            return False
        if account != EVERYBODY:
            homes, visits = account_features.pops_of(view, account)
            listener.pops = frozenset([*homes, *visits])
            for pop in listener.pops:
                self._at.setdefault(pop, set()).add(account)
        return True


def _uses(view: View, known: Mapping[str, Listener]) -> Iterator[tuple[PopId, str]]:
    """Which listening account uses which PoP: all sites are read once, not once for each account."""
    if not known.keys() - {EVERYBODY}:
        return
    for site in view.find(Site):
        if site.account in known:
            for pop in (site.primary, site.secondary):
                if pop:
                    yield pop, site.account
    for account in {visit.account for visit in view.find(Visit)} & known.keys():
        for pop in account_features.pops_of(view, account)[1]:
            yield pop, account
