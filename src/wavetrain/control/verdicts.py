"""Verdicts: what do the checks of a rollout say, each with its evidence?"""

from datetime import UTC, datetime
from math import exp, isfinite

import msgspec

from wavetrain.control.facts import policy_in
from wavetrain.control.ports import Store
from wavetrain.control.rollouts import found
from wavetrain.decide.evidence_kept import PopCalibration, PopEvidence, RolloutEvidence, placebo_of
from wavetrain.decide.evidence_track import EvidenceTrack, points
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.decide.running_test import RunningTest
from wavetrain.evidence import limit
from wavetrain.evidence.counters import Array
from wavetrain.evidence.gauges import LEVEL_STRAND, STRANDS
from wavetrain.evidence.interval import ratio_interval
from wavetrain.evidence.judgement import MetricJudgement
from wavetrain.evidence.processes import BINS, LOG_E, PHI, SECONDS, WIDTH, unpacked
from wavetrain.model.health import Verdict
from wavetrain.model.policy import Kind, MetricRule, Policy, PolicyText
from wavetrain.model.rollout import Rollout, Status, Turn, Wave, WaveStatus

STRATA_SHOWN_MAX = 20
POPS_SHOWN_MAX = 400
"""Of a rollout over more PoPs, those that are done are in the sums and no more shown one by one."""
UNEXPOSED = "nodes of the same PoP on the release before, not yet exposed"
RESTARTED = f"{UNEXPOSED}; where each canary has one, those that were restarted beside them"
RATIO_LEAST = 1.05
"""Below so small an estimated ratio no limit is told: nothing has been seen that a test could have decided on."""


class StratumSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What one PoP says of one check."""

    pop: str
    log_e: float


class CheckSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One check's part in the verdict.

    `e` is its evidence against the release, 1 for none; `weight` its share of the budget. The release fails by this
    check alone at `e_alone`. Rates are events per unit of exposure; `ratio_low` and `ratio_high` hold the true ratio of
    the rates but for one time in twenty, however often one looks (None: nothing bounds it). Of a gauge the rates are
    mean levels, events are sums of levels over as many blocks as the exposure says, and `shift_low` and `shift_high`
    hold the true shift. `excess` is harmless below `excess_max`. `limit_s` is how long no test could have been quicker
    on the average, at the ratio that was seen; `to_limit` the time compared over it.
    """

    name: str
    kind: str
    gate: bool
    direction: str
    weight: float
    e: float
    log_e: float
    e_alone: float
    control: str
    new_events: float
    new_exposure: float
    control_events: float
    control_exposure: float
    new_rate: float | None
    control_rate: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    excess: float | None
    excess_max: float
    shift_low: float | None
    shift_high: float | None
    compared_s: float
    limit_s: float | None
    to_limit: float | None
    strata: tuple[StratumSeen, ...]
    strata_left_off: int


class TrackSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Log e over time: of the whole test, and of each check in the order of `checks`."""

    checks: tuple[str, ...]
    at: tuple[datetime, ...]
    log_e: tuple[float, ...]
    by_check: tuple[tuple[float, ...], ...]


class VerdictSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on a rollout as of the last time that its evidence was written down."""

    rollout: str
    number: str
    previous: str
    status: str
    verdict: str
    log_e: float
    log_threshold: float
    alpha: float
    pre_period_s: float | None
    pops_live: int
    placebo_log_e: float | None
    """What nodes that were only restarted say against those that were left alone; None where none were. At
    `log_threshold` the comparison cannot be trusted, and a fail pauses instead of going back."""
    checks: tuple[CheckSeen, ...]
    track: TrackSeen


def verdict(store: Store, caller: Caller, rollout_id: str) -> VerdictSeen:
    """The verdict on one rollout, check by check."""
    require(caller, Act.READ)
    with store.read() as view:
        item = found(view, rollout_id)
        policy = policy_in(view.get(PolicyText, item.policy), item.policy)
        kept = view.get(RolloutEvidence, item.id)
        pops = view.find(PopEvidence, rollout=item.id, live=1)
        known = view.find(PopCalibration, rollout=item.id)
        test = RunningTest(item.id, policy, kept, pops, known)
        waves = view.find(Wave, rollout=item.id)
        if len(view.find(Turn, rollout=item.id)) <= POPS_SHOWN_MAX:
            pops = view.find(PopEvidence, rollout=item.id)
        track = view.get(EvidenceTrack, item.id) or EvidenceTrack(rollout=item.id)
        placebo = view.get(RolloutEvidence, placebo_of(item.id))
    checks: tuple[CheckSeen, ...] = ()
    if policy.verdicts.metrics:
        judged, pooled = test.judgement().per_metric, test.pooled()
        shifts = iter(test.shifts())
        checks = tuple(
            _check(
                policy, rule, said, _interval(likelihood), next(shifts) if likelihood is None else None, told
            )
            for rule, said, likelihood, told in zip(
                policy.verdicts.metrics, judged, pooled, _told(policy, pops, test.best_rows()), strict=True
            )
        )
    kept = test.record
    return VerdictSeen(
        rollout=item.id,
        number=item.number,
        previous=item.previous,
        status=item.status.value,
        verdict=_verdict(item, kept, waves).value,
        log_e=kept.log_e,
        log_threshold=kept.log_threshold,
        alpha=policy.verdicts.alpha,
        pre_period_s=kept.pre_period_s,
        pops_live=len(test.live),
        placebo_log_e=placebo.log_e if placebo is not None and placebo.first_s else None,
        checks=checks,
        track=_track(track),
    )


