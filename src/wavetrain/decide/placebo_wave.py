"""Placebo wave: which nodes are restarted on the release that they run, before the canaries of their PoP?

A canary differs from its neighbours in two things: the release, and that it was just started. Where the policy asks,
for each canary a node of its hardware class, of those that go last, is restarted too. Until the rest follows, those
nodes are the canaries' control (`comparison.arms_of`); what they show against the nodes that were left alone is a
placebo (`comparison.placebo_arms`).
"""

from collections import Counter
from collections.abc import Iterator

from wavetrain.decide import way_back
from wavetrain.decide.facts import Draft
from wavetrain.model.fleet import NodeId, Phase, UnitId
from wavetrain.model.policy import Policy
from wavetrain.model.rollout import Turn, TurnPhase


def count(policy: Policy, nodes: int, canaries: int) -> int:
    """How many of a PoP's nodes are restarted; none where not one would be left alone beside them."""
    asked = policy.verdicts.placebo_waves and policy.verdicts.metrics
    return canaries if asked and nodes > 2 * canaries else 0


def is_asked(draft: Draft, turn: Turn) -> bool:
    """Whether a PoP has a placebo before its canaries.

    Not where a person has approved to go forward although the older release has cost the PoP its capacity.
    """
    if not draft.facts.lane.disturbs or any(one.kind == "forward" for one in draft.rollout.approvals):
        return False
    return bool(count(draft.facts.policy, len(turn.order), turn.canaries))


def left_out(draft: Draft, turn: Turn) -> str:
    """Why a PoP has no placebo although the policy asks for them; empty where it has one, or none is asked for."""
    policy, nodes = draft.facts.policy, len(turn.order)
    if not (policy.verdicts.placebo_waves and policy.verdicts.metrics) or is_asked(draft, turn):
        return ""
    if not count(policy, nodes, turn.canaries):
        return (
            f"{nodes} nodes with {turn.canaries} to go first leave none alone beside as many restarted ones"
        )
    return "a person has approved to go forward"


def is_stale(turn: Turn) -> bool:
    """Whether its nodes were restarted in an earlier window, so that they are older than its canaries will be."""
    if turn.phase is not TurnPhase.CANARY or turn.cursor or turn.placebo_at is None:
        return False
    return turn.placebo_at < turn.opens


def next_unit(draft: Draft, turn: Turn) -> UnitId | None:
    """The unit to be restarted next; None when each canary has its like.

    None is restarted in a PoP where some canary has no like from the start; one that is lost later is not missed.
    """
    if not is_asked(draft, turn):
        return None
    classes = _classes(draft, turn)
    wanted = Counter(classes.get(unit, "") for unit in turn.order[: turn.canaries])
    wanted -= Counter(classes.get(unit, "") for unit in turn.placebos)
    found: list[UnitId] = []
    for unit in _fit(draft, turn) if wanted else ():
        hardware = classes.get(unit, "")
        if wanted[hardware] > 0:
            wanted[hardware] -= 1
            found.append(unit)
    is_short = any(wanted.values()) and not turn.placebos
    return found[0] if found and not is_short else None


def without(turn: Turn, unit: UnitId) -> Turn:
    """The turn without a unit among its placebos."""
    if unit not in turn.placebos:
        return turn
    return turn.changed(
        placebos=tuple(other for other in turn.placebos if other != unit),
        restarted=tuple(other for other in turn.restarted if other != unit),
    )


def is_placebo(turn: Turn, unit: UnitId) -> bool:
    """Whether a unit is on its way as a placebo, and not to the release."""
    return unit in turn.placebos and unit not in turn.exposed


def _classes(draft: Draft, turn: Turn) -> dict[str, str]:
    """The hardware class of each node that has one."""
    pop = draft.facts.fleet.pops.get(turn.pop)
    hardware = pop.hardware if pop is not None else {}
    return {node: name for name, nodes in hardware.items() for node in nodes}


def _fit(draft: Draft, turn: Turn) -> Iterator[UnitId]:
    """The units behind the canaries that may be restarted, the last first.

    They serve on what the PoP goes back to, nobody has taken them out, and none has come to no restart before.
    """
    facts, previous = draft.facts, turn.previous or way_back.found(draft, turn)
    if not previous or facts.is_banned(previous):
        return
    for unit in reversed(turn.order[turn.canaries :]):
        node = NodeId(unit)
        said = facts.reported.get(node)
        if said is None or said.release != previous or said.phase is not Phase.STEADY or said.clock_off_s:
            continue
        is_out = node in facts.absent or node in draft.quarantined or draft.slots.of_owner(unit)
        if not is_out and unit not in turn.placebos and unit not in turn.lapses:
            yield unit
