"""Account view: what does an account see of itself: work, wishes, features, and what would make it readier?"""

from collections.abc import Iterable

import msgspec

from wavetrain.control import account_features, account_work
from wavetrain.control.account_features import FeatureFor
from wavetrain.control.account_work import AccountWork
from wavetrain.control.ports import Store, View
from wavetrain.control.rollouts import active
from wavetrain.control.status_picture import StatusPicture
from wavetrain.decide.permit import Act, Caller, require_account
from wavetrain.decide.readiness import LISTED_MAX, Survey
from wavetrain.model.fleet import Account, AccountId, Blackout, PopId, Site
from wavetrain.model.rollout import Timetable, Unmet


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the account would rather have, and what the plans under way do not grant at its PoPs."""

    early: bool
    blackouts: tuple[Blackout, ...]
    unmet: tuple[Unmet, ...]


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """All that concerns one account."""

    work: AccountWork
    features: tuple[FeatureFor, ...]
    wishes: Wishes
    readiness: Survey
    """Its sites that an update of their PoP would hurt, with the predicted seconds and what would help."""
    users: int


def seen(
    store: Store, caller: Caller, account: str, picture: StatusPicture, act: Act = Act.SEE_ACCOUNT
) -> AccountView:
    """Everything at one instant, save the work, which is the picture's. An account may ask for itself alone."""
    require_account(caller, account, act)
    with store.read() as view:
        account_features.require_known(view, account)
        sites = view.find(Site, account=account)[: account_work.SITES_MAX]
        inspection = account_work.inspection_of(view, sites, picture)
        work = account_work.of(view, account, sites, picture, inspection)
        return AccountView(
            work=work,
            features=account_features.of_account(view, account),
            wishes=_wishes(view, account, work.pops),
            readiness=inspection.survey(sites, limit=LISTED_MAX),
            users=sum(site.users for site in sites),
        )


def _wishes(view: View, account: str, pops: Iterable[PopId]) -> Wishes:
    known = view.get(Account, account) or Account(id=AccountId(account))
    ours = frozenset(pops)
    unmet = [
        one
        for rollout in active(view)
        if rollout.timetable
        for one in _newest(view, rollout.id, rollout.timetable).unmet
        if ours.intersection(one.pops)
    ]
    return Wishes(early=known.early, blackouts=known.blackouts, unmet=tuple(unmet))


def _newest(view: View, rollout: str, number: int) -> Timetable:
    found = view.get(Timetable, rollout, str(number))
    assert found is not None, "a rollout names a timetable that there is"
    return found
