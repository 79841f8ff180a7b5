"""Readiness: which sites would be hurt by an update of their PoP, for how many seconds, and what would help?

The seconds are ranges, from what operators publish of their own edge (docs/readiness.md has the table): a session
that is moved is back within 10 s by promise and 30 s as seen from outside; a site with one tunnel loses a few
minutes; an IPsec device notices a dead peer after 90 to 156 s, a BGP session with a hold time of 90 s after 60 to 90 s.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from enum import StrEnum
from heapq import nsmallest

import msgspec
import numpy as np
from numpy.typing import NDArray

from wavetrain.model.fleet import AccountId, Fleet, PopId, Site, SiteKind
from wavetrain.model.rollout import Stop

PROMISE_S = 10.0
"""Within so many seconds a session that is moved is back."""
MOVED_S = (0.0, 30.0)
"""A session moved to another node or PoP: nothing where the drain works, the most that is seen from outside."""
FEW_MINUTES_S = 300.0
"""The most of "a few minutes", which a site with one tunnel is told to expect."""
UPGRADE_S = (120.0, 300.0)
"""An appliance without a second one, while it is itself upgraded."""
DETECTION_S = {
    SiteKind.APPLIANCE: (0.0, PROMISE_S),
    SiteKind.IPSEC: (90.0, 156.0),
    SiteKind.INTERCONNECT: (60.0, 90.0),
}
"""How soon a dead PoP is noticed where nobody has said: keepalives, dead-peer detection, a BGP hold time of 90 s."""
GAP = timedelta(hours=1)
"""Windows closer than this count as overlapping: work may run late, and sites return late."""
LISTED_MAX = 1_000
SKIP_MAX = 1_000_000
EARTH_KM = 6371.0
Degrees = NDArray[np.float64]


class Finding(StrEnum):
    """Why a site would be hurt; shown to people as it stands. From the worst down, where seconds do not decide."""

    SINGLE_POP = "it has one PoP only"
    SECONDARY_UNKNOWN = "its secondary PoP is not in the fleet"
    PRIMARY_UNKNOWN = "its primary PoP is not in the fleet"
    OVERLAP = "its primary and secondary PoP are planned into windows that overlap"
    SAME_GROUP = "its secondary PoP is in the same redundancy group as its primary"
    SLOW_TIMERS = "its device notices too late that a PoP is gone"
    NO_HA = "its appliance has no second one that takes over"


ADVICE = {
    Finding.SINGLE_POP: "configure a second tunnel to a different PoP",
    Finding.SECONDARY_UNKNOWN: "correct its secondary PoP in the fleet file",
    Finding.PRIMARY_UNKNOWN: "correct its primary PoP in the fleet file",
    Finding.OVERLAP: "plan the two PoPs apart, or configure the second tunnel to another PoP",
    Finding.SAME_GROUP: "configure the second tunnel to a PoP outside the group",
    Finding.SLOW_TIMERS: f"shorten its dead-peer detection or BGP hold time to {PROMISE_S:g} s or less",
    Finding.NO_HA: "add a second appliance to the site",
}
"""What operators tell the account."""

_ORDER = {finding: index for index, finding in enumerate(Finding)}
_ELSEWHERE = frozenset({Finding.SINGLE_POP, Finding.SECONDARY_UNKNOWN, Finding.OVERLAP, Finding.SAME_GROUP})
"""The findings that another secondary PoP would end."""


class Case(msgspec.Struct, frozen=True):
    """One finding about a site, with the seconds that it predicts."""

    finding: Finding
    least_s: float
    most_s: float


class SiteSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A site that would be hurt: exactly one worst case, and the others."""

    site: str
    account: str
    kind: SiteKind
    primary: str
    secondary: str
    users: int
    worst: Case
    others: tuple[Case, ...]
    advice: str


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many sites have a finding. The seconds are those of the sites for which it is the worst, added up."""

    code: str
    finding: Finding
    worst: int
    sites: int
    users: int
    least_s: float
    most_s: float
    advice: str


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer: the summary, and a page of the sites, the worst first."""

    sites: int
    hurt: int
    least_s: float
    most_s: float
    counts: tuple[Count, ...]
    listed: tuple[SiteSeen, ...]
    left_off: int
    """How many sites that would be hurt follow those listed."""


