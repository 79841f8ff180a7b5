"""Soundness: what in a fleet that can be read would keep every train from a PoP, or from its sites' sessions?"""

from collections import Counter
from collections.abc import Iterator

import msgspec

from wavetrain.decide import work
from wavetrain.model.fleet import Fleet, Pop, PopId
from wavetrain.model.policy import Budgets, Policy, Timing

DAY_HOURS = 24


class Doubt(msgspec.Struct, frozen=True):
    """Something about a PoP or a ring that is no fault of the file, with the way out."""

    about: str
    text: str


def doubts(fleet: Fleet, policy: Policy | None = None) -> tuple[Doubt, ...]:
    """Rings that compare nothing, then PoPs that no train could work on, or whose work takes sites' only PoP away.

    By the rules of a policy of lane pop; without one by those of a policy that says nothing.
    """
    alone = Counter(site.primary for site in fleet.sites.values() if not site.secondary)
    budgets, timing = (policy.budgets, policy.timing) if policy is not None else (Budgets(), Timing())
    made = [] if policy is None else [Doubt(f"ring {name}", text) for name, text in _of_rings(fleet, policy)]
    for pop in sorted(fleet.pops.values(), key=lambda one: one.id):
        made += [Doubt(f"PoP {pop.id}", text) for text in _of_pop(pop, alone[pop.id], budgets, timing)]
    return tuple(made)


def _of_rings(fleet: Fleet, policy: Policy) -> Iterator[tuple[str, str]]:
    """The rings of named PoPs none of which has a node that stays on the older release while its canary bakes."""
    canaries = policy.bake.canaries
    for ring in policy.rings if policy.verdicts.metrics else ():
        named = [fleet.pops[PopId(name)] for name in ring.pops if name in fleet.pops]
        if named and all(len(pop.nodes) <= canaries for pop in named):
            yield (
                ring.name,
                f"none of its PoPs has more than {canaries} {'node' if canaries == 1 else 'nodes'}, so that no metric "
                "is compared with a node on the older release: only probes, crashes and the soak judge it; "
                "name a larger PoP",
            )


def _of_pop(pop: Pop, alone: int, budgets: Budgets, timing: Timing) -> Iterator[str]:
    nodes, window = len(pop.nodes), pop.window
    needed = round(timing.with_undo.total_seconds() / 60)
    if window.minutes < needed:
        yield (
            f"its window lasts {window.minutes} min, and one node with its undo takes {needed}; "
            "make the window longer, or lower unit_minutes"
        )
    load, when = _quietest(pop)
    if nodes == 1 and alone:
        sites = "1 site has" if alone == 1 else f"{alone} sites have"
        yield (
            f"it has one node, so that its update takes the whole PoP away, and {sites} no other PoP; "
            "add a node, or configure a second tunnel to a different PoP"
        )
    if nodes > 1 and not work.spared(nodes, load, budgets.headroom):
        yield (
            f"it can spare no node at any hour of its window: {nodes - 1} of {nodes} carry {(nodes - 1) / nodes:.0%} "
            f"of its capacity, and {when} its load x headroom is {load:.0%} x {budgets.headroom:g}; "
            "add nodes, move its window to quieter hours, or lower headroom"
        )


def _quietest(pop: Pop) -> tuple[float, str]:
    """The least load of the hours that its window touches, by its own clock, with words for when that is."""
    if not pop.hours:
        return pop.load, "at the one load that is known of it"
    hour, minute = (int(part) for part in pop.window.starts.split(":"))
    touched = min(DAY_HOURS, -(-(minute + pop.window.minutes) // 60))
    hours = [(hour + ahead) % DAY_HOURS for ahead in range(touched)]
    quietest = min(hours, key=lambda one: pop.hours[one])
    return pop.hours[quietest], f"at {quietest:02d}:00, its quietest hour,"
