"""Answers: what does a person say to a rollout that asks, where one word is enough?"""

from wavetrain.control import rollouts
from wavetrain.control.ports import Store
from wavetrain.control.rollouts import Consent
from wavetrain.decide.permit import Caller
from wavetrain.model.access import Role
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Rollout

OLGA = Caller("olga", (Role.OPERATOR, Role.VIEWER))
PAVEL = Caller("pavel", (Role.APPROVER, Role.VIEWER))

CONSENTS = {
    Reason.APPROVAL: (Consent.GENERAL, "approve {}"),
    Reason.WAY_IN: (Consent.HOTFIX, "approve the way of {}"),
    Reason.PREVIOUS_BAKE: (Consent.CUT, "consent to a cut by {}"),
    Reason.INCONCLUSIVE: (Consent.INCONCLUSIVE, "consent {}"),
}
"""What an approver consents to, with what is said of it."""


def answer(store: Store, rollout: Rollout, hold: Hold, why: str) -> str | None:
    """Say it; what was done in words, or None where somebody has to go and see a node.

    A pause that says that the release is worse is answered by a revert. Raises RefusedError as the use cases do.
    """
    given = CONSENTS.get(hold.reason)
    if given is not None:
        consent, said = given
        rollouts.approve(store, PAVEL, rollout.id, consent)
        return said.format(rollout.id)
    if hold.reason is Reason.PAUSED:
        if "worse" in rollout.cause:
            rollouts.revert(store, OLGA, rollout.id, why)
            return f"revert {rollout.id}"
        rollouts.resume(store, OLGA, rollout.id)
        return f"resume {rollout.id}"
    if hold.reason in (Reason.NO_WINDOW, Reason.TOMBSTONED, Reason.REVERTING):
        rollouts.abort(store, OLGA, rollout.id, why)
        return f"abort {rollout.id}"
    return None
