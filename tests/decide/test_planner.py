from datetime import timedelta

import pytest
from tests.decide.engine import NEW, OLD, OPENS, Engine, fleet, freeze, measured, policy, pop, said

from wavetrain.decide.evidence_kept import RolloutEvidence
from wavetrain.model.fleet import NodeId, Phase, PopId, Quarantine
from wavetrain.model.hotfix import Hotfix, How
from wavetrain.model.lane import CONTENT, FEATURE
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.policy import Ring
from wavetrain.model.release import Stage
from wavetrain.model.rollout import Status, TurnPhase, WaveStatus

TWO_RINGS = (
    Ring(name="pilot", stage=Stage.EARLY, pops=("a",), soak_minutes=60),
    Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0),
)


def rollout_hold(engine: Engine) -> Reason:
    hold = engine.facts.rollout.hold
    assert hold is not None
    return hold.reason


def wave_status(engine: Engine, ordinal: int) -> WaveStatus:
    return engine.facts.waves[ordinal].status


def test_a_good_release_reaches_every_node() -> None:
    engine = Engine(fleet(pop("a", 4), pop("b", 2, load=0.4), pop("c", 1)))
    assert engine.run() is Status.COMPLETED
    assert set(engine.told.values()) == {NEW}
    assert len(engine.told) == 7
    assert engine.owners == []


def test_the_canary_goes_alone_and_the_rest_after_its_bake() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    assert len(engine.told) == 1
    engine.obey()
    engine.tick(1)
    assert engine.turn("a").phase is TurnPhase.BAKING
    assert engine.hold("a").reason is Reason.BAKE_TIME
    engine.tick(9)
    assert len(engine.told) == 1
    engine.tick(2)
    assert len(engine.told) == 2


def test_a_release_without_its_gates_waits_and_says_which() -> None:
    engine = Engine(fleet(pop("a", 2)))
    engine.change(release=engine.facts.release.changed(gates={"build": True}))
    engine.tick()
    assert engine.ended(Status.PLANNED)
    hold = engine.facts.rollout.hold
    assert hold is not None
    assert (hold.reason, hold.detail) == (Reason.GATES_MISSING, "tests not run")


def test_a_train_does_not_leave_before_its_first_window() -> None:
    engine = Engine(fleet(pop("a", 2)), now=OPENS - timedelta(hours=2))
    engine.tick()
    assert engine.ended(Status.ANNOUNCED)
    hold = engine.facts.rollout.hold
    assert hold is not None
    assert (hold.reason, hold.until) == (Reason.NOT_YET, OPENS)


def test_a_pop_that_missed_its_window_gets_the_next_one_and_the_others_keep_theirs() -> None:
    engine = Engine(fleet(pop("a", 4), pop("b", 4)), policy(rings=TWO_RINGS))
    engine.tick()
    before = engine.turn("b")
    engine.change(cordoned=frozenset({"a"}))
    engine.obey()
    engine.tick(1)
    engine.tick(5 * 60)
    assert engine.turn("a").opens == OPENS + timedelta(days=1)
    assert engine.turn("b").opens == before.opens
    assert engine.facts.timetable is not None
    assert engine.facts.timetable.parent == 1


def test_rings_wait_for_the_soak_of_the_one_before() -> None:
    engine = Engine(fleet(pop("a", 1), pop("b", 1)), policy(rings=TWO_RINGS))
    engine.tick()
    engine.obey()
    engine.tick(1)
    assert wave_status(engine, 0) is WaveStatus.BAKING
    assert engine.facts.waves[0].hold is not None
    assert engine.facts.waves[0].hold.reason is Reason.SOAK
    assert "b1" not in engine.told
    engine.tick(60)
    assert wave_status(engine, 0) is WaveStatus.PASSED
    assert engine.facts.rollout.wave == 1


def test_general_availability_may_need_a_person() -> None:
    engine = Engine(fleet(pop("a", 1), pop("b", 1)), policy(rings=TWO_RINGS, approve_general=True))
    engine.tick()
    engine.obey()
    engine.tick(1)
    engine.tick(61)
    hold = engine.facts.waves[1].hold
    assert hold is not None
    assert (hold.reason, hold.asks) == (Reason.APPROVAL, True)
    assert engine.facts.release.stage is Stage.EARLY
    engine.consent("general")
    assert engine.run() is Status.COMPLETED
    assert engine.draft().release.stage is Stage.GENERAL


