"""Cordons: which PoP or node gets no new work by a person's word?"""

from wavetrain.control.chronicle import tell
from wavetrain.control.nodes import home_of
from wavetrain.control.ports import Store, View
from wavetrain.control.rollouts import check_reason
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import UnknownError
from wavetrain.model.fleet import Cordon, Pop


def cordon(store: Store, caller: Caller, subject: str, reason: str) -> Cordon:
    """Nothing new starts there; a revert still may. A second time changes nothing."""
    require(caller, Act.CORDON)
    check_reason("cordon", reason)
    with store.write() as transaction:
        check_known(transaction, subject)
        known = transaction.get(Cordon, subject)
        if known is not None:
            return known
        made = Cordon(subject=subject, by=caller.name, since=transaction.now, reason=reason)
        made = transaction.put(made)
        tell(transaction, caller, "cordon", subject, f"cordoned: {reason}")
    return made


def uncordon(store: Store, caller: Caller, subject: str) -> None:
    """Give it work again."""
    require(caller, Act.CORDON)
    with store.write() as transaction:
        check_known(transaction, subject)
        known = transaction.get(Cordon, subject)
        if known is None:
            return
        transaction.remove(known)
        tell(
            transaction, caller, "cordon", subject, f"uncordoned; {known.by} had cordoned it: {known.reason}"
        )


def check_known(view: View, subject: str) -> None:
    """`UnknownError` for what is neither a PoP nor a node."""
    if view.get(Pop, subject) is None and home_of(view, subject) is None:
        raise UnknownError(f"there is no PoP or node {subject[:120]}; see: wavetrain fleet show")
