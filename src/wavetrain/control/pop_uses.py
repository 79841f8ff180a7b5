"""PoP uses: how many sites, users and accounts have a PoP as their primary, without reading every site anew?"""

from collections.abc import Iterable
from threading import Lock

import msgspec

from wavetrain.control.ports import Store, View
from wavetrain.errors import StaleError
from wavetrain.model.fleet import AccountId, PopId, Site


class Uses(msgspec.Struct, frozen=True, kw_only=True):
    """What customers have at some PoPs."""

    sites: int = 0
    users: int = 0
    accounts: int = 0
    single_homed: int = 0
    """Sites that have nowhere else to go."""


class _Counted(msgspec.Struct):
    sites: int = 0
    users: int = 0
    single_homed: int = 0
    accounts: set[AccountId] = msgspec.field(default_factory=set)


class PopUses:
    """Counts once, and again when a site has changed. Safe under threads."""

    def __init__(self, store: Store) -> None:
        self._store, self._turn = store, Lock()
        self._sequence = -1
        self._counted: dict[PopId, _Counted] = {}

    def of(self, pops: Iterable[PopId]) -> Uses:
        """Of these PoPs together."""
        with self._turn:
            self._follow()
            found = [self._counted[pop] for pop in pops if pop in self._counted]
            accounts: set[AccountId] = set()
            return Uses(
                sites=sum(one.sites for one in found),
                users=sum(one.users for one in found),
                accounts=len(accounts.union(*(one.accounts for one in found))),
                single_homed=sum(one.single_homed for one in found),
            )

    def _follow(self) -> None:
        with self._store.read() as view:
            if view.sequence == self._sequence:
                return
            if self._sequence < 0 or _is_other(view, self._sequence):
                self._counted = _counted(view)
            self._sequence = view.sequence


def _is_other(view: View, since: int) -> bool:
    try:
        return any(change.kind == Site.__name__ for change in view.changes(since))
    except StaleError:
        return True


def _counted(view: View) -> dict[PopId, _Counted]:
    made: dict[PopId, _Counted] = {}
    for site in view.find(Site):
        at = made.setdefault(site.primary, _Counted())
        at.sites += 1
        at.users += site.users
        at.single_homed += not site.secondary
        at.accounts.add(site.account)
    return made
