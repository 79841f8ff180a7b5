"""Release: one immutable version of a component, and how mature it is."""

import re
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, NewType

from wavetrain.model.hotfix import Hotfix
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
    hotfix: Hotfix = Hotfix()
    """How it enters while an older release of its component is under way."""
    news: str = ""
    """What customers read of it in the weekly notes: plain text, in paragraphs. `notes` is for the operator's own."""


class Tombstone(Record, frozen=True, kw_only=True):
    """A release that is never offered again."""

    KEY: ClassVar[tuple[str, ...]] = ("release",)
    release: ReleaseId
    number: str
    reason: str
    at: datetime
    by: str


class Floor(Record, frozen=True, kw_only=True):
    """The oldest release of a component that any device may run; a person raises it, nobody lowers it."""

    KEY: ClassVar[tuple[str, ...]] = ("component",)
    component: str
    number: str
    reason: str
    at: datetime
    by: str
    raised: int = 1
    """How often it was raised."""


def is_older(number: str, floor: str) -> bool:
    """Whether a version comes before the floor.

    The leading dotted numbers are compared one by one as numbers, a missing one counting as 0: `2.9 < 2.10`,
    `2 = 2.0`. What follows them is a pre-release and comes before the plain version: `2.0-rc1 < 2.0`, and
    `2.0-rc9 < 2.0-rc10`. What follows a `+` names a build and does not count.
    """
    return _order(number) < _order(floor)


def _order(number: str) -> tuple[object, ...]:
    plain = number.partition("+")[0]
    leading = _LEADING.match(plain)
    numbers = leading[0] if leading is not None else ""
    parts = [_run(part) for part in numbers.split(".") if numbers]
    while parts and parts[-1] == _ZERO:
        parts.pop()
    rest = tuple(_run(run) for run in _RUNS.findall(plain[len(numbers) :]))
    return tuple(parts), not rest, rest


def _run(run: str) -> tuple[int, int, str]:
    """Sorts numbers by their value, however long they are, and letters before any number."""
    digits = run.lstrip("0")
    return (1, len(digits), digits) if run[0] in "0123456789" else (0, 0, run)


_LEADING = re.compile(r"[0-9]+(\.[0-9]+)*")
_RUNS = re.compile(r"[0-9]+|[A-Za-z]+")
_ZERO = _run("0")
