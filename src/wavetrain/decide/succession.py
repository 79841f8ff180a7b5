"""Succession: may this train leave while an older one of its component is unfinished?"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from wavetrain.decide import lifecycle, portion
from wavetrain.decide.facts import Draft
from wavetrain.decide.lifecycle import Cause
from wavetrain.model.fleet import NodeId, UnitId
from wavetrain.model.hotfix import How
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Rollout, Status, Turn, TurnPhase


def approval_hold(draft: Draft) -> Hold | None:
    """The way in that it wants may take another person's consent."""
    hotfix, approvals = draft.rollout.hotfix, {given.kind for given in draft.rollout.approvals}
    if hotfix.how in draft.facts.policy.succession.approve and "hotfix" not in approvals:
        said = portion.credited(draft)
        detail = f"hotfix {hotfix.how.value}" + (f", {said}" if said else "")
        return Hold(Reason.WAY_IN, detail=detail, asks=True)
    return None


def behind_hold(draft: Draft) -> Hold | None:
    """One that was put behind the train under way waits for its end."""
    others = list(draft.older.values())
    if draft.rollout.hotfix.how is not How.BEHIND or not others:
        return None
    said = ", ".join(f"{other.id}, which is {other.status.value}" for other in others)
    return Hold(Reason.PREVIOUS_ROLLOUT, detail=f"behind {said}")


def previous_hold(draft: Draft) -> Hold | None:
    """What older rollouts must come to an end with first: going back, units on their way, a bake that has begun.

    One that only takes some PoPs waits for the others' units and bakes there, not here.
    """
    under_way = [other for other in draft.older.values() if other.status not in lifecycle.TERMINAL]
    if back := [other for other in under_way if other.status is Status.REVERTING]:
        return Hold(Reason.PREVIOUS_ROLLOUT, detail=", ".join(f"{other.id} is reverting" for other in back))
    if draft.rollout.hotfix.how is How.AFFECTED:
        return None
    moving = [unit for other in under_way for unit in units_of(draft, other)]
    if moving:
        return moving_hold(draft, under_way, moving)
    return _bake_hold(draft)


def units_of(draft: Draft, other: Rollout) -> list[UnitId]:
    """The units that an older rollout has on their way, those that own a slot of it included."""
    mine = [turn for turn in draft.older_turns.values() if turn.rollout == other.id]
    moving = {item.unit for turn in mine for item in turn.progress}
    return sorted(moving | {slot.owner for slot in draft.slots if slot.rollout == other.id})


def moving_hold(draft: Draft, others: Iterable[Rollout], moving: list[UnitId]) -> Hold:
    """A person is asked when none of them is going to answer by itself."""
    late = {
        item.unit: item.late_at < draft.facts.steady
        for turn in draft.older_turns.values()
        for item in turn.progress
    }
    stuck = all(late.get(unit, NodeId(unit) in draft.quarantined) for unit in moving)
    way_out = "; retire or rebuild it if it is gone for good" if stuck else ""
    said = ", ".join(f"{other.id} is {other.status.value}" for other in others)
    return Hold(Reason.HANDING_OVER, detail=f"{said}, {moving[0]} is on its way{way_out}", asks=stuck)


def supersede(draft: Draft) -> None:
    """What is unfinished and still gives way: the newer rollout's order covers every PoP.

    Bakes that it has cut short itself count on, unless one of its own has come to its end since.
    """
    for other in list(draft.older.values()):
        if other.status in lifecycle.TERMINAL:
            continue
        cut = cut_short(draft, other, [turn for turn in baking(draft) if turn.rollout == other.id])
        if not any(turn.rollout == other.id and _has_baked(turn) for turn in draft.older_turns.values()):
            draft.rollout = draft.rollout.changed(cuts=max(draft.rollout.cuts, other.cuts))
        text = f"superseded by {draft.rollout.id}{cut}"
        draft.older[other.id] = other.changed(
            status=lifecycle.rollout_after(other.id, other.status, Cause.SUPERSEDE),
            cause=text,
            hold=None,
            over_at=draft.facts.now,
        )
        _fall_silent(draft, other)
        draft.note(
            "rollout", other.id, f"{other.status.value} -> superseded: {draft.rollout.id} departs{cut}"
        )


