"""Maintenance: what is told to anybody of work on a PoP, and of what went wrong there?"""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from wavetrain.model.fleet import PopId
from wavetrain.model.record import Record


class MaintenanceState(StrEnum):
    """How far the work has come."""

    SCHEDULED = "scheduled"
    IN_PROGRESS = "in progress"
    VERIFYING = "verifying"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


OPEN = frozenset({MaintenanceState.SCHEDULED, MaintenanceState.IN_PROGRESS, MaintenanceState.VERIFYING})
"""What is not over."""


class Course(StrEnum):
    """Which way the work leads."""

    FORWARD = "forward"
    BACK = "back"
    """A release is taken back: it follows no window."""


class Maintenance(Record, frozen=True, kw_only=True):
    """One stretch of work on one PoP, as customers are told of it.

    Derived from the timetable and the turns, and kept so that a change of it can be seen: `sequence` counts the
    changes that a reader of a calendar has to hear of (RFC 5545, 3.8.7.4).
    """

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    INDEX: ClassVar[tuple[str, ...]] = ("rollout", "pop", "state")
    id: str
    rollout: str
    pop: PopId
    lane: str
    release: str
    state: MaintenanceState
    course: Course = Course.FORWARD
    starts: datetime
    """When the window opens that it goes in."""
    ends: datetime
    """When the window closes."""
    began_at: datetime | None = None
    over_at: datetime | None = None
    """When it was done, or given up."""
    sequence: int = 0
    changed_at: datetime
    announced_at: datetime
    urgent: bool = False
    """Whether it is done outside the PoP's windows."""
    reason: str = ""
    """What it is for; once it was moved or cancelled, why."""
    was: datetime | None = None
    """When it was to start before it was moved last."""


class Told(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One more thing that was said of an incident, newest last."""

    at: datetime
    state: str
    text: str


class Incident(Record, frozen=True, kw_only=True):
    """Something went wrong that customers may have felt: a release that was taken back, a PoP with too little left."""

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    INDEX: ClassVar[tuple[str, ...]] = ("state",)
    id: str
    title: str
    state: str
    """investigating, identified, monitoring or resolved."""
    impact: str
    """none, minor, major or critical."""
    pops: tuple[PopId, ...]
    since: datetime
    changed_at: datetime
    over_at: datetime | None = None
    rollout: str = ""
    told: tuple[Told, ...] = ()
