"""Policy: the rules that an operator sets for a lane, pinned to each rollout by digest."""

from datetime import timedelta
from enum import StrEnum
from typing import ClassVar, Final

import msgspec

from wavetrain.model.hotfix import How
from wavetrain.model.record import Record
from wavetrain.model.release import Stage

RINGS_MAX = 20
METRICS_MAX = 40
COVER_MAX = 1_000


class Ring(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who: a named, ordered set of PoPs (or a share of the units of a lane without PoPs) with stable membership.

    Exactly one of `pops`, `share_percent`, `cover` and `rest` says who. A share is taken from those that no earlier
    ring has named: first the PoPs most of whose sites would be early, then by stable hash. `cover` chooses so many PoPs
    that regions, hardware classes and kinds of sites are seen with as few as possible.
    """

    name: str
    stage: Stage
    """The stage that the release has while this ring travels: early or general."""
    pops: tuple[str, ...] = ()
    share_percent: int = 0
    cover: int = 0
    rest: bool = False
    soak_minutes: int = 60
    """The least train time between this ring's end and the next ring's start."""

    def __post_init__(self) -> None:
        ways = (bool(self.pops), self.share_percent > 0, self.cover > 0, self.rest)
        if sum(ways) != 1:
            raise ValueError(f"ring {self.name} must name exactly one of pops, share_percent, cover, rest")
        if not 0 <= self.cover <= COVER_MAX:
            raise ValueError(f"ring {self.name} has cover {self.cover}; give 1 to {COVER_MAX}")
        if self.share_percent < 0 or self.share_percent > 100:
            raise ValueError(f"ring {self.name} has share_percent {self.share_percent}; give 1 to 100")
        if self.stage not in (Stage.EARLY, Stage.GENERAL):
            raise ValueError(f"ring {self.name} has stage {self.stage.value}; a ring is early or general")
        if self.soak_minutes < 0:
            raise ValueError(f"ring {self.name} has a negative soak_minutes; give 0 or more")


class Kind(StrEnum):
    """What a check looks at."""

    COUNTER = "counter"
    """Events per unit of exposure."""
    HISTOGRAM = "histogram"
    """How large single observations are: latencies, reconnect times, sizes."""
    GAUGE = "gauge"
    """A level: processor, memory, queues."""


class Direction(StrEnum):
    """Which way is worse."""

    UP = "up"
    DOWN = "down"


class MetricRule(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A check: a metric that the verdict compares between new and control nodes.

    A counter names `events` and `exposure`, a histogram its base name, a gauge its own; all are names of metrics that
    nodes serve. A relative worsening up to `margin_ratio` (0.1 = 10 %) is no harm. `excess_max` is the greatest
    harmless absolute excess: of events per unit of exposure; of the share of observations over the old release's
    percentiles; of a gauge in its own unit. `gate` checks must pass before a wave goes on; the others, watches, may
    fail a release but never hold it. `history` marks what almost never happens: its count is also held against the
    fleet's own past, so that a first node speaks without a neighbour.
    """

    name: str
    kind: Kind = Kind.COUNTER
    direction: Direction = Direction.UP
    events: str = ""
    exposure: str = ""
    histogram: str = ""
    gauge: str = ""
    weight: float
    margin_ratio: float = 0.0
    excess_max: float = 0.002
    gate: bool = True
    history: bool = False

    def __post_init__(self) -> None:
        needed = _NEEDED[self.kind]
        for field in ("events", "exposure", "histogram", "gauge"):
            if bool(getattr(self, field)) != (field in needed):
                verb = "must name" if field in needed else "must not name"
                raise ValueError(f"metric {self.name} is a {self.kind.value} and {verb} `{field}`")
        if self.history and self.kind is not Kind.COUNTER:
            raise ValueError(f"metric {self.name} is a {self.kind.value}; only a counter has a history")
        if self.history and self.direction is Direction.DOWN:
            raise ValueError(f"metric {self.name} is worse when it falls; a history bounds what rises")


_NEEDED: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.COUNTER: ("events", "exposure"),
    Kind.HISTOGRAM: ("histogram",),
    Kind.GAUGE: ("gauge",),
}


