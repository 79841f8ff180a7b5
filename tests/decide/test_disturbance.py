from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
from tests.decide.engine import OPENS, Engine, fleet, freeze, measured, pop, said

from wavetrain.decide import disturbance
from wavetrain.decide.slots import Slots
from wavetrain.model.fleet import NodeId, Phase, PopId, Quarantine, UnitId
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import RolloutId, Slot

A_AND_B = fleet(pop("a", 4), pop("b", 1), pop("c", 4), group=("a", "b"))


def slot(owner: str, home: str, **changes: object) -> Slot:
    made = Slot(
        budget=f"pop:{home}",
        ordinal=0,
        owner=UnitId(owner),
        pop=PopId(home),
        rollout=RolloutId("other"),
        since=OPENS,
    )
    return made.changed(**changes)


def lost(node: str, home: str) -> dict[NodeId, Quarantine]:
    return {
        NodeId(node): Quarantine(
            node=NodeId(node), pop=PopId(home), rollout="r", since=OPENS, reason="r", serves=False
        )
    }


def asked(engine: Engine, unit: str = "a1", *, back: bool = False) -> tuple[Reason | None, bool]:
    place = next(one for one in engine.facts.fleet.pops.values() if unit in one.nodes)
    hold = disturbance.first_hold(engine.draft(), place, UnitId(unit), back=back)
    return (hold.reason, hold.asks) if hold is not None else (None, False)


Change = Callable[[Engine], None]

CASES: dict[str, tuple[Change, Reason | None, Reason | None]] = {
    "nothing": (lambda engine: None, None, None),
    "retired": (lambda e: e.change(retired=frozenset({"a1"})), Reason.RETIRED, Reason.RETIRED),
    "quarantined": (lambda e: e.change(quarantined=lost("a1", "a")), Reason.QUARANTINED, None),
    "cordoned node": (lambda e: e.change(cordoned=frozenset({"a1"})), Reason.CORDONED, None),
    "cordoned pop": (lambda e: e.change(cordoned=frozenset({"a"})), Reason.CORDONED, None),
    "frozen": (lambda e: e.change(freezes=(freeze(9),)), Reason.FROZEN, None),
    "frozen region": (lambda e: e.change(freezes=(freeze(9, scope=("west",)),)), Reason.FROZEN, None),
    "frozen lane": (lambda e: e.change(freezes=(freeze(9, scope=("pop",)),)), Reason.FROZEN, None),
    "frozen elsewhere": (lambda e: e.change(freezes=(freeze(9, scope=("c",)),)), None, None),
    "before the window": (lambda e: e.change(now=OPENS - timedelta(minutes=1)), Reason.OUTSIDE_WINDOW, None),
    "too late in the window": (
        lambda e: e.change(now=OPENS + timedelta(hours=4) - timedelta(minutes=19)),
        Reason.OUTSIDE_WINDOW,
        None,
    ),
    "just in time": (lambda e: e.change(now=OPENS + timedelta(hours=4) - timedelta(minutes=20)), None, None),
    "a member is out": (lambda e: e.change(quarantined=lost("b1", "b")), Reason.GROUP_OUT, Reason.GROUP_OUT),
    "a member is being worked on": (
        lambda e: e.change(slots=Slots([slot("b1", "b")])),
        Reason.GROUP_OUT,
        Reason.GROUP_OUT,
    ),
    "a stranger is being worked on": (lambda e: e.change(slots=Slots([slot("c1", "c")])), None, None),
    "two others wait for a person": (
        lambda e: e.change(cordoned=frozenset({"a2", "a3"})),
        Reason.CAPACITY,
        None,
    ),
    "all others wait for a person": (
        lambda e: e.change(cordoned=frozenset({"a2", "a3", "a4"})),
        Reason.CAPACITY,
        Reason.CAPACITY,
    ),
    "another is on its way": (
        lambda e: e.change(slots=Slots([slot("a2", "a")]), cordoned=frozenset({"a3"})),
        Reason.CAPACITY,
        Reason.CAPACITY,
    ),
    "going back has cost one": (
        lambda e: e.change(slots=Slots([slot("a2", "a", budget="revert:a")]), quarantined=lost("a2", "a")),
        Reason.CAPACITY,
        None,
    ),
    "going back has cost two": (
        lambda e: e.change(
            slots=Slots([slot("a2", "a", budget="revert:a"), slot("a3", "a", budget="revert:a", ordinal=1)]),
            quarantined=lost("a2", "a") | lost("a3", "a"),
        ),
        Reason.CAPACITY,
        Reason.CAPACITY,
    ),
    "another is down": (
        lambda e: e.change(
            reported={**e.facts.reported, NodeId("a2"): said("a2", "a", phase=Phase.FAILED)},
            cordoned=frozenset({"a3"}),
        ),
        Reason.CAPACITY,
        None,
    ),
    "it is away itself": (
        lambda e: e.change(slots=Slots([slot("a1", "a")]), cordoned=frozenset({"a2"})),
        None,
        None,
    ),
    "withdrawn": (lambda e: e.change(tombstoned=frozenset({"2.0.0"})), Reason.TOMBSTONED, None),
    "older withdrawn": (lambda e: e.change(tombstoned=frozenset({"1.0.0"})), None, Reason.TOMBSTONED),
}


@pytest.mark.parametrize("name", list(CASES))
def test_each_gate_holds_forward_and_back_as_the_guards_say(name: str) -> None:
    change, forward, back = CASES[name]
    engine = Engine(A_AND_B)
    change(engine)
    assert asked(engine)[0] is forward
    assert asked(engine, back=True)[0] is back


