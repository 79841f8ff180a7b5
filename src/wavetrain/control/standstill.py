"""Standstill: what has brought everything to a stand, and who lets it go on?"""

from datetime import datetime

import msgspec

from wavetrain.control import restored
from wavetrain.control.chronicle import tell
from wavetrain.control.ports import Store
from wavetrain.control.restored import Difference
from wavetrain.control.rollouts import check_reason
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import TransitionError, UnknownError
from wavetrain.model.standstill import Cause, Standstill


class StandstillSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing moves, since when, and what a person would accept; `difference` is of a restored store alone."""

    cause: str
    since: datetime
    detail: str
    difference: Difference | None = None


def seen(store: Store, caller: Caller) -> list[StandstillSeen]:
    """Everything that keeps the fleet at a stand; empty where it may move."""
    require(caller, Act.READ)
    with store.read() as view:
        return [
            StandstillSeen(
                cause=item.cause.value,
                since=item.since,
                detail=item.detail,
                difference=restored.difference(view) if item.cause is Cause.RESTORE else None,
            )
            for item in view.find(Standstill)
        ]


def confirm(store: Store, caller: Caller, cause: str, reason: str, shown: str = "") -> StandstillSeen:
    """A person lets everything go on: the clock is taken as it is, or the nodes' reports are taken as the truth.

    For a restored store `shown` is the digest of the difference that the person has seen; another one by now is
    refused, so that nobody confirms what they have not read.
    """
    require(caller, Act.APPROVE)
    check_reason("confirm", reason)
    with store.write() as transaction:
        known = transaction.get(Standstill, cause)
        if known is None:
            raise UnknownError(f"nothing stands still for `{cause[:40]}`; see: wavetrain standstill show")
        made = None
        if known.cause is Cause.RESTORE:
            made = restored.difference(transaction)
            if made.digest != shown:
                raise TransitionError(
                    "the difference is another one than was shown; look at it again: wavetrain standstill show"
                )
            restored.settle(transaction)
        transaction.remove(known)
        tell(transaction, caller, "standstill", cause, f"confirmed: {reason}; it was: {known.detail}")
        return StandstillSeen(cause=cause, since=known.since, detail=known.detail, difference=made)
