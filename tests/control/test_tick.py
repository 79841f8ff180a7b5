"""A tick gives each release its rollout, and takes away holds that bind nothing any more."""

from datetime import datetime, timedelta
from random import Random

import pytest
from tests.control.practice import APPROVER, CI, OPERATOR, ROLLOUT, START, VIEWER, Practice

from wavetrain.control import explain, rollouts, submit, withdraw
from wavetrain.control.tick import Ticker, due
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.policy import CurrentPolicy
from wavetrain.model.rollout import Rollout, Slot, Status, TurnPhase
from wavetrain.simulate.health import SimHealth
from wavetrain.simulate.nature import Nature

FIX = "gateway-2.0.1"
CLOSES = START + timedelta(hours=4)


def ticked(house: Practice, hours: float = 0.0) -> None:
    """Some time later, one tick."""
    house.seconds += 3600 * hours
    Ticker(house.store, SimHealth(lambda: house.seconds, {}, Nature(Random(1)))).tick()


def failing(house: Practice, status: Status = Status.ROLLING) -> None:
    """The release rolls under its lane's policy; its canary runs it."""
    rollout = house.rolling(status, TurnPhase.BAKING, progress=())
    with house.store.write() as transaction:
        current = transaction.get(CurrentPolicy, "pop")
        assert current is not None
        transaction.put(rollout.changed(policy=current.digest))


def fix(house: Practice) -> Rollout | None:
    with house.store.read() as view:
        return view.get(Rollout, FIX)


def submitted(house: Practice) -> None:
    submit.submit(house.store, house.artifacts, CI, house.candidate("2.0.1", fixes="2.0.0"))


def _departs(house: Practice) -> datetime:
    made = fix(house)
    assert made is not None
    return made.departs


@pytest.mark.parametrize("by", ["revert", "withdraw"])
def test_a_fix_has_its_rollout_while_the_failed_one_goes_back_and_takes_a_later_window(
    house: Practice, by: str
) -> None:
    failing(house)
    if by == "revert":
        rollouts.revert(house.store, OPERATOR, ROLLOUT, "it leaks")
    else:
        withdraw.withdraw(house.store, APPROVER, "gateway@2.0.0", "it leaks")
    submitted(house)
    ticked(house)
    made = fix(house)
    assert made is not None
    assert (made.departs, made.not_before, made.previous) == (CLOSES, CLOSES, "1.9.0")
    why = explain.why(house.store, VIEWER, FIX)
    assert why.hold is not None
    assert why.hold.code in ("not_yet", "previous_rollout")


def test_a_fix_of_what_still_goes_forward_takes_the_next_train(house: Practice) -> None:
    failing(house)
    submitted(house)
    ticked(house)
    assert _departs(house) > CLOSES
    assert _departs(house).weekday() == 6
    assert explain.why(house.store, VIEWER, FIX).hold is not None


def test_a_fix_of_what_is_over_takes_the_next_window(house: Practice) -> None:
    failing(house, Status.STOPPED)
    submitted(house)
    ticked(house)
    assert _departs(house) == CLOSES


def test_why_a_pop_waits_is_the_pause_and_then_the_stop(house: Practice) -> None:
    failing(house)
    with house.store.write() as transaction:
        transaction.put(house.turn().changed(hold=Hold(Reason.BAKE_TIME, until=START)))
        for slot in transaction.find(Slot):
            transaction.remove(slot)
    rollouts.pause(house.store, OPERATOR, ROLLOUT, "calls")
    ticked(house)
    why = explain.why(house.store, VIEWER, "lis1")
    assert why.answer == "lis1 waits: the rollout is paused (calls); a person is asked to decide"
    with house.store.write() as transaction:
        transaction.put(house.turn().changed(hold=Hold(Reason.BAKE_TIME, until=START)))
    rollouts.abort(house.store, OPERATOR, ROLLOUT, "no more")
    ticked(house)
    why = explain.why(house.store, VIEWER, "lis1")
    assert why.hold is not None
    assert why.hold.code == "aborted"
    with house.store.read() as view:
        assert due(view) == []
