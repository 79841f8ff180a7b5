"""Evidence kept: the pre-period of a PoP with the running test of a rollout, as the store keeps them."""

from typing import ClassVar

import msgspec

from wavetrain.evidence.calibration import Calibration
from wavetrain.evidence.judgement import Evidence
from wavetrain.evidence.preperiod import Preperiod
from wavetrain.model.record import Record


class PopWatch(Record, frozen=True, kw_only=True):
    """What was seen of one PoP while nothing moved there: one pre-period per metric."""

    KEY: ClassVar[tuple[str, ...]] = ("pop",)
    pop: str
    metrics: dict[str, Preperiod] = {}

    @property
    def seconds(self) -> float:
        """For how long the PoP was watched, by its best-watched metric."""
        return max((pre.seconds for pre in self.metrics.values()), default=0.0)


class Calibrated(msgspec.Struct, frozen=True, kw_only=True):
    """The calibrations of one PoP by metric, fixed before its first node is exposed."""

    metrics: dict[str, Calibration]
    seconds: float
    """How long the pre-period was; 0 for an assumed calibration."""


class RolloutEvidence(Record, frozen=True, kw_only=True):
    """The running test of one rollout."""

    KEY: ClassVar[tuple[str, ...]] = ("rollout",)
    rollout: str
    evidence: Evidence = Evidence()
    pops: dict[str, Calibrated] = {}
    share: dict[str, float] = {}
    """By PoP: what its new nodes carried of their fair load in the last bin."""
    compared_s: dict[str, float] = {}
    """By PoP: seconds of comparison since its canary has carried its share."""
    first_s: float = 0.0
    """When the first comparison was made, on the store's steady clock; 0 for never."""
    log_e: float = 0.0
    log_threshold: float = 0.0
    failed: bool = False
