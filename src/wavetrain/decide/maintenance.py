"""Maintenance: which stretches of work on a PoP are there to tell of, by its turn in a rollout?

A turn may take several nights and may lead back: each is a stretch of its own, with an own id. What was told of it is
kept, so that every change that somebody can see raises its sequence by one, and nothing else does.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from wavetrain.decide.incidents import cause_of
from wavetrain.decide.lifecycle import TERMINAL
from wavetrain.model.lane import Lane
from wavetrain.model.maintenance import OPEN, Course, Maintenance, MaintenanceState
from wavetrain.model.rollout import Rollout, Turn, TurnPhase

S, T = MaintenanceState, TurnPhase
_OVER = (T.DONE, T.HANDED, T.REVERTED)


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One PoP's part in a rollout, as it is now; without a turn, the PoP has left the train."""

    now: datetime
    lane: Lane
    rollout: Rollout
    turn: Turn | None
    undo_s: float = 0.0
    """How long its way back takes, as predicted."""
    why: str = ""
    """Why it is not where it was planned first."""


class _Now(msgspec.Struct, frozen=True):
    course: Course
    state: MaintenanceState
    starts: datetime
    ends: datetime


def told(work: Work, known: Sequence[Maintenance]) -> list[Maintenance]:
    """The records that are new or otherwise than `known`: those of the same rollout and PoP, in order.

    A second call with what the first one made makes nothing.
    """
    last = known[-1] if known else None
    standing = last if last is not None and last.state in OPEN else None
    wanted = _wanted(work, standing)
    made: list[Maintenance] = []
    if standing is not None and (wanted is None or _is_another(standing, wanted)):
        made.append(_closed(work, standing))
        standing = None
    if wanted is None:
        missed = _missed(work, known)
        return [*made, missed] if missed is not None else made
    if standing is None:
        made.append(_new(work, wanted, len(known) + 1))
    elif (after := _moved(work, standing, wanted)) is not None:
        made.append(after)
    return made


def next_change(record: Maintenance) -> datetime | None:
    """When a record changes by the clock alone; None where only a commit changes it."""
    return record.ends if record.state in OPEN else None


def _wanted(work: Work, standing: Maintenance | None) -> _Now | None:
    """What there is to tell of that is not over; None for nothing."""
    turn, now = work.turn, work.now
    if turn is None or not work.lane.disturbs:
        return None
    if turn.phase is T.BACK:
        if not turn.cursor:
            return None
        is_known = standing is not None and standing.course is Course.BACK
        starts = standing.starts if standing is not None and is_known else now
        ends = standing.ends if standing is not None and is_known else now + timedelta(seconds=work.undo_s)
        return _Now(Course.BACK, S.IN_PROGRESS, starts, ends)
    if turn.progress:
        return _Now(Course.FORWARD, S.IN_PROGRESS, turn.opens, turn.closes)
    if turn.phase in _OVER or work.rollout.status in TERMINAL or now >= turn.closes:
        return None
    has_begun = standing is not None and standing.began_at is not None and standing.starts == turn.opens
    state = S.SCHEDULED
    if now >= turn.opens and has_begun:
        state = S.VERIFYING if turn.phase is T.BAKING else S.IN_PROGRESS
    return _Now(Course.FORWARD, state, turn.opens, turn.closes)


def _is_another(standing: Maintenance, wanted: _Now) -> bool:
    """Whether a stretch is over because the next one has come: another way, or another night."""
    if standing.course is not wanted.course:
        return True
    return standing.began_at is not None and standing.starts != wanted.starts


def _new(work: Work, wanted: _Now, ordinal: int) -> Maintenance:
    turn, rollout = work.turn, work.rollout
    assert turn is not None
    is_back = wanted.course is Course.BACK
    return Maintenance(
        id=f"{rollout.id}.{turn.pop}.{ordinal}",
        rollout=rollout.id,
        pop=turn.pop,
        lane=rollout.lane,
        release=rollout.number,
        state=wanted.state,
        course=wanted.course,
        starts=wanted.starts,
        ends=wanted.ends,
        began_at=work.now if wanted.state is not S.SCHEDULED else None,
        changed_at=work.now,
        announced_at=work.now,
        urgent=is_back,
        reason=f"the release is taken back: {cause_of(rollout)}" if is_back else "",
    )


def _moved(work: Work, standing: Maintenance, wanted: _Now) -> Maintenance | None:
    """The same stretch as it is now; None where nobody can see a difference."""
    times = (wanted.starts, wanted.ends)
    if wanted.state is standing.state and times == (standing.starts, standing.ends):
        return None
    begins = wanted.state is not S.SCHEDULED and standing.began_at is None
    after = standing.changed(
        state=wanted.state,
        starts=wanted.starts,
        ends=wanted.ends,
        began_at=work.now if begins else standing.began_at,
        changed_at=work.now,
        sequence=standing.sequence + 1,
    )
    if wanted.starts != standing.starts:
        after = after.changed(was=standing.starts, reason=work.why)
    return after


def _closed(work: Work, standing: Maintenance) -> Maintenance:
    turn = work.turn
    is_done = standing.began_at is not None or (turn is not None and turn.phase is T.DONE)
    after = standing.changed(
        state=S.COMPLETED if is_done else S.CANCELLED,
        began_at=(standing.began_at or work.now) if is_done else None,
        over_at=work.now,
        changed_at=work.now,
        sequence=standing.sequence + 1,
    )
    return after if is_done else after.changed(reason=_why_cancelled(work))


def _why_cancelled(work: Work) -> str:
    rollout, turn = work.rollout, work.turn
    if turn is None:
        return "the PoP has left the train"
    if turn.phase is T.HANDED:
        return "a newer release does it"
    if rollout.status in TERMINAL or turn.phase in (T.BACK, T.REVERTED):
        return f"its release is {rollout.status.value}"
    return "its window passed and nothing began" + (f": {work.why}" if work.why else "")


def _missed(work: Work, known: Sequence[Maintenance]) -> Maintenance | None:
    """A way back that began and ended between two looks."""
    turn = work.turn
    if turn is None or not work.lane.disturbs or turn.phase is not T.REVERTED or not turn.cursor:
        return None
    if any(record.course is Course.BACK for record in known):
        return None
    begun = _new(work, _Now(Course.BACK, S.IN_PROGRESS, work.now, work.now), len(known) + 1)
    return begun.changed(state=S.COMPLETED, over_at=work.now)
