"""Planted breach: which decider breaks a guard on purpose, to show that the rehearsal finds it?"""

import msgspec

from wavetrain.decide import planner
from wavetrain.decide.facts import Choice, Facts
from wavetrain.model.fleet import Fleet, NodeId, PopId
from wavetrain.model.rollout import Turn, TurnPhase
from wavetrain.simulate.rehearsal import Plan

AFTER = 0.5
"""The breach comes when so great a share of the PoPs is through."""
NOWHERE = PopId("")
TIMES = 4
"""So many times its budget's nodes that PoP gives out."""


class Impatient:
    """A planner that, late in the train, lets one PoP of all have more nodes out than its budget allows (G10).

    It is the real one, told that this PoP were larger; what it says of all the others is right.
    """

    def __init__(self, plan: Plan) -> None:
        self._done_at = max(1, round(len(plan.fleet.pops) * AFTER))
        self.planted = NOWHERE
        """The PoP; empty as long as none was large enough, late enough."""

    def __call__(self, facts: Facts) -> Choice:
        """Decide as the planner does, save for that PoP."""
        if not self.planted:
            done = sum(turn.phase is TurnPhase.DONE for turn in facts.turns)
            if done < self._done_at:
                return planner.decide(facts)
            wave = facts.rollout.wave
            self.planted = next(
                (turn.pop for turn in facts.turns if turn.wave == wave and _is_large(turn)), NOWHERE
            )
        mine = next((turn for turn in facts.turns if turn.pop == self.planted), None)
        if mine is None or mine.phase is not TurnPhase.REST or not mine.progress:
            return planner.decide(facts)
        return planner.decide(msgspec.structs.replace(facts, fleet=crowded(facts.fleet, mine.pop)))


def _is_large(turn: Turn) -> bool:
    """Whether a PoP waits for its turn, with a rest that cannot all go at once."""
    return turn.phase is TurnPhase.WAITING and len(turn.order) > turn.canaries + 1


def crowded(fleet: Fleet, pop: PopId) -> Fleet:
    """The same fleet with a PoP that seems to be several times as large as it is, so that its budget is, too."""
    known = fleet.pops[pop]
    nobody = tuple(NodeId(f"{pop}-nobody-{number}") for number in range((TIMES - 1) * len(known.nodes)))
    large = msgspec.structs.replace(known, nodes=(*known.nodes, *nobody))
    return msgspec.structs.replace(fleet, pops={**fleet.pops, pop: large})
