"""Way out: which command does a person type next about a hold?"""

from wavetrain.model.plan import Reason

_OF_ROLLOUT = {
    Reason.APPROVAL: "wavetrain rollout approve {rollout}",
    Reason.WAY_IN: "wavetrain rollout approve {rollout} --consent hotfix",
    Reason.PREVIOUS_BAKE: "wavetrain rollout approve {rollout} --consent cut",
    Reason.INCONCLUSIVE: "wavetrain rollout approve {rollout} --consent inconclusive",
    Reason.PAUSED: "wavetrain rollout resume {rollout}",
    Reason.TOMBSTONED: "wavetrain rollout abort {rollout} --reason TEXT",
}
"""Where one command ends the hold; everywhere else a person looks first."""


def command(reason: Reason, rollout: str, subject: str) -> str:
    """One line to type; `subject` is the PoP or rollout that waits."""
    return _OF_ROLLOUT.get(reason, "wavetrain why {subject}").format(rollout=rollout, subject=subject)
