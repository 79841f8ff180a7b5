"""Nodes: what becomes of a node that a person retires or rebuilds?"""

from collections.abc import Callable

import msgspec

from wavetrain.control.chronicle import tell
from wavetrain.control.facts import ledger_of
from wavetrain.control.ports import Store, Transaction, View
from wavetrain.control.rollouts import active, check_reason
from wavetrain.decide import staffing
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import UnknownError
from wavetrain.model.access import Certificate, Join
from wavetrain.model.fleet import Desired, NodeId, Pop, Quarantine, Rebuilt, Reported, Retired, UnitId
from wavetrain.model.lane import LANES, UnitKind
from wavetrain.model.rollout import Slot, Turn


class Tended(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to a node: the slots that it gave back, and the rollouts that now plan without or with it.

    `too_late`: the rollouts whose turn in its PoP is done already, so that a rebuilt node waits for the next train.
    """

    node: str
    slots: tuple[str, ...]
    rollouts: tuple[str, ...]
    too_late: tuple[str, ...] = ()


def retire(store: Store, caller: Caller, node: str, reason: str) -> Tended:
    """Take a node out for good, or until it is rebuilt: it owns no slot, no turn counts on it, it is told nothing.

    Nobody is this node any more: its certificates are revoked, and once rebuilt it joins anew.
    """
    require(caller, Act.TEND)
    check_reason("retire", reason)
    with store.write() as transaction:
        pop = _home(transaction, node)
        tended = _let_go(transaction, pop, node, staffing.without)
        certificates, _ = disown(transaction, node)
        if transaction.get(Retired, node) is None:
            transaction.put(Retired(node=NodeId(node), by=caller.name, since=transaction.now, reason=reason))
        revoked = f"; {certificates} certificates revoked" if certificates else ""
        _journal(transaction, caller, tended, f"retired: {reason}{revoked}")
    return tended


def rebuild(store: Store, caller: Caller, node: str, reason: str) -> Tended:
    """A node starts anew: what it said and was told is forgotten, and a rollout under way offers it again.

    A rollout whose turn in the node's PoP is done does not: the next one reaches it.
    """
    require(caller, Act.TEND)
    check_reason("rebuild", reason)
    with store.write() as transaction:
        pop = _home(transaction, node)
        tended = _let_go(transaction, pop, node, staffing.afresh)
        tended = msgspec.structs.replace(tended, too_late=_done(transaction, pop))
        _part(transaction, NodeId(node))
        for kind in (Retired, Reported):
            known = transaction.get(kind, node)
            if known is not None:
                transaction.remove(known)
        _journal(transaction, caller, tended, f"rebuilt: {reason}")
    return tended


def _part(transaction: Transaction, node: NodeId) -> None:
    """Remember by what the machine of before is told from the one that comes: its reports may still be on their way."""
    said, before = transaction.get(Reported, node), transaction.get(Rebuilt, node)
    if said is not None and said.boot:
        transaction.put(
            Rebuilt(
                node=node,
                boot=said.boot,
                generation=ledger_of(transaction).generation,
                at=transaction.now,
                version=before.version if before is not None else 0,
            )
        )


def disown(transaction: Transaction, node: str) -> tuple[int, int]:
    """Revoke what a node is known by; how many certificates, and how many join tokens that were still to be used."""
    certificates = [item for item in transaction.find(Certificate, node=node) if not item.revoked]
    joins = [item for item in transaction.find(Join, node=node) if item.used_at is None and not item.revoked]
    for item in (*certificates, *joins):
        transaction.put(item.changed(revoked=True))
    return len(certificates), len(joins)


def home_of(view: View, node: str) -> Pop | None:
    """The PoP that a node belongs to, or None."""
    said = view.get(Reported, node)
    if said is not None:
        pop = view.get(Pop, said.pop)
        if pop is not None and node in pop.nodes:
            return pop
    return next((pop for pop in view.find(Pop) if node in pop.nodes), None)


def _home(view: View, node: str) -> Pop:
    pop = home_of(view, node)
    if pop is None:
        raise UnknownError(f"there is no node {node[:120]} in the fleet; see: wavetrain fleet show")
    return pop


def _let_go(transaction: Transaction, pop: Pop, node: str, restaff: Callable[[Turn, UnitId], Turn]) -> Tended:
    """Free its slots, take its orders and quarantine away, and let every turn under way follow."""
    slots = [slot for slot in transaction.find(Slot, pop=pop.id) if slot.owner == node]
    for slot in slots:
        transaction.remove(slot)
    for kind in (Desired, Quarantine):
        known = transaction.get(kind, node)
        if known is not None:
            transaction.remove(known)
    touched = []
    for rollout in active(transaction):
        turn = transaction.get(Turn, rollout.id, pop.id)
        if turn is None or LANES[rollout.lane].unit is not UnitKind.NODE:
            continue
        after = restaff(turn, UnitId(node + LANES[rollout.lane].suffix))
        if after != turn:
            transaction.put(after)
            touched.append(rollout.id)
    return Tended(
        node=node,
        slots=tuple(f"{slot.budget}/{slot.ordinal}" for slot in slots),
        rollouts=tuple(touched),
    )


def _done(view: View, pop: Pop) -> tuple[str, ...]:
    """The rollouts under way that have nothing left to do in this PoP."""
    mine = [(rollout, view.get(Turn, rollout.id, pop.id)) for rollout in active(view)]
    return tuple(rollout.id for rollout, turn in mine if turn is not None and turn.at_end)


def _journal(transaction: Transaction, caller: Caller, tended: Tended, text: str) -> None:
    freed = f"; frees {', '.join(tended.slots)}" if tended.slots else ""
    late = f"; too late for {', '.join(tended.too_late)}" if tended.too_late else ""
    rollout = tended.rollouts[0] if tended.rollouts else ""
    tell(
        transaction,
        caller,
        "node",
        tended.node,
        f"{text}{freed}{late}",
        rollout=rollout,
        slots=list(tended.slots),
        rollouts=list(tended.rollouts),
    )
