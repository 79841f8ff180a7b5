"""Receipt notices: which receipts are told now, and which in a while?"""

from collections.abc import Iterable
from datetime import datetime

from wavetrain.control.customer_notice import Notice
from wavetrain.control.listeners import Listeners
from wavetrain.control.ports import View
from wavetrain.decide import customer_notices
from wavetrain.model.fleet import Account
from wavetrain.model.receipt import Receipt
from wavetrain.model.subscription import Heard, Topic

_MARK = "\x1freceipt\x1f"
"""No stretch of work has such an id."""


def name_of(receipt: Receipt) -> str:
    """Where it stands among what is to be looked at."""
    return f"{receipt.account}{_MARK}{receipt.maintenance}"


def due(
    view: View, listeners: Listeners, names: Iterable[str]
) -> tuple[list[tuple[Notice, Heard, Receipt]], list[tuple[datetime, str]]]:
    """Those of some names that are told now; and when to look again at others."""
    now: list[tuple[Notice, Heard, Receipt]] = []
    later: list[tuple[datetime, str]] = []
    for name in sorted(name for name in names if _MARK in name):
        account, _, maintenance = name.partition(_MARK)
        listener, receipt = listeners.known.get(account), view.get(Receipt, account, maintenance)
        if listener is None or receipt is None or receipt.made_at < listener.since:
            continue
        heard = view.get(Heard, customer_notices.receipt_name(receipt), account)
        at = customer_notices.receipt_due(receipt, heard)
        if at is None:
            continue
        if at > view.now:
            later.append((at, name))
            continue
        known = view.get(Account, account)
        notice = Notice(
            id=customer_notices.id_of_receipt(receipt),
            account=account,
            name=known.name if known is not None and known.name else account,
            topic=Topic.RECEIPT,
            at=view.now,
            receipt=receipt,
        )
        now.append((notice, customer_notices.heard_of_receipt(receipt, view.now), receipt))
    return now, later
