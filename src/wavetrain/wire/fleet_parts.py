"""Fleet parts: what do the tables of a fleet file say together?"""

from collections.abc import Callable
from datetime import datetime

import msgspec

from wavetrain.decide import calendar
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import (
    BLACKOUTS_MAX,
    LICENCES_MAX,
    POPS_MAX,
    Account,
    AccountId,
    Blackout,
    Fleet,
    Group,
    GroupId,
    Pop,
    PopId,
    Region,
    RegionId,
    Site,
    SiteId,
    SiteKind,
)
from wavetrain.wire.faults import Faults
from wavetrain.wire.fleet_pop import read_pop
from wavetrain.wire.toml_table import Table

REGIONS_MAX = 1_000
GROUPS_MAX = 20_000
ACCOUNTS_MAX = 1_000_000
SITES_MAX = 1_000_000
LIMITS = {
    "region": REGIONS_MAX,
    "pop": POPS_MAX,
    "group": GROUPS_MAX,
    "account": ACCOUNTS_MAX,
    "site": SITES_MAX,
}
"""How many there may be of each, by the name that a file has for it, in the order in which a file has them."""
NOUNS = {"pop": "PoP"}
USERS_MAX = 10_000_000
DETECTION_S_MAX = 3_600.0
_SITE_KINDS = tuple(kind.value for kind in SiteKind)


