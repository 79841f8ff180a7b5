"""Account view: what does an account see of itself: work, wishes, features, and what would make it readier?"""

from collections import Counter
from datetime import datetime
from itertools import islice

import msgspec

from wavetrain.control import (
    account_features,
    account_settings,
    account_wishes,
    account_work,
    forecast,
    receipts,
)
from wavetrain.control.account_features import FeatureFor
from wavetrain.control.account_settings import SettingsSeen
from wavetrain.control.account_work import AccountWork, WorkFor
from wavetrain.control.outlooks import Outlooks
from wavetrain.control.ports import Store, View
from wavetrain.control.receipts import ReceiptSeen
from wavetrain.control.status_picture import StatusPicture
from wavetrain.decide.permit import Act, Caller, require_account
from wavetrain.decide.readiness import LISTED_MAX, Survey
from wavetrain.decide.ungranted import Ungranted
from wavetrain.model.fleet import Blackout, PopId, Site
from wavetrain.model.lane import POP
from wavetrain.model.maintenance import OPEN, Course, MaintenanceState

RECEIPTS_MAX = 10
AHEAD_MAX = 200
"""So many disturbances to come are told with their range; the calendar has all."""


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """One disturbance to come. It is expected between the two instants; `latest` is None while that is open.

    `why`: why it is then, in words. `open`: what keeps the end open.
    """

    work: str
    pop: PopId
    place: str
    roles: tuple[str, ...]
    """What the PoP is to the account: `primary`, `secondary` (it takes over), `visited` or `console`."""
    earliest: datetime
    latest: datetime | None
    why: str
    open: str


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the account would rather have, and what work under way does not grant of it."""

    early: bool
    blackouts: tuple[Blackout, ...]
    unmet: tuple[Ungranted, ...]


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """All that concerns one account."""

    work: AccountWork
    ahead: tuple[Ahead, ...]
    """The disturbances to come, the next first."""
    features: tuple[FeatureFor, ...]
    wishes: Wishes
    settings: SettingsSeen
    readiness: Survey
    """Its sites that an update of their PoP would hurt, with the predicted seconds and what would help."""
    users: int
    receipts: tuple[ReceiptSeen, ...] = ()
    """What the last work has cost it, the latest first."""


def seen(
    store: Store,
    caller: Caller,
    account: str,
    picture: StatusPicture,
    act: Act = Act.SEE_ACCOUNT,
    *,
    outlooks: Outlooks | None = None,
) -> AccountView:
    """All that concerns an account: its PoPs, work, wishes, features, readiness. It may ask for itself alone.

    Everything is of one instant, save the work and its outlook, which are as the picture and the last look ahead have
    them.
    """
    require_account(caller, account, act)
    with store.read() as view:
        account_features.require_known(view, account)
        sites = view.find(Site, account=account)[: account_work.SITES_MAX]
        inspection = account_work.inspection_of(view, sites, picture)
        work = account_work.of(view, account, sites, picture, inspection)
        settings = account_settings.of_account(view, account)
        comes = outlooks.coming if outlooks is not None else forecast.coming
        return AccountView(
            work=work,
            ahead=_ahead(work, sites, picture, outlooks),
            features=account_features.of_account(view, account, comes),
            wishes=_wishes(view, work, sites, picture, settings, outlooks),
            settings=settings,
            readiness=inspection.survey(sites, limit=LISTED_MAX),
            users=sum(site.users for site in sites),
            receipts=tuple(receipts.latest(view, account, RECEIPTS_MAX)),
        )


def _ahead(
    work: AccountWork, sites: list[Site], picture: StatusPicture, outlooks: Outlooks | None
) -> tuple[Ahead, ...]:
    roles: dict[str, set[str]] = {}
    for site in sites:
        roles.setdefault(site.primary, set()).add("primary")
        roles.setdefault(site.secondary, set()).add("secondary")
    roles |= {console: {"console"} for console in picture.consoles}
    coming = (one for one in work.works if one.work.state is MaintenanceState.SCHEDULED)
    found = [
        _one(one, tuple(sorted(roles.get(one.work.pop, {"visited"}))), outlooks)
        for one in islice(coming, AHEAD_MAX)
    ]
    return tuple(sorted(found, key=lambda one: (one.earliest, one.work)))


def _one(told: WorkFor, roles: tuple[str, ...], outlooks: Outlooks | None) -> Ahead:
    work = told.work
    expected = outlooks.of(work.rollout, work.pop) if outlooks is not None else None
    moved = f"it was moved: {work.reason}" if work.was is not None and work.reason else ""
    said = [expected.why if expected is not None else "the window that its timetable names", moved]
    return Ahead(
        work=work.id,
        pop=work.pop,
        place=told.place,
        roles=roles,
        earliest=max(expected.earliest, work.starts) if expected is not None else work.starts,
        latest=expected.latest if expected is not None else work.ends,
        why="; ".join(part for part in said if part),
        open=expected.open if expected is not None else "",
    )


def _wishes(
    view: View,
    work: AccountWork,
    sites: list[Site],
    picture: StatusPicture,
    settings: SettingsSeen,
    outlooks: Outlooks | None,
) -> Wishes:
    pairs = Counter((site.primary, site.secondary) for site in sites if site.secondary)
    ahead = [
        one.work
        for one in work.works
        if one.work.state in OPEN and one.work.lane == POP.name and one.work.course is Course.FORWARD
    ]
    return Wishes(
        early=settings.counts.early[POP.name],
        blackouts=settings.counts.blackouts,
        unmet=account_wishes.ungranted_of(
            view, work.account, ahead, pairs, {site.primary for site in sites}, picture, outlooks
        ),
    )
