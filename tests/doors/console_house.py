"""A house with a train under way in the middle of its first wave, and people who look at it."""

from pathlib import Path
from typing import Any

import msgspec
from tests.control.trains import Trains
from tests.decide.engine import measured
from tests.decide.test_comparison import fed, kept
from tests.doors.browsing import Browser

from wavetrain.adapters.artifact_store import ArtifactStore
from wavetrain.adapters.signing_key import SigningKey
from wavetrain.control import tokens
from wavetrain.control.publish import Publisher
from wavetrain.control.status_picture import StatusBoard
from wavetrain.decide.evidence_track import EvidenceTrack, noted
from wavetrain.decide.running_test import RunningTest
from wavetrain.doors.http import build
from wavetrain.doors.limits import Limits
from wavetrain.doors.statuspage import Page
from wavetrain.model.access import Role
from wavetrain.model.fleet import Account, AccountId, Fleet, PopId, Site, SiteId
from wavetrain.model.journal import Entry
from wavetrain.model.policy import Policy, PolicyText

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
        self.key = SigningKey(folder / "key")
        self.app = self.built(self.store)

    def built(self, store: Any) -> Any:
        """The doors over a store."""
        return build(
            store,
            self.artifacts,
            self.key,
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


def compared(house: ConsoleHouse) -> ConsoleHouse:
    """The same, with evidence on its rollout, by another policy: nothing may be ticked any more."""
    test = RunningTest(ROLLOUT, measured())
    known = kept().calibration("a")
    assert known is not None
    known = known.changed(rollout=ROLLOUT)
    test.calibrate(known)
    item = house.trains.rollout(ROLLOUT)
    track = EvidenceTrack(rollout=ROLLOUT, metrics=("failures",))
    for second in range(30):
        fed(test, failed=8, bins=1)
        at = item.created_at.timestamp() + 86_400.0 + 10.0 * second
        track = noted(track, at, test.record.log_e, test.log_es)
    with house.store.write() as transaction:
        transaction.put(PolicyText(digest="d", lane="pop", policy=measured(), by="anna"))
        transaction.put(item.changed(policy="d"))
        for record in (test.record, test.pops["a"], known, track):
            transaction.put(record.changed(version=0))
    return house
