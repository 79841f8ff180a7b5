"""What is told of capacity and of a stand, what is let go of, and what becomes of a look that fails."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.control.practice import Practice

from wavetrain.control.publish import KEPT_FOR, Publisher
from wavetrain.control.status_picture import StatusBoard
from wavetrain.errors import StaleError
from wavetrain.model.fleet import NodeId, PopId, Quarantine, Retired
from wavetrain.model.maintenance import Incident, Maintenance, MaintenanceState
from wavetrain.model.standstill import Cause, Standstill

LIS = PopId("lis1")


@pytest.fixture
def house(tmp_path: Path) -> Practice:
    made = Practice(tmp_path)
    made.rolling()
    return made


def incidents(house: Practice) -> list[Incident]:
    with house.store.read() as view:
        return view.find(Incident)


def out(house: Practice, node: str) -> Quarantine:
    with house.store.write() as transaction:
        return transaction.put(
            Quarantine(
                node=NodeId(node),
                pop=LIS,
                rollout="",
                since=transaction.now,
                reason="it does not start",
                serves=False,
            )
        )


def test_a_node_that_was_retired_is_no_lack_of_capacity(house: Practice) -> None:
    publisher = Publisher(house.store)
    for node in ("lis1-n1", "lis1-n2", "lis1-n3"):
        out(house, node)
    publisher.look()
    assert [one.state for one in incidents(house)] == ["identified"]
    with house.store.write() as transaction:
        for node in ("lis1-n1", "lis1-n2", "lis1-n3"):
            transaction.put(Retired(node=NodeId(node), by="olga", since=transaction.now))
    publisher.look()
    assert [one.state for one in incidents(house)] == ["resolved"]
    assert Publisher(house.store).look() == 0


def test_a_pop_with_too_little_left_is_an_incident_until_it_has_enough(house: Practice) -> None:
    publisher = Publisher(house.store)
    publisher.look()
    lost = [out(house, "lis1-n1")]
    publisher.look()
    assert incidents(house) == [], "one of four can be spared"
    lost += [out(house, node) for node in ("lis1-n2", "lis1-n3")]
    assert publisher.look() == 1
    (told,) = incidents(house)
    assert (told.state, told.impact, told.pops) == ("identified", "minor", (LIS,))
    assert "3 of 4 nodes" in told.told[-1].text
    assert publisher.look() == 0
    with house.store.write() as transaction:
        for one in lost[1:]:
            transaction.remove(one)
    publisher.look()
    (over,) = incidents(house)
    assert (over.state, over.over_at is not None, len(over.told)) == ("resolved", True, 2)
    lost = [out(house, node) for node in ("lis1-n2", "lis1-n3")]
    house.seconds += 60
    Publisher(house.store).look()
    assert [one.state for one in incidents(house)] == ["resolved", "identified"], (
        "another time is another incident"
    )


def test_a_stand_of_everything_is_told_in_words_that_name_nothing_inside(house: Practice) -> None:
    with house.store.write() as transaction:
        standing = transaction.put(
            Standstill(cause=Cause.CLOCK, since=transaction.now, detail="stepped by 3,600 s on host db7")
        )
    publisher = Publisher(house.store)
    publisher.look()
    (told,) = incidents(house)
    assert (told.impact, told.pops) == ("none", ())
    assert "db7" not in str(told)
    with house.store.write() as transaction:
        transaction.remove(standing)
    publisher.look()
    assert incidents(house)[0].state == "resolved"
    assert house.last() == "Planned work stands still: resolved: Work goes on as planned."


def test_what_is_over_for_long_is_let_go_of_and_what_is_open_is_kept(house: Practice) -> None:
    publisher = Publisher(house.store)
    publisher.look()
    with house.store.write() as transaction:
        first, *others = transaction.find(Maintenance)
        old = transaction.now - KEPT_FOR - timedelta(days=1)
        transaction.put(first.changed(state=MaintenanceState.COMPLETED, over_at=old))
    assert publisher.forget() == 1
    assert publisher.forget() == 0
    with house.store.read() as view:
        assert {one.id for one in view.find(Maintenance)} == {one.id for one in others}
    board = StatusBoard(house.store)
    assert all(one.id != first.id for one in board.picture.past)


def test_a_look_that_fails_is_made_again_from_the_same_facts(
    house: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = Publisher(house.store)
    write = house.store.write

    def failing() -> object:
        raise StaleError("another process writes")

    monkeypatch.setattr(house.store, "write", failing)
    with pytest.raises(StaleError):
        publisher.look()
    monkeypatch.setattr(house.store, "write", write)
    assert publisher.look() == 1
    with house.store.read() as view:
        assert len(view.find(Maintenance)) == 1
