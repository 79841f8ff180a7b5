"""Nothing moves while a clock is wrong or a restore is not confirmed; then it goes on where it was."""

from datetime import timedelta
from random import Random

import pytest
from tests.control.practice import APPROVER, OPERATOR, ROLLOUT, START, VIEWER, Practice

from wavetrain.control import explain, poll, restored, standstill
from wavetrain.control.tick import Ticker
from wavetrain.decide.permit import Caller
from wavetrain.errors import ForbiddenError, RefusedError, TransitionError, UnknownError
from wavetrain.model.access import Role
from wavetrain.model.fleet import Desired, Generation, NodeId, Phase, PopId, Reported
from wavetrain.model.ledger import Ledger
from wavetrain.model.plan import Reason
from wavetrain.model.policy import CurrentPolicy
from wavetrain.model.rollout import Progress, Rollout, Slot, Status, Turn, TurnPhase
from wavetrain.model.standstill import Believed, Cause, Standstill
from wavetrain.simulate.health import SimHealth
from wavetrain.simulate.nature import Nature

NODE = NodeId("lis1-n1")
HOUR = 3600.0


def rolling(
    house: Practice, status: Status, phase: TurnPhase, progress: tuple[Progress, ...] | None = None
) -> Rollout:
    """A rollout under its lane's policy."""
    made = (
        house.rolling(status, phase) if progress is None else house.rolling(status, phase, progress=progress)
    )
    with house.store.write() as transaction:
        current = transaction.get(CurrentPolicy, "pop")
        assert current is not None
        return transaction.put(made.changed(policy=current.digest))


class Machine:
    """A control plane's machine: a clock that can be set, and the time that it really ran."""

    def __init__(self, house: Practice) -> None:
        self.house = house
        self.ran = 1000.0
        self.ticker = self.started()

    def started(self) -> Ticker:
        health = SimHealth(lambda: self.house.seconds, {}, Nature(Random(1)))
        return Ticker(self.house.store, health, running=lambda: self.ran)

    def passes(self, seconds: float) -> None:
        self.house.seconds += seconds
        self.ran += seconds
        self.ticker.tick()


def held(house: Practice) -> Reason | None:
    with house.store.read() as view:
        rollout = view.get(Rollout, ROLLOUT)
    assert rollout is not None
    return rollout.hold.reason if rollout.hold is not None else None


def told(house: Practice, node: NodeId = NODE) -> poll.Order:
    return poll.order(house.store, house.trust, node)


@pytest.mark.parametrize("step", [HOUR, -HOUR, 3.0, -3.0])
def test_a_stepped_clock_brings_everything_to_a_stand_until_it_is_right_again(
    house: Practice, step: float
) -> None:
    rolling(house, Status.PAUSED, TurnPhase.CANARY)
    machine = Machine(house)
    machine.passes(5)
    house.seconds += step
    machine.passes(1)
    assert held(house) is Reason.CLOCK
    answer = explain.why(house.store, VIEWER, ROLLOUT).answer
    assert f"was stepped by {step:+.0f} s" in answer
    assert "a person is asked" in answer
    with house.store.read() as view:
        before = view.sequence
    machine.passes(60)
    with house.store.read() as view:
        assert view.sequence == before
    house.seconds -= step
    machine.passes(1)
    assert held(house) is Reason.PAUSED


def test_no_node_gets_a_permission_while_the_clock_is_wrong(house: Practice) -> None:
    rolling(house, Status.ROLLING, TurnPhase.CANARY)
    machine = Machine(house)
    _order(house)
    assert told(house).signature
    house.seconds -= HOUR
    machine.passes(1)
    assert (told(house).permitted_s, told(house).signature) == (0.0, "")


def test_a_clock_that_drifts_a_little_stops_nobody(house: Practice) -> None:
    rolling(house, Status.PAUSED, TurnPhase.CANARY)
    machine = Machine(house)
    for _ in range(3):
        house.seconds += 0.5
        machine.passes(10)
        assert held(house) is Reason.PAUSED


def test_a_person_accepts_the_new_time(house: Practice) -> None:
    rolling(house, Status.PAUSED, TurnPhase.CANARY)
    machine = Machine(house)
    house.seconds += HOUR
    machine.passes(1)
    with pytest.raises(ForbiddenError):
        standstill.confirm(house.store, OPERATOR, "clock", "it is right")
    standstill.confirm(house.store, APPROVER, "clock", "it is right now")
    machine.passes(1)
    assert held(house) is Reason.PAUSED
    house.seconds -= HOUR
    machine.passes(1)
    assert held(house) is Reason.CLOCK


def test_another_process_goes_on_with_the_stand_and_ends_it_when_the_clock_is_right(house: Practice) -> None:
    rolling(house, Status.PAUSED, TurnPhase.CANARY)
    machine = Machine(house)
    house.seconds += HOUR
    machine.passes(1)
    machine.ticker = machine.started()
    machine.passes(1)
    assert held(house) is Reason.CLOCK
    house.seconds -= HOUR
    machine.passes(1)
    assert held(house) is Reason.PAUSED


