"""Feature: what is activated account by account, who may have it first, and how it spreads over its train?"""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, NewType

import msgspec

from wavetrain.model.feature_check import ALPHA, FeatureCheck, OnFail
from wavetrain.model.record import Record

FeatureKey = NewType("FeatureKey", str)
"""What programs ask for; letters, digits, dots, dashes and underscores."""

FEATURES_MAX = 1_000
VARIANTS_MAX = 20
STEPS_MAX = 100
PAUSES_MAX = 100
NEEDED_MAX = 20
MOVES_MAX = 20
VALUE_BYTES_MAX = 16 * 1024
DEFER_DAYS, DEFER_DAYS_MAX = 30, 366
WHOLE_PPM = 1_000_000
"""Shares are parts per million of the accounts."""


class Kind(StrEnum):
    """What the values of a feature's variants are."""

    SWITCH = "switch"
    """True or false."""
    TEXT = "text"
    WHOLE = "whole"
    """A whole number."""
    NUMBER = "number"
    OBJECT = "object"
    """A table of names."""


class Variant(msgspec.Struct, frozen=True, gc=False):
    """One of the values that an account may have."""

    name: str
    value: Any


class Needs(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What must be there before an account can have a feature."""

    releases: dict[str, str] = {}
    """By component of the PoPs: the oldest release that has the feature."""
    appliance: str = ""
    """The oldest firmware of the account's appliances; empty for any."""
    client: str = ""
    """The oldest version of the account's clients; empty for any."""
    licences: tuple[str, ...] = ()
    """The account has at least one of these; empty: none is asked for."""
    features: tuple[FeatureKey, ...] = ()
    """Features that the account has to have on."""


class Early(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who may have it before its ramp begins: whoever asks for it, on these terms."""

    since: datetime
    terms: str = ""
    """What somebody who opts in agrees to, in a few words."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """From so many hours after its beginning on, a ramp has reached this share of the accounts (millionths)."""

    hours: float
    share_ppm: int


class Pause(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A span in which a ramp does not grow; without an end it goes on."""

    since: datetime
    until: datetime | None = None
    by: str = ""
    reason: str = ""


class Ramp(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a feature spreads: a schedule of its own time, which stands still while it is paused."""

    begins: datetime
    steps: tuple[Step, ...]
    """Shares never fall, and the last one is the whole."""
    pauses: tuple[Pause, ...] = ()
    """In order; only the last may be open."""


class Killed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Off for everybody, whatever the ramp says."""

    at: datetime
    by: str
    reason: str


class Moved(msgspec.Struct, frozen=True, gc=False):
    """A beginning that was announced and then given up for another one, or for none."""

    at: datetime
    what: str
    """`ramp`, or `early` for early availability."""
    was: datetime


class Feature(Record, frozen=True, kw_only=True):
    """One feature of the management application or of the service, as its owner announced it."""

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    id: FeatureKey
    kind: Kind = Kind.SWITCH
    variants: tuple[Variant, ...]
    on: str
    """The variant of an account that has the feature."""
    off: str
    """The variant of one that does not have it; also what a program gets where it cannot be told."""
    summary: str
    owner: str
    domain: str = ""
    """The part of the product that it belongs to, as customers know it."""
    needs: Needs = Needs()
    early: Early | None = None
    ramp: Ramp | None = None
    """None: it is announced, and no train has it yet."""
    defer_days: int = DEFER_DAYS
    """For so long after its ramp is whole an account may put it off; 0: not at all."""
    killed: Killed | None = None
    announced_at: datetime
    expires: datetime | None = None
    """By when its key is to be taken out of the programs that ask for it."""
    notes: tuple[str, ...] = ()
    """Links to what was written about it."""
    moves: tuple[Moved, ...] = ()
    """The last beginnings that were announced and did not come, oldest first."""
    told_at: datetime | None = None
    """When what customers read of it was last made to say something else; None: when it was announced."""
    checks: tuple[FeatureCheck, ...] = ()
    on_fail: OnFail = OnFail.PAUSE
    alpha: float = ALPHA
    """At most this share of harmless features is stopped by its evidence, over a whole ramp."""
