"""Reach: whom does a rollout touch now, whom next, and how long would its way back take?

The blast radius in customers' units. The time to undo is that of the PoP that needs longest, by the revert's own
budget; PoPs go back side by side, past windows and freezes.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from wavetrain.control.facts import policy_of
from wavetrain.control.pop_uses import PopUses, Uses
from wavetrain.control.ports import Store
from wavetrain.control.rollouts import found
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.decide.work import undo_seconds
from wavetrain.model.fleet import PopId
from wavetrain.model.rollout import Turn, TurnPhase, Wave


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    """Some PoPs, and what customers have there."""

    pops: int
    nodes: int
    uses: Uses
    undo_s: int
    """Predicted, from the word to the last node back."""


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What a rollout touches."""

    exposed: Touched
    """PoPs in which nodes were told to run the release: these go back when it does."""
    moving: Touched
    """PoPs in which nodes are on their way just now."""
    next: Touched
    """PoPs of the wave under way, or else of the next one, that wait for their turn."""
    left: int
    """PoPs that have not begun."""
    now: datetime


def seen(store: Store, caller: Caller, rollout_id: str, uses: PopUses) -> Reach:
    """What this rollout touches."""
    require(caller, Act.READ)
    with store.read() as view:
        item = found(view, rollout_id)
        turns = view.find(Turn, rollout=item.id)
        now = view.now
        policy = policy_of(view, item.policy)
        waves = sorted(view.find(Wave, rollout=item.id), key=lambda wave: wave.ordinal)

    def touched(chosen: Iterable[tuple[Turn, int]]) -> Touched:
        kept = list(chosen)
        pops: list[PopId] = [turn.pop for turn, _ in kept]
        return Touched(
            pops=len(kept),
            nodes=sum(nodes for _, nodes in kept),
            uses=uses.of(pops),
            undo_s=max((undo_seconds(policy, nodes) for _, nodes in kept), default=0),
        )

    waiting = [turn for turn in turns if turn.phase is TurnPhase.WAITING and not turn.exposed]
    ordinals = sorted({turn.wave for turn in waiting} & {wave.ordinal for wave in waves})
    coming = ordinals[0] if ordinals else -1
    return Reach(
        exposed=touched((turn, len(turn.exposed)) for turn in turns if turn.exposed),
        moving=touched((turn, len(turn.progress)) for turn in turns if turn.progress),
        next=touched((turn, len(turn.order)) for turn in waiting if turn.wave == coming),
        left=len(waiting),
        now=now,
    )
