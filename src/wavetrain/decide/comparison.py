"""Comparison: which counts may be held against each other, and what do they add to the evidence?"""

from collections.abc import Mapping, Sequence

import msgspec

from wavetrain.decide.evidence_kept import Calibrated, PopWatch, RolloutEvidence
from wavetrain.decide.waves import DISTURBED
from wavetrain.evidence import calibration, judgement, preperiod
from wavetrain.evidence.arms import split
from wavetrain.evidence.bins import Bin, NodeCount
from wavetrain.evidence.judgement import Metric
from wavetrain.model.fleet import NodeId, Phase, Reported
from wavetrain.model.health import PopBin
from wavetrain.model.policy import MetricRule, Policy
from wavetrain.model.rollout import Turn, TurnPhase

UNCAPPED = 1_000_000_000


def metrics_of(policy: Policy) -> tuple[Metric, ...]:
    """The policy's metrics in the evidence's terms; the exposure minimum binds the gates."""
    return tuple(
        Metric(
            name=rule.name,
            weight=rule.weight,
            excess_max=rule.excess_max,
            exposure_min=policy.bake.exposure_min if rule.gate else 0.0,
            gate=rule.gate,
        )
        for rule in policy.verdicts.metrics
    )


def counted(rule: MetricRule, seen: PopBin, nodes: frozenset[str] | None = None) -> Bin | None:
    """One metric of a bin; nodes whose counters were reset or not seen are left out, never counted as zero."""
    counts = tuple(
        NodeCount(sample.node, sample.increments[rule.events], sample.increments[rule.exposure])
        for sample in seen.samples
        if rule.events in sample.increments
        and rule.exposure in sample.increments
        and (nodes is None or sample.node in nodes)
    )
    return Bin(seconds=seen.seconds, nodes=counts) if counts and seen.seconds > 0 else None


def is_quiet(seen: PopBin, reported: Mapping[NodeId, Reported]) -> bool:
    """Whether no node of the PoP was draining, updating or returning: only such bins are compared.

    A node that has failed stays out of service; while it does, nothing moves because of it.
    """
    moving = DISTURBED - {Phase.FAILED}
    return not any(
        sample.node in reported and reported[sample.node].phase in moving for sample in seen.samples
    )


def watched(watch: PopWatch, seen: PopBin, policy: Policy) -> PopWatch:
    """The pre-period of a PoP with one more quiet bin."""
    metrics = dict(watch.metrics)
    for rule in policy.verdicts.metrics:
        bin_ = counted(rule, seen)
        if bin_ is not None:
            metrics[rule.name] = preperiod.absorb(metrics.get(rule.name, preperiod.Preperiod()), bin_)
    return watch.changed(metrics=metrics)


def calibrated(watch: PopWatch | None, policy: Policy) -> Calibrated:
    """What the pre-period of a PoP says; cautious assumptions for a metric that was never seen."""
    floor = policy.verdicts.tau_floor
    names = [rule.name for rule in policy.verdicts.metrics]
    held = watch.metrics if watch is not None else {}
    fits = calibration.calibrate_class([held.get(name, preperiod.Preperiod()) for name in names], floor)
    metrics = {
        name: fit if fit is not None else _assumed(floor) for name, fit in zip(names, fits, strict=True)
    }
    return Calibrated(metrics=metrics, seconds=watch.seconds if watch is not None else 0.0)


def _assumed(floor: float) -> calibration.Calibration:
    """Cautious, and without a cap: nobody knows what a node usually says in one bin, and a cap that is too low
    would make ten times as many failures look like none more."""
    return msgspec.structs.replace(calibration.assumed(floor), cap_per_bin=UNCAPPED)


def compared(
    kept: RolloutEvidence,
    turn: Turn,
    seen: PopBin,
    number: str,
    policy: Policy,
    steady: float,
) -> RolloutEvidence:
    """The evidence with one more quiet bin of a PoP whose canary bakes, or whose rest follows.

    New: the settled nodes of the turn that measure as running the release. Control: its unexposed nodes. Counts
    enter once the new nodes carry their share, so that a fresh node's emptiness is not taken for health.
    """
    known = kept.pops.get(turn.pop)
    if known is None or turn.phase not in (TurnPhase.BAKING, TurnPhase.REST, TurnPhase.CANARY):
        return kept
    settled: frozenset[str] = frozenset(turn.settled)
    new = frozenset(item.node for item in seen.samples if item.node in settled and item.release == number)
    old: frozenset[str] = frozenset(turn.order[turn.cursor :]) - frozenset(turn.quarantined)
    control = frozenset(item.node for item in seen.samples if item.node in old and item.release != number)
    if not new or not control:
        return kept
    share = _share(seen, new, control)
    shares = {**kept.share, turn.pop: share}
    if share < policy.bake.share_min:
        return kept.changed(share=shares)
    counts = [
        split(rule.name, bin_, new, control, known.metrics[rule.name])
        for rule in policy.verdicts.metrics
        if (bin_ := counted(rule, seen, new | control)) is not None
    ]
    return kept.changed(
        evidence=judgement.absorb(kept.evidence, turn.pop, counts, known.metrics),
        share=shares,
        compared_s={**kept.compared_s, turn.pop: kept.compared_s.get(turn.pop, 0.0) + seen.seconds},
        first_s=kept.first_s or steady,
    )


def _share(seen: PopBin, new: frozenset[NodeId], control: frozenset[NodeId]) -> float:
    """Sessions of the new nodes over what they would have if all carried the same."""
    mine = sum(sample.sessions for sample in seen.samples if sample.node in new)
    theirs = sum(sample.sessions for sample in seen.samples if sample.node in control)
    if mine + theirs <= 0:
        return 0.0
    fair = (mine + theirs) * len(new) / (len(new) + len(control))
    return mine / fair


def judged(kept: RolloutEvidence, policy: Policy) -> judgement.Judgement:
    """The verdict over all PoPs and metrics of a rollout."""
    verdicts = policy.verdicts
    return judgement.judge(kept.evidence, metrics_of(policy), verdicts.alpha, verdicts.tau_floor)


def gate_of(kept: RolloutEvidence | None, pop: str, policy: Policy) -> judgement.GateAnswer | None:
    """Whether the evidence of one PoP lets its rest follow; None where nothing was compared yet."""
    if kept is None or pop not in kept.pops:
        return None
    known: Sequence[Metric] = metrics_of(policy)
    return judgement.gate(kept.evidence, pop, known, kept.pops[pop].metrics, policy.verdicts.beta)