class Inspection:
    """Looks at sites one by one; what PoPs have in common is worked out once for each pair of them."""

    def __init__(self, fleet: Fleet, stops: Sequence[Stop] = (), lane: str = "") -> None:
        """`stops`: where PoPs go in the timetables under way. `lane`: only what its updates do to sites; empty: all."""
        self._fleet = fleet
        self._is_pop, self._is_appliance = lane in ("", "pop"), lane in ("", "appliance")
        self._groups: dict[PopId, set[str]] = {}
        for group in fleet.groups.values():
            for member in group.members:
                self._groups.setdefault(member, set()).add(group.id)
        self._spans: dict[PopId, list[Stop]] = {}
        for stop in stops:
            self._spans.setdefault(stop.pop, []).append(stop)
        self._bonds: dict[tuple[PopId, PopId], tuple[Finding, ...]] = {}
        self._cases: dict[tuple[object, ...], tuple[Case, ...]] = {}
        placed = [
            pop for pop in fleet.pops.values() if pop.latitude is not None and pop.longitude is not None
        ]
        self._placed = sorted(placed, key=lambda pop: pop.id)
        self._where = (
            np.array([pop.latitude for pop in self._placed], dtype=float),
            np.array([pop.longitude for pop in self._placed], dtype=float),
        )
        self._has_dedicated = any(pop.dedicated for pop in fleet.pops.values())
        self._nearest: dict[tuple[PopId, AccountId], tuple[PopId, float] | None] = {}

    def cases(self, site: Site) -> tuple[Case, ...]:
        """Everything that would hurt the site, the worst first; empty for one that is ready."""
        pair = (site.primary, site.secondary)
        bond = self._bonds.get(pair)
        if bond is None:
            bond = self._bonds[pair] = self._bond(*pair)
        pop = self._fleet.pops.get(site.primary)
        alone = pop is not None and len(pop.nodes) == 1
        known = (bond, site.kind, site.ha, site.detection_s, alone)
        found = self._cases.get(known)
        if found is None:
            found = self._cases[known] = self._judged(site, bond, alone=alone)
        return found

    def survey(self, sites: Iterable[Site], skip: int = 0, limit: int = 100) -> Survey:
        """Count everything, and list `limit` sites after the first `skip`, by seconds and then by users."""
        if not 0 < limit <= LISTED_MAX or not 0 <= skip <= SKIP_MAX:
            raise ValueError(f"give a limit from 1 to {LISTED_MAX} and a skip from 0 to {SKIP_MAX}")
        tally: dict[tuple[Case, ...], list[int]] = {}
        hurt: list[tuple[float, int, str, Site, tuple[Case, ...]]] = []
        count = 0
        for site in sites:
            count += 1
            cases = self.cases(site)
            if cases:
                both = tally.setdefault(cases, [0, 0])
                both[0] += 1
                both[1] += site.users
                hurt.append((-cases[0].most_s, -site.users, site.id, site, cases))
        chosen = nsmallest(skip + limit, hurt, key=lambda item: item[:3])[skip:]
        counts = _counts(tally)
        return Survey(
            sites=count,
            hurt=len(hurt),
            least_s=sum(item.least_s for item in counts),
            most_s=sum(item.most_s for item in counts),
            counts=counts,
            listed=tuple(self._seen(site, cases) for *_, site, cases in chosen),
            left_off=max(0, len(hurt) - skip - len(chosen)),
        )

    def nearest(self, site: Site) -> tuple[PopId, float] | None:
        """The PoP for a second tunnel, with its distance in km: the nearest that shares no group with the primary.

        None where coordinates are missing, or where there is no such PoP.
        """
        known = (site.primary, site.account if self._has_dedicated else AccountId(""))
        if known not in self._nearest:
            self._nearest[known] = self._search(*known)
        return self._nearest[known]

    def _search(self, primary: PopId, owner: AccountId) -> tuple[PopId, float] | None:
        home = self._fleet.pops.get(primary)
        if home is None or home.latitude is None or home.longitude is None:
            return None
        ours = self._groups.get(primary, set())
        away = _km(home.latitude, home.longitude, *self._where)
        for index in np.argsort(away, kind="stable"):
            pop = self._placed[index]
            if (
                pop.id == primary
                or pop.dedicated not in ("", owner)
                or ours & self._groups.get(pop.id, set())
            ):
                continue
            if not self._overlap(primary, pop.id):
                return pop.id, float(away[index])
        return None

    def _bond(self, primary: PopId, secondary: PopId) -> tuple[Finding, ...]:
        """What is wrong with a pair of PoPs, whoever uses it."""
        if primary not in self._fleet.pops:
            return (Finding.PRIMARY_UNKNOWN,)
        if not secondary:
            return (Finding.SINGLE_POP,)
        if secondary not in self._fleet.pops:
            return (Finding.SECONDARY_UNKNOWN,)
        found = []
        if self._overlap(primary, secondary):
            found.append(Finding.OVERLAP)
        if self._groups.get(primary, set()) & self._groups.get(secondary, set()):
            found.append(Finding.SAME_GROUP)
        return tuple(found)

    def _overlap(self, one: PopId, other: PopId) -> bool:
        return any(
            a.opens < b.closes + GAP and b.opens < a.closes + GAP
            for a in self._spans.get(one, ())
            for b in self._spans.get(other, ())
        )

    def _judged(self, site: Site, bond: tuple[Finding, ...], *, alone: bool) -> tuple[Case, ...]:
        low, high = (site.detection_s, site.detection_s) if site.detection_s else DETECTION_S[site.kind]
        is_moved = site.kind is SiteKind.APPLIANCE and not alone
        if site.kind is SiteKind.APPLIANCE:
            low = 0.0  # it is asked to move, so that a drain which works costs nothing
        whole = (low, max(MOVED_S[1] if is_moved else FEW_MINUTES_S, high + PROMISE_S))
        made: list[Case] = []
        if self._is_pop:
            lows = {Finding.SAME_GROUP: low}
            made += [Case(finding, lows.get(finding, whole[0]), whole[1]) for finding in bond]
            if high > PROMISE_S:
                made.append(Case(Finding.SLOW_TIMERS, low, high + PROMISE_S))
        if self._is_appliance and site.kind is SiteKind.APPLIANCE and not site.ha:
            made.append(Case(Finding.NO_HA, *UPGRADE_S))
        return tuple(sorted(made, key=lambda case: (-case.most_s, -case.least_s, _ORDER[case.finding])))

    def _seen(self, site: Site, cases: tuple[Case, ...]) -> SiteSeen:
        return SiteSeen(
            site=site.id,
            account=site.account,
            kind=site.kind,
            primary=site.primary,
            secondary=site.secondary,
            users=site.users,
            worst=cases[0],
            others=cases[1:],
            advice=self._advice(site, cases),
        )

    def _advice(self, site: Site, cases: tuple[Case, ...]) -> str:
        """For every finding what helps, the worst first, with the PoP that offers itself."""
        said = []
        for case in cases:
            text = ADVICE[case.finding]
            near = self.nearest(site) if case.finding in _ELSEWHERE else None
            said.append(f"{text}: {near[0]} is {near[1]:.0f} km away" if near is not None else text)
        return "; ".join(said)