def test_a_canary_that_does_not_come_up_turns_the_rollout_back_with_a_tombstone() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    engine.obey(phase=Phase.REVERTED)
    engine.tick(1)
    assert engine.ended(Status.REVERTING)
    assert engine.facts.tombstoned == {NEW}
    assert engine.facts.release.stage is Stage.WITHDRAWN
    engine.obey()
    engine.tick(1)
    assert engine.ended(Status.REVERTED)
    assert engine.facts.rollout.not_before >= engine.turn("a").closes


def test_one_bad_node_of_the_rest_is_quarantined_and_the_release_goes_on() -> None:
    engine = Engine(fleet(pop("a", 8, load=0.3)))
    engine.tick()
    engine.obey()
    engine.tick(1)
    engine.tick(11)
    lost, *others = engine.obey(phase=Phase.REVERTED, but=(engine.owners[0],))
    assert not others
    engine.tick(1)
    assert engine.ended(Status.ROLLING)
    assert NodeId(lost) in engine.facts.quarantined
    assert engine.run() is Status.RESIDUE
    assert engine.facts.rollout.residue == (lost,)


def test_more_lost_units_than_the_policy_allows_turn_it_back() -> None:
    engine = Engine(fleet(pop("a", 8, load=0.3)))
    engine.tick()
    engine.obey()
    engine.tick(1)
    engine.tick(11)
    assert len(engine.obey(phase=Phase.REVERTED)) == 2
    engine.tick(1)
    assert engine.ended(Status.REVERTING)


def test_a_unit_that_an_earlier_release_cost_is_passed_over_and_counts_for_nothing() -> None:
    home = fleet(pop("a", 8, load=0.2))
    engine = Engine(home)
    engine.tick()
    canary = engine.turn("a").order[0]
    engine = Engine(home)
    lost = {NodeId(canary): quarantine(canary, "a", "gateway-0.9")}
    engine.change(quarantined=lost)
    assert engine.run() is Status.RESIDUE
    assert canary not in engine.told
    assert engine.facts.tombstoned == frozenset()


def quarantine(node: str, home: str, rollout: str, *, serves: bool = True) -> Quarantine:
    return Quarantine(
        node=NodeId(node), pop=PopId(home), rollout=rollout, since=OPENS, reason="practice", serves=serves
    )


@pytest.mark.parametrize("minutes", [0, 7, 3000])
def test_reverting_passes_windows_and_freezes(minutes: int) -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    engine.obey()
    engine.tick(1)
    engine.steer(Status.REVERTING)
    engine.change(freezes=(freeze(1000),))
    engine.tick(minutes)
    assert set(engine.told.values()) == {OLD}
    engine.obey()
    engine.tick(1)
    assert engine.ended(Status.REVERTED)


def test_a_rollout_that_was_resumed_before_it_departed_keeps_its_timetable() -> None:
    engine = Engine(fleet(pop("a", 2)), now=OPENS - timedelta(hours=5))
    engine.tick()
    planned = engine.facts.timetable
    engine.steer(Status.PAUSED)
    engine.tick()
    engine.steer(Status.PLANNED)
    engine.tick()
    assert engine.ended(Status.ANNOUNCED)
    assert engine.facts.timetable == planned
    assert engine.told == {}


def test_a_paused_rollout_takes_in_reports_and_gives_slots_back() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    engine.steer(Status.PAUSED)
    engine.tick(1)
    assert rollout_hold(engine) is Reason.PAUSED
    engine.obey()
    engine.tick(1)
    assert engine.owners == []
    engine.steer(Status.ROLLING)
    assert engine.run() is Status.COMPLETED


def test_a_stopped_rollout_takes_in_reports_and_gives_slots_back() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    engine.steer(Status.STOPPED)
    engine.tick(1)
    assert engine.owners
    engine.obey()
    engine.tick(1)
    assert engine.owners == []
    assert len(engine.told) == 1


def test_a_pop_that_stays_mixed_for_too_long_goes_back_without_a_tombstone() -> None:
    engine = Engine(fleet(pop("a", 4)), measured())
    engine.tick()
    engine.obey()
    engine.tick(1)
    for _ in range(80):
        engine.tick(60)
        engine.obey()
    assert engine.ended(Status.REVERTED)
    assert engine.facts.tombstoned == frozenset()


