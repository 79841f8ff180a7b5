"""Preparation: was the fleet watched for long enough to judge a release?"""

from wavetrain.decide.facts import Draft
from wavetrain.model.fleet import NodeId
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Turn


def hold(draft: Draft) -> Hold | None:
    """The verdict needs to know how the fleet behaves when nothing moves."""
    facts = draft.facts
    if not facts.lane.bakes or not facts.policy.verdicts.metrics:
        return None
    least = facts.policy.verdicts.pre_period_s
    compared = [turn for turn in draft.turns.values() if _is_measured(draft, turn)]
    watched, pop = min(
        ((facts.pre_period_s.get(turn.pop, 0.0), turn.pop) for turn in compared), default=(least, "")
    )
    if watched >= least:
        return None
    return Hold(Reason.PRE_PERIOD, detail=f"{pop}: {watched:.0f} of {least:.0f} s")


def _is_measured(draft: Draft, turn: Turn) -> bool:
    """Whether the canary of a PoP can be compared there; one that has long been dark holds nobody else up."""
    if len(turn.order) <= turn.canaries:
        return False
    policy = draft.facts.policy
    late = policy.bake.telemetry_away_s + policy.timing.report_late_s
    seen = [unit for unit in turn.order if draft.facts.unseen_s.get(NodeId(unit), late + 1) <= late]
    return len(seen) > turn.canaries
