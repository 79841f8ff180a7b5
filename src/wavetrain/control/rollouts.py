"""Rollouts: what may a person ask of a rollout that is under way?"""

from collections.abc import Callable
from enum import StrEnum

from wavetrain.control.chronicle import tell
from wavetrain.control.ports import Store, View
from wavetrain.decide.lifecycle import ACTIVE, TERMINAL, Cause, rollout_after
from wavetrain.decide.permit import Act, Caller, require, require_second_person
from wavetrain.errors import RefusedError, TransitionError, UnknownError
from wavetrain.model.lane import LANES
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.release import Release
from wavetrain.model.rollout import Approval, Rollout, RolloutId, Status, Wave, WaveStatus

REASON_CHARACTERS_MAX = 500


class Consent(StrEnum):
    """What an approver may consent to."""

    GENERAL = "general"
    """The step from early to general availability."""
    INCONCLUSIVE = "inconclusive"
    """To go on although the evidence stayed inconclusive."""
    FORWARD = "forward"
    """To go forward although capacity is lost, where the older release is what is broken."""
    HOTFIX = "hotfix"
    """To the way in which it enters while an older one is under way."""
    CUT = "cut"
    """To cut one more bake of an older release short."""


def pause(store: Store, caller: Caller, rollout_id: str, reason: str) -> Rollout:
    """Stop for now; units that are being moved come to their end."""
    return _steer(
        store, caller, rollout_id, reason, Cause.PAUSE, lambda why: Hold(Reason.PAUSED, detail=why, asks=True)
    )


def resume(store: Store, caller: Caller, rollout_id: str, reason: str = "resumed") -> Rollout:
    """Go on after a pause."""
    return _steer(store, caller, rollout_id, reason, Cause.RESUME, lambda _: None)


def abort(store: Store, caller: Caller, rollout_id: str, reason: str) -> Rollout:
    """Stop for good and keep the mix until a person decides."""
    return _steer(
        store,
        caller,
        rollout_id,
        reason,
        Cause.ABORT,
        lambda why: Hold(Reason.ABORTED, detail=why, asks=True),
    )


def revert(store: Store, caller: Caller, rollout_id: str, reason: str) -> Rollout:
    """Go back to the older release; needs no second person, no window, and passes freezes."""
    return _steer(store, caller, rollout_id, reason, Cause.REVERT, lambda _: None)


def approve(store: Store, caller: Caller, rollout_id: str, consent: Consent) -> Rollout:
    """Add an approver's consent; consent that was given before stays as it is."""
    require(caller, Act.APPROVE)
    with store.write() as transaction:
        rollout = found(transaction, rollout_id)
        if rollout.status in TERMINAL:
            raise TransitionError(
                f"rollout {rollout.id} is {rollout.status.value}; there is nothing left to approve"
            )
        release = transaction.get(Release, rollout.release)
        asked_by = release.submitted_by if release is not None else rollout.created_by
        require_second_person(caller, asked_by, f"rollout {rollout.id}")
        if rollout.placed_by and consent in (Consent.HOTFIX, Consent.CUT):
            require_second_person(caller, rollout.placed_by, f"the way in of rollout {rollout.id}")
        if any(given.kind == consent for given in rollout.approvals):
            return rollout
        given = Approval(kind=consent.value, by=caller.name, at=transaction.now)
        made = transaction.put(rollout.changed(approvals=(*rollout.approvals, given)))
        text = f"approved: {consent.value}"
        tell(transaction, caller, "approval", rollout.id, text, rollout=rollout.id, consent=consent.value)
    return made


def found(view: View, rollout_id: str) -> Rollout:
    """The rollout, or `UnknownError`."""
    rollout = view.get(Rollout, rollout_id)
    if rollout is None:
        raise UnknownError(f"there is no rollout {rollout_id[:120]}; see: wavetrain rollout list")
    return rollout


def active(view: View) -> list[Rollout]:
    """The rollouts that are not over, oldest first."""
    under_way = [rollout for status in ACTIVE for rollout in view.find(Rollout, status=status.value)]
    return sorted(under_way, key=lambda rollout: (rollout.created_at, rollout.id))


def check_reason(verb: str, reason: str) -> None:
    """A person says why, in bounded words."""
    if not reason.strip():
        raise RefusedError(f"{verb} needs a reason; say in a few words why")
    if len(reason) > REASON_CHARACTERS_MAX:
        raise RefusedError(
            f"the reason has {len(reason)} characters; say it in at most {REASON_CHARACTERS_MAX}"
        )


def _steer(
    store: Store,
    caller: Caller,
    rollout_id: str,
    reason: str,
    cause: Cause,
    hold: Callable[[str], Hold | None],
) -> Rollout:
    require(caller, Act.STEER)
    check_reason(cause.name.lower(), reason)
    with store.write() as transaction:
        rollout = found(transaction, rollout_id)
        if (
            cause is Cause.RESUME
            and rollout.status is Status.PAUSED
            and not _has_departed(transaction, rollout)
        ):
            cause = Cause.RESUME_EARLY
        after = rollout_after(rollout.id, rollout.status, cause)
        if cause is Cause.REVERT and not LANES[rollout.lane].can_go_back:
            raise TransitionError(
                f"lane {rollout.lane} cannot go back; abort rollout {rollout.id} and submit a release that fixes it"
            )
        over_at = transaction.now if after in TERMINAL else rollout.over_at
        said = "" if cause in (Cause.RESUME, Cause.RESUME_EARLY) else reason
        made = transaction.put(rollout.changed(status=after, cause=said, hold=hold(reason), over_at=over_at))
        kept = "; what runs now stays as it is" if cause is Cause.ABORT else ""
        text = f"{rollout.status.value} -> {after.value}: {reason}{kept}"
        tell(
            transaction,
            caller,
            "rollout",
            RolloutId(rollout_id),
            text,
            rollout=rollout_id,
            status=after.value,
        )
    return made


def _has_departed(view: View, rollout: Rollout) -> bool:
    return any(wave.status is not WaveStatus.PENDING for wave in view.find(Wave, rollout=rollout.id))
