"""Restored: what does a store that came from a backup know wrongly, and how is that set right?"""

import hashlib
from datetime import datetime

import msgspec

from wavetrain.control.chronicle import tell
from wavetrain.control.facts import ledger_of
from wavetrain.control.ports import Store, Transaction, View
from wavetrain.control.rollouts import active
from wavetrain.control.tokens import HOUSE
from wavetrain.decide.lifecycle import Cause as Step
from wavetrain.decide.lifecycle import rollout_after
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import Desired, Generation, NodeId, Phase, Pop, Reported, Retired, UnitId
from wavetrain.model.lane import LANES, UnitKind
from wavetrain.model.ledger import Ledger
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Rollout, Slot, Status, Turn, TurnPhase
from wavetrain.model.standstill import Believed, Cause, Standstill

_SERVING = (Phase.STEADY, Phase.LAPSED, Phase.REVERTED)
_BACK = (TurnPhase.BACK, TurnPhase.REVERTED)


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A node that says something else than the backup knew of it."""

    node: str
    believed: str
    """The release, by the backup; empty where it knew none."""
    reported: str
    phase: str


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The nodes by what they have said since the restore. `digest` names exactly this difference."""

    moved: tuple[Moved, ...]
    same: tuple[str, ...]
    silent: tuple[str, ...]
    digest: str


def begin(store: Store, taken_at: datetime, by: str) -> Generation:
    """Mark a store that was just loaded from a backup; the first generation of its new era.

    The era is raised, so that what is told from now on is newer than all that the lost store has told. What was
    reported is laid aside, to be compared with what the nodes say now. No permission of before holds, and nothing
    moves until a person has confirmed the difference. `taken_at` is the train time of the backup.
    """
    with store.write() as transaction:
        if transaction.get(Standstill, Cause.RESTORE.value) is not None:
            raise RefusedError("this store was marked as restored already; see: wavetrain standstill show")
        ledger = ledger_of(transaction)
        first = Generation(ledger.generation.era + 1, 0)
        transaction.put(ledger.changed(generation=first))
        for order in transaction.find(Desired):
            if order.permitted_s:
                transaction.put(order.changed(permitted_s=0.0))
        for said in transaction.find(Reported):
            _lay_aside(transaction, said)
        detail = f"the backup was taken at {taken_at:%Y-%m-%d %H:%M:%S} UTC"
        transaction.put(Standstill(cause=Cause.RESTORE, since=transaction.now, detail=detail))
        text = f"restored by {by}: {detail}; era {first.era} begins, and nothing moves until it is confirmed"
        tell(transaction, HOUSE, "restore", "store", text, era=first.era)
    return first


def _lay_aside(transaction: Transaction, said: Reported) -> None:
    known = transaction.get(Believed, said.node)
    transaction.put(
        Believed(
            node=said.node,
            pop=said.pop,
            generation=said.generation,
            release=said.release,
            phase=said.phase,
            metrics=said.metrics,
            boot=said.boot,
            version=known.version if known is not None else 0,
        )
    )
    transaction.remove(said)


def difference(view: View) -> Difference:
    """What the nodes of the fleet have said since the restore against what the backup knew."""
    retired = {item.node for item in view.find(Retired)}
    nodes = sorted({node for pop in view.find(Pop) for node in pop.nodes} - retired)
    believed = {item.node: item for item in view.find(Believed)}
    said = {item.node: item for item in view.find(Reported)}
    moved = []
    for node in nodes:
        now, before = said.get(node), believed.get(node)
        if now is None or (before is not None and (before.release, before.phase) == (now.release, now.phase)):
            continue
        release = before.release if before is not None else ""
        moved.append(Moved(node=node, believed=release, reported=now.release, phase=now.phase.value))
    names = {item.node for item in moved}
    same = tuple(node for node in nodes if node in said and node not in names)
    silent = tuple(node for node in nodes if node not in said)
    plain = msgspec.json.encode([moved, same, silent])
    return Difference(
        moved=tuple(moved), same=same, silent=silent, digest=hashlib.sha256(plain).hexdigest()[:16]
    )


