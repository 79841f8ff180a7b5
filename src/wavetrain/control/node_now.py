"""Node now: what does one node run, what was it told, and what does it hold?"""

from datetime import datetime

import msgspec

from wavetrain.control.nodes import home_of
from wavetrain.control.ports import Store, View
from wavetrain.control.rollouts import active
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import UnknownError
from wavetrain.model.access import Certificate
from wavetrain.model.fleet import Cordon, Desired, Pop, Quarantine, Reported, Retired, UnitId
from wavetrain.model.lane import LANES, UnitKind
from wavetrain.model.rollout import Slot, Turn


class UnitNow(msgspec.Struct, frozen=True, kw_only=True):
    """What one lane moves on the node: what it said last, and what it was told."""

    unit: UnitId
    lane: str
    reported: Reported | None
    desired: Desired | None


class PartNow(msgspec.Struct, frozen=True, kw_only=True):
    """A unit's part in a rollout under way. `place` counts from 1; 0 where the rollout passes it by."""

    rollout: str
    unit: UnitId
    state: str
    place: int
    of: int
    is_canary: bool
    opens: datetime


class NodeNow(msgspec.Struct, frozen=True, kw_only=True):
    """A node."""

    node: str
    pop: Pop
    hardware: str
    """Its class; empty where none is known."""
    units: tuple[UnitNow, ...]
    parts: tuple[PartNow, ...]
    slots: tuple[Slot, ...]
    cordon: Cordon | None
    quarantine: Quarantine | None
    retired: Retired | None
    trusted_until: datetime | None
    """When the last of its certificates that counts runs out, on the store's own clock."""
    now: datetime


def seen(store: Store, caller: Caller, node: str) -> NodeNow:
    """A node as the store has it."""
    require(caller, Act.READ)
    with store.read() as view:
        pop = home_of(view, node)
        if pop is None or node not in pop.nodes:
            raise UnknownError(f"there is no node {node[:120]}; see: wavetrain fleet show")
        names = {
            UnitId(f"{node}{lane.suffix}"): lane.name
            for lane in LANES.values()
            if lane.unit is UnitKind.NODE and lane.serves is pop.serves
        }
        units = tuple(
            UnitNow(unit=unit, lane=lane, reported=view.get(Reported, unit), desired=view.get(Desired, unit))
            for unit, lane in names.items()
        )
        certificates = [one.not_after for one in view.find(Certificate, node=node) if not one.revoked]
        return NodeNow(
            node=node,
            pop=pop,
            hardware=next((name for name, members in pop.hardware.items() if node in members), ""),
            units=units,
            parts=tuple(_parts(view, pop, names)),
            slots=tuple(one for one in view.find(Slot, pop=pop.id) if one.owner in names),
            cordon=view.get(Cordon, node),
            quarantine=view.get(Quarantine, node),
            retired=view.get(Retired, node),
            trusted_until=max(certificates, default=None),
            now=view.now,
        )


def _parts(view: View, pop: Pop, names: dict[UnitId, str]) -> list[PartNow]:
    found = []
    for rollout in active(view):
        turn = view.get(Turn, rollout.id, pop.id)
        if turn is None:
            continue
        for unit in names:
            if unit not in turn.order:
                continue
            place = turn.order.index(unit)
            found.append(
                PartNow(
                    rollout=rollout.id,
                    unit=unit,
                    state=_state(turn, unit),
                    place=place + 1,
                    of=len(turn.order),
                    is_canary=place < turn.canaries,
                    opens=turn.opens,
                )
            )
    return found


def _state(turn: Turn, unit: UnitId) -> str:
    moving = next((one for one in turn.progress if one.unit == unit), None)
    if moving is not None:
        return moving.state.value
    if unit in turn.quarantined:
        return "quarantined"
    if unit in turn.back:
        return "to go back"
    return "done" if unit in turn.exposed else "waits"
