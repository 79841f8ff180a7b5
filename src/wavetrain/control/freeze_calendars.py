"""Freeze calendars: what does importing one change, and may it?"""

from datetime import date

import msgspec

from wavetrain.control.chronicle import tell
from wavetrain.control.freezes import FREEZES_MAX, check_scope
from wavetrain.control.ports import Store, Transaction
from wavetrain.decide.freeze_calendar import Difference, difference, freezes_of, until_of
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import ForbiddenError, RefusedError
from wavetrain.model.freeze_calendar import FreezeCalendar
from wavetrain.model.window import Freeze


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What an import has done: the ids of freezes. `kept` have begun and stay until they end."""

    calendar: str
    until: date
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    over: tuple[str, ...]
    kept: tuple[str, ...]
    same: int


def bring(store: Store, caller: Caller, whole: FreezeCalendar, until: date | None = None) -> Imported:
    """Make the freezes of a calendar what its file says; the same file again changes nothing.

    A freeze that has begun may grow, but neither shrinks nor goes. To take away or to shorten one that is still to
    come needs the right to remove freezes.
    """
    require(caller, Act.FREEZE)
    with store.write() as transaction:
        last = until_of(until, transaction.now)
        there = transaction.find(Freeze)
        wanted = freezes_of(whole, caller.name, transaction.now, last)
        _check_scopes(transaction, whole)
        made = difference(whole.name, there, wanted, transaction.now)
        _may(caller, made)
        count = len(there) + len(made.added) - len(made.removed) - len(made.over)
        if count > FREEZES_MAX:
            raise RefusedError(
                f"calendar {whole.name} would make {count} freezes, {FREEZES_MAX} are the most; "
                "give an earlier --until, or choose fewer days"
            )
        _write(transaction, caller, made)
    return Imported(
        calendar=whole.name,
        until=last,
        added=tuple(item.id for item in made.added),
        changed=tuple(new.id for _, new in made.changed),
        removed=tuple(item.id for item in made.removed),
        over=tuple(item.id for item in made.over),
        kept=tuple(item.id for item in made.kept),
        same=made.same,
    )


def _may(caller: Caller, made: Difference) -> None:
    if not made.thaws:
        return
    try:
        require(caller, Act.THAW)
    except ForbiddenError as error:
        raise ForbiddenError(
            f"importing would lift {made.thaws[0].id} in whole or in part: {error}"
        ) from None


def _check_scopes(transaction: Transaction, whole: FreezeCalendar) -> None:
    for entry in whole.entries:
        check_scope(transaction, entry.scope, f"entry {entry.id} of calendar {whole.name}")


def _write(transaction: Transaction, caller: Caller, made: Difference) -> None:
    for freeze in made.added:
        transaction.put(freeze)
        tell(transaction, caller, "freeze", freeze.id, f"{_said(freeze)}, by calendar {freeze.calendar}")
    for old, new in made.changed:
        transaction.put(new)
        text = f"changed by calendar {new.calendar}: {_said(new)}; it was: {_said(old)}"
        tell(transaction, caller, "freeze", new.id, text)
    for freeze in made.removed:
        transaction.remove(freeze)
        tell(transaction, caller, "freeze", freeze.id, f"removed: calendar {freeze.calendar} has it no more")
    for freeze in made.over:
        transaction.remove(freeze)
        tell(
            transaction, caller, "freeze", freeze.id, f"cleared away: it is over since {freeze.ends:%Y-%m-%d}"
        )


def _said(freeze: Freeze) -> str:
    where = ", ".join(freeze.scope) or "everything"
    if freeze.first is not None:
        return f"{where} frozen from {freeze.first} to {freeze.last}, local days: {freeze.reason}"
    span = f"from {freeze.starts:%Y-%m-%d %H:%M} to {freeze.ends:%Y-%m-%d %H:%M} UTC"
    return f"{where} frozen {span}: {freeze.reason}"
