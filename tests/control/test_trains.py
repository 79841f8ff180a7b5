"""Plans that nobody has asked for yet, and the timetables of rollouts."""

from datetime import timedelta

import msgspec
import pytest
from tests.control.practice import VIEWER
from tests.control.test_successions import FIRST, come_to, trains
from tests.decide.big_fleet import big_fleet, rules
from tests.decide.engine import FAILURES, fleet, freeze, measured, policy, pop
from tests.decide.planned import BEFORE, DEPARTS

from wavetrain.control import trains as use
from wavetrain.control.trains import StopSeen
from wavetrain.decide.evidence_kept import PopWatch
from wavetrain.decide.permit import Caller
from wavetrain.decide.sight import Role
from wavetrain.errors import ForbiddenError, RefusedError, UnknownError
from wavetrain.evidence.bins import Bin, NodeCount
from wavetrain.evidence.preperiod import Preperiod, absorb
from wavetrain.model.policy import Pace

WHERE = big_fleet(40, 400, regions=4)


def test_a_plan_has_everybody_once_its_bound_and_its_proof() -> None:
    plan = use.outlook(WHERE, rules(Pace.COMPACT), (), DEPARTS, BEFORE)
    assert sorted(stop.pop for stop in plan.stops) == sorted(WHERE.pops)
    assert plan.lower_bound is not None
    assert plan.lower_bound <= plan.windows <= plan.lower_bound + 2
    assert plan.proof.count == 0
    assert sum(wave.pops for wave in plan.waves) == 40
    assert sum(plan.unmet_sites.values()) >= max((item.sites for item in plan.unmet), default=0)


def test_the_same_train_is_planned_the_same() -> None:
    one, other = (use.outlook(WHERE, rules(), (), DEPARTS, BEFORE) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(
    ("lane", "says"), [("content", "lane content has no windows"), ("feature", "lane feature has no windows")]
)
def test_a_lane_without_windows_has_no_timetable(lane: str, says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        use.outlook(WHERE, policy(lane=lane), (), DEPARTS, BEFORE)


def test_a_rule_that_cannot_be_met_is_named_with_what_would_free_it() -> None:
    everything = msgspec.structs.replace(freeze(24 * 30), starts=BEFORE)
    with pytest.raises(RefusedError, match=r"no opening outside freezes .*: peak; remove a freeze"):
        use.outlook(WHERE, rules(), (everything,), DEPARTS, BEFORE)
    pops = [pop(f"p{index}", 4) for index in range(40)]
    crowd = fleet(*pops, group=tuple(one.id for one in pops))
    with pytest.raises(RefusedError, match="redundancy group metro has 40 members"):
        use.outlook(crowd, policy(), (), DEPARTS, BEFORE)


def test_the_difference_of_two_plans_names_who_moved_joined_and_left() -> None:
    at = DEPARTS

    def stop(name: str, hours: int, why: str = "") -> StopSeen:
        when = at + timedelta(hours=hours)
        return StopSeen(pop=name, region="r", wave=0, ring="all", opens=when, closes=when, why=why)

    found = use.difference(
        [stop("a", 1), stop("b", 2), stop("c", 3)], [stop("a", 1), stop("b", 5, "ice"), stop("d", 4)]
    )
    assert found.same == 1
    assert [(item.pop, item.why) for item in found.moved] == [("d", ""), ("b", "ice"), ("c", "left")]


def test_the_timetable_of_a_rollout_is_shown_as_it_is_and_as_it_was() -> None:
    made = come_to(trains(), 0)
    shown = use.show(made.store, VIEWER, FIRST)
    assert (shown.number, len(shown.stops), shown.proof.count) == (1, 3, 0)
    assert use.show(made.store, VIEWER, FIRST, 1) == shown


def test_what_there_is_not_is_refused_with_the_way_out() -> None:
    made = come_to(trains(), 0)
    with pytest.raises(UnknownError, match="has no timetable 9; see: wavetrain train show"):
        use.show(made.store, VIEWER, FIRST, 9)
    with pytest.raises(UnknownError, match="there is no rollout nothing"):
        use.show(made.store, VIEWER, "nothing")
    with pytest.raises(ForbiddenError):
        use.show(made.store, Caller("nobody", ()), FIRST)


def test_a_rollout_tells_what_its_waves_can_see_by_the_pre_periods_of_the_store() -> None:
    made = come_to(trains(verdicts=measured().verdicts), 0)
    with made.store.write() as transaction:
        transaction.put(PopWatch(pop="a", metrics={FAILURES.name: _quiet("a")}))
    shown = use.show(made.store, VIEWER, FIRST, is_sight_asked=True)
    assert [wave.ordinal for wave in shown.sight] == [0, 1, 2]
    seen, not_watched = shown.sight[0], shown.sight[1]
    assert seen.unwatched == ()
    assert seen.checks[0].least_ratio is not None
    assert (not_watched.unwatched, not_watched.checks[0].role) == (("b",), Role.BLIND)
    assert use.show(made.store, VIEWER, FIRST).sight == ()


def test_a_policy_without_checks_has_nothing_to_see() -> None:
    made = come_to(trains(), 0)
    with pytest.raises(RefusedError, match="the policy names no checks"):
        use.show(made.store, VIEWER, FIRST, is_sight_asked=True)


def _quiet(pop: str) -> Preperiod:
    pre = Preperiod()
    for _ in range(40):
        pre = absorb(pre, Bin(60.0, tuple(NodeCount(f"{pop}-n{n}", 6.0, 6_000.0) for n in range(1, 5))))
    return pre
