"""Plan: the choices of one tick as data, with a reason for everything that waits."""

from datetime import datetime
from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why something waits; shown to people as it stands."""

    GATES_MISSING = "its CI/CD gates have not all passed"
    APPROVAL = "it needs a person's approval"
    WAY_IN = "its way into the train under way needs a person's approval"
    PREVIOUS_ROLLOUT = "an older rollout of the same component is not over"
    HANDING_OVER = "units of an older rollout are still on their way; it gives way to this one"
    PREVIOUS_BAKE = "a canary of an older rollout is baking, and is given time to end"
    GIVES_WAY = "a newer rollout of the same component takes over here next"
    NOT_YET = "its turn in the timetable has not come"
    PRE_PERIOD = "the control plane has not watched the fleet long enough to judge it"
    PREVIOUS_WAVE = "the wave before it has not passed"
    PAUSED = "the rollout is paused"
    ABORTED = "the rollout was stopped; a person decides what follows"
    FROZEN = "a change freeze is in force"
    CORDONED = "a person has cordoned it"
    RETIRED = "a person has retired it"
    OUTSIDE_WINDOW = "its maintenance window is closed"
    NO_WINDOW = "its window rule yields no opening in the next two years"
    NO_PLAN = "the train cannot be planned without breaking a hard rule"
    REGION_SHARE = "too many PoPs of its region are being worked on"
    GROUP_OUT = "another member of its redundancy group is out"
    CAPACITY = "its PoP would be left with too little capacity"
    SLOT_TAKEN = "its PoP's disruption slots are taken"
    PLACEBO = "a node is restarted on the release that it runs, as a placebo"
    IN_PROGRESS = "it is being updated"
    NOT_REPORTING = "it has not reported in time"
    BAKE_TIME = "its canary has not baked for the minimum time"
    EVIDENCE = "its canary has not yet earned the minimum evidence"
    CANARY_SHARE = "its canary does not yet carry its share of the traffic"
    INCONCLUSIVE = "the evidence stayed inconclusive; a person decides"
    TELEMETRY_AWAY = "telemetry is missing"
    SOAK = "its ring is soaking before the next one starts"
    LAPSED_OFTEN = "its updates lapsed again and again; retire or rebuild it, or pause and resume"
    QUARANTINED = "it went back by itself and is quarantined; retire or rebuild it"
    TOMBSTONED = "the release was withdrawn"
    REVERTING = "the rollout is going back"
    FEATURES_OFF = "programs are being told that features go off with it"
    CLOCK = "a clock was stepped; nothing moves until it is right again, or a person accepts it"
    NODE_CLOCK = "its clock disagrees with the control plane's"
    RESTORED = "the store was restored from a backup; a person confirms what the nodes report"


TIMED = frozenset({Reason.NOT_YET, Reason.FROZEN, Reason.OUTSIDE_WINDOW, Reason.BAKE_TIME, Reason.SOAK})
"""The reasons that only the passing of train time ends."""


class Hold(msgspec.Struct, frozen=True, gc=False):
    """A wait, its reason and, where it is known, its end."""

    reason: Reason
    until: datetime | None = None
    detail: str = ""
    """The particulars: which freeze, which member, which figure against which threshold."""
    asks: bool = False
    """Whether a person is asked to decide."""
