"""Freezes: in which span does nothing new move, and who said so?"""

from collections.abc import Sequence
from datetime import datetime

from wavetrain.control.chronicle import tell
from wavetrain.control.ports import Store, View
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError, UnknownError
from wavetrain.model.fleet import Pop, Region
from wavetrain.model.lane import LANES
from wavetrain.model.window import Freeze

FREEZES_MAX = 1_000


def add(
    store: Store,
    caller: Caller,
    *,
    starts: datetime,
    ends: datetime,
    reason: str,
    scope: Sequence[str] = (),
    freeze_id: str = "",
) -> Freeze:
    """Freeze a span (aware, UTC) for regions, PoPs or lanes; an empty scope binds everything."""
    require(caller, Act.FREEZE)
    with store.write() as transaction:
        named = freeze_id or _free_name(transaction, starts)
        if transaction.get(Freeze, named) is not None:
            raise RefusedError(f"freeze {named} is there already; remove it first, or give another id")
        if len(transaction.find(Freeze)) >= FREEZES_MAX:
            raise RefusedError(
                f"there are {FREEZES_MAX} freezes, which is the most; remove those that are over"
            )
        check_scope(transaction, scope, "the scope")
        try:
            freeze = Freeze(
                id=named, starts=starts, ends=ends, reason=reason, by=caller.name, scope=tuple(scope)
            )
        except ValueError as error:
            raise RefusedError(str(error)) from None
        if ends <= transaction.now:
            raise RefusedError(
                f"freeze {named} would be over since {ends:%Y-%m-%d %H:%M} UTC; give a later end"
            )
        freeze = transaction.put(freeze)
        where = ", ".join(scope) or "everything"
        text = f"{where} frozen from {starts:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC: {reason}"
        tell(transaction, caller, "freeze", named, text)
    return freeze


def remove(store: Store, caller: Caller, freeze_id: str) -> None:
    """Lift a freeze."""
    require(caller, Act.THAW)
    with store.write() as transaction:
        freeze = transaction.get(Freeze, freeze_id)
        if freeze is None:
            raise UnknownError(f"there is no freeze {freeze_id[:120]}; see: wavetrain freeze list")
        transaction.remove(freeze)
        tell(
            transaction, caller, "freeze", freeze.id, f"removed; it was added by {freeze.by}: {freeze.reason}"
        )


def _free_name(view: View, starts: datetime) -> str:
    taken = {item.id for item in view.find(Freeze)}
    ordinal = 1
    while (name := f"freeze-{starts:%Y%m%d}-{ordinal}") in taken:
        ordinal += 1
    return name


def check_scope(view: View, scope: Sequence[str], whose: str) -> None:
    """`UnknownError` for a name that is neither a region, a PoP nor a lane; `whose` says where it stands."""
    for name in scope:
        known = name in LANES or view.get(Pop, name) is not None or view.get(Region, name) is not None
        if not known:
            raise UnknownError(
                f"{whose} names {name[:120]}, which is no region, PoP or lane; see: wavetrain fleet show"
            )
