"""A site: the public pages and an account's page, behind a socket for a browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
from tests.control.practice import OPERATOR, START
from tests.doors.status_house import AT, RECORDS, S, StatusHouse, pop, work
from tests.pages.serving import serving

from wavetrain.control import features, tokens
from wavetrain.doors.statuspage import Page
from wavetrain.model.access import Role
from wavetrain.model.feature import Early, Feature, FeatureKey, Variant
from wavetrain.model.fleet import Account, AccountId, PopId, Region, RegionId, Site, SiteId, SiteKind
from wavetrain.model.maintenance import Course, Incident, Told
from wavetrain.model.record import Record

ACME = AccountId("acme")
CUSTOMER: tuple[Record, ...] = (
    Account(id=ACME, name="Acme Tools"),
    Site(id=SiteId("acme-hq"), account=ACME, primary=PopId("por1"), secondary=PopId("ber1"), users=120),
    Site(id=SiteId("acme-lab"), account=ACME, primary=PopId("ber1"), users=14),
    Site(
        id=SiteId("acme-vpn"),
        account=ACME,
        primary=PopId("ber1"),
        secondary=PopId("por1"),
        kind=SiteKind.IPSEC,
        users=30,
    ),
)
HARMLESS: tuple[Record, ...] = (
    Region(id=RegionId("eu"), name="Europe"),
    Region(id=RegionId("sa"), name="South America"),
    pop("por1", "Porto"),
    pop("ber1", "Berlin", zone="Europe/Berlin"),
    pop("sao1", "São Paulo", "sa", "America/Sao_Paulo"),
    work("por1", 1, S.IN_PROGRESS, -0.5, began_at=AT, sequence=3),
    work("ber1", 1, S.COMPLETED, -48, began_at=AT - timedelta(hours=48), over_at=AT - timedelta(hours=45)),
    work("ber1", 2, S.SCHEDULED, 24, was=AT, reason="its window closed before it began", sequence=1),
    work("sao1", 1, S.SCHEDULED, 52),
    work(
        "sao1",
        2,
        S.COMPLETED,
        -20,
        course=Course.BACK,
        urgent=True,
        over_at=AT - timedelta(hours=19),
        reason="the release is taken back: our checks found a fault in it",
    ),
    Incident(
        id="edge-2.0.9.back",
        title="edge 2.0.9 is taken back",
        state="resolved",
        impact="minor",
        pops=(PopId("sao1"),),
        since=AT - timedelta(hours=20),
        changed_at=AT - timedelta(hours=19),
        over_at=AT - timedelta(hours=19),
        told=(
            Told(at=AT - timedelta(hours=20), state="identified", text="Our checks found a fault in it."),
            Told(
                at=AT - timedelta(hours=19), state="resolved", text="Every node that had it runs 2.0.8 again."
            ),
        ),
    ),
)
"""What the pictures of the docs show."""


TILES = Feature(
    id=FeatureKey("tiles"),
    variants=(Variant("on", True), Variant("off", False)),
    on="on",
    off="off",
    summary="Tiles on the front page",
    owner="console",
    announced_at=START,
    early=Early(since=START, terms="as it is"),
)


class Where(msgspec.Struct, frozen=True):
    """Where the pages are."""

    url: str
    pages: dict[str, str]
    secret: str
    """Of a token of the customer."""

    def of(self, name: str) -> str:
        """The whole address of a page."""
        return self.url + self.pages[name]


@contextmanager
def furnished(folder: Path, records: tuple[Record, ...] = RECORDS) -> Iterator[Where]:
    """A house with these records and a customer, behind a free port of loopback."""
    house = StatusHouse(folder, Page("Status of Example"), (*records, *CUSTOMER))
    store = house.house.store
    feed = tokens.create(store, tokens.HOUSE, "cal", [Role.CALENDAR], account="acme")[1]
    secret = tokens.create(store, tokens.HOUSE, "ann", [Role.ACCOUNT], account="acme")[1]
    features.add(store, OPERATOR, [TILES])
    pages = {
        "status": "/status",
        "status-history": "/status/history",
        "status-region": "/status/regions/eu",
        "status-pop": "/status/pops/por1",
        "account": f"/feeds/{feed}",
    }
    with serving(house.app) as url:
        yield Where(url, pages, secret)
