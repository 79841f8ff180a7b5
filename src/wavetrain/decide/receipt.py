"""Receipt: what did a maintenance cost an account, summed up from its own sessions' reports?"""

from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec

from wavetrain.decide.reconnecting import MOVED_S_MAX
from wavetrain.model.fleet import AccountId
from wavetrain.model.maintenance import Maintenance, MaintenanceState
from wavetrain.model.receipt import Code, Cost, Receipt, Reconnect, SiteCost

USERS = "users"
OVER = frozenset({MaintenanceState.COMPLETED, MaintenanceState.CANCELLED})


def is_due(work: Maintenance) -> bool:
    """Whether it is over and has disturbed anybody it could."""
    return work.state in OVER and work.began_at is not None and work.over_at is not None


def added(costs: Iterable[Cost], came: Reconnect, sessions_max: int) -> tuple[Cost, ...]:
    """The same with one more reconnect; those beyond `sessions_max` different sessions count with the users'."""
    kept = {(one.work, one.session): one for one in costs}
    session = USERS if came.is_user else came.session
    if (came.work, session) not in kept and len(kept) >= sessions_max:
        session = USERS
    known = kept.get((came.work, session)) or Cost(
        work=came.work, session=session, sessions=0, moved=0, lost_s=0.0, worst_s=0.0
    )
    kept[came.work, session] = msgspec.structs.replace(
        known,
        sessions=known.sessions + 1,
        moved=known.moved + (came.code in (Code.MOVED, Code.INVITED) and came.lost_s <= MOVED_S_MAX),
        lost_s=round(known.lost_s + came.lost_s, 3),
        worst_s=max(known.worst_s, came.lost_s),
        codes={**known.codes, came.code: known.codes.get(came.code, 0) + 1},
    )
    return tuple(kept.values())


def made(
    work: Maintenance,
    account: AccountId,
    sites: Collection[str],
    costs: Iterable[Cost],
    *,
    promise_s: float,
    now: datetime,
    before: Receipt | None,
) -> Receipt:
    """The receipt of a maintenance that is over; the one `before` where it says the same."""
    assert work.began_at is not None
    assert work.over_at is not None
    by_site: dict[str, SiteCost] = {}
    for cost in costs:
        known = by_site.get(cost.session)
        by_site[cost.session] = _site(cost) if known is None else _together(known, cost)
    heard = {name for name in by_site if name != USERS}
    receipt = Receipt(
        account=account,
        maintenance=work.id,
        rollout=work.rollout,
        pop=work.pop,
        release=work.release,
        began=work.began_at,
        ended=work.over_at,
        made_at=now,
        promise_s=promise_s,
        sites=tuple(sorted(by_site.values(), key=lambda one: (-one.worst_s, one.site))),
        silent=len(set(sites) - heard),
    )
    if before is None:
        return receipt
    same = msgspec.structs.replace(
        receipt, made_at=before.made_at, version=before.version, amended=before.amended
    )
    return before if same == before else receipt.changed(version=before.version, amended=before.amended + 1)


def worst_s(receipt: Receipt) -> float:
    """What the site that lost most lost at once, in seconds."""
    return max((site.worst_s for site in receipt.sites), default=0.0)


def is_kept(receipt: Receipt) -> bool:
    """Whether the promise was kept."""
    return worst_s(receipt) <= receipt.promise_s


def in_words(receipt: Receipt) -> str:
    """One sentence for people."""
    sessions = sum(site.sessions for site in receipt.sites)
    moved = sum(site.moved for site in receipt.sites)
    silent = f"; {receipt.silent} sites reported no reconnect" if receipt.silent else ""
    if not sessions:
        return f"nothing was reported lost{silent}"
    kept = "kept" if is_kept(receipt) else "not kept"
    lost = round(sum(site.lost_s for site in receipt.sites), 1)
    return (
        f"{sessions} sessions were opened anew, {moved} of them without a loss; {lost:g} s lost in all, "
        f"{worst_s(receipt):.1f} s at once at the most: the promise of {receipt.promise_s:g} s was {kept}{silent}"
    )


def _site(cost: Cost) -> SiteCost:
    return SiteCost(
        site=cost.session,
        sessions=cost.sessions,
        moved=cost.moved,
        lost_s=cost.lost_s,
        worst_s=cost.worst_s,
        codes=cost.codes,
    )


def _together(site: SiteCost, cost: Cost) -> SiteCost:
    codes = {code: site.codes.get(code, 0) + cost.codes.get(code, 0) for code in {**site.codes, **cost.codes}}
    return SiteCost(
        site=site.site,
        sessions=site.sessions + cost.sessions,
        moved=site.moved + cost.moved,
        lost_s=round(site.lost_s + cost.lost_s, 3),
        worst_s=max(site.worst_s, cost.worst_s),
        codes=codes,
    )
