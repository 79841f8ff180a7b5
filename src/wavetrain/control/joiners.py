"""Joiners: what is a node told that joins a running fleet?"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from wavetrain.control.chronicle import tell
from wavetrain.control.facts import ledger_of, policy_of
from wavetrain.control.ports import Store, Transaction, View
from wavetrain.control.rollouts import active
from wavetrain.decide import desired
from wavetrain.decide.alteration import homes
from wavetrain.decide.permit import Caller
from wavetrain.model.fleet import Cordon, Desired, Fleet, NodeId, Pop, PopId, Reported, Serves, UnitId
from wavetrain.model.journal import Entry
from wavetrain.model.lane import LANES, UnitKind
from wavetrain.model.plan import Hold
from wavetrain.model.policy import CurrentPolicy, Timing
from wavetrain.model.release import Tombstone
from wavetrain.model.rollout import Rollout, Status, Turn
from wavetrain.model.standstill import Standstill
from wavetrain.model.window import Freeze

LANE = "pop"
"""The lane whose releases a node runs as its own program."""


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes that join a PoP: the release that they are told, and the rollouts whose turn there they are added to."""

    pop: str
    nodes: int
    release: str
    rollouts: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """For people."""
        who = "1 node joins" if self.nodes == 1 else f"{self.nodes} nodes join"
        with_them = f", and {'goes' if self.nodes == 1 else 'go'} with {', '.join(self.rollouts)}"
        return f"{who} {self.pop}: told {self.release}{with_them if self.rollouts else ''}"


def take_in(transaction: Transaction, caller: Caller, before: Fleet, after: Fleet) -> tuple[Joined, ...]:
    """Tell the nodes that `after` adds what most of their PoP runs; in a PoP that joins, what most of the fleet does.

    Where nobody has reported a release nobody is told one: the first nodes of a fleet are adopted as they are.
    """
    known = homes(before)
    new = {
        name: nodes for name, pop in after.pops.items() if (nodes := [n for n in pop.nodes if n not in known])
    }
    if not new or not known:
        return ()
    shunned = _shunned(transaction)
    of_fleet: dict[Serves, str] = {}
    for serves in {after.pops[name].serves for name in new if name not in before.pops}:
        alike = homes(before.serving(serves))
        of_fleet[serves] = _of_fleet(transaction, alike, shunned)
    under_way = [rollout for rollout in active(transaction) if LANES[rollout.lane].unit is UnitKind.NODE]
    made: list[Joined] = []
    orders: list[Desired] = []
    ledger = ledger_of(transaction)
    generation = ledger.generation
    for name, nodes in new.items():
        said = [item for item in transaction.find(Reported, pop=name) if item.node in known]
        release = desired.majority(said, shunned) or of_fleet.get(after.pops[name].serves, "")
        rollouts = _add(transaction, under_way, name, nodes)
        if release:
            for node in nodes:
                generation = generation.following()
                orders.append(
                    Desired(node=node, pop=name, generation=generation, release=release, joins=True)
                )
        if release or rollouts:
            made.append(
                Joined(pop=name, nodes=len(nodes), release=release or "nothing yet", rollouts=rollouts)
            )
    transaction.put_many(orders)
    if generation != ledger.generation:
        transaction.put(ledger.changed(generation=generation))
    for item in made:
        tell(transaction, caller, "pop", item.pop, item.text)
    return tuple(made)


def _shunned(view: View) -> set[str]:
    """The releases that nobody is to be told any more."""
    going_back = view.find(Rollout, status=Status.REVERTING.value)
    return {item.number for item in view.find(Tombstone)} | {rollout.number for rollout in going_back}


def _of_fleet(view: View, known: Iterable[NodeId], shunned: set[str]) -> str:
    members = set(known)
    return desired.majority((item for item in view.find(Reported) if item.node in members), shunned)


def _add(
    transaction: Transaction, under_way: Iterable[Rollout], pop: PopId, nodes: Iterable[NodeId]
) -> tuple[str, ...]:
    """To the turns of their PoP that are not done."""
    touched = []
    for rollout in under_way:
        turn = transaction.get(Turn, rollout.id, pop)
        if turn is None:
            continue
        after = desired.joined(turn, [UnitId(node + LANES[rollout.lane].suffix) for node in nodes])
        if after != turn:
            transaction.put(after)
            touched.append(str(rollout.id))
    return tuple(touched)


def hold_of(view: View, order: Desired) -> Hold | None:
    """Why a node that joins does not move to what it was told; None where it may, or has, or has not reported."""
    said, pop = view.get(Reported, order.node), view.get(Pop, order.pop)
    if said is None or pop is None or not desired.is_joining(order, said):
        return None
    return _hold(view, order, said, pop)


def _hold(view: View, order: Desired, said: Reported, pop: Pop) -> Hold | None:
    cordoned = [name for name in (order.node, order.pop) if view.get(Cordon, name) is not None]
    return desired.joiner_hold(order, said, pop, _timing(view), view.find(Freeze), cordoned, view.now)


def settle(store: Store) -> int:
    """One tick: every node that joins gets its permission once nothing stands against it; how many commits.

    A permission that came to nothing is followed by another one under a newer generation. What may not be run any
    more is not waited for: then the node's own release is what it should run.
    """
    with store.read() as view:
        if not _orders(view):
            return 0
    with store.write() as transaction:
        ledger = ledger_of(transaction)
        generation = ledger.generation
        for order in _orders(transaction):
            generation = generation.following()
            transaction.put(order.changed(generation=generation))
            what = f"may go to {order.release}" if order.joins else f"stays on {order.release}"
            entry = Entry(
                at=transaction.now,
                who="tick",
                kind="unit",
                subject=order.node,
                text=f"{order.node} joins: {what}",
            )
            transaction.note([entry])
        if generation == ledger.generation:
            return 0
        transaction.put(ledger.changed(generation=generation))
    return 1


def is_busy(view: View) -> bool:
    """Whether a node that joins is on its way, so that train time must not jump."""
    return any(
        (said := view.get(Reported, order.node)) is not None
        and desired.is_joining(order, said)
        and desired.is_on_its_way(order, said, view.steady)
        for order in view.find(Desired, rollout="")
        if order.joins
    )


def next_opening(view: View) -> datetime | None:
    """When the first of the nodes that join may move, as far as that is known; None where none waits for a time."""
    holds = [hold_of(view, order) for order in view.find(Desired, rollout="") if order.joins]
    ends = [hold.until for hold in holds if hold is not None and hold.until is not None]
    return min((until for until in ends if until > view.now), default=None)


def _orders(view: View) -> list[Desired]:
    """The orders of nodes that join as they should be now, where that is another than they are."""
    waiting = [order for order in view.find(Desired, rollout="") if order.joins]
    if not waiting or view.find(Standstill):
        return []
    shunned, timing = _shunned(view), _timing(view)
    made = []
    for order in waiting:
        said, pop = view.get(Reported, order.node), view.get(Pop, order.pop)
        if said is None or pop is None or not desired.is_joining(order, said):
            continue
        if order.release in shunned:
            made.append(order.changed(release=said.release, joins=False, permitted_s=0.0, permitted_at=0.0))
            continue
        if desired.is_on_its_way(order, said, view.steady) or desired.is_tired(order, view.steady):
            continue
        if _hold(view, order, said, pop) is None:
            made.append(order.changed(permitted_s=timing.permission_s, permitted_at=view.steady))
    return made


def _timing(view: View) -> Timing:
    """Of the policy that new rollouts of the nodes' lane would have."""
    current = view.get(CurrentPolicy, LANE)
    return policy_of(view, current.digest).timing if current is not None else Timing()
