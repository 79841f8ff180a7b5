"""Judgement: is this release worse, good enough to go on, or not decided yet?

Every answer follows from the processes' states and from the pinned policy alone, so it can be replayed.
"""

from collections.abc import Sequence
from math import isfinite, isnan, log
from typing import Final

from msgspec import Struct

from wavetrain.errors import RefusedError
from wavetrain.evidence import budget
from wavetrain.evidence.betting import LOG_K, PAIRS, least_pairs
from wavetrain.evidence.counters import Array
from wavetrain.evidence.processes import BINS, EXCESS_UPPER, LOG_E_DOUBLING, NEW_EXPOSURE, SECONDS

MAX_METRICS: Final = 128
"""Rows: a histogram makes three of its check."""
MAX_STRATA: Final = 8192
MAX_MARGIN_RATIO: Final = 9.0
WAYS: Final = 2
"""Ways through the gate; each gets its part of beta, so that passing wrongly has probability at most beta."""

Parts = tuple[tuple[str, float], ...]
"""Log e by name of what has said something."""


class Metric(Struct, frozen=True):
    """What the policy says of a counted metric.

    `weight` is its share of the budget. A relative worsening up to `margin_ratio` (0.1 = 10 %) is no harm.
    `excess_max` is absolute, in events per unit of exposure. `exposure_min` is the new arm's,
    offset-weighted. A `gate` must pass before a wave goes on; a watch may only fail the release.
    """

    name: str
    weight: float
    margin_ratio: float = 0.0
    excess_max: float = 0.002
    exposure_min: float = 0.0
    gate: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.margin_ratio <= MAX_MARGIN_RATIO:
            raise RefusedError(
                f"metric {self.name}: margin_ratio {self.margin_ratio} must lie in "
                f"0..{MAX_MARGIN_RATIO:g}; 0.1 allows 10 %"
            )
        if not (isfinite(self.excess_max) and self.excess_max > 0):
            raise RefusedError(
                f"metric {self.name}: excess_max {self.excess_max} must be positive; to never hold, set "
                f"gate = false"
            )
        for name, value in (("weight", self.weight), ("exposure_min", self.exposure_min)):
            if not (isfinite(value) and value >= 0):
                raise RefusedError(
                    f"metric {self.name}: {name} {value} must be finite and not negative; 0 switches it off"
                )


class Figures(Struct, frozen=True, kw_only=True):
    """One metric's figures. Rates are per unit of exposure; None where there is no exposure yet.

    `ratio` is an estimate with half an event added to each arm.
    """

    name: str
    log_e: float
    weight: float
    new_events: float
    new_exposure: float
    control_events: float
    control_exposure: float
    new_rate: float | None
    control_rate: float | None
    ratio: float | None
    excess: float | None


class MetricJudgement(Figures, frozen=True, kw_only=True):
    """One metric's part in the verdict. `strata` are log e by stratum, `classes` by hardware class."""

    strata: Parts
    classes: Parts


class Judgement(Struct, frozen=True):
    """The verdict on a rollout: `failed` when log_e has reached log_threshold."""

    log_e: float
    log_threshold: float
    failed: bool
    per_metric: tuple[MetricJudgement, ...]


class MetricGate(Struct, frozen=True):
    """How far one gate is. `excess_upper` is None while nothing bounds it."""

    name: str
    passed: bool
    excess_upper: float | None
    excess_max: float
    doubling_refuted: bool
    exposure: float
    exposure_min: float
    by_pairs: bool = False
    """Then the exposures are matched pairs."""


class GateAnswer(Struct, frozen=True):
    """May the wave go on, by its evidence? `seconds` are of comparison, the least of the gates'."""

    passed: bool
    seconds: float
    seconds_min: float
    per_metric: tuple[MetricGate, ...]

    @property
    def undecided(self) -> tuple[MetricGate, ...]:
        """The gates that have not passed."""
        return tuple(answer for answer in self.per_metric if not answer.passed)


def judgement_of(
    metrics: Sequence[Metric],
    weights: Sequence[float],
    log_es: Sequence[float],
    sums: Sequence[Sequence[float]],
    alpha: float,
    strata: Sequence[Parts],
    classes: Sequence[Parts],
) -> Judgement:
    """The verdict from each metric's log e; `sums` are its events and exposures in the order of a state's columns.

    `strata` and `classes` are the parts by metric, or empty where there are none. A metric without evidence counts as
    e = 1.
    """
    total = budget.log_mean(log_es, weights)
    none: Sequence[Parts] = [()] * len(metrics)
    per_metric = tuple(
        _judged(metric.name, *rest)
        for metric, *rest in zip(metrics, weights, log_es, sums, strata or none, classes or none, strict=True)
    )
    return Judgement(total, budget.log_threshold(alpha), budget.fails(total, alpha), per_metric)


