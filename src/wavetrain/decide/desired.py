"""Desired: what should a device run that no rollout has told anything?"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import msgspec

from wavetrain.decide import calendar
from wavetrain.model.fleet import Desired, Phase, Pop, Reported, UnitId
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.policy import Timing
from wavetrain.model.rollout import Turn, TurnPhase
from wavetrain.model.window import Freeze

AGAIN_S = 3_600.0
"""Between two permissions of a node that joins."""
_OPEN = (TurnPhase.WAITING, TurnPhase.PLACEBO, TurnPhase.CANARY, TurnPhase.BAKING, TurnPhase.REST)
_BACK = (Phase.REVERTED, Phase.FAILED)
_ENDED = (Phase.STEADY, Phase.LAPSED, *_BACK)


def majority(said: Iterable[Reported], shunned: Collection[str]) -> str:
    """The release that most of these devices run, of equals the first by name; empty where none may be given."""
    counts = Counter(item.release for item in said if item.release and item.release not in shunned)
    return max(sorted(counts), key=lambda number: counts[number], default="")


def joined(turn: Turn, units: Sequence[UnitId]) -> Turn:
    """Units that join a PoP go last in a turn that is not done; in one that is, they get what it has brought."""
    if turn.phase not in _OPEN:
        return turn
    new = tuple(unit for unit in units if unit not in turn.order)
    return turn.changed(order=(*turn.order, *new)) if new else turn


def is_joining(order: Desired, said: Reported | None) -> bool:
    """Whether a node was told the release of its PoP when it joined, and does not run it yet: it serves nobody."""
    return order.joins and (said is None or said.release != order.release)


def is_on_its_way(order: Desired, said: Reported, steady: float) -> bool:
    """Whether a node that joins has begun, or has a permission that it may still begin with."""
    if said.generation == order.generation:
        return said.phase not in _ENDED
    return order.permitted_s > 0 and steady < order.permitted_at + order.permitted_s


def is_tired(order: Desired, steady: float) -> bool:
    """Whether it is too soon for another permission: one that lapses again and again is not asked at every tick."""
    return order.permitted_s > 0 and steady < order.permitted_at + AGAIN_S


def joiner_hold(
    order: Desired,
    said: Reported,
    pop: Pop,
    timing: Timing,
    freezes: Sequence[Freeze],
    cordoned: Sequence[str],
    now: datetime,
) -> Hold | None:
    """Why a node that joins may not move to its PoP's release now; None where it may.

    `cordoned` names what of it a person has cordoned. One that runs nothing disturbs nobody.
    One that does may have brought sessions along, so it keeps to the window.
    """
    if said.generation == order.generation and said.phase in _BACK:
        return Hold(
            Reason.NOT_REPORTING, detail=f"{said.phase.value} on the way to {order.release}", asks=True
        )
    if cordoned:
        return Hold(Reason.CORDONED, detail=", ".join(cordoned))
    if not said.release:
        return None
    scope = (pop.id, pop.region, "pop")
    held = calendar.hold(calendar.may_start(pop.window, freezes, now, timing.with_undo, scope))
    if held is None or held.reason is not Reason.OUTSIDE_WINDOW:
        return held
    return msgspec.structs.replace(held, detail=f"then it goes to {order.release}")
