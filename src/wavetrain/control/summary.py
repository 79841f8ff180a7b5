"""Summary: how large is the fleet, and what is it made of?"""

from collections import Counter
from collections.abc import Iterable

import msgspec

from wavetrain.control.facts import fleet_of, sites_of
from wavetrain.control.ports import Store, View
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError, UnknownError
from wavetrain.model.fleet import Cordon, Fleet, Pop, PopId, Quarantine, Region, Reported, Retired, Site

NODES_GIVEN_MAX = 20_000
"""A fleet of more nodes is given in parts."""


class RegionSum(msgspec.Struct, frozen=True, kw_only=True):
    """One region; `sites` are those whose primary PoP is in it."""

    id: str
    name: str
    pops: int
    nodes: int
    sites: int


class FleetSum(msgspec.Struct, frozen=True, kw_only=True):
    """A fleet in numbers."""

    pops: int
    nodes: int
    accounts: int
    regions: tuple[RegionSum, ...]
    hardware: dict[str, int]
    """Nodes by class; those of none under `-`."""
    groups: dict[str, int]
    """Redundancy groups by kind."""
    sites: dict[str, int]
    """By kind."""
    single_homed: int
    pairs: int
    """Distinct pairs of a primary and a secondary PoP."""
    dedicated: int
    """PoPs that an account has to itself."""
    early: int
    """Accounts that would rather have a release before others."""
    blackouts: int
    """Accounts with days on which they would rather not be disturbed."""


class FleetSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The fleet as applied, in numbers, and what its nodes say they run."""

    fleet: FleetSum
    releases: dict[str, int]
    """Nodes by the release that they report."""
    silent: int
    """Nodes that have not reported."""
    cordons: int
    retired: int
    quarantined: int


class SitesOfPop(msgspec.Struct, frozen=True, kw_only=True):
    """How many sites use a PoP."""

    primary: int
    secondary: int
    single_homed: int


class FleetPart(msgspec.Struct, frozen=True, kw_only=True):
    """Some PoPs as applied, with what their nodes say, what persons have said about them, and who uses them."""

    fleet: Fleet
    reported: dict[str, Reported]
    cordons: tuple[Cordon, ...]
    retired: tuple[Retired, ...]
    quarantined: tuple[Quarantine, ...]
    sites_of: dict[str, SitesOfPop] = {}


def counted(fleet: Fleet) -> FleetSum:
    """A fleet in numbers."""
    hardware: Counter[str] = Counter()
    pops: Counter[str] = Counter()
    nodes: Counter[str] = Counter()
    sites: Counter[str] = Counter()
    for pop in fleet.pops.values():
        pops[pop.region] += 1
        nodes[pop.region] += len(pop.nodes)
        hardware.update({name: len(members) for name, members in pop.hardware.items()})
        hardware["-"] += len(pop.nodes) - sum(map(len, pop.hardware.values()))
    for site in fleet.sites.values():
        sites[fleet.pops[site.primary].region] += 1
    return FleetSum(
        pops=len(fleet.pops),
        nodes=sum(nodes.values()),
        accounts=len(fleet.accounts),
        regions=tuple(
            RegionSum(id=name, name=region.name, pops=pops[name], nodes=nodes[name], sites=sites[name])
            for name, region in sorted(fleet.regions.items())
        ),
        hardware={name: number for name, number in sorted(hardware.items()) if number},
        groups=_tally(group.kind for group in fleet.groups.values()),
        sites=_tally(site.kind.value for site in fleet.sites.values()),
        single_homed=sum(not site.secondary for site in fleet.sites.values()),
        pairs=len({(site.primary, site.secondary) for site in fleet.sites.values() if site.secondary}),
        dedicated=sum(bool(pop.dedicated) for pop in fleet.pops.values()),
        early=sum(account.early for account in fleet.accounts.values()),
        blackouts=sum(bool(account.blackouts) for account in fleet.accounts.values()),
    )


def _tally(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def summary(store: Store, caller: Caller) -> FleetSummary:
    """The fleet in numbers."""
    require(caller, Act.READ)
    with store.read() as view:
        fleet = msgspec.structs.replace(fleet_of(view), sites=sites_of(view))
        members = {node for pop in fleet.pops.values() for node in pop.nodes}
        said = [item.release for item in view.find(Reported) if item.node in members]
        return FleetSummary(
            fleet=counted(fleet),
            releases=_tally(release or "-" for release in said),
            silent=len(members) - len(said),
            cordons=len(view.find(Cordon)),
            retired=len(view.find(Retired)),
            quarantined=len(view.find(Quarantine)),
        )


def part(store: Store, caller: Caller, *, pop: str = "", region: str = "") -> FleetPart:
    """One PoP or one region with what its nodes say; the whole fleet where neither is named and it is small."""
    require(caller, Act.READ)
    with store.read() as view:
        pops = _pops(view, pop, region)
        names = {item.id for item in pops}
        nodes: set[str] = {node for item in pops for node in item.nodes}
        if len(nodes) > NODES_GIVEN_MAX:
            raise RefusedError(
                f"that are {len(nodes)} nodes, and at most {NODES_GIVEN_MAX} are given at once; "
                "ask for /v1/fleet/summary, or for one with ?pop=ID or ?region=ID"
            )
        whole = fleet_of(view)
        mine = whole if not (pop or region) else _reduced(whole, pops)
        found = [item for name in sorted(names) for item in view.find(Reported, pop=name)]
        return FleetPart(
            fleet=mine,
            reported={item.node: item for item in (found if pop or region else view.find(Reported))},
            cordons=tuple(
                item for item in view.find(Cordon) if item.subject in nodes | names or not (pop or region)
            ),
            retired=tuple(item for item in view.find(Retired) if item.node in nodes),
            quarantined=tuple(item for item in view.find(Quarantine) if item.node in nodes),
            sites_of={name: _sites(view, name) for name in sorted(names)} if pop or region else {},
        )


def _pops(view: View, pop: str, region: str) -> list[Pop]:
    if pop:
        known = view.get(Pop, pop)
        if known is None or (region and known.region != region):
            raise UnknownError(
                f"there is no PoP {pop[:120]}{' in ' + region[:120] if region else ''}; see: fleet show"
            )
        return [known]
    if region and view.get(Region, region) is None:
        raise UnknownError(f"there is no region {region[:120]}; see: wavetrain fleet show")
    return view.find(Pop, region=region) if region else view.find(Pop)


def _reduced(fleet: Fleet, pops: Iterable[Pop]) -> Fleet:
    """What of it is about these PoPs."""
    mine = {pop.id: pop for pop in pops}
    return Fleet(
        regions={
            name: item
            for name, item in fleet.regions.items()
            if any(pop.region == name for pop in mine.values())
        },
        pops=mine,
        groups={name: item for name, item in fleet.groups.items() if mine.keys() & set(item.members)},
        accounts={name: fleet.accounts[name] for pop in mine.values() if (name := pop.dedicated)},
    )


def _sites(view: View, pop: PopId) -> SitesOfPop:
    primary = view.find(Site, primary=pop)
    return SitesOfPop(
        primary=len(primary),
        secondary=len(view.find(Site, secondary=pop)),
        single_homed=sum(not site.secondary for site in primary),
    )
