"""A house with a train under way in the middle of its first wave, and people who look at it."""

from pathlib import Path

import msgspec
from tests.control.trains import Trains
from tests.doors.browsing import Browser

from wavetrain.adapters.artifact_store import ArtifactStore
from wavetrain.adapters.signing_key import SigningKey
from wavetrain.control import tokens
from wavetrain.control.publish import Publisher
from wavetrain.control.status_picture import StatusBoard
from wavetrain.doors.http import build
from wavetrain.doors.limits import Limits
from wavetrain.doors.statuspage import Page
from wavetrain.model.access import Role
from wavetrain.model.fleet import Account, AccountId, Fleet, PopId, Site, SiteId
from wavetrain.model.journal import Entry
from wavetrain.model.policy import Policy

ROLLOUT = "gateway-2.0.0"
PEOPLE = {
    "olga": [Role.OPERATOR, Role.VIEWER],
    "anna": [Role.APPROVER],
    "vic": [Role.VIEWER],
    "ada": [Role.ADMIN],
}


class ConsoleHouse:
    """The application in process, over real ticks."""

    def __init__(self, folder: Path, where: Fleet, *rules: Policy) -> None:
        self.trains = Trains(where, *rules)
        self.store = self.trains.store
        made = {name: tokens.create(self.store, tokens.HOUSE, name, roles) for name, roles in PEOPLE.items()}
        self.secrets = {name: secret for name, (_, secret) in made.items()}
        self.board = StatusBoard(self.store)
        self.publisher = Publisher(self.store)
        self.artifacts = ArtifactStore(folder / "artifacts")
        self.app = build(
            self.store,
            self.artifacts,
            SigningKey(folder / "key"),
            board=self.board,
            page=Page("Status of Example"),
            limits=Limits(lambda: 0.0),
        )

    def publish(self) -> None:
        """What the publishing thread would do."""
        self.publisher.look()
        self.board.follow()

    def enter(self, name: str) -> Browser:
        """Somebody's browser, logged in."""
        browser = Browser(self.app)
        assert browser.ask("/login", {"token": self.secrets[name]}).status_code == 303
        return browser

    def journal(self, kind: str) -> list[Entry]:
        """The lines of one kind, oldest first."""
        with self.store.read() as view:
            return view.journal_tail(kind=kind)


def placed(where: Fleet) -> Fleet:
    """The same fleet, its PoPs on the globe, with an account that has sites at each of them."""
    pops = {
        name: pop.changed(latitude=40.0 - 7 * index, longitude=-9.0 + 25 * index)
        for index, (name, pop) in enumerate(where.pops.items())
    }
    acme = AccountId("acme")
    names: list[PopId] = list(pops)
    sites = {
        SiteId(f"acme-{name}"): Site(
            id=SiteId(f"acme-{name}"),
            account=acme,
            primary=name,
            secondary=names[(index + 1) % len(names)] if index else PopId(""),
            users=10,
        )
        for index, name in enumerate(names)
    }
    return msgspec.structs.replace(
        where, pops=pops, accounts={acme: Account(id=acme, name="Acme")}, sites=sites
    )
