"""Wave turns: which turns is a wave about, and without which may it pass?"""

from wavetrain.decide.facts import Draft
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Turn, TurnPhase, Wave


def goes_with(turn: Turn, wave: Wave) -> bool:
    """Whether a turn is about a wave: its own turns, and those of earlier ones that are carried beside it."""
    return turn.wave == wave.ordinal or (turn.wave < wave.ordinal and not turn.at_end)


def going_with(draft: Draft, wave: Wave) -> list[Turn]:
    """The turns that go with a wave, in the order of the draft."""
    # Asked in every tick: most of a large fleet belong to a later wave, or are done in an earlier one.
    current, done = wave.ordinal, TurnPhase.DONE
    return [
        turn
        for turn in draft.turns.values()
        if turn.wave == current or (turn.wave < current and turn.phase is not done and goes_with(turn, wave))
    ]


def is_carried(draft: Draft, turn: Turn) -> bool:
    """Whether its wave may pass without it: a straggler, or its canary has, and the rest missed a window of a general
    wave.

    It goes on in its next window, beside the waves that follow; the rollout ends only when it is done.
    """
    if turn.beside:
        return True
    if turn.phase is not TurnPhase.REST or turn.progress or not turn.cursor:
        return False
    wave = draft.waves[turn.wave]
    return wave.stage is Stage.GENERAL and turn.started_at is not None and turn.started_at < turn.opens
