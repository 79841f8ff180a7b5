"""Train time jumps to the next end of a wait, and over no step of a ramp."""

from datetime import datetime, timedelta

import pytest
from tests.control.practice import OPERATOR, START, Practice

from wavetrain.control import features
from wavetrain.control.leap import leap
from wavetrain.model.feature import WHOLE_PPM, Feature, FeatureKey, Step, Variant
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Rollout, Slot, Status

UNTIL = START + timedelta(days=6)
STEPS = (Step(0.0, WHOLE_PPM // 4), Step(24.0, WHOLE_PPM // 2), Step(240.0, WHOLE_PPM))


@pytest.fixture
def waiting(house: Practice) -> Practice:
    """A rollout that waits for its day, and a feature whose ramp begins now."""
    house.rolling(Status.ANNOUNCED, progress=())
    with house.store.write() as transaction:
        for rollout in transaction.find(Rollout):
            transaction.put(rollout.changed(hold=Hold(Reason.NOT_YET, until=UNTIL)))
        for slot in transaction.find(Slot):
            transaction.remove(slot)
        transaction.put(
            Feature(
                id=FeatureKey("menu"),
                variants=(Variant("on", True), Variant("off", False)),
                on="on",
                off="off",
                summary="Menus as tiles",
                owner="console team",
                announced_at=START,
            )
        )
    features.schedule(house.store, OPERATOR, "menu", None, STEPS)
    return house


def jumps(house: Practice) -> list[datetime]:
    """Where train time stops on its way to the end of the wait."""
    made: list[datetime] = []
    while len(made) < 10:
        to = leap(house.store)
        if to is None:
            break
        made.append(to)
    return made


def test_each_step_of_a_ramp_is_stopped_at(waiting: Practice) -> None:
    assert jumps(waiting) == [START + timedelta(days=1), UNTIL]


@pytest.mark.parametrize("deed", [features.pause, features.off])
def test_a_ramp_that_stands_still_stops_nothing(waiting: Practice, deed: object) -> None:
    assert callable(deed)
    deed(waiting.store, OPERATOR, "menu", "it blinks")
    assert jumps(waiting) == [UNTIL]
