"""Handover: who goes on in a PoP that two rollouts of one component are about?"""

from wavetrain.decide import lifecycle, succession
from wavetrain.decide.arrivals import BACK
from wavetrain.decide.facts import Draft
from wavetrain.model.fleet import PopId
from wavetrain.model.hotfix import How
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Rollout, Status, Turn, TurnPhase

_TAKING = (Reason.HANDING_OVER, Reason.PREVIOUS_BAKE)
"""Holds of a newer rollout that say: as soon as the older one has nobody on the way here."""
_NEXT = (*_TAKING, Reason.PREVIOUS_ROLLOUT)
"""The same of one that is rolling, which waits here for a third one's way back too."""
_THERE = (Status.COMPLETED, Status.RESIDUE)
_COMING = (*_TAKING, Reason.NOT_YET)


def yields(draft: Draft, turn: Turn) -> Hold | None:
    """Why an older rollout begins nothing more in this PoP: a newer one takes over as soon as it can.

    It does when its departure, or its turn in this PoP, waits for nothing but what is on its way; and when this
    window is also the newer one's first here, so that nobody is disturbed twice in it. A newer one that waits for a
    person, or that has not announced itself, changes nothing; where what it asks about may also end by itself, it
    still comes first in its own first window.
    """
    for newer in draft.facts.newer:
        if _takes_over(draft, newer, turn):
            return Hold(Reason.GIVES_WAY, detail=newer.id)
    return None


def _takes_over(draft: Draft, newer: Rollout, turn: Turn) -> bool:
    theirs = next(
        (one for one in draft.facts.newer_turns if one.rollout == newer.id and one.pop == turn.pop), None
    )
    if newer.status is Status.ROLLING:
        return theirs is not None and _is_held(theirs.hold, _NEXT)
    if newer.status is not Status.ANNOUNCED:
        return False
    if newer.hotfix.how is not How.AFFECTED and _is_held(newer.hold, _TAKING):
        return True
    if theirs is None or theirs.wave != 0 or theirs.opens >= turn.closes:
        return False
    return _is_held(newer.hold, _COMING) or _is_stuck(newer.hold)


def is_taken(draft: Draft, turn: Turn) -> bool:
    """Whether a newer hotfix has come to this PoP before an older rollout, which then has no business here."""
    newer = {
        other.id
        for other in draft.facts.newer
        if other.hotfix.how is How.AFFECTED and other.status in (*_THERE, Status.ROLLING, Status.PAUSED)
    }
    return not turn.cursor and any(
        one.rollout in newer and one.pop == turn.pop and one.started_at is not None and one.phase not in BACK
        for one in draft.facts.newer_turns
    )


def unproven(draft: Draft) -> Hold | None:
    """Why a wave that is through says nothing of the release: hotfixes took its PoPs over before any had proven it.

    A PoP that was handed over counts for no bake, however far it was; so a person decides whether the rest follows.
    """
    rollout = draft.rollout
    is_last = rollout.wave + 1 == rollout.waves
    if is_last or any(turn.phase is TurnPhase.DONE for turn in draft.turns.values()):
        return None
    if any(approval.kind == "inconclusive" for approval in rollout.approvals):
        return None
    detail = f"no PoP has come through a bake of {rollout.number}; a hotfix took over what had begun"
    return Hold(Reason.INCONCLUSIVE, detail=detail, asks=True)


def _is_held(hold: Hold | None, reasons: tuple[Reason, ...]) -> bool:
    return hold is not None and hold.reason in reasons and not hold.asks


def _is_stuck(hold: Hold | None) -> bool:
    """Whether a person is asked about units that are overdue, or about a bake that may not be cut short.

    The units may come back, and the bake may end, at any moment and by themselves. Were this taken for one that waits
    for a person, the older rollout would tell one more unit in that moment.
    """
    return hold is not None and hold.reason in _TAKING and hold.asks


def here(draft: Draft, pop: PopId) -> list[Turn]:
    """The turns of older rollouts under way in this PoP that have not come to their end."""
    found = []
    for other in draft.older.values():
        turn = draft.older_turns.get((other.id, pop))
        if turn is None or other.status in lifecycle.TERMINAL or turn.at_end:
            continue
        if turn.phase is not TurnPhase.REVERTED:
            found.append(turn)
    return found


def hold(draft: Draft, turn: Turn) -> Hold | None:
    """Why a hotfix may not begin in this PoP yet, although the train under way carries on elsewhere."""
    turns = here(draft, turn.pop)
    if back := [one for one in turns if draft.older[one.rollout].status is Status.REVERTING]:
        return Hold(Reason.PREVIOUS_ROLLOUT, detail=f"{back[0].rollout} is reverting in {turn.pop}")
    others = [draft.older[one.rollout] for one in turns]
    moving = sorted(item.unit for one in turns for item in one.progress)
    if moving:
        return succession.moving_hold(draft, others, moving)
    baking = [one for one in succession.baking(draft) if one.pop == turn.pop]
    return succession.bake_hold(draft, baking, draft.facts.now - turn.opens)


def take(draft: Draft, turn: Turn) -> None:
    """The older rollouts have nothing more to do in this PoP: what was not begun stays undone, what was is kept."""
    for one in here(draft, turn.pop):
        other = draft.older[one.rollout]
        if one.phase is TurnPhase.BAKING and other.status is Status.ROLLING:
            succession.cut_short(draft, other, [one])
        draft.older_turns[one.key] = one.changed(phase=TurnPhase.HANDED, hold=None)
        draft.note(
            "turn", one.pop, f"{one.pop}: {one.phase.value} -> handed over: {other.id} to {turn.rollout}"
        )


def take_unbegun(draft: Draft) -> None:
    """A hotfix for some PoPs departs: where the older train has not begun, it does not begin any more."""
    for turn in draft.turns.values():
        if all(not one.cursor and not one.progress for one in here(draft, turn.pop)):
            take(draft, turn)
