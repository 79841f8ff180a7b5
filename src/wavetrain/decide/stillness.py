"""Stillness: what does a rollout say while nothing at all may be moved?"""

from wavetrain.decide.facts import Draft
from wavetrain.decide.lifecycle import TERMINAL
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.standstill import Cause, Standstill

STANDING = frozenset({Reason.CLOCK, Reason.RESTORED})


def stand(draft: Draft) -> bool:
    """Whether everything stands still; then the rollout says so, and nothing else of it changes.

    The hold is written once, where it binds; what waits below the rollout inherits it.
    """
    facts, rollout = draft.facts, draft.rollout
    if not facts.standstills:
        if rollout.hold is not None and rollout.hold.reason in STANDING:
            draft.rollout = rollout.changed(hold=None)
        return False
    if rollout.status not in TERMINAL:
        first = min(facts.standstills, key=lambda item: (item.cause is not Cause.RESTORE, item.cause.value))
        draft.rollout = rollout.changed(hold=hold_of(first))
    return True


def hold_of(standstill: Standstill) -> Hold:
    """As it is shown on everything that waits for it."""
    if standstill.cause is Cause.CLOCK:
        return Hold(Reason.CLOCK, detail=standstill.detail, asks=True)
    return Hold(Reason.RESTORED, detail=standstill.detail, asks=True)