def test_inconclusive_evidence_is_extended_by_a_window_and_then_a_person_is_asked() -> None:
    engine = Engine(fleet(pop("a", 4)), measured())
    engine.tick()
    engine.obey()
    engine.tick(1)
    engine.tick(4 * 60)
    assert engine.hold("a").reason is Reason.EVIDENCE
    assert engine.turn("a").opens == OPENS + timedelta(days=1)
    engine.tick(24 * 60)
    assert (engine.hold("a").reason, engine.hold("a").asks) == (Reason.INCONCLUSIVE, True)
    assert engine.facts.waves[0].status is WaveStatus.INCONCLUSIVE
    engine.consent("inconclusive")
    engine.tick(1)
    assert engine.turn("a").phase is TurnPhase.REST


def older(status: Status, *, moving: bool = False) -> Engine:
    """A newer rollout that is about to depart while an older one is unfinished."""
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    other = engine.facts.rollout.changed(id="gateway-1.9.0", number="1.9.0", status=status)
    turn = engine.turn("a").changed(rollout=other.id)
    fresh = Engine(engine.facts.fleet)
    fresh.change(older=(other,), older_turns=(turn if moving else turn.changed(progress=()),))
    return fresh


@pytest.mark.parametrize("status", [Status.PLANNED, Status.ANNOUNCED, Status.ROLLING, Status.PAUSED])
def test_an_unfinished_older_rollout_is_superseded_when_the_newer_one_departs(status: Status) -> None:
    engine = older(status)
    engine.tick()
    assert engine.ended(Status.ROLLING)
    assert [other.status for other in engine.facts.older] == [Status.SUPERSEDED]
    assert engine.facts.older[0].over_at == engine.facts.now


@pytest.mark.parametrize(("status", "moving"), [(Status.REVERTING, False), (Status.ROLLING, True)])
def test_an_older_rollout_that_goes_back_or_has_units_on_their_way_is_waited_for(
    status: Status, moving: bool
) -> None:
    engine = older(status, moving=moving)
    engine.tick()
    assert engine.ended(Status.ANNOUNCED)
    assert rollout_hold(engine) is (Reason.HANDING_OVER if moving else Reason.PREVIOUS_ROLLOUT)
    assert engine.facts.older[0].status is status


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("reason", [Reason.HANDING_OVER, Reason.PREVIOUS_BAKE])
def test_a_pop_that_the_newer_rollout_comes_to_in_this_window_is_left_to_it_also_while_units_are_overdue(
    reason: Reason, asks: bool
) -> None:
    engine = Engine(fleet(pop("a", 4)), measured())
    engine.tick()
    engine.obey()
    hold = Hold(reason, asks=asks)
    newer = engine.facts.rollout.changed(
        id="gateway-2.0.1", number="2.0.1", status=Status.ANNOUNCED, hold=hold
    )
    theirs = engine.turn("a").changed(rollout=newer.id, phase=TurnPhase.WAITING, cursor=0, progress=())
    engine.change(newer=(newer,), newer_turns=(theirs,))
    engine.consent("inconclusive")
    told = dict(engine.told)
    for _ in range(120):
        engine.tick(1)
    assert engine.told == told, "it would be disturbed twice in one window"
    assert engine.hold("a").reason is Reason.GIVES_WAY


def test_a_hotfix_for_who_runs_a_release_that_went_back_everywhere_goes_to_all_as_a_train_of_its_own() -> (
    None
):
    engine = Engine(fleet(pop("a", 4), pop("b", 4)))
    engine.change(
        release=engine.facts.release.changed(fixes="1.9.9"),
        rollout=engine.facts.rollout.changed(hotfix=Hotfix(how=How.AFFECTED)),
    )
    engine.tick()
    assert engine.facts.rollout.hotfix == Hotfix(how=How.SUPERSEDE)
    assert sorted(turn.pop for turn in engine.facts.turns) == ["a", "b"]
    assert any("no PoP runs 1.9.9 any more" in text for text in engine.said)
    assert engine.run() is Status.COMPLETED


def test_nodes_and_pops_that_leave_the_fleet_block_nobody() -> None:
    engine = Engine(fleet(pop("a", 4), pop("b", 4)), policy(rings=TWO_RINGS))
    engine.tick()
    gone = engine.turn("a").progress[0].unit
    left = pop("a", 4)
    nodes = tuple(node for node in left.nodes if node != str(gone))
    engine.change(fleet=fleet(left.changed(nodes=nodes)))
    engine.tick(1)
    assert str(gone) not in engine.turn("a").order
    assert engine.run() is Status.COMPLETED
    assert engine.owners == []
    assert not any(name.startswith("b") for name in engine.told)