def test_a_clock_that_is_stepped_between_the_look_and_the_commit_moves_nothing(house: Practice) -> None:
    rollout = rolling(house, Status.ROLLING, TurnPhase.WAITING, progress=())
    machine = Machine(house)
    decided: list[str] = []

    def step(facts: object) -> object:
        from wavetrain.decide import planner
        from wavetrain.decide.facts import Facts

        assert isinstance(facts, Facts)
        if not decided:
            house.seconds += HOUR
        decided.append(facts.rollout.id)
        return planner.decide(facts)

    machine.ticker = Ticker(
        house.store,
        SimHealth(lambda: house.seconds, {}, Nature(Random(1))),
        step,  # type: ignore[arg-type]
        lambda: machine.ran,
    )
    with house.store.read() as view:
        before = view.find(Desired)
    machine.ticker.tick()
    with house.store.read() as view:
        assert view.find(Desired) == before
        assert view.get(Rollout, rollout.id) == rollout
    assert len(decided) >= 2


@pytest.mark.parametrize(("off", "kept"), [(HOUR, 3600.0), (-HOUR, -3600.0), (1.5, 0.0), (0.0, 0.0)])
def test_a_node_whose_clock_is_off_says_so_by_its_report(house: Practice, off: float, kept: float) -> None:
    rolling(house, Status.ROLLING, TurnPhase.CANARY)
    _hear(house, clock=house.seconds + off)
    with house.store.read() as view:
        said = view.get(Reported, NODE)
        before = view.sequence
    assert said is not None
    assert said.clock_off_s == kept
    house.seconds += 10
    _hear(house, clock=house.seconds + off + 0.4)
    with house.store.read() as view:
        assert view.sequence == before


def _hear(house: Practice, *, release: str = "1.9.0", clock: float = 0.0, counter: int = 0) -> None:
    report = poll.Report(
        node=NODE,
        generation=Generation(1, counter) if counter else Generation(0, 0),
        release=release,
        phase=Phase.STEADY,
        clock=clock,
    )
    poll.hear(house.store, Caller(NODE, (Role.NODE,)), report)


def _order(house: Practice, node: NodeId = NODE) -> None:
    with house.store.write() as transaction:
        known = transaction.get(Desired, node)
        ledger = transaction.get(Ledger, "ledger") or Ledger()
        transaction.put(ledger.changed(generation=Generation(1, 9)))
        transaction.put(
            Desired(
                node=node,
                pop=PopId("lis1"),
                generation=Generation(1, 9),
                release="2.0.0",
                rollout=ROLLOUT,
                permitted_s=120.0,
                permitted_at=transaction.steady,
                version=known.version if known is not None else 0,
            )
        )


def _restored(house: Practice) -> None:
    """The backup knew `lis1-n1` on its way to the release, with a permission and a slot."""
    rolling(house, Status.ROLLING, TurnPhase.CANARY)
    _hear(house)
    _order(house)
    restored.begin(house.store, START - timedelta(hours=1), "ada")


def test_a_restore_begins_a_new_era_and_permits_nothing(house: Practice) -> None:
    _restored(house)
    with house.store.read() as view:
        ledger = view.get(Ledger, "ledger")
        assert ledger is not None
        assert ledger.generation == Generation(2, 0)
        assert view.find(Reported) == []
        assert [item.node for item in view.find(Believed)] == [NODE]
    assert told(house).permitted_s == 0.0
    Machine(house).passes(30)
    assert held(house) is Reason.RESTORED
    with pytest.raises(RefusedError, match="restored already"):
        restored.begin(house.store, START, "ada")


def test_what_a_node_did_since_the_backup_is_shown_and_confirmed_as_it_was_shown(house: Practice) -> None:
    _restored(house)
    _hear(house, release="2.0.0", counter=57)
    (shown,) = standstill.seen(house.store, VIEWER)
    assert shown.difference is not None
    (moved,) = shown.difference.moved
    assert (moved.node, moved.believed, moved.reported) == (NODE, "1.9.0", "2.0.0")
    assert "lis1-n2" in shown.difference.silent
    with pytest.raises(TransitionError, match="another one than was shown"):
        standstill.confirm(house.store, APPROVER, "restore", "seen", "0" * 16)
    standstill.confirm(house.store, APPROVER, "restore", "seen", shown.difference.digest)
    with house.store.read() as view:
        order, rollout = view.get(Desired, NODE), view.get(Rollout, ROLLOUT)
        assert not view.find(Standstill)
        assert not view.find(Believed)
        assert not view.find(Slot)
        turns = view.find(Turn, rollout=ROLLOUT)
    assert order is not None
    assert (order.release, order.permitted_s) == ("2.0.0", 0.0)
    assert order.generation > Generation(2, 0)
    assert rollout is not None
    assert (rollout.status, held(house)) == (Status.PAUSED, Reason.PAUSED)
    assert all(not turn.progress for turn in turns)


def test_a_slot_of_a_node_that_has_not_come_back_is_kept(house: Practice) -> None:
    _restored(house)
    with house.store.read() as view:
        slots = view.find(Slot)
        digest = restored.difference(view).digest
    assert slots
    report = poll.Report(node=NODE, generation=Generation(1, 57), release="2.0.0", phase=Phase.FAILED)
    poll.hear(house.store, Caller(NODE, (Role.NODE,)), report)
    with house.store.read() as view:
        assert restored.difference(view).digest != digest
        digest = restored.difference(view).digest
    standstill.confirm(house.store, APPROVER, "restore", "seen", digest)
    with house.store.read() as view:
        assert [slot.owner for slot in view.find(Slot)] == [slot.owner for slot in slots]


def test_nothing_is_confirmed_that_does_not_stand_still(house: Practice) -> None:
    for cause in ("clock", "restore", "x" * 1000):
        with pytest.raises(UnknownError, match="nothing stands still"):
            standstill.confirm(house.store, APPROVER, cause, "because")
    assert standstill.seen(house.store, VIEWER) == []
    assert {item.value for item in Cause} == {"clock", "restore"}
