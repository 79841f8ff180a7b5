"""Fleets: what would a fleet file change, and may it?"""

from collections.abc import Iterable

import msgspec

from wavetrain.control.chronicle import tell
from wavetrain.control.facts import fleet_of, ledger_of, policy_of
from wavetrain.control.ports import Store, Transaction, View
from wavetrain.control.rollouts import active
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError, TransitionError
from wavetrain.model.fleet import (
    Account,
    Cordon,
    Desired,
    Fleet,
    Group,
    NodeId,
    Pop,
    Quarantine,
    Region,
    Reported,
    Retired,
)
from wavetrain.model.lane import LANES, UnitKind
from wavetrain.model.policy import CurrentPolicy
from wavetrain.model.record import Record
from wavetrain.model.rollout import Slot, Turn

NAMES_SHOWN_MAX = 20
_KINDS: tuple[type[Record], ...] = (Region, Pop, Group, Account)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What a fleet would change, each as `kind id`."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    pops: int = 0
    nodes: int = 0

    @property
    def text(self) -> str:
        """One line for people."""
        parts = [
            f"{len(names)} {word} ({_listed(names)})"
            for word, names in (("added", self.added), ("changed", self.changed), ("removed", self.removed))
            if names
        ]
        return f"{self.pops} PoPs, {self.nodes} nodes: {'; '.join(parts) or 'nothing changes'}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:NAMES_SHOWN_MAX]) + (", ..." if len(names) > NAMES_SHOWN_MAX else "")


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """The baseline that was taken over: which nodes run which release, and which said nothing yet."""

    mix: dict[str, tuple[str, ...]]
    silent: tuple[str, ...]
    text: str


def current(store: Store) -> Fleet:
    """The fleet as applied."""
    with store.read() as view:
        return fleet_of(view)


def check(store: Store, caller: Caller, fleet: Fleet) -> Difference:
    """What applying the fleet would change; raises what `apply` would raise."""
    require(caller, Act.READ)
    with store.read() as view:
        return _difference(view, fleet)


def apply(store: Store, caller: Caller, fleet: Fleet) -> Difference:
    """Make the fleet what the file says. Refused while a rollout under way counts on what would go or move."""
    require(caller, Act.DESCRIBE)
    with store.write() as transaction:
        difference = _difference(transaction, fleet)
        if not (difference.added or difference.changed or difference.removed):
            return difference
        before = fleet_of(transaction)
        _forget_nodes(transaction, before, fleet)
        for kind in _KINDS:
            known, wanted = _by_key(before, kind), _by_key(fleet, kind)
            for key, record in wanted.items():
                version = known[key].version if key in known else 0
                if key not in known or known[key] != record.changed(version=version):
                    transaction.put(record.changed(version=version))
            for key in known.keys() - wanted.keys():
                transaction.remove(known[key])
        tell(transaction, caller, "fleet", "fleet", difference.text)
    return difference


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
        transaction.put(order.changed(generation=generation, release=release, rollout="", permitted_s=0.0))
    if generation != ledger.generation:
        transaction.put(ledger.changed(generation=generation))


def _difference(view: View, fleet: Fleet) -> Difference:
    before = fleet_of(view)
    _check_rings(view, fleet)
    _check_under_way(view, before, fleet)
    added, changed, removed = [], [], []
    for kind in _KINDS:
        known, wanted = _by_key(before, kind), _by_key(fleet, kind)
        for key, record in wanted.items():
            name = f"{_noun(kind)} {key}"
            if key not in known:
                added.append(name)
            elif known[key] != record.changed(version=known[key].version):
                changed.append(name)
        removed += [f"{_noun(kind)} {key}" for key in known.keys() - wanted.keys()]
    return Difference(
        added=tuple(added),
        changed=tuple(changed),
        removed=tuple(sorted(removed)),
        pops=len(fleet.pops),
        nodes=len(_homes(fleet)),
    )


def _by_key(fleet: Fleet, kind: type[Record]) -> dict[str, Record]:
    parts: dict[type[Record], Iterable[Record]] = {
        Region: fleet.regions.values(),
        Pop: fleet.pops.values(),
        Group: fleet.groups.values(),
        Account: fleet.accounts.values(),
    }
    return {record.key[0]: record for record in parts[kind]}


def _noun(kind: type[Record]) -> str:
    return "PoP" if kind is Pop else kind.__name__.lower()


def _homes(fleet: Fleet) -> dict[str, str]:
    return {node: pop.id for pop in fleet.pops.values() for node in pop.nodes}


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
    """What a turn counts on stays where it is; a retired node may go."""
    old, new = _homes(before), _homes(after)
    moved = {node for node, pop in old.items() if new.get(node) != pop}
    moved -= {item.node for item in view.find(Retired)}
    if not moved:
        return
    for rollout in active(view):
        for turn in view.find(Turn, rollout=rollout.id):
            counted = sorted(moved & set(turn.order))
            if counted:
                raise TransitionError(
                    f"node {counted[0]} of PoP {turn.pop} cannot leave or move: rollout {rollout.id} counts on it; "
                    f"wait for its end, or first run: wavetrain node retire {counted[0]} --reason TEXT"
                )


def _forget_nodes(transaction: Transaction, before: Fleet, after: Fleet) -> None:
    """What is known of nodes that leave goes with them; nodes that move take it along."""
    old, new = _homes(before), _homes(after)
    gone = {node for node in old if node not in new}
    moved = {node for node, pop in old.items() if node in new and new[node] != pop}
    for kind in (Reported, Desired, Quarantine, Retired, Cordon, Slot):
        for record in transaction.find(kind):
            owner = record.owner if isinstance(record, Slot) else record.key[0]
            is_pop_gone = isinstance(record, Cordon) and owner in before.pops and owner not in after.pops
            if owner in gone or is_pop_gone:
                transaction.remove(record)
            elif owner in moved and not isinstance(record, Cordon | Retired):
                transaction.put(record.changed(pop=new[owner]))
