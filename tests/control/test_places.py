"""Freezes, cordons, and what becomes of a node that is retired or rebuilt."""

from datetime import datetime, timedelta

import pytest
from tests.control.practice import APPROVER, OPERATOR, ROLLOUT, START, VIEWER, Practice

from wavetrain.control import cordons, freezes, nodes
from wavetrain.errors import ForbiddenError, RefusedError, UnknownError
from wavetrain.model.fleet import (
    Cordon,
    Desired,
    Generation,
    NodeId,
    Phase,
    PopId,
    Quarantine,
    Reported,
    Retired,
)
from wavetrain.model.rollout import Slot, TurnPhase
from wavetrain.model.window import Freeze

DAY = timedelta(days=1)


def test_a_freeze_is_added_by_an_operator_and_removed_by_an_approver(house: Practice) -> None:
    made = freezes.add(
        house.store, OPERATOR, starts=START, ends=START + DAY, reason="fair", scope=["emea", "pop"]
    )
    assert (made.id, made.by) == ("freeze-20261101-1", "olga")
    other = freezes.add(house.store, OPERATOR, starts=START, ends=START + DAY, reason="fair")
    assert other.id == "freeze-20261101-2"
    kept = house.sequence
    with pytest.raises(ForbiddenError, match="takes the role approver"):
        freezes.remove(house.store, OPERATOR, made.id)
    with pytest.raises(ForbiddenError, match="takes the role operator"):
        freezes.add(house.store, APPROVER, starts=START, ends=START + DAY, reason="fair")
    assert house.sequence == kept
    freezes.remove(house.store, APPROVER, made.id)
    with house.store.read() as view:
        assert [item.id for item in view.find(Freeze)] == [other.id]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"scope": ["lis9"]}, "the scope names lis9, which is no region, PoP or lane"),
        ({"ends": START - DAY}, "not after"),
        ({"starts": START - 2 * DAY, "ends": START - DAY}, "would be over since"),
        ({"reason": ""}, "0 characters in `reason`"),
        ({"starts": datetime(2026, 11, 1)}, "not UTC"),  # noqa: DTZ001 - a naive time is the case
        ({"freeze_id": "old"}, "freeze old is there already"),
    ],
)
def test_a_bad_freeze_is_refused_and_nothing_written(
    house: Practice, fields: dict[str, object], said: str
) -> None:
    freezes.add(house.store, OPERATOR, starts=START, ends=START + DAY, reason="x", freeze_id="old")
    kept = house.sequence
    good: dict[str, object] = {"starts": START, "ends": START + DAY, "reason": "fair"}
    with pytest.raises(RefusedError) as caught:
        freezes.add(house.store, OPERATOR, **{**good, **fields})  # type: ignore[arg-type]
    assert said in str(caught.value)
    assert house.sequence == kept


def test_an_unknown_freeze_is_named(house: Practice) -> None:
    with pytest.raises(UnknownError, match="there is no freeze nix"):
        freezes.remove(house.store, APPROVER, "nix")


@pytest.mark.parametrize("subject", ["lis1", "lis1-n2"])
def test_a_cordon_holds_until_it_is_taken_away(house: Practice, subject: str) -> None:
    made = cordons.cordon(house.store, OPERATOR, subject, "flaky power")
    kept = house.sequence
    assert cordons.cordon(house.store, OPERATOR, subject, "again") == made
    assert house.sequence == kept
    cordons.uncordon(house.store, OPERATOR, subject)
    cordons.uncordon(house.store, OPERATOR, subject)
    with house.store.read() as view:
        assert view.find(Cordon) == []


def test_what_the_fleet_does_not_have_is_not_cordoned(house: Practice) -> None:
    kept = house.sequence
    for deed in (
        lambda: cordons.cordon(house.store, OPERATOR, "nix", "x"),
        lambda: cordons.uncordon(house.store, OPERATOR, "nix"),
        lambda: nodes.retire(house.store, OPERATOR, "nix", "x"),
        lambda: nodes.rebuild(house.store, OPERATOR, "lis1", "x"),
    ):
        with pytest.raises(UnknownError):
            deed()
    with pytest.raises(ForbiddenError):
        cordons.cordon(house.store, VIEWER, "lis1", "x")
    with pytest.raises(ForbiddenError):
        nodes.retire(house.store, VIEWER, "lis1-n1", "x")
    assert house.sequence == kept


