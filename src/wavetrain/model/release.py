"""Release: one immutable version of a component, and how mature it is."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, NewType

from wavetrain.model.record import Record

ReleaseId = NewType("ReleaseId", str)
"""`component@version`; the version alone is what a node reports."""

ARTIFACT_BYTES_MAX = 256 * 1024 * 1024


class Stage(StrEnum):
    """A release's maturity."""

    CANDIDATE = "candidate"
    EARLY = "early"
    GENERAL = "general"
    WITHDRAWN = "withdrawn"


class Urgency(StrEnum):
    """How fast the release wants to travel."""

    ROUTINE = "routine"
    SECURITY = "security"


class Release(Record, frozen=True, kw_only=True):
    """What CI submitted. `digest` is the SHA-256 of the artifact in lower-case hex, `size` its bytes."""

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    INDEX: ClassVar[tuple[str, ...]] = ("lane", "stage")
    id: ReleaseId
    component: str
    number: str
    """The version as its makers write it, e.g. `2.1.0`; unique within the component."""
    lane: str
    digest: str
    size: int
    stage: Stage
    submitted_at: datetime
    submitted_by: str
    gates: dict[str, bool] = {}
    """The CI/CD gates that were run, and whether each passed."""
    fixes: str = ""
    """The number of the release that this one repairs, if any."""
    urgency: Urgency = Urgency.ROUTINE
    notes: str = ""


class Tombstone(Record, frozen=True, kw_only=True):
    """A release that is never offered again."""

    KEY: ClassVar[tuple[str, ...]] = ("release",)
    release: ReleaseId
    number: str
    reason: str
    at: datetime
    by: str
