import msgspec
import pytest
from tests.decide.engine import Engine, fleet, measured, policy, pop
from tests.decide.test_comparison import fed, kept

from wavetrain.decide import recovery, verdict
from wavetrain.decide.evidence_kept import RolloutEvidence
from wavetrain.decide.recovery import Way
from wavetrain.decide.running_test import RunningTest
from wavetrain.decide.verdict import Ruling
from wavetrain.model.fleet import NodeId
from wavetrain.model.health import Verdict
from wavetrain.model.lane import POP, Lane, UnitKind
from wavetrain.model.plan import Reason
from wavetrain.model.policy import PlaceboLock

ONE_WAY = Lane(
    name="client",
    unit=UnitKind.NODE,
    disturbs=True,
    reports=True,
    windowed=False,
    can_go_back=False,
    bakes=False,
)


def baking() -> Engine:
    engine = Engine(fleet(pop("a", 4)), measured())
    engine.tick()
    engine.obey()
    engine.tick(1)
    return engine


def measure(engine: Engine, test: RunningTest) -> None:
    engine.change(evidence=test.record, pop_evidence=test.pops)


@pytest.mark.parametrize(
    ("lane", "hard", "calibrated", "way"),
    [
        (POP, True, False, Way.BACK),
        (POP, True, True, Way.BACK),
        (POP, False, True, Way.BACK),
        (POP, False, False, Way.PAUSE),
        (ONE_WAY, True, True, Way.STOP),
        (ONE_WAY, False, False, Way.STOP),
    ],
)
def test_what_follows_a_fail(lane: Lane, hard: bool, calibrated: bool, way: Way) -> None:
    doubt = "" if calibrated else "there was no pre-period"
    chosen = recovery.choose(Ruling(Verdict.FAIL, "worse", hard=hard), lane, doubt)
    assert chosen.way is way
    assert "worse" in chosen.text


def test_nothing_is_said_while_nothing_speaks_against_the_release() -> None:
    assert verdict.of_rollout(baking().draft()) is None


def test_evidence_that_has_failed_is_a_statistical_fail() -> None:
    engine = baking()
    engine.change(evidence=RolloutEvidence(rollout="r", failed=True))
    ruling = verdict.of_rollout(engine.draft())
    assert ruling is not None
    assert not ruling.hard
    assert verdict.doubt(engine.draft()) == "there was no pre-period to calibrate on"


def test_a_pre_period_that_was_long_enough_makes_the_fail_count() -> None:
    engine = baking()
    measure(engine, fed(kept(), failed=20, bins=5))
    assert verdict.doubt(engine.draft()) == ""
    rules = engine.facts.policy
    longer = msgspec.structs.replace(rules.verdicts, pre_period_s=500.0)
    engine.change(policy=msgspec.structs.replace(rules, verdicts=longer))
    assert verdict.doubt(engine.draft()) == "there was no pre-period to calibrate on"


@pytest.mark.parametrize(
    ("lock", "certified", "says"),
    [
        (PlaceboLock.TRUST, None, ""),
        (PlaceboLock.STRICT, None, "no placebo trains have certified its error rate"),
        (PlaceboLock.STRICT, 0.19, "placebo trains certify an alpha of 0.19, not the policy's 0.001"),
        (PlaceboLock.STRICT, 0.001, ""),
    ],
)
def test_a_strict_lock_wants_placebo_trains_before_a_fail_goes_back(
    lock: PlaceboLock, certified: float | None, says: str
) -> None:
    engine = baking()
    rules = engine.facts.policy
    engine.change(
        policy=msgspec.structs.replace(rules, verdicts=msgspec.structs.replace(rules.verdicts, lock=lock)),
        evidence=RolloutEvidence(rollout="r", failed=True, pre_period_s=1e6, certified=certified),
    )
    assert verdict.doubt(engine.draft()) == says


def test_the_gate_says_in_figures_what_is_missing() -> None:
    engine = baking()
    hold = verdict.gate_hold(engine.draft(), engine.turn("a"))
    assert hold is not None
    assert (hold.reason, hold.detail) == (Reason.EVIDENCE, "nothing compared yet")
    measure(engine, fed(kept(), failed=2, bins=1))
    hold = verdict.gate_hold(engine.draft(), engine.turn("a"))
    assert hold is not None
    assert (hold.reason, hold.detail) == (Reason.EVIDENCE, "failures: 1000 of 2000")
    measure(engine, fed(kept(), failed=12, bins=3))
    hold = verdict.gate_hold(engine.draft(), engine.turn("a"))
    assert hold is not None
    assert "must be below 0.2000%" in hold.detail
    measure(engine, fed(kept(), failed=2, bins=5, sessions=5))
    hold = verdict.gate_hold(engine.draft(), engine.turn("a"))
    assert hold is not None
    assert hold.reason is Reason.CANARY_SHARE
    measure(engine, fed(kept(), failed=2, bins=60))
    assert verdict.gate_hold(engine.draft(), engine.turn("a")) is None


def test_a_policy_without_metrics_has_no_gate_and_no_telemetry_to_miss() -> None:
    engine = baking()
    engine.change(policy=policy(), unseen_s={})
    assert verdict.gate_hold(engine.draft(), engine.turn("a")) is None
    assert verdict.telemetry_hold(engine.draft(), engine.turn("a")) is None


@pytest.mark.parametrize(
    ("unseen_s", "reason", "asks"),
    [
        ({"x": 0.0}, Reason.TELEMETRY_AWAY, True),
        ({"canary": 14.0}, None, False),
        ({"canary": 16.0}, Reason.TELEMETRY_AWAY, False),
        ({"canary": 76.0}, Reason.TELEMETRY_AWAY, True),
    ],
)
def test_an_exposed_node_that_is_not_measured_is_a_hold(
    unseen_s: dict[str, float], reason: Reason | None, asks: bool
) -> None:
    engine = baking()
    canary = engine.turn("a").order[0]
    engine.change(unseen_s={NodeId(name.replace("canary", canary)): age for name, age in unseen_s.items()})
    hold = verdict.telemetry_hold(engine.draft(), engine.turn("a"))
    assert (hold.reason if hold else None, hold.asks if hold else False) == (reason, asks)
