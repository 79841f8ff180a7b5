"""Recovery: after a fail, back, hold or forward?"""

from enum import StrEnum

import msgspec

from wavetrain.decide.verdict import Ruling
from wavetrain.model.lane import Lane


class Way(StrEnum):
    """What follows a fail."""

    BACK = "back"
    PAUSE = "pause"
    STOP = "stop"


class Recovery(msgspec.Struct, frozen=True):
    """The way, and why."""

    way: Way
    text: str


def choose(ruling: Ruling, lane: Lane, doubt: str) -> Recovery:
    """A hard fact goes back at once.

    A statistical `fail` does so only where nothing is in doubt of its error rate (`verdict.doubt`); otherwise it
    pauses and pages a person. A lane that cannot go back stops offering the release.
    """
    if not lane.can_go_back:
        return Recovery(Way.STOP, f"{ruling.text}; the lane cannot go back, the fix goes forward")
    if ruling.hard or not doubt:
        return Recovery(Way.BACK, ruling.text)
    return Recovery(Way.PAUSE, f"{ruling.text}; {doubt}, a person decides")
