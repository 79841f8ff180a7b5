"""Rings: who is in which ring?"""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from wavetrain.decide import cohort
from wavetrain.model.demand import Demand
from wavetrain.model.fleet import Fleet, Pop, PopId
from wavetrain.model.policy import Policy, Ring
from wavetrain.model.rollout import Fairness


class Unplannable(msgspec.Struct, frozen=True):
    """A rule that cannot be met, the PoPs that it is about, and what would free it."""

    text: str
    rule: str = ""
    pops: tuple[PopId, ...] = ()


class Crew(msgspec.Struct, frozen=True):
    """A ring with the PoPs that are in it, in order."""

    ring: Ring
    pops: tuple[PopId, ...]


class Crews(msgspec.Struct, frozen=True):
    """Every ring that has members, with what the canary PoPs do not show: empty where no ring is chosen to cover."""

    crews: tuple[Crew, ...]
    uncovered: tuple[str, ...] = ()


def crews(policy: Policy, fleet: Fleet, demand: Demand, fairness: Fairness) -> Crews | Unplannable:
    """Rings in order; a PoP belongs to the first ring that names it.

    A ring that takes the rest may be empty. Any other empty ring would let a release pass that nobody has shown.
    """
    left = _by_wish(cohort.rank(sorted(fleet.pops), "ring"), demand)
    made: list[Crew] = []
    shown: set[str] = set()
    missing: set[str] | None = None
    for ring in policy.rings:
        unknown = [name for name in ring.pops if name not in fleet.pops]
        if unknown:
            return Unplannable(
                f"ring {ring.name} names {unknown[0]}, which the fleet does not have; apply a policy",
                "ring",
                (PopId(unknown[0]),),
            )
        members = _covering(ring.cover, left, fleet, demand, fairness, shown) if ring.cover else []
        members = members or members_of(ring, left, len(fleet.pops))
        if not members and not ring.rest:
            return Unplannable(
                f"ring {ring.name} is empty: earlier rings take all {len(fleet.pops)} PoPs of the fleet; "
                "take the ring out of the policy, or name fewer PoPs in earlier rings",
                "ring",
            )
        chosen = set(members)
        left = [name for name in left if name not in chosen]
        for name in members:
            shown |= features(fleet.pops[name], demand)
        if ring.cover:
            missing = _every(fleet, demand) - shown
        if members:
            made.append(Crew(ring, tuple(members)))
    if not made:
        return Unplannable("no ring of the policy has a member; apply a policy whose rings name PoPs", "ring")
    return Crews(tuple(made), tuple(sorted(missing or ())))


def members_of(ring: Ring, left: Sequence[PopId], count: int) -> list[PopId]:
    """Those of `left` that a ring names, takes as its share of `count`, or takes as the rest."""
    if ring.pops:
        free = set(left)
        return [PopId(name) for name in ring.pops if name in free]
    if ring.rest:
        return list(left)
    return list(left[: max(1, count * ring.share_percent // 100)]) if ring.share_percent else []


def features(pop: Pop, demand: Demand) -> set[str]:
    """What a PoP shows of a release when it runs it: a region, hardware classes, kinds of sites."""
    made = {f"region {pop.region}", *(f"hardware {name}" for name in pop.hardware)}
    return made | {f"sites by {kind}" for kind in demand.kinds.get(pop.id, ())}


def _every(fleet: Fleet, demand: Demand) -> set[str]:
    return set().union(*(features(pop, demand) for pop in fleet.pops.values()))


def _by_wish(ranked: Iterable[str], demand: Demand) -> list[PopId]:
    """In the order of the hash, but those first most of whose sites would be early."""
    names = [PopId(name) for name in ranked]
    return sorted(names, key=lambda pop: 2 * demand.early.get(pop, 0) <= demand.sites.get(pop, 0))


def _covering(
    count: int,
    left: Sequence[PopId],
    fleet: Fleet,
    demand: Demand,
    fairness: Fairness,
    shown: Collection[str],
) -> list[PopId]:
    """Greedy set cover: again and again the PoP that shows most of what is not shown yet.

    Among equals: who was early least in past trains, who serves the fewest sites, who comes first by hash. When
    everything is shown, what is left of `count` shows it once more.
    """
    of = {pop: features(fleet.pops[pop], demand) for pop in left}
    wanted = set().union(*of.values(), ()) - set(shown)
    order = {pop: index for index, pop in enumerate(left)}
    still, chosen = set(wanted), list[PopId]()
    while len(chosen) < count and len(chosen) < len(left):
        best = min(
            (pop for pop in left if pop in of),
            key=lambda pop: (
                -len(of[pop] & still),
                fairness.early.get(pop, 0.0),
                demand.sites.get(pop, 0),
                order[pop],
            ),
        )
        still -= of.pop(best)
        chosen.append(best)
        if not still:
            still = set().union(*of.values(), ())
    return chosen