def test_a_regions_share_binds_forward_and_not_back() -> None:
    pops = [pop(f"{name}-", 4) for name in "abcde"]
    engine = Engine(fleet(*pops))
    engine.change(slots=Slots([slot("a-1", "a-"), slot("b-1", "b-")]))
    assert asked(engine, "c-1")[0] is Reason.REGION_SHARE
    assert asked(engine, "a-2")[0] is not Reason.REGION_SHARE
    assert asked(engine, "c-1", back=True)[0] is None


def test_a_pop_that_goes_out_waits_for_work_on_the_other_members_even_on_the_way_back() -> None:
    """G4: of two disturbances that start together, neither may find the other's PoP out."""
    engine = Engine(A_AND_B)
    engine.change(slots=Slots([slot("a1", "a")]))
    assert asked(engine, "b1", back=True)[0] is Reason.GROUP_OUT


def test_a_pop_of_one_node_is_a_drain_of_the_whole_pop() -> None:
    engine = Engine(fleet(pop("b", 1, load=0.9)))
    assert asked(engine, "b1")[0] is None


def test_going_forward_with_approval_stays_possible_where_the_older_release_has_cost_the_capacity() -> None:
    """G9."""
    engine = Engine(fleet(pop("a", 4)))
    engine.change(quarantined=lost("a2", "a") | lost("a3", "a"))
    assert asked(engine) == (Reason.CAPACITY, True)
    engine.consent("forward")
    assert asked(engine) == (None, False)


def test_an_approval_to_go_forward_does_not_take_a_pop_out_that_is_not() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.change(cordoned=frozenset({"a2"}))
    engine.consent("forward")
    assert asked(engine)[0] is Reason.CAPACITY


@pytest.mark.parametrize(("minutes", "asks"), [(0, False), (21, True)])
def test_a_wait_for_a_unit_that_is_on_its_way_asks_nobody_until_it_is_overdue(
    minutes: int, asks: bool
) -> None:
    engine = Engine(A_AND_B, measured())
    engine.change(slots=Slots([slot("b1", "b")]), now=OPENS + timedelta(minutes=minutes))
    assert asked(engine) == (Reason.GROUP_OUT, asks)


def at_night(nodes: int = 4) -> Engine:
    """A PoP that carries much by day and little in its window, from 1 to 5."""
    hours = (0.9, 0.3, 0.3, 0.3, 0.9, 0.9, *(0.9 for _ in range(18)))
    place = msgspec.structs.replace(pop("a", nodes, load=0.9), hours=hours)
    return Engine(fleet(place))


def test_the_load_of_the_hour_decides_where_it_is_known_and_not_the_peak_of_the_day() -> None:
    engine = at_night()
    assert asked(engine) == (None, False)
    engine.change(now=OPENS + timedelta(hours=3))
    hold = disturbance.first_hold(engine.draft(), engine.facts.fleet.pops[PopId("a")], UnitId("a1"))
    assert hold is not None
    assert (hold.reason, hold.detail[:43]) == (Reason.CAPACITY, "3 of 4 nodes would serve a load of 90% time")


def test_a_unit_does_not_start_just_before_an_hour_that_it_would_be_missed_in() -> None:
    engine = at_night()
    engine.change(now=OPENS + timedelta(hours=2, minutes=40))
    assert asked(engine) == (None, False)
    engine.change(now=OPENS + timedelta(hours=2, minutes=41))
    assert asked(engine)[0] is Reason.CAPACITY


def test_another_member_of_the_group_is_out_by_the_load_of_the_hour_as_well() -> None:
    hours = (0.9, 0.3, *(0.9 for _ in range(22)))
    other = msgspec.structs.replace(pop("b", 4, load=0.9), hours=hours)
    engine = Engine(fleet(pop("a", 4), other, group=("a", "b")), quarantined=lost("b1", "b"))
    assert asked(engine) == (None, False)
    engine.change(now=OPENS + timedelta(hours=1))
    assert asked(engine)[0] is Reason.GROUP_OUT


def test_what_a_pops_other_units_were_answered_is_asked_anew_once_anything_moves_elsewhere() -> None:
    engine = Engine(A_AND_B)
    draft, place = engine.draft(), engine.facts.fleet.pops[PopId("a")]
    asked_of: list[str] = []
    gates = disturbance.OF_PLACE
    assert disturbance.first_hold(draft, place, UnitId("a1")) is None

    def counted(gate: disturbance.Gate) -> disturbance.Gate:
        def ask(asked: disturbance.Asked) -> Hold | None:
            asked_of.append(gate.__name__)
            return gate(asked)

        return ask

    listed = {gate: counted(gate) for gate in gates}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disturbance, "GATES", tuple(listed.get(gate, gate) for gate in disturbance.GATES))
        patch.setattr(disturbance, "OF_PLACE", frozenset(listed.values()))
        assert disturbance.first_hold(draft, place, UnitId("a2")) is None
        draft.slots.take(slot("a1", "a"))
        hold = disturbance.first_hold(draft, place, UnitId("a2"))
        assert hold is not None
        assert hold.reason is Reason.CAPACITY
        assert asked_of == [], "nothing has moved but in the PoP itself"
        assert disturbance.first_hold(draft, place, UnitId("a1"), back=True) is None
        assert len(asked_of) == len(gates), "of who goes back everything is asked"
        draft.slots.take(slot("b1", "b"))
        hold = disturbance.first_hold(draft, place, UnitId("a2"))
        assert hold is not None
        assert hold.reason is Reason.GROUP_OUT
