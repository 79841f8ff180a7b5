"""Feature check: by which counters are accounts that have a feature held against those that do not?"""

from enum import StrEnum

import msgspec

from wavetrain.model.policy import Direction

CHECKS_MAX = 20
ALPHA = 1e-3
FEATURE_LABEL, VARIANT_LABEL = "feature", "variant"
"""The labels that a program gives its counters, so that the accounts of both sides are counted apart."""


class OnFail(StrEnum):
    """What becomes of a feature whose evidence says that it does harm."""

    PAUSE = "pause"
    """Its ramp stands still; who has it keeps it."""
    OFF = "off"


class Side(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is counted of the accounts of one side, on each node; names as in `health.labelled`."""

    events: str
    exposure: str


class FeatureCheck(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One check. A relative worsening up to `margin_ratio` (0.1 = 10 %) is no harm.

    `spread` is how far accounts differ by themselves: the standard deviation of their rates over the mean.
    """

    name: str
    on: Side
    off: Side
    direction: Direction = Direction.UP
    margin_ratio: float = 0.0
    weight: float = 1.0
    spread: float = 1.0
    exposure_min: float = 1_000.0
    """Of either side, before it may pass."""
