"""Fleets: what would a fleet file change, and may it?"""

from collections import Counter
from collections.abc import Iterable

import msgspec

from wavetrain.control import joiners
from wavetrain.control.chronicle import tell
from wavetrain.control.facts import fleet_of, ledger_of, policy_of, sites_of
from wavetrain.control.joiners import Joined
from wavetrain.control.ports import Store, Transaction, View
from wavetrain.control.rollouts import active
from wavetrain.decide import alteration
from wavetrain.decide.alteration import Alteration, homes
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError, TransitionError
from wavetrain.model.fleet import (
    Cordon,
    Desired,
    Fleet,
    NodeId,
    Pop,
    Quarantine,
    Reported,
    Retired,
)
from wavetrain.model.lane import LANES, UnitKind, node_of
from wavetrain.model.policy import CurrentPolicy
from wavetrain.model.record import Record
from wavetrain.model.rollout import Slot, Turn

NAMES_SHOWN_MAX = 20
NAMES_GIVEN_MAX = 1_000
"""Of what a large fleet adds, changes or removes, so many are named; `counts` has them all."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What a fleet would change, each as `kind id`, the first of many; `counts` says how many, by kind."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    counts: dict[str, dict[str, int]] = {}
    consequences: tuple[str, ...] = ()
    joined: tuple[Joined, ...] = ()
    """The nodes that join a fleet which is running, once it is applied."""
    pops: int = 0
    nodes: int = 0
    sites: int = 0

    @property
    def text(self) -> str:
        """One line for people."""
        parts = [
            f"{sum(self.counts[word].values())} {word} ({_listed(names, self.counts[word])})"
            for word, names in (("added", self.added), ("changed", self.changed), ("removed", self.removed))
            if names
        ]
        return f"{_size(self)}: {'; '.join(parts) or 'nothing changes'}"


def _size(difference: Difference) -> str:
    sites = f", {difference.sites} sites" if difference.sites else ""
    return f"{difference.pops} PoPs, {difference.nodes} nodes{sites}"


def _listed(names: tuple[str, ...], counts: dict[str, int]) -> str:
    """All by name, or where they are too many, by kind."""
    if sum(counts.values()) <= NAMES_SHOWN_MAX:
        return ", ".join(names)
    return ", ".join(f"{number} {kind}{'s' if number > 1 else ''}" for kind, number in counts.items())


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """The baseline that was taken over: which nodes run which release, and which said nothing yet."""

    mix: dict[str, tuple[str, ...]]
    silent: tuple[str, ...]
    text: str


def current(store: Store) -> Fleet:
    """The fleet as applied, without its sites."""
    with store.read() as view:
        return fleet_of(view)


def check(store: Store, caller: Caller, fleet: Fleet) -> Difference:
    """What applying the fleet would change; raises what `apply` would raise."""
    require(caller, Act.READ)
    with store.read() as view:
        before = _with_sites(view)
        altered = alteration.compare(before, fleet)
        _check(view, before, fleet)
    return _difference(altered, before, fleet)


def apply(store: Store, caller: Caller, fleet: Fleet) -> Difference:
    """Make the fleet what the file says, while rollouts go on.

    Nodes that join are told what their PoP runs; those that leave are not waited for. Refused where a node that a
    rollout counts on would move to another PoP; `StaleError` where somebody else applied a fleet meanwhile.
    """
    require(caller, Act.DESCRIBE)
    with store.read() as view:  # compared before anybody is held up: that takes seconds for a large fleet
        before = _with_sites(view)
        altered = alteration.compare(before, fleet)
        _check(view, before, fleet)
        difference = _difference(altered, before, fleet)
    if altered.empty:
        return difference
    with store.write() as transaction:
        _check(transaction, before, fleet)
        _forget_nodes(transaction, before, fleet)
        transaction.put_many(_wanted(altered))
        for record in altered.removed:
            transaction.remove(record)
        joined = joiners.take_in(transaction, caller, before, fleet)
        tell(transaction, caller, "fleet", "fleet", difference.text)
    return msgspec.structs.replace(difference, joined=joined)


def _wanted(altered: Alteration) -> Iterable[Record]:
    """What is to be put, each with the version that it takes the place of."""
    yield from (record.changed(version=0) for record in altered.added)
    yield from (new.changed(version=old.version) for old, new in altered.changed)


def _with_sites(view: View) -> Fleet:
    return msgspec.structs.replace(fleet_of(view), sites=sites_of(view))


def adopt(store: Store, caller: Caller) -> Adopted:
    """What nodes report now becomes what they should run; nothing moves."""
    require(caller, Act.DESCRIBE)
    with store.write() as transaction:
        busy = [rollout.id for rollout in active(transaction) if LANES[rollout.lane].unit is UnitKind.NODE]
        if busy:
            raise TransitionError(
                f"the fleet cannot be adopted while {', '.join(busy)} is under way; wait for its end, or abort it"
            )
        nodes = [node for pop in transaction.find(Pop) for node in pop.nodes]
        said = {item.node: item for item in transaction.find(Reported)}
        mix: dict[str, list[str]] = {}
        for node in nodes:
            if node in said:
                mix.setdefault(said[node].release, []).append(node)
        silent = tuple(sorted(node for node in nodes if node not in said))
        _rebase(transaction, said)
        shares = ", ".join(f"{len(names)} run {release}" for release, names in sorted(mix.items()))
        text = f"adopted: {shares or 'no node has reported'}; {len(silent)} silent"
        tell(transaction, caller, "fleet", "fleet", text, mix=mix, silent=list(silent))
    return Adopted(
        mix={release: tuple(names) for release, names in sorted(mix.items())}, silent=silent, text=text
    )


def _rebase(transaction: Transaction, said: dict[NodeId, Reported]) -> None:
    """Orders that differ from what runs give way to it, under newer generations and without a permission."""
    ledger = ledger_of(transaction)
    generation = ledger.generation
    for order in transaction.find(Desired):
        if order.node not in said or order.release == said[order.node].release:
            continue
        generation = generation.following()
        release = said[order.node].release
        plain = order.changed(generation=generation, release=release, rollout="", permitted_s=0.0)
        transaction.put(plain.changed(restart=False))
    if generation != ledger.generation:
        transaction.put(ledger.changed(generation=generation))


def _difference(altered: Alteration, before: Fleet, after: Fleet) -> Difference:
    records: dict[str, Iterable[Record]] = {
        "added": altered.added,
        "changed": [new for _, new in altered.changed],
        "removed": altered.removed,
    }
    names = {
        word: tuple(alteration.subject(item) for _, item in zip(range(NAMES_GIVEN_MAX), items, strict=False))
        for word, items in records.items()
    }
    return Difference(
        added=names["added"],
        changed=names["changed"],
        removed=names["removed"],
        counts={word: dict(Counter(map(alteration.noun, items))) for word, items in records.items()},
        consequences=alteration.consequences(altered, before, after),
        pops=len(after.pops),
        nodes=sum(len(pop.nodes) for pop in after.pops.values()),
        sites=len(after.sites),
    )


def _check(view: View, before: Fleet, after: Fleet) -> None:
    _check_rings(view, after)
    _check_under_way(view, before, after)


def _check_rings(view: View, fleet: Fleet) -> None:
    for now in view.find(CurrentPolicy):
        for ring in policy_of(view, now.digest).rings:
            gone = [pop for pop in ring.pops if pop not in fleet.pops]
            if gone:
                raise RefusedError(
                    f"the fleet has no PoP {gone[0]}, which ring {ring.name} of the policy of lane {now.lane} names; "
                    "keep the PoP, or apply a policy without it first"
                )


def _check_under_way(view: View, before: Fleet, after: Fleet) -> None:
    """What a turn counts on does not move to another PoP; it may leave, and a retired node may do both."""
    old, new = homes(before), homes(after)
    moved = {node for node, pop in old.items() if new.get(node, pop) != pop}
    moved -= {item.node for item in view.find(Retired)}
    if not moved:
        return
    for rollout in active(view):
        for turn in view.find(Turn, rollout=rollout.id):
            counted = [NodeId(unit) for unit in sorted(moved & set(turn.order))]
            if counted:
                raise TransitionError(
                    f"node {counted[0]} of PoP {turn.pop} cannot move to {new[counted[0]]}: "
                    f"rollout {rollout.id} counts on it; wait for its end, or first run: "
                    f"wavetrain node retire {counted[0]} --reason TEXT"
                )


def _forget_nodes(transaction: Transaction, before: Fleet, after: Fleet) -> None:
    """What is known of nodes that leave goes with them; nodes that move take it along."""
    old, new = homes(before), homes(after)
    gone = {node for node in old if node not in new}
    moved = {node for node, pop in old.items() if node in new and new[node] != pop}
    if not gone and not moved and before.pops.keys() <= after.pops.keys():
        return
    for kind in (Reported, Desired, Quarantine, Retired, Cordon, Slot):
        for record in transaction.find(kind):
            owner = record.owner if isinstance(record, Slot) else record.key[0]
            node = node_of(owner)
            is_pop_gone = isinstance(record, Cordon) and owner in before.pops and owner not in after.pops
            if node in gone or is_pop_gone:
                transaction.remove(record)
            elif node in moved and not isinstance(record, Cordon | Retired):
                transaction.put(record.changed(pop=new[node]))
