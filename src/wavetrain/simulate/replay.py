"""Replay: does a decision, taken again from the store as it was, come out the same?"""

from collections.abc import Callable, Mapping

import msgspec

from wavetrain.adapters.memory_store import MemoryStore
from wavetrain.control.facts import digest, load
from wavetrain.control.image import Image
from wavetrain.decide import planner
from wavetrain.decide.evidence_kept import PopEvidence, RolloutEvidence, placebo_of
from wavetrain.decide.facts import Choice, Facts
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.policy import Policy
from wavetrain.model.rollout import Rollout


class Decision(msgspec.Struct, frozen=True):
    """One decision as it was taken: after which change, on which facts, with which choice."""

    sequence: int
    facts: Facts
    choice: Choice
    digest: str
    """Of the facts, taken when they were decided on: what they were taken from goes on."""

    def is_draft_of(self, other: "Decision") -> bool:
        """The ticker decides once to see whether there is anything to choose, and once more in its transaction."""
        return (self.sequence, self.facts.rollout.id) == (other.sequence, other.facts.rollout.id)


class Then:
    """What the ticker had measured when it decided: the evidence from the store, its telemetry as it was noted."""

    def __init__(
        self,
        evidence: RolloutEvidence | None,
        pops: Mapping[str, PopEvidence],
        placebo: RolloutEvidence | None,
        facts: Facts,
    ) -> None:
        self._evidence = {facts.rollout.id: evidence, placebo_of(facts.rollout.id): placebo}
        self._pops = pops
        self._facts = facts

    def evidence_of(self, rollout: str) -> RolloutEvidence | None:
        """As the store kept it with the decision."""
        return self._evidence.get(rollout)

    def pops_of(self, rollout: str) -> Mapping[str, PopEvidence]:
        """As the store kept it with the decision."""
        return self._pops if rollout == self._facts.rollout.id else {}

    def pre_period_s(self) -> Mapping[PopId, float]:
        """As noted."""
        return self._facts.pre_period_s

    def unseen_s(self) -> Mapping[NodeId, float]:
        """As noted."""
        return self._facts.unseen_s

    def source_fault(self) -> str:
        """As noted."""
        return self._facts.source_fault

    def shadow_of(self, rollout: Rollout, policy: Policy) -> str:  # noqa: ARG002 (a port's)
        """As noted."""
        return self._facts.shadow


def differs(
    store: MemoryStore, decision: Decision, decide: Callable[[Facts], Choice] = planner.decide
) -> str:
    """G16: what a replay of the decision by the same decider makes of it otherwise; empty when it is the same."""
    facts = decision.facts
    name = facts.rollout.id
    at = store.at(decision.sequence, clock=lambda: facts.steady)
    with store.read() as view:
        entry = next(
            (
                item
                for item in view.journal(limit=10_000, rollout=name)
                if item.who == "tick" and item.at == facts.now and item.facts == decision.digest
            ),
            None,
        )
    if decision.choice.entries and entry is None:
        return f"G16: the journal does not name the facts of the decision on {name} at {facts.now:%m-%d %H:%M:%S}"
    with at.read() as view:
        rollout = view.get(Rollout, name)
        if rollout is None:
            return f"G16: {name} was not there before change {decision.sequence}"
        image = Image().follow(view)
        again = load(
            image,
            view,
            rollout,
            Then(*_evidence(store, decision), _placebo(store, decision), facts),
            sweep=facts.sweep,
            is_behind=facts.is_behind,
        )
        chosen = decide(again)
    if digest(again) != decision.digest:
        return f"G16: the facts of the decision on {name} at {facts.now:%m-%d %H:%M:%S} cannot be rebuilt"
    if chosen != decision.choice:
        return f"G16: the decision on {name} at {facts.now:%m-%d %H:%M:%S} comes out otherwise"
    return ""


def _evidence(
    store: MemoryStore, decision: Decision
) -> tuple[RolloutEvidence | None, dict[str, PopEvidence]]:
    """The rollout's evidence in the store: unchanged since before the decision, or written in its own commit."""
    return _kept(store, decision, decision.facts.rollout.id, decision.facts.evidence)


def _placebo(store: MemoryStore, decision: Decision) -> RolloutEvidence | None:
    """The same of its placebo, which is a test of its own."""
    return _kept(store, decision, placebo_of(decision.facts.rollout.id), decision.facts.placebo)[0]


def _kept(
    store: MemoryStore, decision: Decision, name: str, stood_on: RolloutEvidence | None
) -> tuple[RolloutEvidence | None, dict[str, PopEvidence]]:
    if stood_on is None:
        return None, {}
    with store.at(decision.sequence).read() as view:
        kept = view.get(RolloutEvidence, name)
        pops = {item.pop: item for item in view.find(PopEvidence, rollout=name, live=1)}
    if kept is not None and kept.changed(version=0) == stood_on:
        return kept, pops
    with store.read() as view:
        for change in view.changes(decision.sequence):
            if change.commit != decision.sequence + 1:
                break
            match change.record:
                case RolloutEvidence() as made if made.rollout == name:
                    kept = made
                case PopEvidence() as made if made.rollout == name:
                    pops[made.pop] = made
    return kept, {pop: item for pop, item in pops.items() if item.live}
