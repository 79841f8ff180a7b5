"""Sample policy: which rings suit a sample fleet?"""

from collections import Counter

from wavetrain.model.fleet import Fleet, PopId, RegionId

LABS = 2
SMALL = 6
"""A fleet of fewer PoPs has a lab and the rest."""
CANARY_SHARE = 4
"""At most one PoP in so many is a canary, however many regions there are."""
NODES_PER_FAILURE = 10_000
"""For one node in so many that goes back by itself a release is not called bad."""

_RING = """[[ring]]
name = "{name}"
stage = "{stage}"
{who}
soak_minutes = {soak}

"""
_REST = """[bake]
minutes = 30

[verdicts]
alpha = 0.001
beta = 0.05
lock = "trust"   # a bad release goes back by itself; "strict" asks a person until placebo trains have certified alpha

  [[verdicts.metric]]
  name = "operations failed"
  events = "gateway_operations_failed_total"
  exposure = "gateway_operations_total"
  weight = 0.6

  [[verdicts.metric]]
  name = "sessions lost"
  events = "gateway_sessions_lost_total"
  exposure = "gateway_operations_total"
  weight = 0.4
  gate = false
"""


def policy_text(fleet: Fleet) -> str:
    """The policy file of the lane `pop`: lab, canaries in every region, pilots, 10 %, 35 %, all."""
    labs = _labs(fleet)
    rings = [_ring("lab", "early", _named(labs), 60)] if len(fleet.pops) > 1 else []
    if len(fleet.pops) >= SMALL:
        rings += [
            _ring("canary", "early", _named(_canaries(fleet, labs)), 60),
            _ring("pilot", "early", "share_percent = 2", 720),
            _ring("tenth", "general", "share_percent = 10", 720),
            _ring("third", "general", "share_percent = 35", 1440),
        ]
    rings.append(_ring("all", "general", "rest = true", 0))
    head = '# Who goes when: the lab, one PoP of each region, pilots, then ever more.\nlane = "pop"\n'
    lost = failures_max(fleet)
    if lost > 1:
        head += f"# So many nodes of a wave, of {_nodes(fleet)} in all, may go back by themselves.\n"
        head += f"failures_max = {lost}\n"
    return head + "\n" + "".join(rings) + _REST


def failures_max(fleet: Fleet) -> int:
    """How many nodes of a wave may go back by themselves in a fleet of this size."""
    return max(1, _nodes(fleet) // NODES_PER_FAILURE)


def _nodes(fleet: Fleet) -> int:
    return sum(len(pop.nodes) for pop in fleet.pops.values())


def _ring(name: str, stage: str, who: str, soak: int) -> str:
    return _RING.format(name=name, stage=stage, who=who, soak=soak)


def _named(pops: list[PopId]) -> str:
    return "pops = [" + ", ".join(f'"{pop}"' for pop in pops) + "]"


def _users(fleet: Fleet) -> dict[PopId, int]:
    users = dict.fromkeys(fleet.pops, 0)
    for site in fleet.sites.values():
        users[site.primary] += site.users
    return users


def _labs(fleet: Fleet) -> list[PopId]:
    """The PoPs that the fewest people use, and that no account has to itself."""
    users = _users(fleet)
    shared = [pop.id for pop in fleet.pops.values() if not pop.dedicated] or list(fleet.pops)
    return sorted(shared, key=lambda pop: (users[pop], pop))[: min(LABS, max(1, len(shared) // 3))]


def _canaries(fleet: Fleet, labs: list[PopId]) -> list[PopId]:
    """In each region the PoP with the most hardware classes; of equals the one with the least capacity.

    Where there are too many regions for that, in those with the most PoPs.
    """
    sizes = Counter(pop.region for pop in fleet.pops.values())
    made: dict[RegionId, PopId] = {}
    for pop in sorted(fleet.pops.values(), key=lambda pop: (-len(pop.hardware), pop.capacity, pop.id)):
        if pop.id not in labs and not pop.dedicated:
            made.setdefault(pop.region, pop.id)
    largest = sorted(made, key=lambda region: (-sizes[region], region))
    return sorted(made[region] for region in largest[: max(1, len(fleet.pops) // CANARY_SHARE)])