def _lost(house: Practice) -> None:
    """lis1-n1 failed on the release: quarantined, still owning its slot."""
    house.rolling(progress=(), quarantined=("lis1-n1",))
    with house.store.write() as transaction:
        node, pop = NodeId("lis1-n1"), PopId("lis1")
        transaction.put(
            Reported(
                node=node, pop=pop, generation=Generation(1, 1), release="", phase=Phase.FAILED, since=START
            )
        )
        transaction.put(
            Desired(node=node, pop=pop, generation=Generation(1, 1), release="2.0.0", permitted_s=60)
        )
        transaction.put(
            Quarantine(node=node, pop=pop, rollout=ROLLOUT, since=START, reason="dead", serves=False)
        )


def test_a_retired_node_frees_its_slot_and_no_turn_counts_on_it(house: Practice) -> None:
    _lost(house)
    tended = nodes.retire(house.store, OPERATOR, "lis1-n1", "disk")
    assert (tended.slots, tended.rollouts) == (("pop:lis1/0",), (ROLLOUT,))
    turn = house.turn()
    assert (turn.order, turn.cursor, turn.quarantined) == (("lis1-n2", "lis1-n3", "lis1-n4"), 0, ())
    assert house.last() == "retired: disk; frees pop:lis1/0"
    with house.store.read() as view:
        assert (view.find(Slot), view.find(Quarantine), view.find(Desired)) == ([], [], [])
        assert [item.by for item in view.find(Retired)] == ["olga"]


def test_a_node_in_progress_can_be_retired(house: Practice) -> None:
    house.rolling()
    nodes.retire(house.store, OPERATOR, "lis1-n1", "gone")
    assert house.turn().progress == ()


def test_a_rebuilt_node_is_offered_again_and_may_say_anything_anew(house: Practice) -> None:
    _lost(house)
    nodes.rebuild(house.store, OPERATOR, "lis1-n1", "new disk")
    turn = house.turn()
    assert (turn.order[0], turn.cursor, turn.quarantined) == ("lis1-n1", 0, ())
    with house.store.read() as view:
        assert (view.find(Slot), view.find(Quarantine), view.find(Desired), view.find(Reported)) == (
            [],
            [],
            [],
            [],
        )


def test_a_rebuild_takes_a_retirement_back(house: Practice) -> None:
    nodes.retire(house.store, OPERATOR, "lis1-n1", "disk")
    nodes.rebuild(house.store, OPERATOR, "lis1-n1", "new disk")
    with house.store.read() as view:
        assert view.find(Retired) == []


def test_a_turn_that_is_done_keeps_a_rebuilt_node_in_its_residue(house: Practice) -> None:
    house.rolling(phase=TurnPhase.DONE, cursor=4, progress=(), quarantined=("lis1-n1",))
    nodes.rebuild(house.store, OPERATOR, "lis1-n1", "new disk")
    assert house.turn().quarantined == ("lis1-n1",)


def test_a_node_that_was_retired_and_rebuilt_in_mid_rollout_is_offered_again(house: Practice) -> None:
    house.rolling()
    nodes.retire(house.store, OPERATOR, "lis1-n1", "disk")
    tended = nodes.rebuild(house.store, OPERATOR, "lis1-n1", "new disk")
    assert (tended.rollouts, tended.too_late) == ((ROLLOUT,), ())
    assert house.turn().order[-1] == "lis1-n1"
    assert "lis1-n1" not in house.turn().exposed


def test_a_rebuild_says_where_it_comes_too_late(house: Practice) -> None:
    house.rolling(phase=TurnPhase.DONE, cursor=4, progress=())
    nodes.retire(house.store, OPERATOR, "lis1-n1", "disk")
    tended = nodes.rebuild(house.store, OPERATOR, "lis1-n1", "new disk")
    assert (tended.rollouts, tended.too_late) == ((), (ROLLOUT,))
    assert house.last() == f"rebuilt: new disk; too late for {ROLLOUT}"
