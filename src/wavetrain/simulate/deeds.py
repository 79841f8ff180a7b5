"""Deeds: which guard did a node really break?"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from wavetrain.agent.update import Step
from wavetrain.decide import calendar
from wavetrain.model.fleet import Desired, Pop
from wavetrain.model.rollout import Slot, Status, Turn
from wavetrain.simulate.mirror import Mirror
from wavetrain.simulate.nature import Kind, Nature
from wavetrain.simulate.nodes import Deed, SimNode


def broken(mirror: Mirror, node: SimNode, deed: Deed, at: datetime, excused: bool) -> Iterator[str]:
    """The guards that one deed breaks; `at` is train time. `excused`: a person has freed the node's slots meanwhile.

    A node that joins serves nobody, so it needs no slot; one that runs nothing has brought no sessions either.
    """
    if deed.step not in (Step.DRAIN, Step.SWITCH):
        return
    if deed.release in node.memory.tombstones:
        yield f"G3: {deed.node} begins to {deed.step.value} to {deed.release}, which it knows to be withdrawn"
    if deed.step is not Step.DRAIN:
        return
    if deed.ran == deed.release and not deed.restart:
        yield f"G14: {deed.node} drains for {deed.release}, which it runs"
    drains = [one for one in node.deeds if one.step is Step.DRAIN and one.generation == deed.generation]
    if len(drains) > 1:
        yield f"G14: {deed.node} drains {len(drains)} times for generation {deed.generation}"
    joins = _joins(mirror, deed)
    if not excused and not joins and not any(slot.owner == str(deed.node) for slot in mirror.all(Slot)):
        yield f"G15: {deed.node} drains for {deed.release} without owning a slot"
    pop = mirror.get(Pop, node.pop)
    if joins and not deed.ran:
        return
    if pop is not None and not _is_back(mirror, deed) and calendar.opening_at(pop.window, at) is None:
        yield f"G12: {deed.node} drains for {deed.release} at {at:%a %H:%M} UTC, outside the window of {pop.id}"


def exposure(nodes: Iterable[SimNode], nature: Nature) -> Iterator[str]:
    """A release that is bad from the start reaches the canary of one PoP and nobody else."""
    where: dict[str, set[str]] = {}
    for node in nodes:
        for release in node.ever_ran:
            if nature.kinds.get(release, Kind.GOOD) is not Kind.GOOD:
                where.setdefault(release, set()).add(node.pop)
    for release, pops in where.items():
        if len(pops) > 1:
            yield f"canary: {release} is bad from the start and reached {', '.join(sorted(pops))}"


def _joins(mirror: Mirror, deed: Deed) -> bool:
    told = mirror.get(Desired, deed.node)
    return told is not None and told.joins and told.generation == deed.generation


def _is_back(mirror: Mirror, deed: Deed) -> bool:
    told = mirror.get(Desired, deed.node)
    rollout = mirror.rollout_of(told) if told is not None else None
    if rollout is None:
        return False
    is_reverting = rollout.status in (
        Status.REVERTING,
        Status.REVERTED,
        Status.PARTLY_REVERTED,
        Status.STOPPED,
    )
    turn = mirror.get(Turn, rollout.id, told.pop) if told is not None else None
    ways = (turn.previous, *turn.earlier) if turn is not None else ()
    return is_reverting and deed.release in (rollout.previous, *ways)
