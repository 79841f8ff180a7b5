"""Planted breach: which decider breaks a guard on purpose, to show that the rehearsal finds it?"""

from collections.abc import Callable

import msgspec

from wavetrain.decide import planner
from wavetrain.decide.facts import Choice, Facts
from wavetrain.model.policy import Budgets, Policy
from wavetrain.simulate.rehearsal import Plan

AFTER = 0.5
"""The breach comes when so great a share of the PoPs is through."""


def impatient(plan: Plan) -> Callable[[Facts], Choice]:
    """A planner that, late in the train, lets one PoP of all have twice the nodes out that its budget allows (G10).

    It is the real one for all other PoPs and all the time before.
    """
    done_at = max(1, round(len(plan.fleet.pops) * AFTER))
    planted: list[str] = []

    def decide(facts: Facts) -> Choice:
        if not planted:
            waiting = [
                turn
                for turn in facts.turns
                if turn.phase.value == "waiting" and turn.wave == facts.rollout.wave
            ]
            done = sum(turn.phase.value == "done" for turn in facts.turns)
            large = [turn.pop for turn in waiting if len(turn.order) > turn.canaries + 1]
            if done < done_at or not large:
                return planner.decide(facts)
            planted.append(large[0])
        now = [
            turn
            for turn in facts.turns
            if turn.pop == planted[0] and turn.phase.value == "rest" and turn.progress
        ]
        if not now:
            return planner.decide(facts)
        return planner.decide(msgspec.structs.replace(facts, policy=greedy(facts.policy)))

    return decide


def greedy(policy: Policy) -> Policy:
    """The same policy with all nodes of a PoP at once."""
    return msgspec.structs.replace(policy, budgets=Budgets(pop_share=1.0, headroom=1.0, region_share=1.0))
