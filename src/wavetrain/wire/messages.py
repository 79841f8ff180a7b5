"""Messages: what operators and CI say at their door, and what they are told when it fails."""

from datetime import UTC, date, datetime
from typing import Annotated

import msgspec

from wavetrain.control.joins import MINUTES
from wavetrain.control.rollouts import REASON_CHARACTERS_MAX, Consent
from wavetrain.control.tokens import TokenSeen
from wavetrain.errors import RefusedError
from wavetrain.model.access import Role
from wavetrain.model.hotfix import HOTFIX_POPS_MAX, How
from wavetrain.model.window import SCOPE_MAX
from wavetrain.wire.release_file import WAVES_MAX
from wavetrain.wire.toml_table import FILE_BYTES_MAX

MESSAGE_BYTES_MAX = 64 * 1024
NAMES_BYTES_MAX = 1280 * 1024
"""Of a message with a list of names: the longest list of the longest names fits, each character escaped as a pair."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
ReasonText = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_CHARACTERS_MAX)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Because(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deed that needs a reason: pause, abort, revert, withdraw, cordon, retire, rebuild."""

    reason: ReasonText


class Confirm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let everything go on that stands still; `shown` is the digest of the difference that the person has read."""

    reason: ReasonText
    shown: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Resume(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Go on after a pause."""

    reason: ReasonText = "resumed"


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let a rollout enter a train under way in another way."""

    how: How
    reason: ReasonText
    wave: Annotated[int, msgspec.Meta(ge=0, le=WAVES_MAX)] = 0
    pops: Annotated[tuple[Name, ...], msgspec.Meta(max_length=HOTFIX_POPS_MAX)] = ()


class Approve(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Consent to a step of a rollout."""

    consent: Consent = Consent.GENERAL


class AddFreeze(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Freeze a span; times with their offset. An empty scope binds everything."""

    starts: Instant
    ends: Instant
    reason: ReasonText
    scope: Annotated[tuple[Name, ...], msgspec.Meta(max_length=SCOPE_MAX)] = ()
    id: Annotated[str, msgspec.Meta(max_length=63, pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$")] = ""


class ImportFreezes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The text of a freeze file, as it is on disk, and the last day up to which its freezes are made."""

    text: Annotated[str, msgspec.Meta(max_length=FILE_BYTES_MAX)]
    until: date | None = None


class MakeToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a credential; `days` is its lifetime, by default 90; `account` the one that a token of that role is for."""

    name: Name
    roles: Annotated[tuple[Role, ...], msgspec.Meta(min_length=1, max_length=len(Role))]
    days: int | None = None
    account: Annotated[str, msgspec.Meta(max_length=100)] = ""


class LetJoin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a join token for a node; `minutes` is its lifetime."""

    minutes: int = MINUTES


class RaiseFloor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The oldest release of a component that any device may run from now on."""

    number: Name
    reason: ReasonText


class FileText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The text of a TOML file, as it is on disk."""

    text: Annotated[str, msgspec.Meta(max_length=FILE_BYTES_MAX)]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact's bytes are there."""

    digest: str
    size: int


class MadeToken(msgspec.Struct, frozen=True, kw_only=True):
    """A new credential; its secret is shown this once."""

    token: TokenSeen
    secret: str


class MakeLoginLink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for an address at which the bearer is logged in, once."""

    next: Annotated[str, msgspec.Meta(max_length=500)] = ""
    """The page to begin with, e.g. `/console/journal`."""


class LoginLink(msgspec.Struct, frozen=True, kw_only=True):
    """An address, below that of the doors, and for how long it is good."""

    path: str
    seconds: float


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every error: the text for people, and its kind for programs."""

    error: str
    kind: str


def utc_of(instant: datetime, field: str) -> datetime:
    """The instant in UTC, or `RefusedError`: its offset may lead out of the years that there are."""
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise RefusedError(
            f"at $.{field}: {instant.isoformat()} lies outside of all years in UTC; give a time from 0002 to 9998"
        ) from None