def test_a_retired_canary_gives_way_to_another() -> None:
    engine = Engine(fleet(pop("a", 4, load=0.4)))
    engine.tick()
    engine.obey()
    engine.tick(1)
    canary = engine.turn("a").order[0]
    engine.change(retired=frozenset({canary}))
    engine.tick(1)
    assert engine.turn("a").phase is TurnPhase.CANARY
    assert engine.run() is Status.COMPLETED


def test_a_retired_control_leaves_nothing_to_compare_and_the_rest_goes() -> None:
    engine = Engine(fleet(pop("a", 2, load=0.3)), measured())
    engine.tick()
    engine.obey()
    engine.tick(1)
    control = engine.turn("a").order[1]
    engine.change(retired=frozenset({control}))
    engine.tick(1)
    assert engine.ended(Status.COMPLETED)


def test_content_goes_without_slots_windows_and_freezes() -> None:
    engine = Engine(fleet(pop("a", 4)), policy(lane="content"), CONTENT, now=OPENS - timedelta(hours=3))
    engine.change(rollout=engine.facts.rollout.changed(departs=engine.facts.now, not_before=engine.facts.now))
    engine.change(freezes=(freeze(1000),))
    engine.tick()
    assert list(engine.told) == [engine.turn("a").order[0]]
    assert engine.told.popitem()[0].endswith(CONTENT.suffix)
    assert engine.run() is Status.COMPLETED
    assert engine.owners == []


def test_a_feature_reaches_its_shares_of_accounts_with_the_commit() -> None:
    rings = (
        Ring(name="early", stage=Stage.EARLY, share_percent=10, soak_minutes=30),
        Ring(name="all", stage=Stage.GENERAL, rest=True, soak_minutes=0),
    )
    engine = Engine(fleet(pop("a", 1), accounts=20), policy(lane="feature", rings=rings), FEATURE)
    engine.tick()
    assert len(engine.turn("share:early").settled) == 2
    assert engine.turn("share:all").cursor == 0
    assert engine.run() is Status.COMPLETED
    assert sum(len(turn.settled) for turn in engine.facts.turns) == 20
    engine = Engine(fleet(pop("a", 1), accounts=20), policy(lane="feature", rings=rings), FEATURE)
    engine.tick()
    engine.steer(Status.REVERTING)
    engine.tick()
    assert engine.ended(Status.REVERTED)


def test_a_withdrawn_older_release_is_not_gone_back_to_and_a_person_is_asked() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    engine.obey()
    engine.tick(1)
    engine.steer(Status.REVERTING)
    engine.change(tombstoned=frozenset({OLD}))
    engine.tick()
    assert OLD not in engine.told.values()
    assert (engine.hold("a").reason, engine.hold("a").asks) == (Reason.TOMBSTONED, True)


def test_a_statistical_fail_without_a_pre_period_pauses_and_asks() -> None:
    engine = Engine(fleet(pop("a", 4)), measured())
    engine.tick()
    engine.obey()
    engine.tick(1)
    engine.change(
        evidence=RolloutEvidence(rollout="gateway-2.0.0", failed=True, log_e=9.0, log_threshold=6.9)
    )
    engine.tick(1)
    assert engine.ended(Status.PAUSED)
    assert engine.facts.tombstoned == frozenset()
    engine.consent("inconclusive")
    engine.steer(Status.ROLLING)
    engine.tick(1)
    assert engine.ended(Status.ROLLING)


def test_every_wait_of_a_course_says_a_reason() -> None:
    engine = Engine(fleet(pop("a", 4), pop("b", 1), group=("a", "b")))
    for _ in range(1_500):
        engine.tick(31)
        if engine.facts.rollout.over_at is not None:
            break
        wave = engine.facts.waves[engine.facts.rollout.wave]
        mine = [turn for turn in engine.facts.turns if turn.wave >= wave.ordinal]
        above = {later.ordinal: later.hold for later in engine.facts.waves if later.ordinal > wave.ordinal}
        held = [turn.hold or above.get(turn.wave) for turn in mine if turn.phase is not TurnPhase.DONE]
        assert engine.facts.rollout.hold or (wave.hold and all(held))
        engine.obey()
    assert engine.ended(Status.COMPLETED)


def test_a_wrong_version_is_a_hard_fail() -> None:
    engine = Engine(fleet(pop("a", 4)))
    engine.tick()
    item = engine.turn("a").progress[0]
    engine.change(
        reported={
            **engine.facts.reported,
            NodeId(item.unit): said(item.unit, "a", release="2.0.0-rc1", generation=item.generation),
        }
    )
    engine.tick(1)
    assert engine.ended(Status.REVERTING)
