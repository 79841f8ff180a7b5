"""Way back: which release do the units of a PoP go back to?"""

from collections import Counter

from wavetrain.decide.facts import Draft
from wavetrain.model.fleet import NodeId
from wavetrain.model.release import is_older
from wavetrain.model.rollout import Turn


def of(draft: Draft, turn: Turn) -> str:
    """What the PoP ran before, or what most of the fleet ran where that may not run any more.

    Empty where nothing is known. A version that is banned is returned only where there is no other.
    """
    ways = [number for number in (turn.previous, draft.rollout.previous) if number]
    return next((number for number in ways if not draft.facts.is_banned(number)), ways[0] if ways else "")


def found(draft: Draft, turn: Turn) -> str:
    """What most of a PoP's units run before the first of them is told; in doubt the older version, as the tried one.

    A version that may not run any more is no way back, and neither is the one that this rollout brings.
    """
    said = [draft.facts.reported.get(NodeId(unit)) for unit in turn.order]
    counts = Counter(item.release for item in said if item is not None and item.release)
    del counts[draft.rollout.number]
    best = ""
    for number in sorted(counts):
        if draft.facts.is_banned(number):
            continue
        more = counts[number] - counts[best]
        if not best or more > 0 or (more == 0 and is_older(number, best)):
            best = number
    return best


def is_own(draft: Draft, unit: str) -> bool:
    """Whether a unit is still this rollout's by its order; one that a newer rollout has told since is not."""
    told = draft.desired.get(NodeId(unit))
    if told is None:
        return True
    return told.rollout in ("", draft.rollout.id) or told.release == draft.rollout.number
