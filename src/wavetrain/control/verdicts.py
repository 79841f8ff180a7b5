"""Verdicts: what do the checks of a rollout say, each with its evidence?"""

from datetime import UTC, datetime
from math import exp, isfinite

import msgspec

from wavetrain.control.facts import policy_in
from wavetrain.control.ports import Store
from wavetrain.control.rollouts import found
from wavetrain.decide.comparison import pairs_of
from wavetrain.decide.evidence_kept import PopCalibration, PopEvidence, RolloutEvidence, placebo_of
from wavetrain.decide.evidence_track import EvidenceTrack, points
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.decide.placebo_proof import PlaceboProof
from wavetrain.decide.rows import rows_of
from wavetrain.decide.running_test import RunningTest
from wavetrain.decide.verdict import doubt_of
from wavetrain.evidence import limit
from wavetrain.evidence.bands import Band
from wavetrain.evidence.betting import PAIRS
from wavetrain.evidence.counters import Array
from wavetrain.evidence.gauge_pairs import WORSE
from wavetrain.evidence.gauge_pairs import said as bets_say
from wavetrain.evidence.gauges import LEVEL_STRAND, STRANDS
from wavetrain.evidence.interval import ratio_interval
from wavetrain.evidence.judgement import Figures, MetricJudgement
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
    """What one PoP says of one check; `by_pairs` of a gauge: by matched pairs, as no pre-period says how it varies."""

    pop: str
    log_e: float
    by_pairs: bool = False


class BandSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A quantile lies over `lower` and at or under `upper`; None where no bucket says."""

    lower: float | None
    estimate: float | None
    upper: float | None


class QuantileSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One quantile of a histogram, in its unit; each band holds but for one time in twenty, however often one looks."""

    quantile: float
    new: BandSeen
    control: BandSeen


