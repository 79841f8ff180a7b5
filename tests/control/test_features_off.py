"""A revert takes features off in its own commit, and its first drain waits, for a moment, until programs know it."""

from datetime import timedelta
from random import Random

import msgspec
import pytest
from tests.control.practice import VIEWER
from tests.control.trains import OLD, OLGA, SUNDAY, Trains
from tests.decide.engine import fleet, policy, pop

from wavetrain.control import explain, features, poll, rollouts
from wavetrain.control.audience import Audience
from wavetrain.control.poll import Report, Visitor
from wavetrain.control.standings import Standings
from wavetrain.control.tick import Ticker
from wavetrain.decide.features_off import WAIT_S
from wavetrain.decide.permit import Caller
from wavetrain.model.access import Role
from wavetrain.model.fleet import (
    Account,
    AccountId,
    Desired,
    Fleet,
    NodeId,
    PopId,
    Quarantine,
    Reported,
    Site,
    SiteId,
    Visit,
)
from wavetrain.model.plan import Reason
from wavetrain.model.policy import Policy, Ring, Timing
from wavetrain.model.release import Stage, is_older
from wavetrain.model.rollout import Status, TurnPhase
from wavetrain.simulate.health import SimHealth
from wavetrain.simulate.nature import Nature
from wavetrain.wire.feature_file import read_features

NEW = "2.0.0"
ROLLOUT = f"gateway-{NEW}"
FILE = f"""
[[feature]]
key = "tiles"
summary = "Menus as tiles"
owner = "console team"
needs = {{ releases = {{ gateway = "{NEW}" }} }}
ramp = {{ begins = {SUNDAY - timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}, steps = [{{ hours = 0, percent = 100 }}] }}
"""
ACCOUNTS = {"acme": ("a", "b"), "bolt": ("b", ""), "cone": ("c", ""), "duo": ("a", "c")}
RINGS = (
    Ring(name="pilot", stage=Stage.EARLY, pops=("a",), soak_minutes=0),
    Ring(name="second", stage=Stage.GENERAL, pops=("b",), soak_minutes=0),
    Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=60 * 24),
)


def _where() -> Fleet:
    made = fleet(pop("a", 4), pop("b", 4), pop("c", 2, load=0.4), pop("d", 2, load=0.4))
    sites = [
        Site(
            id=SiteId(f"site-{name}"),
            account=AccountId(name),
            primary=PopId(first),
            secondary=PopId(second),
        )
        for name, (first, second) in ACCOUNTS.items()
    ]
    return msgspec.structs.replace(
        made,
        accounts={AccountId(name): Account(id=AccountId(name)) for name in ACCOUNTS},
        sites={site.id: site for site in sites},
    )


def _rules() -> Policy:
    return policy(rings=RINGS, timing=Timing(cadence_weeks=1, planned_to_day=4, spread_days=6))


class Watched(Trains):
    """After every commit it is looked whether any account has a feature that a node of its PoPs has not."""

    def __init__(self) -> None:
        super().__init__(_where(), _rules())
        features.add(self.store, OLGA, read_features(FILE, SUNDAY - timedelta(days=30)))
        self.standings = Standings(self.store)
        self.audience = Audience(self.standings)
        health = SimHealth(lambda: self.seconds, {}, Nature(Random(1)))
        self.ticker = Ticker(self.store, health, evaluators=self.audience)
        self.broken: list[str] = []
        self.on: dict[str, bool] = {}
        self.history: list[tuple[int, str, bool]] = []
        self.store.on_commit(self.look)
        self.submit(NEW)

    def has(self, account: str) -> bool:
        sheet, standing = self.standings.look(account)
        return standing is not None and sheet.answer(standing, 0).is_on

    def look(self, sequence: int) -> None:
        """By the records alone, without any of the code that is asked."""
        with self.store.read() as view:
            lost = {one.node for one in view.find(Quarantine) if not one.serves}
            latched = {(one.account, one.pop) for one in view.find(Visit) if one.had}
            lacks = {
                said.pop
                for said in view.find(Reported)
                if said.node not in lost and "+" not in said.node and is_older(said.release, NEW)
            }
            lacks |= {
                told.pop
                for told in view.find(Desired)
                if "+" not in told.node and is_older(told.release, NEW)
            }
            used = {(one.account, one.pop) for one in view.find(Visit)} - latched
        for name, homes in ACCOUNTS.items():
            is_on = self.has(name)
            if is_on != self.on.get(name, False):
                self.on[name] = is_on
                self.history.append((sequence, name, is_on))
            mine = {*homes, *(pop for account, pop in used if account == name)} - {""}
            if is_on and mine & lacks:
                self.broken.append(f"{sequence}: {name} has it on, and {sorted(mine & lacks)} have not")


@pytest.fixture
def come() -> Watched:
    """The first two PoPs have it, the third not yet."""
    made = Watched()
    made.run(lambda: made.rollout(ROLLOUT).wave == 2)
    return made


def _told_back(made: Trains) -> list[str]:
    with made.store.read() as view:
        return [one.node for one in view.find(Desired) if one.release == OLD and "+" not in one.node]


