from random import Random

import pytest

from wavetrain.agent.update import Step
from wavetrain.model.fleet import Generation, NodeId, Phase
from wavetrain.simulate.nature import Kind, Nature
from wavetrain.simulate.nodes import ContentUnit, SimNode
from wavetrain.wire.agent_messages import Bans, Permission, Told

NODE = NodeId("n1")


def told(
    counter: int, release: str = "2.0.0", *, lifetime_s: float = 60.0, tombstones: tuple[str, ...] = ()
) -> Told:
    generation = Generation(1, counter)
    permission = Permission(node=NODE, generation=generation, digest="", lifetime_s=lifetime_s, signature="")
    return Told(
        generation=generation,
        release=release,
        permission=permission if lifetime_s else None,
        bans=Bans(component="gateway", serial=len(tombstones), tombstones=tombstones, signature=""),
    )


def live(node: SimNode, until: float, *, step: float = 5.0) -> SimNode:
    now = 0.0
    while now < until:
        now += step
        node.live(now)
    return node


def fresh(nature: Nature | None = None) -> SimNode:
    node = SimNode(NODE, "a", "1.0.0", nature or Nature(Random(1)))
    node.live(0.0)
    return node


def test_a_node_does_as_it_is_told_step_by_step() -> None:
    node = fresh()
    node.read(told(1), 0.0)
    live(node, 60)
    assert (node.memory.running, node.memory.phase, node.memory.generation) == (
        "2.0.0",
        Phase.STEADY,
        Generation(1, 1),
    )
    assert [deed.step for deed in node.deeds] == [
        Step.STAGE,
        Step.DRAIN,
        Step.SWITCH,
        Step.VERIFY,
        Step.RETURN,
    ]


def test_without_a_permission_nothing_is_disturbed() -> None:
    node = fresh()
    node.read(told(1, lifetime_s=0.0), 0.0)
    live(node, 60)
    assert node.deeds == []


def test_a_permission_that_lapses_leaves_the_node_on_the_older_release() -> None:
    node = fresh()
    node.read(told(1, lifetime_s=8.0), 0.0)
    live(node, 60)
    assert (node.memory.running, node.memory.phase) == ("1.0.0", Phase.LAPSED)
    assert node.serves


def test_a_release_that_never_gets_healthy_is_left_by_the_node_itself() -> None:
    nature = Nature(Random(1))
    nature.kinds["2.0.0"] = Kind.NEVER_HEALTHY
    node = fresh(nature)
    node.read(told(1), 0.0)
    live(node, 60)
    assert (node.memory.running, node.memory.phase) == ("1.0.0", Phase.REVERTED)
    assert "2.0.0" in node.ever_ran


def test_older_generations_and_withdrawn_releases_are_refused() -> None:
    node = fresh()
    node.read(told(5, "1.0.0"), 0.0)
    node.read(told(4), 0.0)
    node.read(told(6, tombstones=("2.0.0",)), 0.0)
    live(node, 60)
    assert node.memory.running == "1.0.0"
    assert node.deeds == []


@pytest.mark.parametrize("seed", range(20))
def test_a_restart_in_the_middle_ends_on_a_release_that_serves(seed: int) -> None:
    nature = Nature(Random(seed))
    nature.restart_chance = 0.3
    node = fresh(nature)
    node.read(told(1, lifetime_s=600.0), 0.0)
    live(node, 600)
    assert node.memory.update is None
    assert node.serves
    assert (node.memory.running == "2.0.0") == (node.memory.phase is Phase.STEADY)


def test_content_that_the_breaker_rejects_leaves_the_last_known_good() -> None:
    nature = Nature(Random(1))
    nature.kinds["c2"] = Kind.NEVER_HEALTHY
    unit = ContentUnit(NodeId("n1+content"), fresh(nature), "c1")
    unit.read(told(1, "c2"), 0.0)
    unit.live(10.0)
    assert (unit.running, unit.phase) == ("c1", Phase.REVERTED)
    unit.read(told(2, "c3"), 10.0)
    unit.live(20.0)
    assert (unit.running, unit.phase) == ("c3", Phase.STEADY)
    unit.read(told(1, "c2"), 20.0)
    assert unit.generation == Generation(1, 2)