class CheckSeen(Figures, frozen=True, kw_only=True):
    """One check's part in the verdict.

    `e` is its evidence against the release, 1 for none; `weight` its share of the budget. The release fails by this
    check alone at `e_alone`. Rates are events per unit of exposure; `ratio_low` and `ratio_high` hold the true ratio of
    the rates but for one time in twenty, however often one looks (None: nothing bounds it). Of a gauge the rates are
    mean levels, events are sums of levels over as many blocks as the exposure says, and `shift_low` and `shift_high`
    hold the true shift. `excess` is harmless below `excess_max`. `limit_s` is how long no test could have been quicker
    on the average, at the ratio that was seen; `to_limit` the time compared over it. A gate only watches in the PoPs of
    `only_watches`: there no sound release could pass it in time. `pairs` is how many matched pairs of nodes have bet
    on a gauge, in PoPs whose pre-period does not tell how it varies; they are in `e` and in no other figure.
    """

    kind: str
    gate: bool
    direction: str
    e: float
    e_alone: float
    control: str
    ratio_low: float | None
    ratio_high: float | None
    excess_max: float
    shift_low: float | None
    shift_high: float | None
    compared_s: float
    limit_s: float | None
    to_limit: float | None
    strata: tuple[StratumSeen, ...]
    strata_left_off: int
    only_watches: tuple[str, ...]
    only_watches_left_off: int
    pairs: int
    quantiles: tuple[QuantileSeen, ...]
    """Of a histogram, over all PoPs together."""


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
    lock: str
    """What the policy asks of placebo trains: `strict` or `trust`."""
    placebos: str
    """What placebo trains under the rollout's policy have certified; empty where none has run."""
    doubt: str
    """Why a statistical `fail` would ask a person; empty where it goes back by itself, or nothing was compared yet."""
    pops_live: int
    placebo_log_e: float | None
    """What nodes that were only restarted say against those that were left alone; None where none were. At
    `log_threshold` the comparison cannot be trusted, and a fail pauses instead of going back."""
    checks: tuple[CheckSeen, ...]
    track: TrackSeen

    @property
    def is_loud(self) -> bool:
        """Whether nodes that were only restarted are worse than their neighbours."""
        return self.placebo_log_e is not None and self.placebo_log_e >= self.log_threshold

    @property
    def promise(self) -> str:
        """What the promise stands on, for people."""
        ran = self.placebos or "no placebo train has run"
        doubt = self.doubt or ("a restart alone makes nodes worse" if self.is_loud else "")
        way = f"a fail asks a person: {doubt}" if doubt else "a fail goes back by itself"
        return (
            f"lock = {self.lock}: {way}; {ran}"
            if self.pre_period_s is not None
            else f"lock = {self.lock}; {ran}"
        )


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
        proof = view.get(PlaceboProof, item.policy)
        track = view.get(EvidenceTrack, item.id) or EvidenceTrack(rollout=item.id)
        placebo = view.get(RolloutEvidence, placebo_of(item.id))
    checks: tuple[CheckSeen, ...] = ()
    if policy.verdicts.metrics:
        judged, pooled = test.judgement().per_metric, test.pooled()
        gauges = iter(zip(test.shifts(), test.pairs(), strict=True))
        checks = tuple(
            _check(
                test, rule, said, _interval(likelihood), next(gauges) if likelihood is None else None, told
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
        lock=policy.verdicts.lock.value,
        placebos=proof.text(policy.verdicts.alpha) if proof is not None else "",
        doubt=doubt_of(kept, policy.verdicts) if kept.first_s else "",
        pops_live=len(test.live),
        placebo_log_e=placebo.log_e if placebo is not None and placebo.first_s else None,
        checks=checks,
        track=_track(track),
    )


class _Told(msgspec.Struct, frozen=True):
    """What PoPs say of one check: the row of each that says most of it, or the gauge's level; seconds compared."""

    rows: list[tuple[str, Array]]
    strata: tuple[StratumSeen, ...]
    seconds: float
    only_watches: tuple[str, ...]


def _told(policy: Policy, pops: list[PopEvidence], best: tuple[int, ...]) -> list[_Told]:
    """By check what each PoP has said."""
    states = [(item.pop, unpacked(item.states)) for item in pops if item.states]
    levels = [(item.pop, unpacked(item.gauges).reshape(-1, STRANDS, WIDTH)) for item in pops if item.gauges]
    pairs = [(item, held) for item in pops if (held := pairs_of(item)) is not None]
    names = [{rule.name} for rule in policy.verdicts.metrics]
    for made in rows_of(policy).rows:
        names[made.check].add(made.name)
    gauge = -1
    out: list[_Told] = []
    for rule, row, parts in zip(policy.verdicts.metrics, best, names, strict=True):
        bets: list[tuple[PopEvidence, Array]] = []
        if rule.kind is Kind.GAUGE:
            gauge += 1
            rows = [(pop, held[gauge, LEVEL_STRAND]) for pop, held in levels if gauge < len(held)]
            bets = [(item, held[gauge, WORSE]) for item, held in pairs if gauge < len(held)]
        else:
            rows = [(pop, held[row]) for pop, held in states if row < len(held)]
        rows = [(pop, held) for pop, held in rows if held[BINS] > 0]
        bets = [(item, held) for item, held in bets if held[PAIRS] > 0]
        strata = [StratumSeen(pop=pop, log_e=float(held[LOG_E])) for pop, held in rows]
        strata += [
            StratumSeen(pop=item.pop, log_e=float(bets_say(held)), by_pairs=True) for item, held in bets
        ]
        seconds = [float(held[SECONDS]) for _, held in rows] + [item.compared_s for item, _ in bets]
        out.append(
            _Told(
                rows,
                tuple(sorted(strata, key=lambda one: (-one.log_e, one.pop))),
                max(seconds, default=0.0),
                tuple(item.pop for item in pops if parts & set(item.only_watch)),
            )
        )
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
    test: RunningTest,
    rule: MetricRule,
    said: MetricJudgement,
    interval: tuple[float, float] | None,
    gauge: tuple[tuple[float, float], int] | None,
    told: _Told,
) -> CheckSeen:
    policy = test.policy
    phi = float(max((row[PHI] for _, row in told.rows), default=1.0))
    limit_s = _limit(policy, rule, said, told.seconds, phi)
    shift, pairs = gauge if gauge is not None else (None, 0)
    low, high = interval if interval is not None and said.ratio is not None else (None, None)
    return CheckSeen(
        **{field: getattr(said, field) for field in Figures.__struct_fields__},
        kind=rule.kind.value,
        gate=rule.gate,
        direction=rule.direction.value,
        e=exp(min(said.log_e, 700.0)),
        e_alone=1 / (policy.verdicts.alpha * said.weight),
        control=RESTARTED if policy.verdicts.placebo_waves else UNEXPOSED,
        ratio_low=low,
        ratio_high=high if high is not None and isfinite(high) else None,
        excess_max=rule.excess_max,
        shift_low=shift[0] if shift is not None and isfinite(shift[0]) else None,
        shift_high=shift[1] if shift is not None and isfinite(shift[1]) else None,
        compared_s=told.seconds,
        limit_s=limit_s,
        to_limit=told.seconds / limit_s if limit_s else None,
        strata=told.strata[:STRATA_SHOWN_MAX],
        strata_left_off=max(0, len(told.strata) - STRATA_SHOWN_MAX),
        only_watches=told.only_watches[:STRATA_SHOWN_MAX],
        only_watches_left_off=max(0, len(told.only_watches) - STRATA_SHOWN_MAX),
        pairs=pairs,
        quantiles=tuple(
            QuantileSeen(quantile=held.quantile, new=_band(held.new), control=_band(held.control))
            for held in test.bands(rule.name, phi)
        ),
    )


def _band(held: Band) -> BandSeen:
    lower, estimate, upper = (
        value if isfinite(value) else None for value in (held.lower, held.estimate, held.upper)
    )
    return BandSeen(lower=lower, estimate=estimate, upper=upper)


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
