"""Withdraw: a release is never offered again, and goes back where it is under way."""

from wavetrain.control.chronicle import tell
from wavetrain.control.ports import Store, Transaction
from wavetrain.control.rollouts import active, check_reason
from wavetrain.decide.lifecycle import TERMINAL, Cause, rollout_after
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import UnknownError
from wavetrain.model.lane import LANES
from wavetrain.model.release import Release, Stage, Tombstone
from wavetrain.model.rollout import Rollout, Status


def withdraw(store: Store, caller: Caller, release_id: str, reason: str) -> Release:
    """Put a tombstone on the release; a second time changes nothing."""
    require(caller, Act.WITHDRAW)
    check_reason("withdraw", reason)
    with store.write() as transaction:
        release = transaction.get(Release, release_id)
        if release is None:
            raise UnknownError(f"there is no release {release_id}; see: wavetrain release list")
        if transaction.get(Tombstone, release_id) is None:
            transaction.put(
                Tombstone(
                    release=release.id,
                    number=release.number,
                    reason=reason,
                    at=transaction.now,
                    by=caller.name,
                )
            )
            tell(transaction, caller, "tombstone", release.id, f"withdrawn, never offered again: {reason}")
        if release.stage is not Stage.WITHDRAWN:
            release = transaction.put(release.changed(stage=Stage.WITHDRAWN))
        for rollout in active(transaction):
            if rollout.release == release.id:
                _turn_back(transaction, caller, rollout, reason)
    return release


def _turn_back(transaction: Transaction, caller: Caller, rollout: Rollout, reason: str) -> None:
    if rollout.status is Status.REVERTING:
        return
    cause = Cause.REVERT if LANES[rollout.lane].can_go_back else Cause.ABORT
    after = rollout_after(rollout.id, rollout.status, cause)
    over_at = transaction.now if after in TERMINAL else None
    why = f"its release was withdrawn: {reason}"
    transaction.put(rollout.changed(status=after, cause=why, hold=None, over_at=over_at))
    text = f"{rollout.status.value} -> {after.value}: {why}"
    tell(transaction, caller, "rollout", rollout.id, text, rollout=rollout.id, status=after.value)
