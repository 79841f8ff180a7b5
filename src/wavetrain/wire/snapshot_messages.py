"""Snapshot messages: what does a program get that evaluates features by itself?"""

from datetime import datetime
from typing import Annotated, Final

import msgspec

from wavetrain.decide import cohort
from wavetrain.decide.activation import Sheet, Standing
from wavetrain.errors import RefusedError
from wavetrain.model.feature import FEATURES_MAX, Feature
from wavetrain.wire.json_message import read_message

SNAPSHOT: Final = "/ofrep/v1/snapshot"
"""Of our own, beside the protocol's addresses."""
ACCOUNTS_MAX = 10_000
SNAPSHOT_BYTES_MAX = 4 * 1024 * 1024
"""Of the request: the longest list of the longest names."""
Bits = Annotated[str, msgspec.Meta(pattern=f"^[0-9a-f]{{1,{FEATURES_MAX // 4 + 1}}}$")]
Account = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class SnapshotAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The features, and how these accounts stand."""

    accounts: Annotated[tuple[Account, ...], msgspec.Meta(max_length=ACCOUNTS_MAX)] = ()


class StandingSent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Sets of features in hexadecimal, in the order of a sheet of the same features."""

    early: Bits
    held: Bits
    covered: Bits
    licensed: Bits


class SnapshotSent(msgspec.Struct, frozen=True, kw_only=True):
    """All that evaluations need, as of one instant of train time."""

    version: int
    now: Annotated[datetime, msgspec.Meta(tz=True)]
    features: Annotated[tuple[Feature, ...], msgspec.Meta(max_length=FEATURES_MAX)]
    stranger: StandingSent
    """Of an account that nobody has heard of."""
    accounts: dict[str, StandingSent]


def read_asked(body: bytes) -> SnapshotAsked:
    """Raises `RefusedError`."""
    return read_message(body, SnapshotAsked, "snapshot")


def read_sent(body: bytes) -> SnapshotSent:
    """Raises `RefusedError` for bytes that are no snapshot."""
    return read_message(body, SnapshotSent, "the snapshot")


def sent(sheet: Sheet, standing: Standing) -> StandingSent:
    """How an account stands to a sheet."""
    every: Final = (1 << len(sheet.features)) - 1
    return StandingSent(
        early=f"{standing.early & every:x}",
        held=f"{standing.held & every:x}",
        covered=f"{standing.covered & every:x}",
        licensed=f"{standing.licensed & every:x}",
    )


def standing_of(account: str, told: StandingSent) -> Standing:
    """The same, where it was sent."""
    sets = (int(text, 16) for text in (told.early, told.held, told.covered, told.licensed))
    return Standing(cohort.unit_key(account), *sets)


def sheet_of(told: SnapshotSent, now: datetime) -> Sheet:
    """The features at an instant. Raises RefusedError where they do not fit each other."""
    if len({one.id for one in told.features}) != len(told.features):
        raise RefusedError("the snapshot has a feature twice; fetch it again")
    return Sheet({one.id: one for one in told.features}, now)
