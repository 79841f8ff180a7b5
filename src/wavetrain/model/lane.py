"""Lane: how a kind of component travels; every lane is a record, none has an engine of its own."""

from enum import StrEnum

import msgspec

from wavetrain.model.fleet import NodeId, Serves


class UnitKind(StrEnum):
    """What a lane moves."""

    NODE = "node"
    ACCOUNT = "account"


class Lane(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The properties that rollout and wave code asks about, instead of asking for the lane's name.

    `disturbs`: its units need a slot, a permission and a drain. `reports`: a unit is done only when it says so.
    """

    name: str
    unit: UnitKind
    disturbs: bool
    reports: bool
    windowed: bool
    can_go_back: bool
    bakes: bool
    """Whether canary units bake against control units before the rest follows."""
    suffix: str = ""
    """Added to a node's id to name the device of this lane on it, where a node runs several components."""
    serves: Serves = Serves.EDGE
    """Which places' nodes it moves."""


def node_of(device: str) -> NodeId:
    """The node that a device is on, whichever lane's suffix its name bears: no node's own name has a `+`."""
    return NodeId(device.partition("+")[0])


POP = Lane(
    name="pop", unit=UnitKind.NODE, disturbs=True, reports=True, windowed=True, can_go_back=True, bakes=True
)
CONSOLE = msgspec.structs.replace(POP, name="console", serves=Serves.CONSOLE)
"""A management application's replicas are moved as nodes are."""
CONTENT = Lane(
    name="content",
    unit=UnitKind.NODE,
    disturbs=False,
    reports=True,
    windowed=False,
    can_go_back=True,
    bakes=True,
    suffix="+content",
)
FEATURE = Lane(
    name="feature",
    unit=UnitKind.ACCOUNT,
    disturbs=False,
    reports=False,
    windowed=False,
    can_go_back=True,
    bakes=False,
)
LANES = {lane.name: lane for lane in (POP, CONSOLE, CONTENT, FEATURE)}
