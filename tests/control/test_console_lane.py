"""The `console` lane: the replicas of a web application, on Sunday, one before the rest; no node of the edge."""

from datetime import timedelta

import msgspec
import pytest
from tests.control.trains import OLD, OLGA, SUNDAY, Trains
from tests.decide.engine import fleet, policy, pop

from wavetrain.control import policies, trains
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import Pop, Serves
from wavetrain.model.policy import Ring
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Status, TurnPhase
from wavetrain.model.window import WindowRule
from wavetrain.wire.fleet_file import read_fleet
from wavetrain.wire.fleet_write import fleet_toml
from wavetrain.wire.policy_file import read_policy

RULES = read_policy(
    'lane = "console"\n[[ring]]\nname = "all"\nstage = "general"\nrest = true\nsoak_minutes = 0\n'
    "[bake]\nminutes = 10\n"
)


def office(replicas: int, load: float = 0.0) -> Pop:
    window = WindowRule(rule="FREQ=WEEKLY;BYDAY=SU", starts="01:00", minutes=240, zone="UTC")
    return msgspec.structs.replace(pop("office", replicas, load=load), serves=Serves.CONSOLE, window=window)


def house(replicas: int = 3) -> Trains:
    return Trains(fleet(pop("a", 4), office(replicas)), policy(), RULES)


def test_a_train_of_one_lane_has_no_stop_at_a_place_that_serves_the_other() -> None:
    made = house()
    edge, console = made.submit("2.0.0"), made.submit("3.0.0", lane="console")
    made.until(edge, Status.COMPLETED)
    made.until(console, Status.COMPLETED)
    assert (made.pops(edge), made.pops(console)) == ({"a"}, {"office"})
    assert (made.runs("a"), made.runs("office")) == ({"2.0.0"}, {"3.0.0"})
    seen = trains.outlook(made.where, RULES, (), SUNDAY, SUNDAY)
    assert [stop.pop for stop in seen.stops] == ["office"]


def test_it_leaves_every_sunday_and_one_replica_goes_before_the_rest() -> None:
    made = house()
    name = made.submit("3.0.0", lane="console")
    made.run(lambda: made.turn(name, "office").phase is TurnPhase.BAKING, minutes=1)
    assert made.rollout(name).departs == SUNDAY
    assert made.runs("office") == {OLD, "3.0.0"}
    first = made.turn(name, "office").started_at
    assert first is not None
    assert timedelta(hours=1) <= first - SUNDAY < timedelta(hours=2)
    made.until(name, Status.COMPLETED)
    assert made.runs("office") == {"3.0.0"}
    made.seconds = (SUNDAY + timedelta(days=3)).timestamp()
    again = made.submit("3.1.0", lane="console")
    assert made.rollout(again).departs == SUNDAY + timedelta(days=7)


def test_a_replica_that_its_own_probe_sends_back_fails_the_release() -> None:
    made = house()
    made.lost = {(f"office{number}", "3.0.0") for number in (1, 2, 3)}
    name = made.submit("3.0.0", lane="console")
    made.until(name, Status.REVERTED, Status.PARTLY_REVERTED)
    assert made.runs("office") == {OLD}
    told = [line for line in made.journal() if line.kind == "admit" and line.rollout == name]
    assert len(told) == 1, "the rest was never asked"


def test_a_console_of_one_replica_is_updated_whole() -> None:
    made = house(1)
    name = made.submit("3.0.0", lane="console")
    made.until(name, Status.COMPLETED)
    assert made.runs("office") == {"3.0.0"}


def test_a_ring_may_only_name_places_that_its_lane_moves() -> None:
    made = house()
    ring = Ring(name="first", stage=Stage.EARLY, pops=("office",), soak_minutes=0)
    with pytest.raises(
        RefusedError, match="names PoP office, which serves console; lane pop moves places that"
    ):
        policies.apply(made.store, OLGA, policy(rings=(ring, *policy().rings)))


def test_a_fleet_file_says_what_a_place_serves() -> None:
    text = fleet_toml(fleet(pop("a", 1), office(2)))
    assert text.count('serves = "console"') == 1
    read = read_fleet(text, SUNDAY)
    assert {name: place.serves.value for name, place in read.pops.items()} == {
        "a": "edge",
        "office": "console",
    }
    with pytest.raises(RefusedError, match=r"`consol` is not known here.*did you mean `console`"):
        read_fleet(text.replace('"console"', '"consol"'), SUNDAY)