def _judged(
    name: str, weight: float, log_e: float, sums: Sequence[float], strata: Parts, classes: Parts
) -> MetricJudgement:
    new_events, control_events, _, new_exposure, control_exposure = sums
    new_rate = new_events / new_exposure if new_exposure else None
    control_rate = control_events / control_exposure if control_exposure else None
    known = new_rate is not None and control_rate is not None
    return MetricJudgement(
        name=name,
        log_e=log_e,
        weight=weight,
        new_events=new_events,
        new_exposure=new_exposure,
        control_events=control_events,
        control_exposure=control_exposure,
        new_rate=new_rate,
        control_rate=control_rate,
        ratio=(new_events + 0.5) / new_exposure * control_exposure / (control_events + 0.5)
        if known
        else None,
        excess=new_rate - control_rate if new_rate is not None and control_rate is not None else None,
        strata=strata,
        classes=classes,
    )


def gate(
    state: Array | None,
    metrics: Sequence[Metric],
    beta: float,
    seconds_min: float = 0.0,
    more: Sequence[MetricGate] = (),
) -> GateAnswer:
    """May the wave in a stratum with this state go on? Without exposure the answer is no, never yes.

    A gate passes with its exposure met and either the anytime-valid upper bound of the absolute excess below
    `excess_max`, or a doubling of the control's rate refuted. A release that does both, double and exceed,
    passes a gate at any look with probability at most beta. The new arm counts what happened, the control
    what the caps let through: a burst in the control cannot lower the excess. `state` has the metrics' rows in
    their order, weighed at this beta, and is None for a stratum that was not calibrated. `more` are the gauges'
    gates; their seconds are the blocks', and not among the answer's.
    """
    check(metrics)
    if not more and not any(metric.gate for metric in metrics):
        raise RefusedError("no metric is a gate: a wave would pass on no evidence; set gate = true on one")
    answers = []
    seconds = []
    for place, metric in enumerate(metrics):
        if metric.gate:
            row = state[place].tolist() if state is not None else None
            answers.append(_gate_of(metric, row, beta))
            seconds.append(row[SECONDS] if row is not None else 0.0)
    answers += more
    least = min(seconds, default=0.0)
    passed = all(answer.passed for answer in answers) and least >= seconds_min
    return GateAnswer(passed, least, seconds_min, tuple(answers))


def _gate_of(metric: Metric, row: Sequence[float] | None, beta: float) -> MetricGate:
    """One gate; a metric without exposure or without a calibration is undecided."""
    upper, refuted, exposure = None, False, 0.0
    if row is not None and row[BINS]:
        exposure = row[NEW_EXPOSURE]
        upper = None if isnan(row[EXCESS_UPPER]) else row[EXCESS_UPPER]
        refuted = row[LOG_E_DOUBLING] >= -log(beta / WAYS)
    enough = exposure > 0 and exposure >= metric.exposure_min
    return MetricGate(
        name=metric.name,
        passed=enough and (refuted or (upper is not None and upper < metric.excess_max)),
        excess_upper=upper,
        excess_max=metric.excess_max,
        doubling_refuted=refuted,
        exposure=exposure,
        exposure_min=metric.exposure_min,
    )


def gate_of_level(name: str, row: Array | None, excess_max: float, beta: float) -> MetricGate:
    """One gauge as a gate, from its level's row: its shift is bounded, or one of `excess_max` is refuted."""
    upper, refuted, blocks = None, False, 0.0
    if row is not None and row[BINS] > 0:
        blocks = float(row[NEW_EXPOSURE])
        upper = None if isnan(row[EXCESS_UPPER]) else float(row[EXCESS_UPPER])
        refuted = bool(row[LOG_E_DOUBLING] >= -log(beta / WAYS))
    return MetricGate(
        name=name,
        passed=blocks > 0 and (refuted or (upper is not None and upper < excess_max)),
        excess_upper=upper,
        excess_max=excess_max,
        doubling_refuted=refuted,
        exposure=blocks,
        exposure_min=1.0,
    )


def gate_of_pairs(name: str, row: Array, excess_max: float, beta: float) -> MetricGate:
    """One gauge as a gate, from what matched pairs have bet against a shift of `excess_max` or more."""
    refuted = bool(row[LOG_K] >= -log(beta))
    return MetricGate(
        name=name,
        passed=refuted,
        excess_upper=excess_max if refuted else None,
        excess_max=excess_max,
        doubling_refuted=refuted,
        exposure=float(row[PAIRS]),
        exposure_min=float(least_pairs(beta)),
        by_pairs=True,
    )


def check(metrics: Sequence[Metric], most: int = MAX_METRICS) -> None:
    """Raises RefusedError where the metrics cannot carry a verdict."""
    if not 1 <= len(metrics) <= most:
        raise RefusedError(f"{len(metrics)} metrics: a verdict needs 1 to {most}; name them in the policy")
    if len({metric.name for metric in metrics}) != len(metrics):
        raise RefusedError("a metric is named twice: each has one weight; remove one from the policy")
