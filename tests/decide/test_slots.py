"""Slots and overlays: a draft's changes lie over the facts, and the facts stay as they are."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from wavetrain.decide.overlay import Overlay
from wavetrain.decide.slots import Slots
from wavetrain.model.fleet import PopId, UnitId
from wavetrain.model.rollout import RolloutId, Slot

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def slot(pop: int, ordinal: int, owner: int) -> Slot:
    """A slot of a PoP's budget."""
    return Slot(
        budget=f"pop:{pop}",
        ordinal=ordinal,
        owner=UnitId(f"{pop}-n{owner}"),
        pop=PopId(str(pop)),
        rollout=RolloutId("r"),
        since=NOW,
    )


SLOTS = st.builds(slot, st.integers(0, 2), st.integers(0, 2), st.integers(0, 3))
MOVES = st.lists(st.tuples(st.booleans(), SLOTS), max_size=12)


@given(below=MOVES, above=MOVES)
def test_a_layer_answers_as_if_its_changes_had_been_made_and_leaves_what_is_below_alone(
    below: list[tuple[bool, Slot]], above: list[tuple[bool, Slot]]
) -> None:
    plain: dict[tuple[str, ...], Slot] = {}
    base = Slots()
    for takes, item in below:
        move(base, plain, takes, item)
    before, layer, over = list(base), base.layer(), dict(plain)
    for takes, item in above:
        move(layer, over, takes, item)
    assert list(base) == before
    assert list(layer) == sorted(over.values(), key=lambda item: (item.budget, item.ordinal))
    for number in range(3):
        pop = PopId(str(number))
        here = {item.key for item in over.values() if item.pop == pop}
        assert {item.key for item in layer.of_pop(pop)} == here
        assert {item.key for item in layer.of_budget(f"pop:{number}")} == here
        assert layer.is_busy(pop) == bool(here)
    for owner in {item.owner for _, item in (*below, *above)}:
        assert {item.key for item in layer.of_owner(owner)} == {
            key for key, item in over.items() if item.owner == owner
        }
    assert {item.key for item in layer.gone()} == plain.keys() - over.keys()


def move(slots: Slots, plain: dict[tuple[str, ...], Slot], takes: bool, item: Slot) -> None:
    """Take or free a slot, here and in a plain dictionary."""
    if takes:
        slots.take(item)
        plain[item.key] = item
    elif item.key in plain:
        slots.free(plain.pop(item.key))


@given(
    below=st.dictionaries(st.integers(0, 5), st.integers()),
    changes=st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers())), max_size=10),
)
def test_an_overlay_answers_as_a_changed_copy_does(
    below: dict[int, int], changes: list[tuple[int, int | None]]
) -> None:
    plain, over = dict(below), Overlay(below)
    for key, value in changes:
        if value is not None:
            plain[key] = over[key] = value
        elif key in plain:
            del plain[key], over[key]
    assert dict(over) == plain
    assert len(over) == len(plain)
    assert all((key in over) == (key in plain) and over.get(key) == plain.get(key) for key in range(6))