def test_off_and_revert_are_one_commit(come: Watched) -> None:
    assert come.on == {"acme": True, "bolt": True}  # of the others a PoP does not have it yet
    with come.store.read() as view:
        before = view.sequence
    rollouts.revert(come.store, OLGA, ROLLOUT, "it leaks")
    offs = [(sequence, name) for sequence, name, is_on in come.history if not is_on]
    with come.store.read() as view:
        commits = {change.commit for change in view.changes(before)}
        assert len(commits) == 1
        assert [(view.sequence, "acme"), (view.sequence, "bolt")] == offs
    come.until(ROLLOUT, Status.REVERTED)
    assert come.broken == []
    assert not any(come.on.values())


def test_with_nobody_connected_the_first_unit_is_told_in_the_first_tick(come: Watched) -> None:
    rollouts.revert(come.store, OLGA, ROLLOUT, "it leaks")
    come.tick()
    assert _told_back(come)
    assert come.rollout(ROLLOUT).off_since == 0.0


def test_the_first_drain_waits_until_all_have_seen_it(come: Watched) -> None:
    one, other = (come.audience.join(come.standings.version) for _ in range(2))
    rollouts.revert(come.store, OLGA, ROLLOUT, "it leaks")
    come.tick()
    assert _told_back(come) == []
    assert come.hold(ROLLOUT).reason is Reason.FEATURES_OFF
    why = explain.why(come.store, VIEWER, "a")
    assert why.answer == (
        "a waits: programs are being told that features go off with it (tiles, for 2 s at most)"
    )
    come.audience.saw(one, come.standings.version)
    come.tick()
    assert _told_back(come) == []
    come.audience.saw(other, come.standings.version)
    come.tick()
    assert _told_back(come)
    assert come.broken == []


def test_one_that_never_answers_holds_nothing_for_longer(come: Watched) -> None:
    come.audience.join(come.standings.version)
    rollouts.revert(come.store, OLGA, ROLLOUT, "it leaks")
    come.tick()
    come.tick((WAIT_S - 0.1) / 60)
    assert _told_back(come) == []
    come.tick(0.2 / 60)
    assert _told_back(come)
    come.until(ROLLOUT, Status.REVERTED)


def test_one_that_comes_later_or_leaves_holds_nothing(come: Watched) -> None:
    gone = come.audience.join(come.standings.version)
    rollouts.revert(come.store, OLGA, ROLLOUT, "it leaks")
    come.tick()
    come.audience.leave(gone)
    come.tick()
    first = _told_back(come)
    assert first
    come.audience.join(0)
    come.obey()
    come.tick(WAIT_S)
    assert set(_told_back(come)) > set(first)


def test_a_pop_that_has_no_feature_to_lose_goes_back_at_once() -> None:
    made = Watched()
    made.audience.join(0)
    made.run(lambda: made.turn(ROLLOUT, "a").phase is TurnPhase.BAKING)
    rollouts.revert(made.store, OLGA, ROLLOUT, "it leaks")
    made.tick()
    assert _told_back(made)


@pytest.mark.parametrize("seed", range(12))
def test_no_account_ever_has_what_a_node_of_its_pops_has_not(seed: int) -> None:
    random, made = Random(seed), Watched()
    nodes = [node for home in made.where.pops.values() for node in home.nodes]
    made.lost = {(node, NEW) for node in nodes if random.random() < 0.06}
    reverts_at = random.randrange(30, 900)
    evaluators = [made.audience.join(0) for _ in range(random.randrange(3))]
    for step in range(1_200):
        status = made.statuses().get(ROLLOUT)
        if status in (Status.REVERTED, Status.PARTLY_REVERTED):
            break
        if step == reverts_at and status in (Status.ROLLING, Status.PAUSED):
            rollouts.revert(made.store, OLGA, ROLLOUT, "it leaks")
        if random.random() < 0.05:
            _visit(made, random)
        made.deaf = {node for node in nodes if random.random() < 0.2}
        for name in evaluators:
            if random.random() < 0.5:
                made.audience.saw(name, made.standings.version)
        made.obey()
        made.tick(random.choice((0.01, 1.0, 5.0, 30.0)))
    assert made.broken == []
    again = Standings(made.store)
    assert {name: again.look(name)[1] for name in ACCOUNTS} == {
        name: made.standings.look(name)[1] for name in ACCOUNTS
    }


def _visit(made: Watched, random: Random) -> None:
    """Somebody is at a PoP that none of their sites uses."""
    account = random.choice(sorted(ACCOUNTS))
    node = random.choice(("c1", "d1"))
    with made.store.read() as view:
        said, day = view.get(Reported, node), f"{view.now:%Y-%m-%d}"
    assert said is not None
    was_on = made.has(account)
    report = Report(node=NodeId(node), generation=said.generation, release=said.release, phase=said.phase)
    visitor = Visitor(account=account, day=day, sessions=1)
    poll.hear(made.store, Caller(node, (Role.NODE,)), report, [visitor], made.standings.latched)
    assert made.has(account) == was_on, "a visit has switched it"
