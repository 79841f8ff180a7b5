"""Waves: how many at once? Budgets, slots, and how a ring is cut into waves."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from wavetrain.decide import calendar
from wavetrain.decide.slots import Slots
from wavetrain.model.fleet import Fleet, Pop, PopId, Reported, UnitId
from wavetrain.model.fleet import Phase as NodePhase
from wavetrain.model.policy import Budgets
from wavetrain.model.rollout import RolloutId, Slot

DISTURBED = frozenset(
    {NodePhase.DRAINING, NodePhase.UPDATING, NodePhase.VERIFYING, NodePhase.RETURNING, NodePhase.FAILED}
)
"""The phases in which a node takes no new work."""


def share_of(count: int, share: float) -> int:
    """How many of `count` a share is: rounded down, at least one."""
    return max(1, math.floor(count * share + 1e-9))


def free_slot(
    slots: Slots,
    budget: str,
    size: int,
    unit: UnitId,
    pop: PopId,
    rollout: RolloutId,
    since: datetime,
) -> Slot | None:
    """The first free slot of a budget for `unit`, or None when as many are owned as there may be.

    A budget may have become smaller since: then slots beyond it are owned still, and count.
    """
    taken = {slot.ordinal for slot in slots.of_budget(budget)}
    if len(taken) >= size:
        return None
    ordinal = next(place for place in range(size) if place not in taken)
    return Slot(budget=budget, ordinal=ordinal, owner=unit, pop=pop, rollout=rollout, since=since)


def is_disturbed(said: Reported | None) -> bool:
    """Whether a node takes no new work, by its own report."""
    return said is not None and said.phase is not NodePhase.STEADY and said.phase in DISTURBED


def is_out(pop: Pop, out: int, headroom: float, load: float) -> bool:
    """Whether a PoP with `out` of its nodes away cannot carry a forecast load times the headroom."""
    in_service = len(pop.nodes) - out
    return in_service / len(pop.nodes) < min(1.0, load * headroom) - 1e-9


def load_between(pop: Pop, now: datetime, needed: timedelta) -> float:
    """The forecast load of a PoP from now on for as long as is needed: the greatest of those hours, where known."""
    if not pop.hours:
        return pop.load
    begins = calendar.local(now, pop.zone)
    past = timedelta(minutes=begins.minute, seconds=begins.second)
    count = min(len(pop.hours), max(1, -(-(past + needed) // timedelta(hours=1))))
    return max(pop.hours[(begins.hour + index) % len(pop.hours)] for index in range(count))


def region_size(fleet: Fleet, region: str, budgets: Budgets) -> int:
    """How many PoPs of a region may be worked on at once."""
    count = len(fleet.pops_of(region))
    return max(budgets.region_pops_min, math.floor(count * budgets.region_share + 1e-9))


def cut(ring: Sequence[PopId], fleet: Fleet, budgets: Budgets) -> list[tuple[PopId, ...]]:
    """Cut a ring into waves, in order, so that no wave breaks a region's share or holds two of a redundancy group.

    Greedy: each PoP joins the first wave that has room for it.
    """
    waves: list[list[PopId]] = []
    for pop in ring:
        home = next((wave for wave in waves if _fits(pop, wave, fleet, budgets)), None)
        if home is None:
            waves.append([pop])
        else:
            home.append(pop)
    return [tuple(wave) for wave in waves]


def _fits(pop: PopId, wave: list[PopId], fleet: Fleet, budgets: Budgets) -> bool:
    region = fleet.pops[pop].region
    beside = sum(fleet.pops[other].region == region for other in wave)
    if beside + 1 > region_size(fleet, region, budgets):
        return False
    return not any(other in group.members for group in fleet.groups_of(pop) for other in wave)
