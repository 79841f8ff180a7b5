"""Vitals: bounded figures, gathered seldom, that say what the store says."""

from pathlib import Path

import pytest
from tests.control.practice import OPERATOR, ROLLOUT, START, Practice, node_caller

from wavetrain.control import cordons
from wavetrain.control.poll import Report, hear
from wavetrain.control.vitals import (
    BOUNDS_S,
    OTHERS,
    PICTURE_EVERY_S,
    PICTURE_SHARE_MAX,
    SILENT,
    Spans,
    Vitals,
    shortened,
    taken,
)
from wavetrain.decide.evidence_kept import RolloutEvidence
from wavetrain.model.fleet import Generation, NodeId, Phase
from wavetrain.model.notice import Alert, AlertKind, Channel, Delivery, Outgoing
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Rollout, Status


class Clock:
    """A clock that moves by `step` each time it is read."""

    def __init__(self, step: float = 0.0) -> None:
        self.at, self.step = 100.0, step

    def __call__(self) -> float:
        self.at += self.step
        return self.at


def nothing(_: str) -> RolloutEvidence | None:
    return None


def test_a_picture_counts_what_is_there(tmp_path: Path) -> None:
    house = Practice(tmp_path)
    house.rolling()
    report = Report(
        node=NodeId("lis1-n1"), generation=Generation(1, 1), release="2.0.0", phase=Phase.DRAINING
    )
    hear(house.store, node_caller("lis1-n1"), report)
    cordons.cordon(house.store, OPERATOR, "fra1", "power works")
    with house.store.write() as transaction:
        rollout = transaction.get(Rollout, ROLLOUT)
        assert rollout is not None
        transaction.put(rollout.changed(hold=Hold(Reason.INCONCLUSIVE, asks=True)))
    evidence = RolloutEvidence(rollout=ROLLOUT, log_e=2.0, log_threshold=8.0)
    with house.store.read() as view:
        seen = taken(view, lambda name: evidence if name == ROLLOUT else None)
        assert seen.sequence == view.sequence
    assert (seen.rollouts["rolling"], sum(seen.rollouts.values())) == (1, 1)
    assert seen.holds["inconclusive", True] == 1
    assert (seen.nodes["draining"], seen.nodes[SILENT], sum(seen.nodes.values())) == (1, 7, 8)
    assert seen.releases == {"2.0.0": 1}
    assert seen.set_aside == {"quarantined": 0, "retired": 0, "cordoned": 1}
    assert seen.evidence == {ROLLOUT: 0.25}
    assert seen.slots == 1


def test_alerts_that_wait_or_were_given_up_are_counted_by_channel(tmp_path: Path) -> None:
    house = Practice(tmp_path)
    states = {"a": Delivery.WAITING, "b": Delivery.WAITING, "c": Delivery.DEAD, "d": Delivery.DELIVERED}
    with house.store.write() as transaction:
        transaction.put(Channel(name="mail", kind="smtp", on=(), since=START))
        for name, state in states.items():
            transaction.put(letter(name, state))
    with house.store.read() as view:
        seen = taken(view, nothing)
    assert seen.alerts == {
        ("mail", "waiting"): 0,
        ("mail", "dead"): 0,
        ("chat", "waiting"): 2,
        ("chat", "dead"): 1,
    }


def letter(name: str, state: Delivery) -> Outgoing:
    """An alert on its way through the channel `chat`."""
    alert = Alert(
        id=name, kind=AlertKind.TEST, subject="x", title="x", since=START, why="x", command="wavetrain why x"
    )
    return Outgoing(
        id=name, channel="chat", state=state, alert=alert, made_at=START, queued_at=1.0, due_at=1.0
    )


def test_holds_of_rollouts_that_are_over_are_not_counted(tmp_path: Path) -> None:
    house = Practice(tmp_path)
    house.rolling()
    with house.store.read() as view:
        before = taken(view, nothing)
    with house.store.write() as transaction:
        rollout = transaction.get(Rollout, ROLLOUT)
        assert rollout is not None
        transaction.put(rollout.changed(hold=Hold(Reason.PAUSED), status=Status.SUPERSEDED))
    with house.store.read() as view:
        after = taken(view, nothing)
    assert before.rollouts["rolling"] == after.rollouts["superseded"] == 1
    assert not after.holds


def test_a_picture_is_taken_every_five_seconds_at_most(tmp_path: Path) -> None:
    house, clock, vitals = Practice(tmp_path), Clock(), Vitals()
    assert vitals.picture is None
    assert vitals.look(house.store, nothing, clock)
    first = vitals.picture
    clock.at += PICTURE_EVERY_S - 0.01
    assert not vitals.look(house.store, nothing, clock)
    assert vitals.picture is first
    clock.at += 0.02
    assert vitals.look(house.store, nothing, clock)
    assert vitals.picture is not first


def test_pictures_of_a_great_fleet_come_less_often(tmp_path: Path) -> None:
    house, vitals = Practice(tmp_path), Vitals()
    clock = Clock(step=2.0)  # so long does each picture take
    assert vitals.look(house.store, nothing, clock)
    clock.step = 0.0
    clock.at += 2.0 / PICTURE_SHARE_MAX - 0.01
    assert not vitals.look(house.store, nothing, clock)
    clock.at += 0.02
    assert vitals.look(house.store, nothing, clock)


def test_ticks_are_counted_by_how_they_ended_and_how_long_they_took() -> None:
    vitals = Vitals()
    vitals.begins(10.0)
    vitals.ends(10.02, commits=3, stale=1)
    vitals.begins(11.0)
    vitals.ends(31.0, error="the disk is full")
    vitals.wrote(0.004)
    pulse = vitals.pulse
    assert (pulse.ticks, pulse.failed, pulse.stale, pulse.commits) == (2, 1, 1, 3)
    assert (pulse.ended_at, pulse.begun_at, pulse.error) == (31.0, None, "the disk is full")
    assert pulse.took.seconds == pytest.approx(20.02)
    assert pulse.took.counts[BOUNDS_S.index(0.025)] == 1
    assert pulse.took.counts[-1] == 1
    assert sum(pulse.written.counts) == 1
    vitals.begins(32.0)
    vitals.ends(32.0)
    assert vitals.pulse.error == ""


def test_a_span_that_equals_a_bound_is_within_it() -> None:
    assert Spans().with_one(BOUNDS_S[0]).counts[0] == 1
    assert Spans().with_one(BOUNDS_S[-1]).counts[-2] == 1
    assert Spans().with_one(BOUNDS_S[-1] + 0.1).counts[-1] == 1


def test_only_the_most_frequent_names_are_shown_and_nothing_is_lost() -> None:
    counts = {f"1.{index}": index + 1 for index in range(50)}
    shown = shortened(counts, 20)
    assert len(shown) == 21
    assert shown["1.49"] == 50
    assert "1.29" not in shown
    assert sum(shown.values()) == sum(counts.values())
    assert shortened({OTHERS: 9, "a": 1, "b": 1}, 1) == {OTHERS: 11}
