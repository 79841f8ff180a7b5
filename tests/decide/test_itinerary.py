"""What the planner makes of its timetable while the train is under way."""

from datetime import timedelta

import msgspec
from tests.decide.engine import NEW, OPENS, Engine, fleet, freeze, policy, pop

from wavetrain.model.fleet import Fleet, PopId
from wavetrain.model.plan import Reason
from wavetrain.model.policy import Budgets, Policy, Ring, Timing
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Status, Timetable, TurnPhase
from wavetrain.model.window import Freeze

RINGS = (
    Ring(name="pilot", stage=Stage.EARLY, pops=("p0",), soak_minutes=0),
    Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0),
)


def train(**changes: object) -> Policy:
    """A pilot, then everybody: two a night and region."""
    return policy(rings=RINGS, **changes)


def seven() -> Fleet:
    return fleet(*(pop(f"p{index}", 4) for index in range(7)))


def under_way(where: Fleet | None = None, rules: Policy | None = None) -> Engine:
    """Its pilot is done, and the second wave is due."""
    engine = Engine(where or seven(), rules or train())
    engine.tick()
    while engine.facts.rollout.wave == 0:
        engine.obey()
        engine.tick(31)
    return engine


def stops_of_revision(engine: Engine) -> dict[str, str]:
    table = engine.facts.timetable
    assert table is not None
    return {stop.pop: stop.why for stop in table.stops}


def opens(engine: Engine) -> dict[str, object]:
    return {turn.pop: (turn.wave, turn.opens) for turn in engine.facts.turns}


def around(engine: Engine, name: str, hours: float = 4) -> Freeze:
    """A freeze over the night of one PoP, binding it alone."""
    at = engine.turn(name).opens
    return msgspec.structs.replace(freeze(1), starts=at, ends=at + timedelta(hours=hours), scope=(name,))


def test_a_freeze_moves_whom_it_covers_in_the_next_tick_and_nobody_else() -> None:
    engine = under_way()
    last = max(engine.facts.turns, key=lambda turn: turn.opens)
    before = opens(engine)
    engine.change(freezes=(around(engine, last.pop),))
    engine.tick()
    after = opens(engine)
    assert {name for name in before if before[name] != after[name]} == {last.pop}
    assert stops_of_revision(engine) == {last.pop: "freeze peak covers its stop"}
    assert engine.turn(last.pop).opens > last.opens
    engine.change(freezes=())
    engine.tick()
    assert opens(engine) == after
    assert stops_of_revision(engine) == {}
    assert engine.run() is Status.COMPLETED


def test_a_freeze_that_came_while_a_planned_train_was_paused_moves_whom_it_covers_as_it_is_announced_again() -> (
    None
):
    engine = Engine(seven(), train(), now=OPENS - timedelta(days=2))
    engine.tick()
    last = max(engine.facts.turns, key=lambda turn: turn.opens)
    planned = engine.facts.rollout.changed(status=Status.PLANNED)
    engine.change(rollout=planned, freezes=(around(engine, last.pop),))
    engine.tick()
    assert engine.facts.rollout.status is Status.ANNOUNCED
    assert "freeze" in stops_of_revision(engine)[last.pop]


def test_a_pop_that_joins_gets_a_stop_in_the_last_wave_of_a_train_that_takes_the_rest() -> None:
    engine = under_way()
    grown = fleet(*engine.facts.fleet.pops.values(), pop("new", 2))
    reported = {**engine.facts.reported}
    engine.change(fleet=grown, reported=reported)
    engine.tick()
    assert engine.turn("new").wave == max(wave.ordinal for wave in engine.facts.waves)
    assert "new joined the fleet" in stops_of_revision(engine)["new"]


def test_a_pop_in_no_ring_receives_nothing_when_it_joins() -> None:
    rules = policy(rings=(Ring(name="named", stage=Stage.GENERAL, pops=("p0", "p1")),))
    engine = Engine(fleet(pop("p0", 2), pop("p1", 2)), rules)
    engine.tick()
    engine.change(fleet=fleet(*engine.facts.fleet.pops.values(), pop("new", 2)))
    engine.tick()
    assert {turn.pop for turn in engine.facts.turns} == {"p0", "p1"}