def baking(draft: Draft) -> list[Turn]:
    """The turns of older rollouts in which a canary bakes; one that is paused lets nothing pass."""
    rolling = {other.id for other in draft.older.values() if other.status is Status.ROLLING}
    return [
        turn
        for turn in draft.older_turns.values()
        if turn.phase is TurnPhase.BAKING and turn.rollout in rolling
    ]


def cut_short(draft: Draft, other: Rollout, turns: list[Turn]) -> str:
    """Write down that bakes of an older rollout end here without having come to their end; the words, or nothing."""
    if not turns:
        return ""
    passed = any(turn.rollout == other.id and _has_baked(turn) for turn in draft.older_turns.values())
    cuts = 1 + (0 if passed else other.cuts)
    draft.rollout = draft.rollout.changed(cuts=max(draft.rollout.cuts, cuts))
    said = ", ".join(f"{turn.pop} after {_baked(draft, turn)}" for turn in turns)
    text = f"the bake of {other.number} is cut short in {said}"
    draft.note("bake", draft.rollout.id, f"{text} by {draft.rollout.number}", cuts=cuts)
    return f"; {text}"


def bake_hold(draft: Draft, turns: list[Turn], since: timedelta) -> Hold | None:
    """Why these bakes of older releases may not be cut short yet; `since` is how long they were waited for already.

    The bake of a release that this one fixes is not waited for. However it is, only so many bakes in a row are cut.
    """
    rules = draft.facts.policy.succession
    if not turns:
        return None
    said = ", ".join(f"{turn.pop} of {turn.rollout}" for turn in turns)
    cuts = [draft.older[turn.rollout].cuts for turn in turns]
    if max(cuts) >= rules.cuts_max and not any(item.kind == "cut" for item in draft.rollout.approvals):
        detail = f"{said}; {max(cuts)} bakes in a row were cut short, and at most {rules.cuts_max} may be"
        return Hold(Reason.PREVIOUS_BAKE, detail=detail, asks=True)
    waited_for = [turn for turn in turns if draft.older[turn.rollout].number != draft.release.fixes]
    left = timedelta(minutes=rules.bake_wait_minutes) - since
    if not waited_for or left <= timedelta(0):
        return None
    return Hold(Reason.PREVIOUS_BAKE, until=draft.facts.now + left, detail=said)


def _bake_hold(draft: Draft) -> Hold | None:
    turns, now = baking(draft), draft.facts.now
    hold = bake_hold(draft, turns, now - (draft.rollout.due_since or now))
    if hold is not None and draft.rollout.due_since is None:
        draft.rollout = draft.rollout.changed(due_since=now)
    return hold


def _has_baked(turn: Turn) -> bool:
    """Whether its canary came to the end of a bake."""
    return turn.bake_since is not None and turn.phase in (TurnPhase.REST, TurnPhase.DONE)


def _baked(draft: Draft, turn: Turn) -> timedelta:
    return timedelta(seconds=round((draft.facts.now - (turn.bake_since or draft.facts.now)).total_seconds()))


def _fall_silent(draft: Draft, other: Rollout) -> None:
    """What gave way waits for nothing any more."""
    for key, turn in _of(draft.older_turns.items(), other):
        draft.older_turns[key] = turn.changed(hold=None)
    for key, wave in list(draft.older_waves.items()):
        if wave.rollout == other.id:
            draft.older_waves[key] = wave.changed(hold=None)


def _of(
    turns: Iterable[tuple[tuple[str, ...], Turn]], other: Rollout
) -> Iterator[tuple[tuple[str, ...], Turn]]:
    yield from [(key, turn) for key, turn in turns if turn.rollout == other.id]
