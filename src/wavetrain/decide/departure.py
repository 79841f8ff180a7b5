"""Departure: which rollout does a new release get, and when does its train leave?"""

from datetime import datetime

from wavetrain.decide.timetable import departure
from wavetrain.model.hotfix import How
from wavetrain.model.lane import LANES
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.policy import Policy
from wavetrain.model.release import Release, Stage
from wavetrain.model.rollout import Rollout, RolloutId, Status


def rollout_for(
    release: Release, policy: Policy, digest: str, previous: str, failed: Rollout | None, now: datetime
) -> Rollout:
    """The rollout of a new release, planned but not yet announced.

    `previous` is the version that most of the fleet runs. `failed` is the rollout that this release repairs: with
    the policy's leave the fix takes the next window after the one in which that rollout failed, instead of the
    next train.
    """
    at_once = (failed is not None and policy.fix_departs_at_once) or release.hotfix.how is not How.TRAIN
    not_before = max(now, failed.not_before) if failed is not None else now
    departs = not_before if at_once else departure(policy, LANES[release.lane], now)
    return Rollout(
        id=RolloutId(f"{release.component}-{release.number}"),
        release=release.id,
        number=release.number,
        previous=previous,
        component=release.component,
        lane=release.lane,
        status=Status.PLANNED,
        policy=digest,
        created_at=now,
        created_by=release.submitted_by,
        departs=departs,
        not_before=not_before,
        hold=gates_hold(release, policy),
        hotfix=release.hotfix,
    )


def gates_hold(release: Release, policy: Policy) -> Hold | None:
    """A candidate waits until every required CI/CD gate has passed."""
    missing = [gate for gate in policy.gates_required if not release.gates.get(gate, False)]
    if not missing or release.stage is not Stage.CANDIDATE:
        return None
    said = ", ".join(f"{gate} {'failed' if gate in release.gates else 'not run'}" for gate in missing)
    return Hold(Reason.GATES_MISSING, detail=said)
