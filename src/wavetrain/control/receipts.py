"""Receipts: who is owed one, and what does each say? Made when work is over, and corrected when reports come late."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from wavetrain.control import account_features
from wavetrain.control.ports import Store, Transaction, View
from wavetrain.decide import receipt as receipts
from wavetrain.decide.permit import Act, Caller, require_account
from wavetrain.errors import RefusedError, StaleError, UnknownError
from wavetrain.model.fleet import Account, AccountId, PopId, Site
from wavetrain.model.maintenance import Maintenance
from wavetrain.model.receipt import Cost, Receipt, Reconnects

LATE: Final = timedelta(days=2)
"""Reports that come later correct nothing any more."""
WRITTEN_MAX: Final = 500
"""So many in one commit."""
LISTED_MAX: Final = 500
KEPT_MAX: Final = 500
"""So many receipts of an account are kept, the latest."""
REPORTS_KEPT: Final = timedelta(days=62)
"""So long the reports of an account's sessions are kept."""

Owed = tuple[str, AccountId]


class Receipts:
    """Keeps the receipts in step with works and reports. One thread uses it."""

    def __init__(self, store: Store, promise_s: float = 10.0) -> None:
        self._store, self._promise_s = store, promise_s
        self._sequence = -1

    def look(self) -> int:
        """Write what is owed; how many were made or corrected. Raises what the store raises; then the next look
        finds the same owed."""
        with self._store.read() as view:
            sequence = view.sequence
            if sequence == self._sequence:
                return 0
            owed = self._owed(view)
            made = [found for one in sorted(owed) if (found := self._made(view, one)) is not None]
        for start in range(0, len(made), WRITTEN_MAX):
            some = made[start : start + WRITTEN_MAX]
            with self._store.write() as transaction:
                transaction.put_many(some)
                for account in {one.account for one in some}:
                    _forget(transaction, account)
        self._sequence = sequence
        return len(made)

    def _owed(self, view: View) -> set[Owed]:
        """Whose receipts may have become other since the last look; all of the last days at the first one."""
        works: list[Maintenance] = []
        reports: list[Reconnects] = []
        try:
            if self._sequence < 0:
                raise StaleError("the first look")
            for change in view.changes(self._sequence):
                if change.kind == Maintenance.__name__ and isinstance(change.record, Maintenance):
                    works.append(change.record)
                elif change.kind == Reconnects.__name__ and isinstance(change.record, Reconnects):
                    reports.append(change.record)
        except StaleError:
            first = view.now - LATE
            works = [
                one for one in view.find(Maintenance) if one.over_at is not None and one.over_at >= first
            ]
            reports = []
        owed = {
            (work.id, account)
            for work in works
            if receipts.is_due(work)
            for account in _accounts(view, work.pop)
        }
        return owed | {
            (cost.work, report.account) for report in reports for cost in report.costs if cost.work
        }

    def _made(self, view: View, owed: Owed) -> Receipt | None:
        """The receipt, where it says something new."""
        name, account = owed
        work = view.get(Maintenance, name)
        if work is None or not receipts.is_due(work) or view.get(Account, account) is None:
            return None
        before = view.get(Receipt, account, name)
        sites = [site.id for site in view.find(Site, account=account, primary=work.pop)]
        made = receipts.made(
            work,
            account,
            sites,
            _costs(view, work, account),
            promise_s=before.promise_s if before is not None else self._promise_s,
            now=view.now,
            before=before,
        )
        return None if made is before else made


class ReceiptSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt, and what it says in a sentence."""

    receipt: Receipt
    kept: bool
    worst_s: float
    text: str


def listed(store: Store, caller: Caller, account: str, limit: int = 50) -> list[ReceiptSeen]:
    """An account's, the latest first; another one's token learns not even whether there is one."""
    require_account(caller, account, Act.SEE_ACCOUNT)
    if not 0 < limit <= LISTED_MAX:
        raise RefusedError(f"a list of {limit} receipts is not possible; give a limit from 1 to {LISTED_MAX}")
    with store.read() as view:
        account_features.require_known(view, account)
        return latest(view, account, limit)


def latest(view: View, account: str, limit: int) -> list[ReceiptSeen]:
    """The last receipts of an account, the latest first."""
    found = sorted(view.find(Receipt, account=account), key=_age, reverse=True)
    return [seen_of(one) for one in found[:limit]]


def shown(store: Store, caller: Caller, account: str, maintenance: str) -> ReceiptSeen:
    """One of them."""
    require_account(caller, account, Act.SEE_ACCOUNT)
    with store.read() as view:
        account_features.require_known(view, account)
        found = view.get(Receipt, account, maintenance)
    if found is None:
        raise UnknownError(
            f"account {account[:80]} has no receipt for {maintenance[:120]}; see: wavetrain receipt list {account[:80]}"
        )
    return seen_of(found)


def seen_of(receipt: Receipt) -> ReceiptSeen:
    """As it is shown."""
    return ReceiptSeen(
        receipt=receipt,
        kept=receipts.is_kept(receipt),
        worst_s=receipts.worst_s(receipt),
        text=receipts.in_words(receipt),
    )


def _age(receipt: Receipt) -> tuple[datetime, str]:
    return receipt.ended, receipt.maintenance


def _forget(transaction: Transaction, account: str) -> None:
    """What is beyond what is kept of an account, whenever it gets something new."""
    for receipt in sorted(transaction.find(Receipt, account=account), key=_age)[:-KEPT_MAX]:
        transaction.remove(receipt)
    oldest = f"{transaction.now - REPORTS_KEPT:%Y-%m-%d}"
    for record in transaction.find(Reconnects, account=account):
        if record.day < oldest:
            transaction.remove(record)


def _accounts(view: View, pop: PopId) -> set[AccountId]:
    return {site.account for site in view.find(Site, primary=pop)}


def _costs(view: View, work: Maintenance, account: AccountId) -> Iterable[Cost]:
    """Of all days that the work lasted, and the one after."""
    assert work.began_at is not None
    assert work.over_at is not None
    day, last = work.began_at.date(), (work.over_at + timedelta(days=1)).date()
    while day <= last:
        record = view.get(Reconnects, account, day.isoformat(), work.pop)
        if record is not None:
            yield from (cost for cost in record.costs if cost.work == work.id)
        day += timedelta(days=1)
