"""Standstill: why may nothing at all be moved, whatever the rollouts are about?"""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from wavetrain.model.fleet import Generation, NodeId, Phase, PopId
from wavetrain.model.record import Record


class Cause(StrEnum):
    """What brought everything to a stand."""

    CLOCK = "clock"
    """The store's clock was stepped: windows, permissions and bakes would be counted wrongly."""
    RESTORE = "restore"
    """The store came from a backup: what it believes of the nodes may be long out of date."""


class Standstill(Record, frozen=True, kw_only=True):
    """While one is kept no choice is taken for any rollout, and no node is permitted to disturb itself."""

    KEY: ClassVar[tuple[str, ...]] = ("cause",)
    cause: Cause
    since: datetime
    detail: str
    shift_s: float = 0.0
    """Of a clock: how far it was stepped, in seconds; forward is positive."""


class Believed(Record, frozen=True, kw_only=True):
    """What a restored store knew of a node when the backup was taken; kept until a person confirms the difference."""

    KEY: ClassVar[tuple[str, ...]] = ("node",)
    INDEX: ClassVar[tuple[str, ...]] = ("pop",)
    node: NodeId
    pop: PopId
    generation: Generation
    release: str
    phase: Phase
    metrics: str = ""
    boot: str = ""