def _km(latitude: float, longitude: float, latitudes: Degrees, longitudes: Degrees) -> Degrees:
    """Great circles from one point to many, in km, by the haversine formula; angles in degrees."""
    first, second = np.radians(latitude), np.radians(latitudes)
    north, east = second - first, np.radians(longitudes - longitude)
    half = np.sin(north / 2) ** 2 + np.cos(first) * np.cos(second) * np.sin(east / 2) ** 2
    angles: Degrees = np.arcsin(np.sqrt(np.minimum(1.0, half)))
    return 2 * EARTH_KM * angles


def _counts(tally: dict[tuple[Case, ...], list[int]]) -> tuple[Count, ...]:
    made = []
    for finding in Finding:
        has = [(cases, both) for cases, both in tally.items() if any(c.finding is finding for c in cases)]
        if not has:
            continue
        first = [(cases[0], both) for cases, both in has if cases[0].finding is finding]
        made.append(
            Count(
                code=finding.name.lower(),
                finding=finding,
                worst=sum(both[0] for _, both in first),
                sites=sum(both[0] for _, both in has),
                users=sum(both[1] for _, both in has),
                least_s=sum(case.least_s * both[0] for case, both in first),
                most_s=sum(case.most_s * both[0] for case, both in first),
                advice=ADVICE[finding],
            )
        )
    return tuple(sorted(made, key=lambda item: (-item.most_s, item.code)))
