"""Sample sites: which customers does a realistic fleet have, near which PoPs?"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from heapq import nsmallest
from itertools import accumulate
from random import Random

import msgspec

from wavetrain.decide import cohort
from wavetrain.model.fleet import (
    Account,
    AccountId,
    Blackout,
    Group,
    GroupId,
    Pop,
    PopId,
    Site,
    SiteId,
    SiteKind,
)
from wavetrain.simulate.places import Metro, allotted

SITES_PER_ACCOUNT = 20
KINDS = (SiteKind.APPLIANCE, SiteKind.IPSEC, SiteKind.INTERCONNECT)
KIND_SHARES = (0.7, 0.25, 0.05)
SINGLE_HOMED = {SiteKind.APPLIANCE: 0.08, SiteKind.IPSEC: 0.35, SiteKind.INTERCONNECT: 0.15}
"""The share of each kind that has one tunnel only."""
DETECTION_S = (0.0, 30.0, 90.0, 120.0, 156.0)
"""Dead-peer detection of IPsec devices, as vendors set it; 0 where nobody has said."""
_DETECTION_SHARES = (0.5, 0.1, 0.2, 0.1, 0.1)
NEAR_METROS = 8
NEAR_EACH = 2
"""In how many other cities, and how many PoPs of each, the second one of a site is looked for."""
_SAME_METRO = 0.1
_AT_HOME = 0.65
"""The share of an account's sites that is in its own region."""
YEARS = range(2026, 2031)
"""In which accounts have black-outs."""
LICENCES = (("standard", 1.0), ("premium", 0.4), ("security", 0.25))
"""What is sold, and the share of the accounts that have bought it."""
APPLIANCES, CLIENTS = ("8.4", "9.0", "9.1", "9.2"), ("5.2", "5.3", "5.4", "5.5")
"""What may be the oldest that an account runs, the newest last."""


