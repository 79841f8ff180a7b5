"""Update: which step follows, after what happened in this one?"""

from enum import StrEnum

import msgspec

from wavetrain.model.fleet import Generation, Phase


class Step(StrEnum):
    """Of one update; each is written down before it begins and may be begun again."""

    STAGE = "stage"
    """Fetch and verify the bytes; disturbs nothing."""
    DRAIN = "drain"
    """Have the sessions move away."""
    SWITCH = "switch"
    """Make the new release the current one and start it."""
    VERIFY = "verify"
    """Probe it."""
    RETURN = "return"
    """Stop the old release, take traffic again."""
    BACK = "back"
    """Make the old release the current one again."""
    RECHECK = "recheck"
    """Probe that."""
    LEAVE = "leave"
    """Take traffic again on the old release."""


class Event(StrEnum):
    """What may happen in a step."""

    DONE = "done"
    REFUSED = "refused"
    """It cannot succeed: a broken rule, or a probe that stays bad."""
    LAPSED = "lapsed"
    """The permission ended before the switch."""
    RECALLED = "recalled"
    """A newer instruction asks for something else before the switch."""


class Update(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An update under way."""

    generation: Generation
    release: str
    digest: str
    size: int
    came_from: str
    """The release that ran before; empty where there is no way back."""
    step: Step
    until: float
    """When the permission ends, on this node's monotonic clock in seconds since the boot `boot`."""
    boot: str
    restart: bool = False
    """Whether the release runs already, and is started anew."""
    process: str = ""
    """The program that a restart ends, as the installer names it; empty until the switch begins."""
    outcome: Phase = Phase.STEADY
    """How it ends, once it cannot end otherwise."""
    detail: str = ""


class Over(msgspec.Struct, frozen=True):
    """An update that ended."""

    phase: Phase
    detail: str


BEFORE_SWITCH = frozenset({Step.STAGE, Step.DRAIN, Step.SWITCH})

S, E, P = Step, Event, Phase
TABLE: dict[tuple[Step, Event], tuple[Step | None, Phase]] = {
    (S.STAGE, E.DONE): (S.DRAIN, P.STEADY),
    (S.STAGE, E.REFUSED): (None, P.LAPSED),
    (S.STAGE, E.LAPSED): (None, P.LAPSED),
    (S.STAGE, E.RECALLED): (None, P.LAPSED),
    (S.DRAIN, E.DONE): (S.SWITCH, P.STEADY),
    (S.DRAIN, E.REFUSED): (S.LEAVE, P.LAPSED),
    (S.DRAIN, E.LAPSED): (S.LEAVE, P.LAPSED),
    (S.DRAIN, E.RECALLED): (S.LEAVE, P.LAPSED),
    (S.SWITCH, E.DONE): (S.VERIFY, P.STEADY),
    (S.SWITCH, E.REFUSED): (S.BACK, P.REVERTED),
    (S.SWITCH, E.LAPSED): (S.LEAVE, P.LAPSED),
    (S.SWITCH, E.RECALLED): (S.LEAVE, P.LAPSED),
    (S.VERIFY, E.DONE): (S.RETURN, P.STEADY),
    (S.VERIFY, E.REFUSED): (S.BACK, P.REVERTED),
    (S.RETURN, E.DONE): (None, P.STEADY),
    (S.BACK, E.DONE): (S.RECHECK, P.REVERTED),
    (S.BACK, E.REFUSED): (None, P.FAILED),
    (S.RECHECK, E.DONE): (S.LEAVE, P.REVERTED),
    (S.RECHECK, E.REFUSED): (None, P.FAILED),
}
"""The next step (None: it is over) and the outcome so far. `LEAVE` keeps its outcome; other pairs change nothing."""

PHASES: dict[Step, Phase] = {
    S.STAGE: P.STAGING,
    S.DRAIN: P.DRAINING,
    S.SWITCH: P.UPDATING,
    S.VERIFY: P.VERIFYING,
    S.RETURN: P.RETURNING,
    S.BACK: P.VERIFYING,
    S.RECHECK: P.VERIFYING,
    S.LEAVE: P.VERIFYING,
}
"""What the node says in each step. `returning` is said only on the new release, after a good probe."""


def phase_of(update: Update) -> Phase:
    """What the node says of an update under way."""
    if update.step is Step.LEAVE and update.outcome is Phase.LAPSED:
        return Phase.DRAINING
    return PHASES[update.step]


def next_step(update: Update, event: Event, detail: str = "", *, way_back: bool = True) -> Update | Over:
    """What follows. `way_back` says whether the release that ran before may be run again."""
    if update.step is Step.LEAVE:
        return Over(update.outcome, update.detail) if event is Event.DONE else update
    entry = TABLE.get((update.step, event))
    if entry is None:
        return update
    step, outcome = entry
    detail = detail or update.detail
    if step is Step.BACK and not (way_back and update.came_from):
        return Over(Phase.FAILED, f"{detail}; there is no release to go back to".lstrip("; "))
    if step is None:
        return Over(outcome, detail)
    return msgspec.structs.replace(update, step=step, outcome=outcome, detail=detail)