def settle(transaction: Transaction) -> None:
    """Take what the nodes say as the truth: orders, turns and slots follow it, under the new era; nothing moves.

    A rollout that was rolling is paused: a person who knows what happened since the backup resumes or reverts it.
    Of a node that has not spoken yet the backup's word is kept.
    """
    for item in transaction.find(Believed):
        if transaction.get(Reported, item.node) is None:
            transaction.put(_spoken(item, transaction.now))
        transaction.remove(item)
    said = {item.node: item for item in transaction.find(Reported)}
    _follow(transaction, said)
    for slot in transaction.find(Slot):
        owner = said.get(NodeId(slot.owner))
        if owner is not None and owner.phase in _SERVING:
            transaction.remove(slot)
    for rollout in active(transaction):
        if LANES[rollout.lane].unit is UnitKind.NODE:
            for turn in transaction.find(Turn, rollout=rollout.id):
                _put_if_new(transaction, turn, _rebased(turn, rollout, said))
        _pause(transaction, rollout)


def _spoken(item: Believed, now: datetime) -> Reported:
    return Reported(
        node=item.node,
        pop=item.pop,
        generation=item.generation,
        release=item.release,
        phase=item.phase,
        since=now,
        metrics=item.metrics,
        boot=item.boot,
    )


def _follow(transaction: Transaction, said: dict[NodeId, Reported]) -> None:
    """Every order names what runs, under a generation of this era and without a permission."""
    ledger: Ledger = ledger_of(transaction)
    generation = ledger.generation
    for order in transaction.find(Desired):
        now = said.get(order.node)
        if now is None:
            continue
        generation = generation.following()
        transaction.put(
            order.changed(
                generation=generation, release=now.release, rollout="", permitted_s=0.0, restart=False
            )
        )
    if generation != ledger.generation:
        transaction.put(ledger.changed(generation=generation))


def _rebased(turn: Turn, rollout: Rollout, said: dict[NodeId, Reported]) -> Turn:
    """The turn as the reports show it: who runs the release was exposed, who does not is still to be told."""
    if turn.phase in _BACK:
        busy = [item.unit for item in turn.progress if _runs(said, item.unit, rollout.number)]
        back = (*turn.back, *(unit for unit in busy if unit not in turn.back))
        return turn.changed(progress=(), back=back)
    if turn.at_end:
        return turn
    gone = set(turn.quarantined)
    exposed = [u for u in turn.exposed if u in gone or _runs(said, u, rollout.number)]
    rest = [unit for unit in turn.order if unit not in exposed]
    turn = turn.changed(progress=(), order=(*exposed, *rest), cursor=len(exposed), placebos=turn.restarted)
    if turn.phase in (TurnPhase.BAKING, TurnPhase.REST) and turn.cursor < turn.canaries < len(turn.order):
        return turn.changed(phase=TurnPhase.CANARY, bake_since=None)
    return turn


def _runs(said: dict[NodeId, Reported], unit: UnitId, number: str) -> bool:
    now = said.get(NodeId(unit))
    return now is not None and now.release == number


def _pause(transaction: Transaction, rollout: Rollout) -> None:
    if rollout.status is not Status.ROLLING:
        return
    why = "restored from a backup; see what the nodes run, then resume or revert it"
    after = rollout_after(rollout.id, rollout.status, Step.PAUSE)
    hold = Hold(Reason.PAUSED, detail=why, asks=True)
    transaction.put(rollout.changed(status=after, cause=why, hold=hold))
    text = f"{rollout.status.value} -> {after.value}: {why}"
    tell(transaction, HOUSE, "rollout", rollout.id, text, rollout=rollout.id, status=after.value)


def _put_if_new(transaction: Transaction, before: Turn, after: Turn) -> None:
    if before != after:
        transaction.put(after)
