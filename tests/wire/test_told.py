"""An order on the wire, between control planes and agents of different age."""

import msgspec
import pytest

from wavetrain.control.poll import Order
from wavetrain.model.fleet import Generation, NodeId
from wavetrain.wire.agent_messages import Permission, Told
from wavetrain.wire.told import told_of


class ToldBefore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`Told` as agents know it that know no restart."""

    generation: Generation
    release: str
    digest: str = ""
    size: int = 0
    permission: Permission | None = None
    bans: object = None


def order(*, restart: bool) -> Order:
    return Order(
        generation=Generation(0, 5),
        release="1.0.0",
        digest="d" * 64,
        size=3,
        permitted_s=30.0,
        signature="s",
        restart=restart,
    )


def test_an_order_without_a_restart_is_read_by_an_agent_that_knows_none() -> None:
    said = msgspec.json.encode(told_of(NodeId("n1"), order(restart=False)))
    read = msgspec.json.decode(said, type=ToldBefore)
    assert (read.generation, read.release, read.permission is not None) == (Generation(0, 5), "1.0.0", True)


def test_a_restart_is_refused_as_a_whole_by_such_an_agent_and_never_taken_for_an_order_to_adopt() -> None:
    said = msgspec.json.encode(told_of(NodeId("n1"), order(restart=True)))
    with pytest.raises(msgspec.ValidationError, match="restart"):
        msgspec.json.decode(said, type=ToldBefore)


def test_an_older_control_planes_order_is_read_as_one_without_a_restart() -> None:
    said = msgspec.json.encode(ToldBefore(generation=Generation(0, 5), release="1.0.0"))
    assert msgspec.json.decode(said, type=Told).restart is False
