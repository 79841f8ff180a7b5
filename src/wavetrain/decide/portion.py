"""Portion: which part of the whole plan does a hotfix travel, in which order?"""

from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from wavetrain.decide.facts import Draft
from wavetrain.decide.rings import Crew, Unplannable
from wavetrain.decide.timetable import Leg
from wavetrain.model.fleet import NodeId, PopId
from wavetrain.model.hotfix import How
from wavetrain.model.rollout import Rollout, RolloutId, Status

P = TypeVar("P")


def of(draft: Draft, plan: list[Leg]) -> list[Leg] | Unplannable:
    """The legs that are travelled by a lane without windows."""
    chosen = _chosen(draft, plan, _leg_with)
    return chosen if isinstance(chosen, Unplannable) else _numbered(chosen)


def of_crews(draft: Draft, crews: list[Crew]) -> list[Crew] | Unplannable:
    """The rings that are travelled, as far as they are."""
    return _chosen(draft, crews, _crew_with)


def _chosen(
    draft: Draft, plan: list[P], part: Callable[[P, Callable[[PopId], bool]], P | None]
) -> list[P] | Unplannable:
    """What is travelled of a plan; `part` takes out of one of its pieces those PoPs that go.

    `affected` leaves out all other PoPs. `restart` begins where the train under way has come to; the PoPs that have
    passed there follow at the end, in their own order. Each PoP has its own canary and its own bake in any case.
    """

    def those(takes: Callable[[PopId], bool]) -> list[P]:
        return [left for piece in plan if (left := part(piece, takes)) is not None]

    match draft.rollout.hotfix.how:
        case How.AFFECTED:
            pops = affected(draft)
            if not pops:
                return Unplannable(
                    f"no PoP runs {draft.release.fixes}; name PoPs, or place {draft.rollout.id} in another way"
                )
            return those(lambda pop: pop in pops)
        case How.RESTART:
            passed = frozenset(_credited(draft))
            return [*those(lambda pop: pop not in passed), *those(lambda pop: pop in passed)]
        case _:
            return plan


def affected(draft: Draft) -> frozenset[PopId]:
    """The PoPs that were named; where none were, those that run the release that is fixed."""
    if draft.rollout.hotfix.pops:
        return frozenset(draft.rollout.hotfix.pops)
    suffix = draft.facts.lane.suffix
    return frozenset(
        pop.id
        for pop in draft.facts.fleet.pops.values()
        for node in pop.nodes
        if _runs(draft, node + suffix, draft.release.fixes)
    )


def base(draft: Draft) -> Rollout | None:
    """The rollout that this one fixes, while it still goes forward."""
    found = draft.older.get(RolloutId(f"{draft.rollout.component}-{draft.release.fixes}"))
    return found if found is not None and found.status in (Status.ROLLING, Status.PAUSED) else None


def credited(draft: Draft) -> str:
    """In words, which waves count as passed; empty for none."""
    found = base(draft)
    if draft.rollout.hotfix.how is not How.RESTART or found is None:
        return ""
    rings = [
        f"{wave.ordinal} {wave.ring}"
        for wave in draft.older_waves.values()
        if wave.rollout == found.id and wave.ordinal < draft.rollout.hotfix.wave
    ]
    return f"credit for wave {', '.join(rings)} of {found.id}" if rings else ""


def has_lost_credit(draft: Draft) -> bool:
    """Whether it counts on what another release has earned, which is no longer under way or goes back."""
    return draft.rollout.hotfix.how is How.RESTART and base(draft) is None


def has_lost_its_pops(draft: Draft) -> bool:
    """Whether it was to go where a release runs that has gone back from everywhere before it was planned."""
    hotfix = draft.rollout.hotfix
    return hotfix.how is How.AFFECTED and not hotfix.pops and base(draft) is None and not affected(draft)


def _credited(draft: Draft) -> Iterator[PopId]:
    found = base(draft)
    for turn in draft.older_turns.values():
        if found is not None and turn.rollout == found.id and turn.wave < draft.rollout.hotfix.wave:
            yield turn.pop


def _runs(draft: Draft, unit: str, number: str) -> bool:
    said = draft.facts.reported.get(NodeId(unit))
    return said is not None and said.release == number


def _leg_with(leg: Leg, takes: Callable[[PopId], bool]) -> Leg | None:
    turns = {pop: units for pop, units in leg.turns.items() if takes(pop)}
    return msgspec.structs.replace(leg, turns=turns) if turns else None


def _crew_with(crew: Crew, takes: Callable[[PopId], bool]) -> Crew | None:
    pops = tuple(pop for pop in crew.pops if takes(pop))
    return Crew(crew.ring, pops) if pops else None


def _numbered(legs: list[Leg]) -> list[Leg]:
    """Which leg is the last of its ring, after some were left out or moved."""
    following = [*legs[1:], None]
    return [
        msgspec.structs.replace(leg, last_of_ring=after is None or after.ring != leg.ring)
        for leg, after in zip(legs, following, strict=True)
    ]
