"""Ledger: the last generation given out, with the distance between train time and the store's own clock."""

from typing import ClassVar

from wavetrain.model.fleet import Generation
from wavetrain.model.record import Record

LEDGER = "ledger"


class Ledger(Record, frozen=True, kw_only=True):
    """One record per store.

    `jumped_s` is how far train time was moved ahead of the store's clock, in seconds; it stays 0 outside
    demonstrations and rehearsals.
    """

    KEY: ClassVar[tuple[str, ...]] = ("name",)
    name: str = LEDGER
    generation: Generation = Generation(1, 0)
    jumped_s: float = 0.0
