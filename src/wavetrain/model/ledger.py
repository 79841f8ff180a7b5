"""Ledger: the last generation given out, with the distance between train time and the store's own clock."""

from typing import ClassVar

import msgspec

from wavetrain.model.fleet import Generation
from wavetrain.model.record import Record

LEDGER = "ledger"


JUMPS_KEPT = 20


class Jump(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Train time was moved ahead: when, on the store's own clock in seconds, and by how much."""

    at: float
    by_s: float


class Ledger(Record, frozen=True, kw_only=True):
    """One record per store.

    `jumped_s` is how far train time was moved ahead of the store's clock, in seconds; it stays 0 outside
    demonstrations and rehearsals.
    """

    KEY: ClassVar[tuple[str, ...]] = ("name",)
    name: str = LEDGER
    generation: Generation = Generation(1, 0)
    jumped_s: float = 0.0
    jumps: tuple[Jump, ...] = ()
    """The last ones, so that what was a moment ago can be told in train time."""
