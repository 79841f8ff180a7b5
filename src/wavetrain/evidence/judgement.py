"""Judgement: is this release worse, good enough to go on, or not decided yet?

The one door of this room for the rest of the house. All state is in `Evidence`; every answer follows from it
and from the pinned policy alone, so it can be replayed.
"""

from collections.abc import Mapping, Sequence
from math import isfinite, log1p
from typing import Final

import numpy as np
from msgspec import Struct

from wavetrain.errors import RefusedError
from wavetrain.evidence import budget
from wavetrain.evidence.arms import ArmCounts
from wavetrain.evidence.bounds import excess_upper
from wavetrain.evidence.calibration import Calibration
from wavetrain.evidence.counters import Array, Counter, doubling_refuted, laws, log_e_rows, observe_all

MAX_METRICS: Final = 64
MAX_STRATA: Final = 8192
MAX_MARGIN_RATIO: Final = 9.0
WAYS: Final = 2
"""Ways through the gate; each gets its part of beta, so that passing wrongly has probability at most beta."""


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


class MetricEvidence(Struct, frozen=True):
    """One metric's counters by stratum (a PoP's id), in the order in which the strata started."""

    strata: tuple[tuple[str, Counter], ...] = ()


class Evidence(Struct, frozen=True):
    """The whole state of one rollout's test, by metric; `Evidence()` is empty."""

    metrics: tuple[tuple[str, MetricEvidence], ...] = ()


