"""Account work: which stretches of work touch an account, which of its sites, and how?"""

from collections.abc import Sequence

import msgspec

from wavetrain.control import account_features
from wavetrain.control.ports import Store, View
from wavetrain.control.status_picture import PlaceSeen, StatusPicture
from wavetrain.decide import impact
from wavetrain.decide.impact import Impact, Touched
from wavetrain.decide.permit import Act, Caller, require_account
from wavetrain.decide.readiness import Inspection
from wavetrain.errors import UnknownError
from wavetrain.model.fleet import Account, Fleet, Group, Pop, PopId, Serves, Site
from wavetrain.model.maintenance import OPEN, Maintenance
from wavetrain.model.rollout import Stop

SITES_MAX = 2_000
"""Of an account so many sites are told one by one; further ones count as the account itself."""


class WorkFor(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of work, as one account is told of it."""

    work: Maintenance
    place: str
    zone: str
    impact: Impact
    sites: tuple[Touched, ...]
    """The sites that it touches, the worst first; none where only the account's users come there."""


class AccountWork(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is not over, the next first, then what is over, the latest first."""

    account: str
    name: str
    pops: tuple[PopId, ...]
    """Those of its sites, failover PoPs included, and those that it used of late."""
    works: tuple[WorkFor, ...]

    def find(self, name: str) -> WorkFor:
        """One of them, by its id; `UnknownError` where it is not among them."""
        found = next((one for one in self.works if one.work.id == name), None)
        if found is None:
            raise UnknownError(f"no work {name[:120]} touches account {self.account[:80]}")
        return found

    @property
    def next(self) -> WorkFor:
        """The one under way, or the next to come, or the last that was; `UnknownError` where there is none."""
        if not self.works:
            raise UnknownError(
                f"no work is planned, or was done of late, that touches account {self.account[:80]}"
            )
        return self.works[0]


def seen(
    store: Store, caller: Caller, account: str, picture: StatusPicture, act: Act = Act.SEE_ACCOUNT
) -> AccountWork:
    """What touches an account. It may ask for itself, another one's token learns not even whether there is one."""
    require_account(caller, account, act)
    with store.read() as view:
        account_features.require_known(view, account)
        sites = view.find(Site, account=account)[:SITES_MAX]
        return of(view, account, sites, picture, inspection_of(view, sites, picture))


def of(
    view: View, account: str, sites: Sequence[Site], picture: StatusPicture, inspection: Inspection
) -> AccountWork:
    """What touches an account whose sites are known, for other answers about it."""
    known, consoles = view.get(Account, account), picture.consoles
    homes, visits = account_features.pops_of(view, account)
    pops = tuple(dict.fromkeys([*homes, *visits]))
    works = picture.of_pops([*pops, *consoles])
    past = [one for pop in (*pops, *consoles) if pop in picture.places for one in picture.places[pop].past]
    past.sort(key=lambda one: (one.over_at or one.changed_at, one.id), reverse=True)
    return AccountWork(
        account=account,
        name=known.name if known is not None and known.name else account,
        pops=pops,
        works=tuple(work_for(one, picture.places[one.pop], sites, inspection) for one in (*works, *past)),
    )


def work_for(work: Maintenance, place: PlaceSeen, sites: Sequence[Site], inspection: Inspection) -> WorkFor:
    """One stretch of work, to the account whose sites these are."""
    touched = tuple(impact.of_sites(sites, work.pop, place.serves, inspection))
    felt = impact.worst(touched)
    if not touched and place.serves is Serves.EDGE:
        felt = Impact.DEGRADED  # its users come there, of whom no record tells more
    return WorkFor(work=work, place=place.name, zone=place.zone, impact=felt, sites=touched)


def inspection_of(view: View, sites: Sequence[Site], picture: StatusPicture) -> Inspection:
    """Of the account's own PoPs alone, with the windows that are planned for them."""
    names = {name for site in sites for name in (site.primary, site.secondary) if name}
    pops = {name: pop for name in names if (pop := view.get(Pop, name)) is not None}
    groups = (
        {group.id: group for group in view.find(Group) if names.intersection(group.members)} if names else {}
    )
    stops = [
        Stop(pop=work.pop, wave=0, ring="", opens=work.starts, closes=work.ends)
        for work in picture.of_pops(names)
        if work.state in OPEN
    ]
    return Inspection(Fleet(pops=pops, groups=groups), stops, "pop")