def test_a_pop_that_missed_its_window_goes_along_with_a_later_wave_and_its_own_passes() -> None:
    engine = under_way(rules=train(budgets=Budgets(region_pops_min=3)))
    wave = engine.facts.rollout.wave
    mine = sorted(turn.pop for turn in engine.facts.turns if turn.wave == wave)
    assert len(mine) == 3
    engine.change(cordoned=frozenset({mine[0]}))
    while engine.facts.rollout.wave == wave:
        engine.obey()
        engine.tick(31)
    slipped = engine.turn(mine[0])
    assert (slipped.wave, slipped.cursor) == (wave + 1, 0)
    assert f"{mine[0]} missed its window" in stops_of_revision(engine)[mine[0]]
    engine.change(cordoned=frozenset())
    assert engine.run() is Status.COMPLETED


def test_a_pop_that_was_begun_is_carried_and_holds_up_no_wave_but_the_end() -> None:
    engine = under_way(rules=train(budgets=Budgets(region_pops_min=3)))
    wave = engine.facts.rollout.wave
    name = min(turn.pop for turn in engine.facts.turns if turn.wave == wave)
    while engine.turn(name).phase is not TurnPhase.REST:
        engine.obey()
        engine.tick(31)
    left = frozenset(engine.turn(name).order[engine.turn(name).cursor + 1 :])
    engine.change(cordoned=left)
    while engine.facts.rollout.wave == wave:
        engine.obey()
        engine.tick(31)
    assert engine.turn(name).phase is TurnPhase.REST
    assert engine.turn(name).wave == wave
    for _ in range(300):
        engine.obey()
        engine.tick(61)
    assert engine.ended(Status.ROLLING)
    assert {turn.phase for turn in engine.facts.turns if turn.pop != name} == {TurnPhase.DONE}
    assert engine.hold(name).reason in (Reason.CORDONED, Reason.OUTSIDE_WINDOW)
    engine.change(cordoned=frozenset())
    assert engine.run() is Status.COMPLETED


def test_all_that_missed_one_window_are_moved_in_one_revision() -> None:
    engine = under_way(rules=train(budgets=Budgets(region_pops_min=6)))
    wave = engine.facts.rollout.wave
    mine = [turn.pop for turn in engine.facts.turns if turn.wave == wave]
    assert len(mine) > 3
    engine.change(cordoned=frozenset(mine))
    closes = engine.turn(mine[0]).closes
    engine.tick((closes - engine.facts.now).total_seconds() / 60 + 1)
    tables = [record for record in engine.last.put if isinstance(record, Timetable)]
    assert len(tables) == 1
    assert {stop.pop for stop in tables[0].stops} >= set(mine)
    assert {engine.turn(name).wave for name in mine} == {wave}


def test_a_train_that_cannot_be_planned_says_the_rule_and_goes_on_when_that_is_gone() -> None:
    crowd = fleet(*(pop(f"p{index}", 4) for index in range(4)), group=("p0", "p1", "p2", "p3"))
    rules = policy(timing=Timing(spread_days=1, planned_to_day=1))
    engine = Engine(crowd, rules)
    engine.tick()
    hold = engine.facts.rollout.hold
    assert hold is not None
    assert (hold.reason, hold.asks) == (Reason.NO_PLAN, True)
    assert "redundancy group metro has 4 members" in hold.detail
    engine.change(fleet=fleet(*crowd.pops.values()))
    assert engine.run() is Status.COMPLETED


def test_when_a_train_is_over_it_is_remembered_who_was_early() -> None:
    engine = under_way()
    assert engine.facts.fairness is None
    engine.run()
    kept = engine.facts.fairness
    assert kept is not None
    assert (kept.trains, kept.early[PopId("p0")]) == (1, 1.0)
    assert min(kept.early.values()) == 0.0
    assert set(kept.early) == set(engine.facts.fleet.pops)
    assert engine.told[next(iter(engine.told))] == NEW
    assert engine.facts.now > OPENS
