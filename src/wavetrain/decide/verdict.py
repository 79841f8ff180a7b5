"""Verdict: what do the evidence and the reports say of this release now?"""

from typing import Final

import msgspec

from wavetrain.decide import gate_or_watch
from wavetrain.decide.comparison import gate_of
from wavetrain.decide.evidence_kept import RolloutEvidence
from wavetrain.decide.facts import Draft
from wavetrain.decide.levels import gauges_of
from wavetrain.model.fleet import NodeId, UnitId
from wavetrain.model.health import Verdict
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.policy import PlaceboLock, Verdicts
from wavetrain.model.rollout import Turn

WHOLE: Final = 0.99
"""Of the pre-period: a look that came late by a moment is not held against it."""


class Ruling(msgspec.Struct, frozen=True):
    """The verdict with its reason.

    `hard` marks what needs no statistics: it does not start, or runs what it was not told.
    """

    verdict: Verdict
    text: str
    hard: bool = False


def of_rollout(draft: Draft) -> Ruling | None:
    """A `fail`, or None while nothing speaks against the release."""
    facts = draft.facts
    hurt = [turn for turn in draft.turns.values() if turn.quarantined]
    for turn in hurt:
        canaries = [unit for unit in _lost(draft, turn) if unit in turn.order[: turn.canaries]]
        if facts.lane.bakes and canaries:
            return Ruling(
                Verdict.FAIL, f"canary {canaries[0]} did not come up on {draft.rollout.number}", hard=True
            )
    wave = draft.rollout.wave
    lost_here = [unit for turn in hurt if turn.wave == wave for unit in _lost(draft, turn)]
    if len(lost_here) > facts.policy.failures_max:
        said = ", ".join(lost_here)
        return Ruling(Verdict.FAIL, f"{len(lost_here)} units did not come up: {said}", hard=True)
    kept = facts.evidence
    if kept is not None and kept.failed:
        text = f"worse than its control: log e {kept.log_e:.2f} over {kept.log_threshold:.2f}"
        return Ruling(Verdict.FAIL, text)
    return None


def _lost(draft: Draft, turn: Turn) -> list[UnitId]:
    """The units that this release cost; one that an earlier release cost says nothing of this one."""
    known = draft.quarantined
    return [
        unit
        for unit in turn.quarantined
        if NodeId(unit) in known and known[NodeId(unit)].rollout == draft.rollout.id
    ]


def doubt(draft: Draft) -> str:
    """Why a statistical `fail` may not go back by itself; empty where its error rate is known well enough."""
    facts = draft.facts
    own = doubt_of(facts.evidence, facts.policy.verdicts)
    return own or placebo_doubt(facts.placebo) or facts.shadow


def placebo_doubt(kept: RolloutEvidence | None) -> str:
    """The same where a placebo says that the comparison cannot be trusted: only a restart told those nodes apart."""
    if kept is None or not kept.failed:
        return ""
    return (
        "nodes that were only restarted are worse than their neighbours, too: "
        f"log e {kept.log_e:.2f} over {kept.log_threshold:.2f}"
    )


def doubt_of(kept: RolloutEvidence | None, verdicts: Verdicts) -> str:
    """The same of a running test.

    Every PoP that gave evidence was watched for the policy's pre-period before it. Under a strict lock, placebo trains
    have certified the policy's alpha besides.
    """
    if kept is None or kept.pre_period_s is None or kept.pre_period_s < verdicts.pre_period_s * WHOLE:
        return "there was no pre-period to calibrate on"
    if verdicts.lock is PlaceboLock.TRUST:
        return ""
    if kept.certified is None:
        return "no placebo trains have certified its error rate"
    if kept.certified > verdicts.alpha:
        return f"placebo trains certify an alpha of {kept.certified:.2g}, not the policy's {verdicts.alpha:g}"
    return ""


def telemetry_hold(draft: Draft, turn: Turn) -> Hold | None:
    """Exposed nodes that are not measured: neither a pass nor a fail (G5)."""
    if not draft.facts.policy.verdicts.metrics:
        return None
    limit, known = draft.facts.policy.bake.telemetry_away_s, draft.facts.unseen_s
    dark = [unit for unit in turn.settled if known.get(NodeId(unit), limit + 1) > limit]
    if not dark:
        return None
    late = limit + draft.facts.policy.timing.report_late_s
    asks = any(known.get(NodeId(unit), late + 1) > late for unit in dark)
    fault = f"; the source: {draft.facts.source_fault}" if draft.facts.source_fault else ""
    text = f"no sample of {', '.join(dark)} for over {limit:g} s{fault}"
    return Hold(Reason.TELEMETRY_AWAY, detail=text, asks=asks)


def gate_hold(draft: Draft, turn: Turn) -> Hold | None:
    """Why the evidence does not yet let the rest follow, in figures; None when it does."""
    policy = draft.facts.policy
    if not policy.verdicts.metrics:
        return None
    kept = draft.facts.pop_evidence.get(turn.pop)
    share = kept.share if kept is not None else None
    if share is not None and share < policy.bake.share_min:
        text = f"carries {share:.0%} of its share; at least {policy.bake.share_min:.0%} needed"
        return Hold(Reason.CANARY_SHARE, detail=text)
    answer = gate_of(kept, policy) if kept is not None and kept.compared_s else None
    if answer is None:
        return Hold(Reason.EVIDENCE, detail="nothing compared yet")
    if answer.passed:
        return None
    worst = answer.undecided[0]
    if worst.exposure < worst.exposure_min:
        text = f"{worst.name}: {worst.exposure:.0f} of {worst.exposure_min:.0f}"
        text += " matched pairs" if worst.by_pairs else ""
    else:
        form = ".4g" if worst.name in {rule.name for rule in gauges_of(policy)} else ".4%"
        upper = "unknown" if worst.excess_upper is None else format(worst.excess_upper, form)
        text = f"{worst.name}: excess below {upper}, must be below {format(worst.excess_max, form)}"
    watched = gate_or_watch.told(kept.only_watch, policy) if kept is not None and kept.only_watch else ""
    return Hold(Reason.EVIDENCE, detail="; ".join(filter(None, (text, watched))))