class Customers:
    """The accounts of a fleet, made as their sites are. `homes` are the PoPs of each city."""

    def __init__(
        self,
        cities: Sequence[Metro],
        homes: Sequence[Sequence[PopId]],
        pops: dict[PopId, Pop],
        sites: int,
        random: Random,
    ) -> None:
        self._cities, self._homes, self._pops, self._random = cities, homes, pops, random
        self._count = sites
        self._people = [metro.pops**1.1 * random.lognormvariate(0.0, 0.5) for metro in cities]
        number = max(1, sites // SITES_PER_ACCOUNT) if sites else 0
        names = [AccountId(f"account-{index:05}") for index in range(1, number + 1)]
        self.accounts = {name: self._account(name, index) for index, name in enumerate(names)}
        self.dedicated: dict[PopId, Pop] = {}
        """PoPs as they are once an account has them to itself."""
        self._own: dict[AccountId, list[PopId]] = {}
        self._dedicate(names)
        self._city_of = {pop: index for index, names in enumerate(homes) for pop in names}
        self._nearest: dict[int, list[int]] = {}
        self._near: dict[PopId, tuple[tuple[PopId, ...], tuple[PopId, ...]]] = {}
        self._shared = [[pop for pop in names if pop not in self.dedicated] for names in homes]
        self._spread: dict[str, tuple[list[int], list[float]]] = {}

    def sites(self, say: Callable[[str, int, int], None]) -> dict[SiteId, Site]:
        """Every site, account by account; the great accounts have many."""
        weights = [1 / (rank + 2) ** 0.9 for rank in range(len(self.accounts))]
        made: dict[SiteId, Site] = {}
        for account, count in zip(self.accounts, allotted(self._count, weights), strict=True):
            region = self._cities[self._choose("")].region
            for _ in range(count):
                at_home = self._random.random() < _AT_HOME
                site = self._site(len(made) + 1, account, self._choose(region if at_home else ""))
                made[site.id] = site
                if len(made) % 10_000 == 0:
                    say("sites", len(made), self._count)
        return made

    def groups(self) -> list[Group]:
        """What some accounts' traffic leaves by: two or three PoPs in different cities."""
        made: list[Group] = []
        if len(self._cities) < 3:
            return made
        for index, account in enumerate(self.accounts):
            if index % 50 != 1 or len(made) >= 1_000:
                continue
            cities = self._random.sample(range(len(self._cities)), k=self._random.choice((2, 2, 3)))
            members = tuple(self._random.choice(self._homes[city]) for city in cities)
            made.append(Group(id=GroupId(f"egress-{account}"), members=members, kind="egress"))
        return made

    def _account(self, name: AccountId, index: int) -> Account:
        random = self._random
        return Account(
            id=name,
            name=f"Customer {index + 1}",
            early=random.random() < 0.04,
            blackouts=_blackouts(random) if random.random() < 0.2 else (),
            licences=tuple(licence for licence, share in LICENCES if _place(name, licence) < share),
            appliance=_version(name, "appliance", APPLIANCES),
            client=_version(name, "client", CLIENTS),
        )

    def _dedicate(self, names: Sequence[AccountId]) -> None:
        """One PoP in 200 belongs to one great account; never the only one of its city."""
        spare = [pop for names in self._homes for pop in names[1:]]
        for pop in self._random.sample(spare, k=min(len(spare), len(self._pops) // 200)) if names else ():
            account = names[min(len(names) - 1, int(self._random.expovariate(0.1)))]
            self.dedicated[pop] = msgspec.structs.replace(self._pops[pop], dedicated=account)
            self._own.setdefault(account, []).append(pop)

    def _choose(self, region: str) -> int:
        """A city by the number of people, of a region or of all."""
        if region not in self._spread:
            inside = [index for index, metro in enumerate(self._cities) if region in ("", metro.region)]
            self._spread[region] = inside, list(accumulate(self._people[index] for index in inside))
        inside, sums = self._spread[region]
        return inside[bisect_left(sums, self._random.random() * sums[-1])]

    def _site(self, number: int, account: AccountId, city: int) -> Site:
        random = self._random
        own = self._own.get(account)
        primary = random.choice(own) if own and random.random() < 0.3 else self._primary(city)
        kind = random.choices(KINDS, KIND_SHARES)[0]
        users = 1 + int(random.lognormvariate(3.2, 1.2))
        return Site(
            id=SiteId(f"site-{number:06}"),
            account=account,
            primary=primary,
            secondary=PopId("") if random.random() < SINGLE_HOMED[kind] else self._secondary(primary),
            kind=kind,
            zone=self._cities[city].zone,
            users=users,
            ha=kind is SiteKind.APPLIANCE and random.random() < (0.7 if users > 100 else 0.15),
            detection_s=random.choices(DETECTION_S, _DETECTION_SHARES)[0] if kind is SiteKind.IPSEC else 0.0,
        )

    def _primary(self, city: int) -> PopId:
        """The earlier PoPs of a city are the greater ones."""
        names = self._shared[city]
        return names[int(len(names) * self._random.random() ** 1.5)]

    def _secondary(self, primary: PopId) -> PopId:
        """Mostly in another city nearby; the nearest more often."""
        others, same = self._near_to(primary)
        from_same = same and (not others or self._random.random() < _SAME_METRO)
        names = same if from_same else others
        return names[int(len(names) * self._random.random() ** 1.6)] if names else PopId("")

    def _near_to(self, primary: PopId) -> tuple[tuple[PopId, ...], tuple[PopId, ...]]:
        """PoPs of the cities around, and of its own."""
        found = self._near.get(primary)
        if found is None:
            home = self._city_of[primary]
            near = [names for other in self._around(home) if (names := self._shared[other])]
            others = [
                name
                for names in near[:NEAR_METROS]
                for name in self._random.sample(names, k=min(NEAR_EACH, len(names)))
            ]
            same = [name for name in self._shared[home] if name != primary]
            found = tuple(others), tuple(self._random.sample(same, k=min(2, len(same))))
            self._near[primary] = found
        return found

    def _around(self, home: int) -> list[int]:
        """The other cities, the nearest first: as many as are sure to do."""
        if home not in self._nearest:
            here = self._cities[home]
            others = [index for index in range(len(self._cities)) if index != home]
            self._nearest[home] = nsmallest(
                NEAR_METROS * 2, others, key=lambda index: here.km_to(self._cities[index])
            )
        return self._nearest[home]


def _place(account: str, what: str) -> float:
    """By hash, so that what is known of accounts moves none of their sites."""
    return cohort.bucket(cohort.unit_key(account), f"sample/{what}") / cohort.BUCKETS


def _version(account: str, what: str, versions: Sequence[str]) -> str:
    """The newer ones are more often the oldest that somebody runs."""
    return versions[int(len(versions) * _place(account, what) ** 0.5)]


def _blackouts(random: Random) -> tuple[Blackout, ...]:
    """Days on which many companies close their books, or the year."""
    way = random.choices(("quarter", "year", "month"), (0.5, 0.3, 0.2))[0]
    if way == "year":
        return tuple(Blackout(first=date(year, 12, 20), last=date(year + 1, 1, 2)) for year in YEARS)
    months = range(1, 13) if way == "month" else (1, 4, 7, 10)
    firsts = [date(year, month, 1) for year in YEARS for month in months]
    before = timedelta(days=random.randint(1, 3))
    after = timedelta(days=random.randint(0, 2))
    return tuple(Blackout(first=day - before, last=day + after) for day in firsts)
