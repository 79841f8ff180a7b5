"""A train that cannot be planned is refused or waits for a person, rule and way out named; nothing of it is laid."""

import re
from datetime import timedelta
from itertools import combinations

import msgspec
import pytest
from tests.control.trains import OLGA, SUNDAY, Trains
from tests.decide.engine import fleet, freeze, policy, pop

from wavetrain.control import fleets, freezes, policies, trains
from wavetrain.errors import RefusedError
from wavetrain.model.fleet import Fleet, Group, GroupId, PopId
from wavetrain.model.plan import Reason
from wavetrain.model.policy import Policy, Ring, Timing
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Status, Timetable, Turn, Wave
from wavetrain.model.window import Freeze

NAMES = tuple(f"p{index}" for index in range(6))
PLAIN = fleet(*(pop(name, 4) for name in NAMES))
SHORT = policy(timing=Timing(cadence_weeks=1, spread_days=1, planned_to_day=1))
PAIRS = {
    GroupId("-".join(two)): Group(id=GroupId("-".join(two)), members=(PopId(two[0]), PopId(two[1])))
    for two in combinations(NAMES, 2)
}
"""Each stands for each other one: no two of them may be out together."""
FROZEN = msgspec.structs.replace(
    freeze(24 * 40), starts=SUNDAY - timedelta(days=1), ends=SUNDAY + timedelta(days=39)
)
NARROW = {
    name: one.changed(window=msgspec.structs.replace(one.window, minutes=15))
    for name, one in PLAIN.pops.items()
}
TAKEN = policy(
    rings=(
        Ring(name="lab", stage=Stage.EARLY, pops=NAMES),
        Ring(name="pilot", stage=Stage.EARLY, share_percent=10),
        Ring(name="all", stage=Stage.GENERAL, rest=True),
    )
)
Case = tuple[Fleet, Policy, tuple[Freeze, ...], str]
BAD: dict[str, Case] = {
    "more hard pairs than the train has room for": (
        msgspec.structs.replace(PLAIN, groups=PAIRS),
        SHORT,
        (),
        r"redundancy group p\d-p\d has 2 members that may never be out together, and the 1 days .* have no room for "
        r"all of them: p\d of ring all is left over; make the train longer \(spread_days\)",
    ),
    "an empty ring": (PLAIN, TAKEN, (), r"ring pilot is empty: .* take the ring out of the policy"),
    "freezes that close a whole train": (
        PLAIN,
        SHORT,
        (FROZEN,),
        r"PoP p\d \(with 5 more\) has no opening outside freezes in the 1 days .*: \S+; remove a freeze",
    ),
    "windows that are too short": (
        msgspec.structs.replace(PLAIN, pops=NARROW),
        SHORT,
        (),
        r"PoP p\d \(with 5 more\) has no window long enough .* make the window longer",
    ),
}
each = pytest.mark.parametrize(("where", "rules", "closed", "said"), BAD.values(), ids=BAD.keys())


@each
def test_who_asks_for_its_plan_is_refused(
    where: Fleet, rules: Policy, closed: tuple[Freeze, ...], said: str
) -> None:
    with pytest.raises(RefusedError, match=f"the train cannot be planned: {said}"):
        trains.outlook(where, rules, closed, SUNDAY, SUNDAY - timedelta(days=1))


@each
def test_under_way_a_person_is_asked_and_no_part_of_it_is_laid(
    where: Fleet, rules: Policy, closed: tuple[Freeze, ...], said: str
) -> None:
    made = _asked(where, rules, closed)
    rollout = made.rollout("gateway-2.0.0")
    assert (rollout.status, rollout.timetable) == (Status.PLANNED, 0)
    assert rollout.hold is not None
    assert (rollout.hold.reason, rollout.hold.asks) == (Reason.NO_PLAN, True)
    assert re.search(said, rollout.hold.detail)
    with made.store.read() as view:
        assert [found for kind in (Timetable, Wave, Turn) for found in view.find(kind)] == []


@each
def test_the_way_out_that_is_named_frees_it(
    where: Fleet, rules: Policy, closed: tuple[Freeze, ...], said: str
) -> None:
    del said
    made = _asked(where, rules, closed)
    fleets.apply(made.store, OLGA, PLAIN)
    policies.apply(made.store, OLGA, policy())
    for one in closed:
        freezes.remove(made.store, OLGA, one.id)
    if (
        rules is TAKEN
    ):  # a rollout keeps the policy that it was pinned to: the next release is told the new one
        made.submit("2.1.0")
    made.run(lambda: any(status is Status.COMPLETED for status in made.statuses().values()))


def _asked(where: Fleet, rules: Policy, closed: tuple[Freeze, ...]) -> Trains:
    made = Trains(where, rules)
    with made.store.write() as transaction:
        for one in closed:
            transaction.put(one)
    made.submit("2.0.0")
    made.tick()
    return made