class Budgets(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How many at once."""

    pop_share: float = 0.25
    """Share of a PoP's nodes that may be out for updates; rounds down, at least one."""
    region_share: float = 0.2
    region_pops_min: int = 2
    revert_share: float = 0.5
    """Share of a PoP's nodes that may go back at once; rounds down, at least one."""
    headroom: float = 1.1
    """In-service capacity must stay at least forecast load times this."""
    gap_minutes: int = 60
    """Between the planned work on two members of a redundancy group, and on a site's two PoPs, lies at least this."""


class Bake(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Minimum time *and* minimum evidence of a canary."""

    minutes: int = 30
    exposure_min: float = 2000.0
    canaries: int = 1
    share_min: float = 0.8
    """The share of its fair load that a canary must carry before evidence counts."""
    mixed_hours_max: int = 72
    telemetry_away_s: float = 15.0
    """After so many seconds without a sample of an exposed node the verdict is `errored`."""


class PlaceboLock(StrEnum):
    """What a statistical `fail` needs beside the pre-period before it may go back by itself."""

    TRUST = "trust"
    """Nothing: the calibration is trusted, and the operator has opted in to that."""
    STRICT = "strict"
    """Placebo trains that certify the policy's `alpha`; without them it pauses and pages."""


class Verdicts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The error rates that the verdict promises, and what it looks at."""

    alpha: float = 1e-3
    """At most this share of clean trains goes back falsely."""
    beta: float = 0.05
    """At most this share of gates passes although the excess is over its margin."""
    tau_floor: float = 0.03
    pre_period_s: float = 259_200.0
    lock: PlaceboLock = PlaceboLock.STRICT
    """Whether a statistical `fail` reverts on the calibration's word, or only where placebo trains certify it."""
    placebo_waves: bool = False
    """Whether, before the canaries of a PoP, as many of its nodes are restarted on the release that they run."""
    gauge_block_s: float = 300.0
    """Gauges are compared in blocks of at least this length; longer where they remember for longer."""
    sessions: str = "gateway_sessions"
    """The gauge that says how much load a node carries."""
    metrics: tuple[MetricRule, ...] = ()


class Pace(StrEnum):
    """How a train uses its days."""

    EVEN = "even"
    """Gently: waves are spread evenly over the planned days, and no region gives more than its share a night."""
    COMPACT = "compact"
    """In as few windows as the hard rules allow: a region's share may go several times in one night."""


class Wishes(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a broken wish costs in planning, in sites: each weight is multiplied by the sites that it touches."""

    pair: float = 1.0
    """A site's two PoPs are worked on within `budgets.gap_minutes` of each other."""
    blackout: float = 1.0
    """A shared PoP is worked on at a day on which an account of its sites would rather not be disturbed."""
    early: float = 0.25
    """A PoP whose accounts would be early goes neither in an early ring nor in the first wave of its ring."""
    fairness: float = 0.05
    """A PoP that was among the first in past trains is so again."""
    blackout_days: int = 2
    """So many days of a PoP and train are weighed: those that most of its sites ask for."""


class Timing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """When a train departs and how long its steps are taken to last."""

    cadence_weeks: int = 2
    spread_days: int = 14
    planned_to_day: int = 12
    pace: Pace = Pace.EVEN
    unit_minutes: int = 10
    """Predicted minutes of one unit's update; the undo is taken to last as long."""
    permission_s: float = 120.0
    """Lifetime of a permission in seconds of the node's own monotonic clock."""
    report_late_s: float = 60.0
    """Beyond the permission's end: how long a node may be silent before the wait is called NOT_REPORTING."""

    @property
    def with_undo(self) -> timedelta:
        """The predicted duration of one unit's update and of its undo together: nothing starts unless both fit."""
        return 2 * timedelta(minutes=self.unit_minutes)


TIMINGS = {"console": Timing(cadence_weeks=1, spread_days=7, planned_to_day=6)}
"""Of the lanes that keep another time than `Timing` says, where their policy does not say when."""


class Succession(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a newer release may follow one that is under way."""

    bake_wait_minutes: int = 120
    """For so long a newer release waits for bakes of the older one, unless it fixes that one; then it cuts them short,
    and says so."""
    cuts_max: int = 2
    """So many releases in a row may cut the bake of the one before short; the next waits for it, or for a person."""
    credit_waves_max: int = 2
    """So many waves may be taken as passed, because the release that is fixed has passed them; 0 for none."""
    approve: tuple[How, ...] = (How.RESTART,)
    """The ways in that take another person's approval."""


class Announce(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How long before its window customers are told of work; who hears of it by which way is not the policy's."""

    days_ahead: int = 7
    """Work that is planned later than that is announced at once."""
    hours_before: int = 24
    """When they are reminded."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything an operator may set for one lane."""

    lane: str
    rings: tuple[Ring, ...]
    gates_required: tuple[str, ...] = ("build", "tests")
    approve_general: bool = False
    """Whether a person must approve the step from early to general availability."""
    fix_departs_at_once: bool = True
    """Whether a release that fixes a failed one takes the next window instead of the next train."""
    failures_max: int = 1
    """How many units of a wave, canaries aside, may go back by themselves before the release has failed."""
    budgets: Budgets = Budgets()
    bake: Bake = Bake()
    verdicts: Verdicts = Verdicts()
    timing: Timing = Timing()
    wishes: Wishes = Wishes()
    succession: Succession = Succession()
    announce: Announce = Announce()

    def __post_init__(self) -> None:
        if not self.rings:
            raise ValueError(f"policy of lane {self.lane} has no rings; name at least one")
        if len(self.rings) > RINGS_MAX:
            raise ValueError(f"policy of lane {self.lane} has {len(self.rings)} rings; at most {RINGS_MAX}")
        names = [ring.name for ring in self.rings]
        if len(set(names)) != len(names):
            raise ValueError(f"policy of lane {self.lane} names a ring twice; give each its own name")
        if len(self.verdicts.metrics) > METRICS_MAX:
            raise ValueError(f"policy of lane {self.lane} has more than {METRICS_MAX} metrics; take fewer")
        if any(ring.rest for ring in self.rings[:-1]):
            raise ValueError(f"policy of lane {self.lane}: only the last ring may take the rest")
        stages = [ring.stage for ring in self.rings]
        if Stage.GENERAL in stages and Stage.EARLY in stages[stages.index(Stage.GENERAL) :]:
            raise ValueError(
                f"policy of lane {self.lane}: an early ring follows a general one; put it before"
            )


class PolicyText(Record, frozen=True, kw_only=True):
    """A policy as applied, kept under its digest for as long as a rollout is pinned to it."""

    KEY: ClassVar[tuple[str, ...]] = ("digest",)
    INDEX: ClassVar[tuple[str, ...]] = ("lane",)
    digest: str
    lane: str
    policy: Policy
    by: str


class CurrentPolicy(Record, frozen=True, kw_only=True):
    """Which policy new rollouts of a lane are pinned to."""

    KEY: ClassVar[tuple[str, ...]] = ("lane",)
    lane: str
    digest: str