class FleetParts:
    """Takes one table after the other, in any order. What refers to another is checked by `end`.

    `by_line`: every table stands on one line, and `spot` is its number; else it is the table's index in its list.
    """

    def __init__(self, faults: Faults, now: datetime, *, by_line: bool) -> None:
        self._faults = faults
        self._now = now
        self._by_line = by_line
        self._regions: dict[str, Region] = {}
        self._pops: dict[str, Pop | None] = {}
        self._named: list[tuple[int, RegionId, AccountId]] = []
        """What PoPs refer to, those that cannot be made among them."""
        self._spot = 0
        self._groups: dict[str, Group] = {}
        self._members: dict[str, tuple[str, ...]] = {}
        self._accounts: dict[str, Account] = {}
        self._sites: dict[str, Site] = {}
        self._seen: dict[str, dict[str, int]] = {kind: {} for kind in LIMITS}
        """Where each id stands."""
        self._homes: dict[str, PopId] = {}
        self._zones: dict[str, bool] = {}
        self._unzoned: list[SiteId] = []
        self._texts: dict[str, str] = {}
        """Ids and zones that many sites share are kept once."""
        self._take: dict[str, Callable[[Table, str], None]] = {
            "region": self._region,
            "pop": self._pop,
            "group": self._group,
            "account": self._account,
            "site": self._site,
        }

    def count(self, kind: str) -> int:
        """How many of a kind were taken."""
        return len(self._seen[kind])

    def take(self, kind: str, table: Table, spot: int) -> None:
        """Read one table."""
        seen = self._seen[kind]
        noun = NOUNS.get(kind, kind)
        name = table.name("id")
        if name in seen:
            table.fault("id", f"{noun} {name} is there twice", f"give each {noun} its own id, or remove one")
        elif len(seen) >= LIMITS[kind]:
            table.fault_here(f"there are more than {LIMITS[kind]} {noun}s", f"give at most {LIMITS[kind]}")
            self._faults.refuse()
        seen.setdefault(name, spot)
        self._spot = spot
        self._take[kind](table, name)

    def end(self) -> Fleet:
        """The fleet, or one `RefusedError` with every fault."""
        self._check_pops()
        self._check_groups()
        self._check_sites()
        if not self._seen["pop"]:
            way_out = 'add a line {"pop": {...}}' if self._by_line else "add at least one [[pop]]"
            self._faults.add("pop", "the fleet has no PoP", way_out)
        self._faults.refuse()
        self._complete()
        return Fleet(
            regions={item.id: item for item in self._regions.values()},
            pops={item.id: item for item in self._pops.values() if item is not None},
            groups={item.id: item for item in self._groups.values()},
            accounts={item.id: item for item in self._accounts.values()},
            sites={item.id: item for item in self._sites.values()},
        )

    def _region(self, table: Table, name: str) -> None:
        self._regions[name] = Region(id=RegionId(name), name=table.text("name", name))
        table.end()

    def _pop(self, table: Table, name: str) -> None:
        read = read_pop(table, PopId(name), self._now, self._homes)
        region = RegionId(self._once(read.region))
        made = msgspec.structs.replace(read.pop, region=region) if read.pop is not None else None
        self._pops.setdefault(name, made)
        self._named.append((self._spot, region, read.dedicated))

    def _group(self, table: Table, name: str) -> None:
        members = table.names("members")
        kind = table.text("kind", "pair")
        table.end()
        if len(set(members)) < len(members):
            table.fault("members", f"group {name} names a PoP twice", "name each once")
        self._members[name] = members
        if len(set(members)) < 2:
            table.fault("members", f"group {name} has fewer than two members", "name at least two PoPs")
            return
        self._groups[name] = Group(id=GroupId(name), members=tuple(map(PopId, members)), kind=kind)

    def _account(self, table: Table, name: str) -> None:
        blackouts = []
        for inner in table.tables("blackouts", BLACKOUTS_MAX):
            first, last = inner.day("first"), inner.day("last")
            inner.end()
            if first is None or last is None:
                continue
            if last < first:
                inner.fault("last", f"the black-out ends on {last}, before {first}", "give a later `last`")
                continue
            blackouts.append(Blackout(first=first, last=last))
        licences = table.names("licences", ())
        if len(licences) > LICENCES_MAX:
            table.fault("licences", f"there are {len(licences)} of them", f"give at most {LICENCES_MAX}")
        for licence in licences:
            table.check_name("licences", licence)
        self._accounts[name] = Account(
            id=AccountId(name),
            name=table.text("name", ""),
            early=table.flag("early", False),
            blackouts=tuple(blackouts),
            licences=licences[:LICENCES_MAX],
            appliance=self._version(table, "appliance"),
            client=self._version(table, "client"),
        )
        table.end()

    def _version(self, table: Table, key: str) -> str:
        """Of firmware or of a client, as `is_older` orders them."""
        text = table.text(key, "")
        if text and not text[0].isdigit():
            table.fault(
                key, f"`{text[:80]}` is no version", 'give one that begins with a number, e.g. "5.4.1"'
            )
        return text

    def _site(self, table: Table, name: str) -> None:
        account, primary = self._once(table.name("account")), self._once(table.name("primary"))
        secondary, zone = self._once(table.text("secondary", "")), self._once(table.text("zone", ""))
        kind = table.one_of("kind", _SITE_KINDS, SiteKind.APPLIANCE.value)
        users = table.whole("users", 0, USERS_MAX, 0)
        ha = table.flag("ha", False)
        detection_s = table.number("detection_s", 0.0, DETECTION_S_MAX, 0.0)
        table.end()
        if secondary and secondary == primary:
            table.fault(
                "secondary", f"{primary} is the primary PoP as well", "name another PoP, or leave it out"
            )
            secondary = ""
        if zone and not self._is_zone(zone):
            table.fault(
                "zone", f"zone {zone!r} is not in the IANA database", "give a name such as Europe/Lisbon"
            )
        if not zone:
            self._unzoned.append(SiteId(name))
        self._sites[name] = Site(
            id=SiteId(name),
            account=AccountId(account),
            primary=PopId(primary),
            secondary=PopId(secondary),
            kind=SiteKind(kind or SiteKind.APPLIANCE.value),
            zone=zone or "UTC",
            users=users,
            ha=ha,
            detection_s=detection_s,
        )

    def _once(self, text: str) -> str:
        return self._texts.setdefault(text, text)

    def _is_zone(self, zone: str) -> bool:
        if zone not in self._zones:
            try:
                calendar.check_zone(zone)
                self._zones[zone] = True
            except RefusedError:
                self._zones[zone] = False
        return self._zones[zone]

    def _complete(self) -> None:
        """A site without a zone is in that of its primary PoP."""
        for name in self._unzoned:
            site = self._sites[name]
            pop = self._pops[site.primary]
            assert pop is not None
            self._sites[name] = msgspec.structs.replace(site, zone=pop.zone)

    def _check_pops(self) -> None:
        for spot, region, dedicated in self._named:
            if region and region not in self._seen["region"]:
                way_out = self._add("region", region)
                self._fault("pop", spot, "region", f"there is no region {region}", way_out)
            self._check_account("pop", spot, "dedicated", dedicated)

    def _check_groups(self) -> None:
        for name, members in self._members.items():
            self._check_pop("group", self._seen["group"][name], "members", *members)

    def _check_sites(self) -> None:
        seen = self._seen["site"]
        for name, site in self._sites.items():
            self._check_account("site", seen[name], "account", site.account)
            self._check_pop("site", seen[name], "primary", site.primary)
            self._check_pop("site", seen[name], "secondary", site.secondary)

    def _check_account(self, kind: str, spot: int, key: str, account: str) -> None:
        if account and account not in self._seen["account"]:
            self._fault(kind, spot, key, f"there is no account {account}", self._add("account", account))

    def _check_pop(self, kind: str, spot: int, key: str, *pops: str) -> None:
        for pop in pops:
            if pop and pop not in self._seen["pop"]:
                way_out = "correct the name, or add that " + ("PoP" if self._by_line else "[[pop]]")
                self._fault(kind, spot, key, f"there is no PoP {pop[:80]}", way_out)

    def _add(self, kind: str, name: str) -> str:
        if self._by_line:
            return f'add a line {{"{kind}": {{"id": "{name}"}}}}'
        return f'add [[{kind}]] with id = "{name}"'

    def _fault(self, kind: str, spot: int, key: str, rule: str, way_out: str) -> None:
        """A fault of a table that was read already."""
        if self._by_line:
            self._faults.add(f"{kind}.{key}", rule, way_out, spot)
        else:
            self._faults.add(f"{kind}[{spot}].{key}", rule, way_out)
