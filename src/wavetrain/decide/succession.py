"""Succession: may this train leave while an older one of its component is unfinished?"""

from wavetrain.decide import lifecycle
from wavetrain.decide.facts import Draft
from wavetrain.decide.lifecycle import Cause
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Rollout, Status


def previous_hold(draft: Draft) -> Hold | None:
    """Older rollouts that must come to an end first: those that go back, and those with units on their way."""
    busy = [(other, text) for other in draft.older.values() if (text := _business(draft, other))]
    if not busy:
        return None
    return Hold(Reason.PREVIOUS_ROLLOUT, detail=", ".join(f"{other.id} {text}" for other, text in busy))


def supersede(draft: Draft) -> None:
    """What is unfinished and still gives way: the newer rollout's order covers every PoP."""
    for other in list(draft.older.values()):
        if other.status in lifecycle.TERMINAL:
            continue
        text = f"superseded by {draft.rollout.id}"
        draft.older[other.id] = other.changed(
            status=lifecycle.rollout_after(other.id, other.status, Cause.SUPERSEDE),
            cause=text,
            hold=None,
            over_at=draft.facts.now,
        )
        _fall_silent(draft, other)
        draft.note("rollout", other.id, f"{other.status.value} -> superseded: {draft.rollout.id} departs")


def _fall_silent(draft: Draft, other: Rollout) -> None:
    """What gave way waits for nothing any more."""
    for key, turn in draft.older_turns.items():
        if turn.rollout == other.id:
            draft.older_turns[key] = turn.changed(hold=None)
    for key, wave in draft.older_waves.items():
        if wave.rollout == other.id:
            draft.older_waves[key] = wave.changed(hold=None)


def _business(draft: Draft, other: Rollout) -> str:
    if other.status in lifecycle.TERMINAL:
        return ""
    if other.status is Status.REVERTING:
        return "is reverting"
    mine = [turn for turn in draft.facts.older_turns if turn.rollout == other.id]
    moving = sorted(item.unit for turn in mine for item in turn.progress)
    moving = moving or sorted(slot.owner for slot in draft.slots if slot.rollout == other.id)
    return f"is {other.status.value} with {moving[0]} on its way" if moving else ""