def _told(policy: Policy, pops: list[PopEvidence], best: tuple[int, ...]) -> list[list[tuple[str, Array]]]:
    """By check the row of each PoP that has said something: that which says most of it, or the gauge's level."""
    states = [(item.pop, unpacked(item.states)) for item in pops if item.states]
    levels = [(item.pop, unpacked(item.gauges).reshape(-1, STRANDS, WIDTH)) for item in pops if item.gauges]
    gauge = -1
    out: list[list[tuple[str, Array]]] = []
    for rule, row in zip(policy.verdicts.metrics, best, strict=True):
        if rule.kind is Kind.GAUGE:
            gauge += 1
            rows = [(pop, held[gauge, LEVEL_STRAND]) for pop, held in levels if gauge < len(held)]
        else:
            rows = [(pop, held[row]) for pop, held in states if row < len(held)]
        out.append([(pop, held) for pop, held in rows if held[BINS] > 0])
    return out


def _interval(likelihood: Array | None) -> tuple[float, float] | None:
    return None if likelihood is None else ratio_interval(likelihood)


def _verdict(item: Rollout, kept: RolloutEvidence, waves: list[Wave]) -> Verdict:
    if kept.failed:
        return Verdict.FAIL
    if item.status in (Status.COMPLETED, Status.RESIDUE):
        return Verdict.PASS
    now = next((wave.status for wave in waves if wave.ordinal == item.wave), None)
    if now is WaveStatus.ERRORED:
        return Verdict.ERRORED
    return Verdict.FAIL if now is WaveStatus.FAILED else Verdict.INCONCLUSIVE


def _check(
    policy: Policy,
    rule: MetricRule,
    said: MetricJudgement,
    interval: tuple[float, float] | None,
    shift: tuple[float, float] | None,
    told: list[tuple[str, Array]],
) -> CheckSeen:
    seconds = float(max((row[SECONDS] for _, row in told), default=0.0))
    phi = float(max((row[PHI] for _, row in told), default=1.0))
    limit_s = _limit(policy, rule, said, seconds, phi)
    strata = sorted(((pop, float(row[LOG_E])) for pop, row in told), key=lambda held: (-held[1], held[0]))
    low, high = interval if interval is not None and said.ratio is not None else (None, None)
    return CheckSeen(
        name=rule.name,
        kind=rule.kind.value,
        gate=rule.gate,
        direction=rule.direction.value,
        weight=said.weight,
        e=exp(min(said.log_e, 700.0)),
        log_e=said.log_e,
        e_alone=1 / (policy.verdicts.alpha * said.weight),
        control=RESTARTED if policy.verdicts.placebo_waves else UNEXPOSED,
        new_events=said.new_events,
        new_exposure=said.new_exposure,
        control_events=said.control_events,
        control_exposure=said.control_exposure,
        new_rate=said.new_rate,
        control_rate=said.control_rate,
        ratio=said.ratio,
        ratio_low=low,
        ratio_high=high if high is not None and isfinite(high) else None,
        excess=said.excess,
        excess_max=rule.excess_max,
        shift_low=shift[0] if shift is not None and isfinite(shift[0]) else None,
        shift_high=shift[1] if shift is not None and isfinite(shift[1]) else None,
        compared_s=seconds,
        limit_s=limit_s,
        to_limit=seconds / limit_s if limit_s else None,
        strata=tuple(StratumSeen(pop=pop, log_e=log_e) for pop, log_e in strata[:STRATA_SHOWN_MAX]),
        strata_left_off=max(0, len(strata) - STRATA_SHOWN_MAX),
    )


def _limit(
    policy: Policy, rule: MetricRule, said: MetricJudgement, seconds: float, phi: float
) -> float | None:
    """The information limit at the ratio that was seen; None where there is nothing to tell of."""
    if (
        rule.kind is Kind.GAUGE
        or said.ratio is None
        or said.ratio < RATIO_LEAST
        or not said.control_rate
        or seconds <= 0
    ):
        return None
    information = limit.two_arm_information(
        control_rate=said.control_rate,
        new_exposure=said.new_exposure / seconds,
        control_exposure=said.control_exposure / seconds,
        ratio=said.ratio,
    )
    found_s = limit.time_to_fail(information, alpha=policy.verdicts.alpha, phi=phi)
    return found_s if isfinite(found_s) else None


def _track(track: EvidenceTrack) -> TrackSeen:
    times, values = points(track)
    return TrackSeen(
        checks=track.metrics,
        at=tuple(datetime.fromtimestamp(at, UTC) for at in times.tolist()),
        log_e=tuple(values[:, 0].tolist()),
        by_check=tuple(tuple(column.tolist()) for column in values[:, 1:].T),
    )
