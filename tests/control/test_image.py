"""Image: whatever is written, following the changes shows what reading everything anew shows."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.kind_samples import SAMPLES

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.control.image import Image
from wavetrain.decide.facts import is_afoot
from wavetrain.model.fleet import Cordon, Desired, Pop, Quarantine, Reported, Retired
from wavetrain.model.record import Record
from wavetrain.model.rollout import Rollout, Slot, Turn, TurnPhase, Wave

ACTS = st.lists(st.tuples(st.integers(0, len(SAMPLES) - 1), st.booleans(), st.booleans()), max_size=40)
LOOKED_AT = (Pop, Reported, Cordon, Retired, Quarantine, Rollout)


def shown(image: Image) -> dict[str, object]:
    """All that decisions see of it."""
    seen: dict[str, object] = {kind.__name__: image.all(kind) for kind in LOOKED_AT}
    rollouts = {record.rollout for record in SAMPLES if isinstance(record, Turn | Wave)}
    seen |= {f"turns {name}": image.turns(name) for name in rollouts}
    seen |= {f"waves {name}": image.waves(name) for name in rollouts}
    for name in rollouts:
        turns = image.turns(name)
        assert tuple(image.by_pop(name).items()) == tuple((turn.pop, turn) for turn in turns)
        assert image.afoot(name) == tuple(turn for turn in turns if is_afoot(turn))
    nodes = [record.node for record in SAMPLES if isinstance(record, Desired)]
    return seen | {
        "slots": list(image.slots),
        "orders": [image.orders.get(node) for node in nodes],
        "fleet": image.fleet,
        "cordoned": image.names(Cordon),
        "unsteady": {pop: nodes for pop, nodes in image.unsteady.items() if nodes},
    }


@settings(max_examples=60)
@given(ACTS)
def test_following_shows_what_reading_anew_shows(acts: list[tuple[int, bool, bool]]) -> None:
    store, image = MemoryStore(lambda: 0.0), Image()
    store.take("test")
    for index, removes, looks in acts:
        act(store, SAMPLES[index], removes)
        if looks:
            with store.read() as view:
                assert shown(image.follow(view)) == shown(Image().follow(view))
    with store.read() as view:
        assert shown(image.follow(view)) == shown(Image().follow(view))


def act(store: MemoryStore, record: Record, removes: bool) -> None:
    """Write or remove a record."""
    with store.write() as transaction:
        known = transaction.get(type(record), *record.key)
        if not removes:
            transaction.put(record.changed(version=known.version if known is not None else 0))
        elif known is not None:
            transaction.remove(known)


def test_a_turn_that_moves_is_found_without_a_look_at_the_others_and_is_left_out_once_it_is_done() -> None:
    store, image = MemoryStore(lambda: 0.0), Image()
    store.take("test")
    first = next(record for record in SAMPLES if isinstance(record, Turn))
    phases = [TurnPhase.WAITING, TurnPhase.CANARY, TurnPhase.REST, TurnPhase.DONE]
    for pop in ("b", "c", "a"):
        act(store, first.changed(pop=pop, phase=TurnPhase.WAITING, progress=()), removes=False)
    seen = []
    for phase in phases:
        act(store, first.changed(pop="a", phase=phase, progress=()), removes=False)
        with store.read() as view:
            image.follow(view)
        seen.append([turn.pop for turn in image.afoot(first.rollout)])
        assert list(image.by_pop(first.rollout)) == ["a", "b", "c"]
    assert seen == [[], ["a"], ["a"], []]
    act(store, first.changed(pop="c", phase=TurnPhase.BAKING, progress=()), removes=False)
    act(store, first.changed(pop="c"), removes=True)
    with store.read() as view:
        assert image.follow(view).afoot(first.rollout) == ()


def test_where_changes_were_trimmed_away_it_is_made_anew() -> None:
    store, image = MemoryStore(lambda: 0.0), Image()
    store.take("test")
    with store.read() as view:
        image.follow(view)
    for record in SAMPLES:
        act(store, record, removes=False)
    store.trim(keep_changes=1, keep_journal=1)
    with store.read() as view:
        assert shown(image.follow(view)) == shown(Image().follow(view))
        assert image.sequence == view.sequence
        assert any(isinstance(slot, Slot) for slot in image.slots)


def test_what_changes_where_a_node_is_measured_is_told_apart_from_what_it_says_of_itself() -> None:
    said = next(record for record in SAMPLES if isinstance(record, Reported))
    store, image = MemoryStore(lambda: 0.0), Image()
    store.take("test")
    act(store, said, removes=False)
    with store.read() as view:
        aimed = image.follow(view).sequence
    assert image.readdressed(aimed) == set()
    assert image.readdressed(aimed - 1) is None, "what was before the whole was loaded may be any"
    act(store, said.changed(since=datetime(2027, 1, 1, tzinfo=UTC)), removes=False)
    with store.read() as view:
        assert image.follow(view).readdressed(aimed) == set()
    act(store, said.changed(metrics="http://127.0.0.1:2/metrics"), removes=False)
    with store.read() as view:
        assert image.follow(view).readdressed(aimed) == {said.node}
        assert image.readdressed(view.sequence) == set()


def test_of_too_many_nodes_that_are_measured_elsewhere_the_oldest_are_forgotten() -> None:
    said = next(record for record in SAMPLES if isinstance(record, Reported))
    store, image = MemoryStore(lambda: 0.0), Image(readdressed_max=1)
    store.take("test")
    with store.read() as view:
        image.follow(view)
    begun = image.sequence
    for port in (2, 3):
        act(store, said.changed(metrics=f"http://127.0.0.1:{port}/metrics"), removes=False)
    with store.read() as view:
        image.follow(view)
    assert image.readdressed(begun) is None
    assert image.readdressed(image.sequence) == set()
