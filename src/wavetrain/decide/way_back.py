"""Way back: which release do the units of a PoP go back to?"""

from collections import Counter
from collections.abc import Callable

from wavetrain.decide.facts import Draft
from wavetrain.model.fleet import Desired, NodeId
from wavetrain.model.release import is_older
from wavetrain.model.rollout import EARLIER_MAX, Rollout, Turn


def of(draft: Draft, turn: Turn) -> str:
    """What the PoP ran before; where that may not run any more, what it ran earlier, or what most of the fleet ran.

    Empty where nothing is known. A version that is banned is returned only where there is no other.
    """
    return way(draft.rollout, turn, draft.facts.is_banned)


def way(rollout: Rollout, turn: Turn, is_banned: Callable[[str], bool]) -> str:
    """The same, for who has the records alone."""
    ways = [turn.previous, *turn.earlier, rollout.previous]
    ways = [number for number in ways if number and number != rollout.number]
    return next((number for number in ways if not is_banned(number)), ways[0] if ways else "")


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


def inherit(draft: Draft) -> None:
    """A train departs: its turns remember where the unfinished ones before it would have gone back to."""
    for turn in draft.older_turns.values():
        mine, other = draft.turns.get(turn.pop), draft.older.get(turn.rollout)
        if mine is None or other is None or not turn.cursor:
            continue
        ways = (*mine.earlier, turn.previous or other.previous, *turn.earlier)
        known = tuple(dict.fromkeys(number for number in ways if number))[:EARLIER_MAX]
        draft.turns[turn.pop] = mine.changed(earlier=known)


def is_own(draft: Draft, unit: str) -> bool:
    """Whether a unit is still this rollout's by its order; one that a newer rollout has told since is not."""
    return is_its_own(draft.rollout, draft.desired.get(NodeId(unit)))


def is_its_own(rollout: Rollout, told: Desired | None) -> bool:
    """The same, for who has the records alone."""
    return told is None or told.rollout in ("", rollout.id) or told.release == rollout.number
