"""Lull: until when does everything that is left only wait for train time?"""

from collections.abc import Collection, Sequence
from datetime import datetime

from wavetrain.model.plan import TIMED, Hold, Reason
from wavetrain.model.rollout import Rollout, Slot, Status, Turn, Wave, WaveStatus


def next_end(
    rollouts: Sequence[Rollout],
    waves: Sequence[Wave],
    turns: Sequence[Turn],
    slots: Sequence[Slot],
    quarantined: Collection[str] = (),
) -> datetime | None:
    """The nearest known end of a wait, or None while anything moves or waits for something else than train time.

    A bake waits for time only after its evidence minimum is met, so a jump never adds to exposure. Slots and
    units in progress run on permissions and timeouts, which are never jumped either; quarantined units wait for a
    person, who may come at any time.
    """
    if any(slot.owner not in quarantined for slot in slots) or any(turn.progress for turn in turns):
        return None
    holds: list[Hold | None] = []
    for rollout in rollouts:
        match rollout.status:
            case Status.ROLLING:
                holds += _holds(rollout, waves, turns)
            case _:
                holds.append(rollout.hold)
    ends: list[datetime] = []
    for hold in holds:
        if hold is not None and hold.reason is Reason.PREVIOUS_ROLLOUT:
            continue
        if hold is None or hold.reason not in TIMED or hold.until is None:
            return None
        ends.append(hold.until)
    return min(ends, default=None)


def _holds(rollout: Rollout, waves: Sequence[Wave], turns: Sequence[Turn]) -> list[Hold | None]:
    wave = next(wave for wave in waves if wave.rollout == rollout.id and wave.ordinal == rollout.wave)
    if wave.status is WaveStatus.BAKING:
        return [wave.hold]
    mine = [turn for turn in turns if turn.rollout == rollout.id and turn.wave == wave.ordinal]
    return [turn.hold for turn in mine if not turn.at_end] or [wave.hold]
