"""Told: how is an order put on the wire?"""

from wavetrain.control.bans import Banned
from wavetrain.control.poll import Order
from wavetrain.model.fleet import NodeId
from wavetrain.wire.agent_messages import Bans, Permission, Told


def told_of(node: NodeId, order: Order) -> Told:
    """The order as the node reads it; a permission only where there is some of it left."""
    permission = None
    if order.permitted_s > 0:
        permission = Permission(
            node=node,
            generation=order.generation,
            digest=order.digest,
            plan=order.plan,
            lifetime_s=order.permitted_s,
            signature=order.signature,
        )
    return Told(
        generation=order.generation,
        release=order.release,
        digest=order.digest,
        size=order.size,
        permission=permission,
        restart=order.restart,
        bans=_bans_of(order.bans) if order.bans is not None else None,
    )


def _bans_of(bans: Banned) -> Bans:
    return Bans(
        component=bans.component,
        serial=bans.serial,
        floor=bans.floor,
        tombstones=bans.tombstones,
        signature=bans.signature,
    )
