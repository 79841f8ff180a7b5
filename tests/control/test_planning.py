"""When a train is planned, planned again, and when not: what the ticker loads for it."""

from collections.abc import Callable
from datetime import timedelta
from random import Random

import msgspec
from tests.control.trains import OLGA, SUNDAY, Trains
from tests.decide.engine import fleet, policy, pop

from wavetrain.control import freezes
from wavetrain.control.tick import Ticker
from wavetrain.decide import planner
from wavetrain.decide.facts import Choice, Facts
from wavetrain.model.fleet import Account, AccountId, Fleet, PopId, Site, SiteId, SiteKind
from wavetrain.model.plan import Reason
from wavetrain.model.policy import Pace, Policy, Ring, Timing
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Rollout, Status, Timetable
from wavetrain.simulate.health import SimHealth
from wavetrain.simulate.nature import Nature

RINGS = (
    Ring(name="pilot", stage=Stage.EARLY, pops=("a",), soak_minutes=0),
    Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0),
)


def two_at_a_time() -> Policy:
    return policy(rings=RINGS, timing=Timing(pace=Pace.COMPACT))


def with_sites(where: Fleet) -> Fleet:
    """A hundred sites that have b as their primary, and c as their secondary PoP."""
    sites = {
        SiteId(f"s{index}"): Site(
            id=SiteId(f"s{index}"),
            account=AccountId("acme"),
            kind=SiteKind.APPLIANCE,
            primary=PopId("b"),
            secondary=PopId("c"),
            zone="UTC",
        )
        for index in range(100)
    }
    accounts = {AccountId("acme"): Account(id=AccountId("acme"))}
    return msgspec.structs.replace(where, sites=sites, accounts=accounts)


class Listened:
    """A house whose decider says what it was asked."""

    def __init__(self, where: Fleet) -> None:
        self.house = Trains(where, two_at_a_time())
        self.asked: list[Facts] = []
        self.house.ticker = self.ticker()

    def ticker(self) -> Ticker:
        def decide(facts: Facts) -> Choice:
            self.asked.append(facts)
            return planner.decide(facts)

        clock: Callable[[], float] = lambda: self.house.seconds  # noqa: E731 (typed)
        return Ticker(self.house.store, SimHealth(clock, {}, Nature(Random(1))), decide)

    def tick(self, minutes: float = 0.0) -> list[Facts]:
        """What the decider was asked in one tick."""
        self.house.seconds += 60 * minutes
        self.asked.clear()
        self.house.ticker.tick()
        return list(self.asked)

    def rollout(self, name: str) -> Rollout:
        with self.house.store.read() as view:
            found = view.get(Rollout, name)
        assert found is not None
        return found


def frozen_for_a_month(made: Listened) -> str:
    begins = SUNDAY - timedelta(days=1)
    return freezes.add(
        made.house.store, OLGA, starts=begins, ends=begins + timedelta(days=30), reason="month end"
    ).id


def test_a_train_that_cannot_be_planned_is_not_tried_again_until_something_has_changed() -> None:
    made = Listened(with_sites(fleet(pop("a", 2), pop("b", 2), pop("c", 2))))
    ice = frozen_for_a_month(made)
    name = made.house.submit("2.0.0")
    made.tick()
    hold = made.rollout(name).hold
    assert hold is not None
    assert hold.reason is Reason.NO_PLAN
    made.tick(1)
    later = made.tick(1)
    assert [facts.unplannable for facts in later] == [hold.detail]
    assert [facts.demand for facts in later] == [None]
    made.house.say("a1", "1.0.0")
    assert [facts.unplannable for facts in made.tick(1)] == [hold.detail]
    made.house.ticker = made.ticker()  # a restart tries it once
    assert [facts.unplannable for facts in made.tick(1)] == [""]
    assert [facts.unplannable for facts in made.tick(1)] == [hold.detail]
    freezes.remove(made.house.store, OLGA, ice)
    assert made.tick(1)[0].unplannable == ""
    assert made.rollout(name).status is Status.ANNOUNCED


def test_a_train_that_should_have_left_is_tried_again_once_an_hour() -> None:
    """Its days move on with the clock, so that another day may have room for it."""
    made = Listened(fleet(pop("a", 2)))
    frozen_for_a_month(made)
    name = made.house.submit("2.0.0")
    made.tick()
    made.house.seconds = (SUNDAY + timedelta(hours=30)).timestamp()
    tried = [facts.unplannable == "" for _ in range(120) for facts in made.tick(1)]
    assert 2 <= sum(tried) <= 8
    assert made.rollout(name).status is Status.PLANNED


def test_a_replan_weighs_what_the_sites_ask_and_sums_it_up_once() -> None:
    made = Listened(with_sites(fleet(pop("a", 2), pop("b", 2), pop("c", 2))))
    made.house.submit("2.0.0")
    for _ in range(3):
        made.tick(1)
    made.house.ticker = made.ticker()  # a restart has summed up nothing yet
    assert all(facts.demand is None for facts in made.tick(1))
    with made.house.store.read() as view:
        table = view.find(Timetable)[0]
    stop = next(stop for stop in table.stops if stop.pop == "c")
    freezes.add(
        made.house.store,
        OLGA,
        starts=stop.opens,
        ends=stop.opens + timedelta(hours=3),
        reason="works",
        scope=("c",),
    )
    again = made.tick(1)
    assert again[0].demand is not None
    assert again[0].demand.sites == {"b": 100}
    assert made.tick(1)[0].demand is again[0].demand
