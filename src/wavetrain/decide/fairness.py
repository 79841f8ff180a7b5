"""Fairness: how early was each PoP in the trains so far?"""

from collections.abc import Iterable

from wavetrain.model.fleet import PopId
from wavetrain.model.rollout import Fairness, Turn


def after(known: Fairness, turns: Iterable[Turn], waves: int) -> Fairness:
    """What is known once a train is over: each PoP's place in it, and as much again of all trains before it.

    The first wave counts 1, the last 0. A PoP that was not in the train keeps what it has; one that is new to it
    begins with this train alone.
    """
    early: dict[PopId, float] = dict(known.early)
    for turn in turns:
        place = 1 - turn.wave / (waves - 1) if waves > 1 else 0.0
        early[turn.pop] = round((early[turn.pop] + place) / 2 if turn.pop in early else place, 4)
    return known.changed(trains=known.trains + 1, early=dict(sorted(early.items())))
