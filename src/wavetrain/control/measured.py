"""Measured: which nodes name metrics, and where are they?"""

import msgspec

from wavetrain.control.ports import Store
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.model.fleet import Reported, Retired


class MeasuredNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node whose metrics the control plane reads, or has read for it."""

    node: str
    pop: str
    release: str
    url: str


def measured(store: Store, caller: Caller) -> list[MeasuredNode]:
    """Every node that says where its metrics are and is not retired, by name."""
    require(caller, Act.READ)
    with store.read() as view:
        retired = {item.node for item in view.find(Retired)}
        return [
            MeasuredNode(node=item.node, pop=item.pop, release=item.release, url=item.metrics)
            for item in sorted(view.find(Reported), key=lambda item: item.node)
            if item.metrics and item.node not in retired
        ]
