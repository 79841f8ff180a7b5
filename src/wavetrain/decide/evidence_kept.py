"""Evidence kept: the pre-period of a PoP with the running test of a rollout, as the store keeps them."""

from typing import ClassVar

from wavetrain.evidence.bucket_sums import KeptSums
from wavetrain.evidence.edges import HistogramWatch
from wavetrain.evidence.preperiod import Preperiod
from wavetrain.model.record import Record


def placebo_of(rollout: str) -> str:
    """The name under which the placebo of a rollout's test is kept: a test of its own, with the same records."""
    return f"{rollout} placebo"


class PopWatch(Record, frozen=True, kw_only=True):
    """What was seen of one PoP while nothing moved there: one pre-period per metric."""

    KEY: ClassVar[tuple[str, ...]] = ("pop",)
    pop: str
    metrics: dict[str, Preperiod] = {}
    histograms: dict[str, HistogramWatch] = {}
    gauge_names: tuple[str, ...] = ()
    """Of which checks `gauges` is, in the policy's order."""
    gauge_nodes: tuple[str, ...] = ()
    gauges: bytes = b""
    """The pre-period of all gauges (`evidence.gauge_preperiod.packed`)."""

    @property
    def seconds(self) -> float:
        """For how long the PoP was watched, by its best-watched metric."""
        spans = [pre.seconds for pre in self.metrics.values()]
        spans += [pre.seconds for watch in self.histograms.values() for pre in watch.pres]
        return max(spans, default=0.0)


class PopCalibration(Record, frozen=True, kw_only=True):
    """The calibrations of one PoP for one rollout, fixed before its first node is exposed; kept while it is live."""

    KEY: ClassVar[tuple[str, ...]] = ("rollout", "pop")
    INDEX: ClassVar[tuple[str, ...]] = ("rollout",)
    rollout: str
    pop: str
    seconds: float
    """How long the pre-period was; 0 for an assumed calibration."""
    nodes: tuple[str, ...]
    weights: bytes
    """Offsets by metric and node: little-endian doubles, the metrics in the order of the pinned policy."""
    figures: bytes
    """By row its phi, tau, cap, rate and usual bin in seconds, likewise."""
    offset_errors: bytes = b""
    """By row the variance of a log ratio that estimating one node's offset leaves; none in what was kept before."""
    bounds: bytes = b""
    """By row the bound of a histogram's strand, NaN for all others."""
    ceilings: bytes = b""
    """By row the rate that the past did not exceed."""
    gauge_nodes: tuple[str, ...] = ()
    gauges: bytes = b""
    """What the gauges are held against (`evidence.gauge_calibration.packed`)."""
    only_watch: tuple[str, ...] = ()
    """The gates that can only watch in this PoP (`decide.gate_or_watch`)."""


class PopEvidence(Record, frozen=True, kw_only=True):
    """What one PoP has said in the running test of one rollout."""

    KEY: ClassVar[tuple[str, ...]] = ("rollout", "pop")
    INDEX: ClassVar[tuple[str, ...]] = ("rollout", "live")
    rollout: str
    pop: str
    live: int = 1
    """0 once the PoP is done: then what it said is in the rollout's totals."""
    states: bytes = b""
    """Its processes by metric of the pinned policy (`evidence.processes.packed`)."""
    gauges: bytes = b""
    """Its gauges' rows, level and slope of each, likewise."""
    pairs: bytes = b""
    """What its matched pairs say of the gauges, where no pre-period does (`evidence.gauge_pairs`), likewise."""
    paired: tuple[str, ...] = ()
    """The nodes that are in no pair any more."""
    only_watch: tuple[str, ...] = ()
    """As its calibration has it, which is not kept for as long."""
    share: float | None = None
    """What its new nodes carried of their fair load in the last bin; None before the first."""
    compared_s: float = 0.0
    """Seconds of comparison since its canary has carried its share."""


class RolloutEvidence(Record, frozen=True, kw_only=True):
    """The running test of one rollout: what its PoPs say together."""

    KEY: ClassVar[tuple[str, ...]] = ("rollout",)
    rollout: str
    metrics: tuple[str, ...] = ()
    changes: int = 0
    """How often anything of the test has changed: what its PoPs said up to here is in their records."""
    totals: bytes = b""
    """Of the PoPs that are done, by metric (`evidence.strata.TOTALS` little-endian doubles)."""
    classes: tuple[str, ...] = ()
    """The hardware classes that were compared, in the order in which they came."""
    gauges: bytes = b""
    """Of the gauges, by check and strand (`evidence.gauge_strata.TOTALS` doubles)."""
    pairs: bytes = b""
    """Of the matched pairs of all PoPs, by gauge (`evidence.betting.WIDTH` doubles)."""
    buckets: dict[str, KeptSums] = {}
    """Of the histograms, by check: for people."""
    history: bytes = b""
    """Of what is held against the past, by check (`evidence.first_nodes.WIDTH` doubles)."""
    together: bytes = b""
    """By metric what all PoPs say as one, then what each class says (`evidence.together.WIDTH` doubles)."""
    pre_period_s: float | None = None
    """The shortest pre-period of the PoPs that gave evidence; None before the first."""
    certified: float | None = None
    """The smallest alpha that placebo trains certify for this test (`evidence.placebo`); None where none ran."""
    first_s: float = 0.0
    """When the first comparison was made, on the store's steady clock; 0 for never."""
    log_e: float = 0.0
    log_threshold: float = 0.0
    failed: bool = False
