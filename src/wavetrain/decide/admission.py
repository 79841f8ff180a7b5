"""Admission: may this release enter?"""

import re
from enum import StrEnum

import msgspec

from wavetrain.model.hotfix import Hotfix
from wavetrain.model.lane import LANES, UnitKind
from wavetrain.model.release import ARTIFACT_BYTES_MAX, Release, ReleaseId, Urgency, is_older

COMPONENT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,62}")
DIGEST = re.compile(r"[0-9a-f]{64}")


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A release as it asks to enter; the fields mean what they mean in `Release`."""

    component: str
    number: str
    lane: str
    digest: str
    size: int
    gates: dict[str, bool] = {}
    fixes: str = ""
    urgency: Urgency = Urgency.ROUTINE
    notes: str = ""
    hotfix: Hotfix = Hotfix()
    news: str = ""

    @property
    def id(self) -> ReleaseId:
        """`component@number`."""
        return ReleaseId(f"{self.component}@{self.number}")


class Entrance(StrEnum):
    """How a candidate fared."""

    ENTERS = "enters"
    KNOWN = "known"
    """The same bytes under the same number were submitted before: nothing changes."""
    REFUSED = "refused"


class Admission(msgspec.Struct, frozen=True):
    """The choice and its reason."""

    entrance: Entrance
    reason: str = ""


def admit(
    candidate: Candidate,
    *,
    known: Release | None,
    is_tombstoned: bool,
    floor: str = "",
    has_policy: bool,
    size_found: int | None,
    numbers: frozenset[str],
    entry: str = "",
) -> Admission:
    """`size_found`: bytes kept under the digest, None when there are none. `numbers`: the component's other releases.
    `floor`: the oldest version of the component that may run. `entry`: the rule that its way into a train under way
    breaks; what was let in before keeps the way that it has.

    Gates that are missing or have failed refuse nothing: the release enters and waits for them.
    """
    rules = (
        _spelling(candidate),
        _lane(candidate, has_policy),
        _tombstone(is_tombstoned),
        _floor(candidate.number, floor),
        _number(candidate, known),
        _bytes(candidate, size_found),
        _fix(candidate, numbers),
        entry if known is None else "",
    )
    refusal = next((reason for reason in rules if reason), "")
    if refusal:
        return Admission(Entrance.REFUSED, f"release {candidate.id} is refused: {refusal}")
    if known is not None:
        return Admission(Entrance.KNOWN, f"release {candidate.id} was submitted before with the same bytes")
    return Admission(Entrance.ENTERS, f"release {candidate.id} enters as a candidate")


def _spelling(candidate: Candidate) -> str:
    if not COMPONENT.fullmatch(candidate.component):
        return "its component is not a name; use 1 to 63 lower-case letters, digits or dashes"
    if not NUMBER.fullmatch(candidate.number):
        return "its number is not a version; use 1 to 63 letters, digits, dots, plus signs or dashes"
    return ""


def _lane(candidate: Candidate, has_policy: bool) -> str:
    if candidate.lane not in LANES:
        return f"there is no lane {candidate.lane}; give one of: {', '.join(sorted(LANES))}"
    if not has_policy:
        return f"lane {candidate.lane} has no policy; apply one first: wavetrain policy apply FILE"
    return ""


def _tombstone(is_tombstoned: bool) -> str:
    return (
        "its number was withdrawn and is never offered again; submit a newer number" if is_tombstoned else ""
    )


def _floor(number: str, floor: str) -> str:
    if floor and is_older(number, floor):
        return f"it is older than the floor {floor} of its component; submit {floor} or a newer number"
    return ""


def _number(candidate: Candidate, known: Release | None) -> str:
    if known is None:
        return ""
    if (known.digest, known.size, known.lane) != (candidate.digest, candidate.size, candidate.lane):
        return (
            f"number {candidate.number} was used before for other bytes ({known.digest[:12] or 'none'}, "
            f"{known.size} bytes, lane {known.lane}); a number is used once: submit under a newer one"
        )
    return ""


def _bytes(candidate: Candidate, size_found: int | None) -> str:
    if not candidate.digest and not candidate.size and LANES[candidate.lane].unit is UnitKind.ACCOUNT:
        return ""
    if not DIGEST.fullmatch(candidate.digest):
        return "its digest is not a SHA-256; give 64 lower-case hex digits"
    if not 0 < candidate.size <= ARTIFACT_BYTES_MAX:
        return (
            f"its size {candidate.size} is not from 1 to {ARTIFACT_BYTES_MAX} bytes; give the artifact's size"
        )
    if size_found is None:
        return f"no bytes are kept under digest {candidate.digest}; upload the artifact first, and check the digest"
    if size_found != candidate.size:
        return (
            f"the bytes under digest {candidate.digest} are {size_found} long and not {candidate.size}; "
            "correct the size, or the digest"
        )
    return ""


def _fix(candidate: Candidate, numbers: frozenset[str]) -> str:
    if candidate.fixes and candidate.fixes not in numbers:
        return f"it says that it fixes {candidate.fixes}, which {candidate.component} does not have; correct `fixes`"
    return ""
