"""Outlook: what do the waves wait for that have not begun?"""

from datetime import datetime

from wavetrain.decide.facts import Draft
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Status


def say(draft: Draft) -> None:
    """Later waves say which wave they wait for; their PoPs inherit that."""
    wave = draft.waves[draft.rollout.wave]
    if draft.rollout.status is not Status.ROLLING:
        return
    opens: dict[int, datetime] = {}
    current, silenced = wave.ordinal, []
    for turn in draft.turns.values():
        ordinal = turn.wave
        if ordinal > current:
            if ordinal not in opens or turn.opens < opens[ordinal]:
                opens[ordinal] = turn.opens
            if turn.hold is not None:
                silenced.append(turn)
    draft.turns.update((turn.pop, turn.changed(hold=None)) for turn in silenced)
    for ordinal, first in opens.items():
        until = first if first > draft.facts.now else None
        hold = Hold(Reason.PREVIOUS_WAVE, until=until, detail=f"wave {wave.ordinal} {wave.ring}")
        if draft.waves[ordinal].hold != hold:
            draft.waves[ordinal] = draft.waves[ordinal].changed(hold=hold)
