"""Sweep: what is wrong in all that stands in the store, whatever has changed?

The slow way, now and then: everything is read again, indexes are not trusted, and the guards of `invariants` are asked
themselves, PoP by PoP where they are too slow for a whole fleet.
"""

from collections.abc import Iterator
from typing import Any

from wavetrain.control.ports import View
from wavetrain.model.fleet import Desired, Pop, Quarantine, Reported
from wavetrain.model.record import Record
from wavetrain.model.rollout import Rollout, Slot, Turn, Wave
from wavetrain.simulate.ground import KEPT, OUT, WIDE, Ground
from wavetrain.simulate.invariants import ENDED, Seen, g7, g11, g15
from wavetrain.simulate.mirror import Mirror

FOUND_MAX = 20


def sweep(view: View, ground: Ground) -> list[str]:
    """What is wrong, at most `FOUND_MAX` things; empty is good."""
    found: list[str] = []
    for text in _all(view, ground):
        found.append(text)
        if len(found) >= FOUND_MAX:
            break
    return found


def _all(view: View, ground: Ground) -> Iterator[str]:
    yield from _drifted(view, ground)
    yield from _budgets(view, ground)
    mirror = _mirror(view)
    seen = Seen(mirror, view.now, view.steady, (), {}, {})
    for guard in (g7, g11, g15):
        yield from (f"{guard.__name__.upper()}: {text}" for text in guard(seen))
    yield from _exposed(mirror)
    for rollout in mirror.all(Rollout):
        yield from _promises(view, rollout)


def _drifted(view: View, ground: Ground) -> Iterator[str]:
    """The ground holds what the store holds, and its indexes say what its records say."""
    for kind in KEPT:
        held: dict[Any, Any] = _held(ground, kind)
        count = 0
        for record in view.find(kind):
            count += 1
            known = held.get(record.key[0] if kind.__name__ in WIDE else record.key)
            if known is not record and known != record:
                yield f"sweep: {kind.__name__} {'/'.join(record.key)} is not what the guards hold it for"
        if count != len(held):
            yield f"sweep: the store has {count} {kind.__name__}, the guards hold {len(held)}"
    busy: dict[str, set[str]] = {}
    for said in view.find(Reported):
        if said.phase.value in OUT:
            busy.setdefault(said.pop, set()).add(said.node)
    if busy != {pop: nodes for pop, nodes in ground.busy.items() if nodes}:
        yield "sweep: the nodes that are busy are not those that the guards hold for busy"
    owners: dict[str, int] = {}
    for slot in view.find(Slot):
        owners[slot.owner] = owners.get(slot.owner, 0) + 1
    if owners != ground.owners:
        yield "sweep: the owners of slots are not those that the guards hold for owners"


def _held(ground: Ground, kind: type[Record]) -> dict[Any, Any]:
    if kind is Reported:
        return ground.reported
    return ground.orders if kind is Desired else ground.held[kind.__name__]


def _budgets(view: View, ground: Ground) -> Iterator[str]:
    """G10 over all budgets, counted anew."""
    taken: dict[tuple[str, str], int] = {}
    homes: dict[str, Slot] = {}
    for slot in view.find(Slot):
        taken[slot.budget, slot.rollout] = taken.get((slot.budget, slot.rollout), 0) + 1
        homes[slot.budget] = slot
    for (budget, name), count in taken.items():
        rollout = view.get(Rollout, name)
        pop = view.get(Pop, homes[budget].pop)
        if rollout is None or pop is None:
            continue
        policy = ground.policy(rollout)
        back = budget.startswith("revert:")
        share = policy.budgets.revert_share if back else policy.budgets.pop_share
        if count > max(1, int(len(pop.nodes) * share + 1e-9)) + (policy.failures_max if back else 0):
            yield f"G10: {count} of {len(pop.nodes)} nodes of {pop.id} own a slot of {budget}"


def _mirror(view: View) -> Mirror:
    """What the slow guards look at: everything but the nodes that neither move nor own a slot."""
    mirror = Mirror()
    for kind in KEPT:
        if kind.__name__ not in WIDE:
            mirror.held[kind.__name__] = {record.key: record for record in view.find(kind)}
    moving = [item.unit for turn in mirror.all(Turn) for item in turn.progress]
    said: dict[tuple[str, ...], Record] = {}
    for unit in moving:
        known = view.get(Reported, unit)
        if known is not None:
            said[known.key] = known
    mirror.held["Reported"] = said
    return mirror


def _exposed(mirror: Mirror) -> Iterator[str]:
    """G6: nobody is exposed before the wave is reached."""
    reached = {rollout.id: rollout.wave for rollout in mirror.all(Rollout)}
    for turn in mirror.all(Turn):
        if turn.cursor and turn.wave > reached.get(turn.rollout, turn.wave):
            yield f"G6: {turn.pop} of {turn.rollout} is exposed before wave {turn.wave} was reached"


def _promises(view: View, rollout: Rollout) -> Iterator[str]:
    """G1, over all that has settled: who counts as done has said so, and runs the release."""
    if rollout.status.value not in ("rolling", "paused", "completed", "completed with residue"):
        return
    lost: set[str] = {item.node for item in view.find(Quarantine)}
    for turn in view.find(Turn, rollout=rollout.id):
        if turn.phase.value in ("going back", "gone back"):
            continue
        for unit in turn.settled:
            said = view.get(Reported, unit)
            if said is not None and said.release != rollout.number and unit not in lost:
                if said.generation.counter == 0 and said.phase not in ENDED:
                    continue
                yield f"G1: {unit} counts as settled on {rollout.number} but says {said.release}"
    waves = view.find(Wave, rollout=rollout.id)
    if rollout.waves != len(waves):
        yield f"sweep: {rollout.id} says {rollout.waves} waves and has {len(waves)}"