class MetricJudgement(Struct, frozen=True):
    """One metric's part in the verdict. Rates are per unit of exposure; None where there is no exposure yet.

    `ratio` is an estimate with half an event added to each arm; `strata` are log e by stratum.
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
    strata: tuple[tuple[str, float], ...]


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


def absorb(
    evidence: Evidence, stratum: str, counts: Sequence[ArmCounts], calibrations: Mapping[str, Calibration]
) -> Evidence:
    """The evidence after one bin of one stratum. A metric without exposure in both arms is left as it was.

    `calibrations` are this stratum's, by metric. Raises RefusedError for a metric without one, named twice,
    or beyond the limits.
    """
    telling = [seen for seen in counts if seen.new_exposure > 0 and seen.control_exposure > 0]
    if not telling:
        return evidence
    if len({seen.metric for seen in telling}) != len(telling):
        raise RefusedError(f"stratum {stratum}: a metric is named twice in one bin; merge its counts")
    missing = [seen.metric for seen in telling if seen.metric not in calibrations]
    if missing:
        raise RefusedError(
            f"stratum {stratum}, metric {missing[0]}: not calibrated; give its pre-period's calibration "
            f"or an assumed one"
        )
    metrics = dict(evidence.metrics)
    strata = {seen.metric: dict(metrics.get(seen.metric, MetricEvidence()).strata) for seen in telling}
    moved = observe_all(
        [strata[seen.metric].get(stratum, Counter()) for seen in telling],
        telling,
        phis=[calibrations[seen.metric].phi for seen in telling],
        taus=[calibrations[seen.metric].tau for seen in telling],
    )
    for seen, counter in zip(telling, moved, strict=True):
        held = strata[seen.metric]
        held[stratum] = counter
        if len(held) > MAX_STRATA:
            raise RefusedError(
                f"metric {seen.metric}: more than {MAX_STRATA} strata; group PoPs into fewer strata"
            )
        metrics[seen.metric] = MetricEvidence(tuple(held.items()))
    if len(metrics) > MAX_METRICS:
        raise RefusedError(
            f"evidence on more than {MAX_METRICS} metrics: prefer few; drop some from the policy"
        )
    return Evidence(tuple(metrics.items()))


def judge(evidence: Evidence, metrics: Sequence[Metric], alpha: float, tau: float = 0.0) -> Judgement:
    """The verdict over all metrics and strata. `tau` widens every null law to at least itself.

    A metric without evidence counts as e = 1; evidence on a metric that the policy does not name is ignored.
    """
    check(metrics)
    weights = budget.normalised([metric.weight for metric in metrics])
    held = dict(evidence.metrics)
    rows: list[Sequence[float]] = []
    nulls: list[Array] = []
    spans = []
    for metric in metrics:
        counters = [counter for _, counter in held.get(metric.name, MetricEvidence()).strata]
        margin = log1p(metric.margin_ratio)
        widths = [max(tau, counter.tau) for counter in counters]
        start = len(rows)
        rows.extend(counter.loglik for counter in counters)
        nulls.extend(laws(width, margin) for width in widths)
        if counters:  # the pooled row comes last
            rows.append(np.sum([counter.loglik for counter in counters], axis=0).tolist())
            nulls.append(laws(max(widths), margin))
        spans.append((start, len(rows)))
    values = log_e_rows(np.array(rows), np.stack(nulls, axis=1)).tolist() if rows else []
    per_metric = tuple(
        _judged(metric.name, weight, held.get(metric.name, MetricEvidence()), values[start:end])
        for metric, weight, (start, end) in zip(metrics, weights, spans, strict=True)
    )
    total = budget.log_mean([judged.log_e for judged in per_metric], weights)
    return Judgement(total, budget.log_threshold(alpha), budget.fails(total, alpha), per_metric)


def _judged(name: str, weight: float, held: MetricEvidence, values: Sequence[float]) -> MetricJudgement:
    counters = [counter for _, counter in held.strata]
    new_events = sum(counter.new_events for counter in counters)
    control_events = sum(counter.control_events for counter in counters)
    new_exposure = sum(counter.new_exposure for counter in counters)
    control_exposure = sum(counter.control_exposure for counter in counters)
    new_rate = new_events / new_exposure if new_exposure else None
    control_rate = control_events / control_exposure if control_exposure else None
    known = new_rate is not None and control_rate is not None
    return MetricJudgement(
        name=name,
        log_e=budget.metric_log_e(values[-1], values[:-1]) if values else 0.0,
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
        strata=tuple((stratum, value) for (stratum, _), value in zip(held.strata, values, strict=False)),
    )


def gate(
    evidence: Evidence,
    stratum: str,
    metrics: Sequence[Metric],
    calibrations: Mapping[str, Calibration],
    beta: float,
    seconds_min: float = 0.0,
) -> GateAnswer:
    """May the wave in this stratum go on? Without exposure the answer is no, never yes.

    A gate passes with its exposure met and either the anytime-valid upper bound of the absolute excess below
    `excess_max`, or a doubling of the control's rate refuted. A release that does both, double and exceed,
    passes a gate at any look with probability at most beta. The new arm counts what happened, the control
    what the caps let through: a burst in the control cannot lower the excess.
    """
    check(metrics)
    if not any(metric.gate for metric in metrics):
        raise RefusedError("no metric is a gate: a wave would pass on no evidence; set gate = true on one")
    held = dict(evidence.metrics)
    answers = []
    seconds = []
    for metric in metrics:
        if not metric.gate:
            continue
        counter = dict(held.get(metric.name, MetricEvidence()).strata).get(stratum, Counter())
        calibration = calibrations.get(metric.name)
        answers.append(_gate_of(metric, counter, calibration.phi if calibration else None, beta))
        seconds.append(counter.seconds)
    passed = all(answer.passed for answer in answers) and min(seconds) >= seconds_min
    return GateAnswer(passed, min(seconds), seconds_min, tuple(answers))


def _gate_of(metric: Metric, counter: Counter, phi: float | None, beta: float) -> MetricGate:
    """One gate; a metric without exposure or without a calibration is undecided."""
    upper, refuted = None, False
    if counter.bins and phi is not None:
        upper = excess_upper(
            new_events=counter.new_events,
            new_exposure=counter.new_exposure,
            control_events=counter.control_capped,
            control_exposure=counter.control_exposure,
            beta=beta / WAYS,
            phi=phi,
        )
        refuted = doubling_refuted(counter.loglik, beta / WAYS)
    enough = counter.new_exposure > 0 and counter.new_exposure >= metric.exposure_min
    return MetricGate(
        name=metric.name,
        passed=enough and (refuted or (upper is not None and upper < metric.excess_max)),
        excess_upper=upper,
        excess_max=metric.excess_max,
        doubling_refuted=refuted,
        exposure=counter.new_exposure,
        exposure_min=metric.exposure_min,
    )


def check(metrics: Sequence[Metric]) -> None:
    """Raises RefusedError where the metrics cannot carry a verdict."""
    if not 1 <= len(metrics) <= MAX_METRICS:
        raise RefusedError(
            f"{len(metrics)} metrics: a verdict needs 1 to {MAX_METRICS}; name them in the policy"
        )
    if len({metric.name for metric in metrics}) != len(metrics):
        raise RefusedError("a metric is named twice: each has one weight; remove one from the policy")
