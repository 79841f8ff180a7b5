"""Which facts are told, once each, and what an alert says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from wavetrain.cli.main import app
from wavetrain.decide import way_out
from wavetrain.decide.alerts import Answer, Scene, answer, of_lease, of_test, wanted
from wavetrain.model.fleet import Generation, NodeId, PopId, Quarantine, UnitId
from wavetrain.model.notice import Alert, AlertKind, Channel, Tenure
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.release import ReleaseId, Stage
from wavetrain.model.rollout import (
    Approval,
    Progress,
    Rollout,
    RolloutId,
    Slot,
    Status,
    Turn,
    TurnPhase,
    UnitState,
    Wave,
    WaveStatus,
)
from wavetrain.model.standstill import Cause, Standstill

NOW = datetime(2027, 3, 7, 3, tzinfo=UTC)
STEADY = NOW.timestamp()
HOUR = timedelta(hours=1)
NAME = RolloutId("edge-2.1.0")
NODE = UnitId("fra1-n1")
SILENT = Hold(Reason.NOT_REPORTING, detail="fra1-n1", asks=True)
SHORT = Hold(Reason.SLOT_TAKEN, detail="owned by fra1-n2")
BLIND = Hold(Reason.TELEMETRY_AWAY, detail="no sample of fra1-n1 for over 60 s")


def rollout(status: Status = Status.ROLLING, **fields: Any) -> Rollout:
    return Rollout(
        id=NAME,
        release=ReleaseId("edge@2.1.0"),
        number="2.1.0",
        previous="2.0.0",
        component="edge",
        lane="pop",
        status=status,
        policy="",
        created_at=NOW - 9 * HOUR,
        created_by="ci",
        departs=NOW,
        not_before=NOW,
        **fields,
    )


def turn(hold: Hold | None = None, pop: str = "fra1", **fields: Any) -> Turn:
    values = {"opens": NOW - HOUR, "closes": NOW + 3 * HOUR, "phase": TurnPhase.REST, **fields}
    return Turn(rollout=NAME, pop=PopId(pop), wave=0, order=(NODE,), canaries=1, hold=hold, **values)


def wave(hold: Hold | None) -> Wave:
    return Wave(
        rollout=NAME,
        ordinal=0,
        ring="pilot",
        stage=Stage.EARLY,
        status=WaveStatus.EXECUTING,
        soak_minutes=0,
        last_of_ring=True,
        hold=hold,
    )


def slot(since: datetime = NOW - 2 * HOUR) -> Slot:
    return Slot(budget="pop:fra1", ordinal=0, owner=NODE, pop=PopId("fra1"), rollout=NAME, since=since)


def moving(late_at: float) -> Progress:
    return Progress(
        unit=NODE,
        state=UnitState.DRAINING,
        generation=Generation(1, 1),
        release="2.1.0",
        since=0.0,
        late_at=late_at,
    )


def lost(serves: bool = False) -> dict[str, Quarantine]:
    name = NodeId(NODE)
    kept = Quarantine(
        node=name, pop=PopId("fra1"), rollout=NAME, since=NOW, reason="probe failed", serves=serves
    )
    return {NODE: kept}


def told(scene: Scene, since: datetime | None = None) -> list[Alert]:
    """What is told of a scene in which everything that lasts began at `since`."""
    first = answer(scene, {})
    known = dict.fromkeys(first.standing, since or scene.now)
    made = answer(scene, known)
    return [*made.lasting, *made.moments]


def scene(**fields: Any) -> Scene:
    return Scene(now=NOW, steady=STEADY, **fields)


FACTS: dict[str, tuple[Scene, timedelta, list[tuple[str, str, str]]]] = {
    "a turn that asks": (
        scene(rollouts=[rollout()], turns=[turn(SILENT)]),
        timedelta(0),
        [("asks", "edge-2.1.0/fra1", "wavetrain why fra1")],
    ),
    "what stands above only repeats it": (
        scene(rollouts=[rollout(hold=SILENT)], waves=[wave(SILENT)], turns=[turn(SILENT)]),
        timedelta(0),
        [("asks", "edge-2.1.0/fra1", "wavetrain why fra1")],
    ),
    "an approval is asked of a wave": (
        scene(rollouts=[rollout()], waves=[wave(Hold(Reason.APPROVAL, asks=True))]),
        timedelta(0),
        [("asks", "edge-2.1.0/0", "wavetrain rollout approve edge-2.1.0")],
    ),
    "a pause": (
        scene(rollouts=[rollout(Status.PAUSED, hold=Hold(Reason.PAUSED, detail="calls", asks=True))]),
        timedelta(0),
        [("asks", "edge-2.1.0", "wavetrain rollout resume edge-2.1.0")],
    ),
    "a standstill is one fact, however many rollouts show it": (
        scene(
            rollouts=[rollout(hold=Hold(Reason.CLOCK, asks=True))],
            standstills=[Standstill(cause=Cause.CLOCK, since=NOW, detail="stepped by 3600 s")],
        ),
        timedelta(0),
        [("asks", "clock", "wavetrain standstill show")],
    ),
    "a wait that asks nobody": (
        scene(rollouts=[rollout()], turns=[turn(Hold(Reason.BAKE_TIME))]),
        9 * HOUR,
        [],
    ),
    "blind for a while": (scene(rollouts=[rollout()], turns=[turn(BLIND)]), timedelta(minutes=9), []),
    "blind for long": (
        scene(rollouts=[rollout()], turns=[turn(BLIND)]),
        timedelta(minutes=10),
        [("errored", "edge-2.1.0/fra1", "wavetrain why fra1")],
    ),
    "no slot for a while": (scene(rollouts=[rollout()], turns=[turn(SHORT)]), timedelta(minutes=59), []),
    "no slot for long": (
        scene(rollouts=[rollout()], turns=[turn(SHORT)]),
        HOUR,
        [("starved", "edge-2.1.0/fra1", "wavetrain why fra1")],
    ),
    "no slot outside its window": (
        scene(rollouts=[rollout()], turns=[turn(SHORT, closes=NOW)]),
        9 * HOUR,
        [],
    ),
    "no slot to go back, past all windows": (
        scene(rollouts=[rollout()], turns=[turn(SHORT, closes=NOW, phase=TurnPhase.BACK)]),
        HOUR,
        [("starved", "edge-2.1.0/fra1", "wavetrain why fra1")],
    ),
    "a quarantined owner of a slot": (
        scene(slots=[slot()], quarantined=lost()),
        timedelta(0),
        [("starved", "pop:fra1/0", "wavetrain node retire fra1-n1 --reason TEXT")],
    ),
    "a silent owner of a slot": (
        scene(slots=[slot()], turns=[turn(progress=(moving(STEADY - 1),))]),
        timedelta(0),
        [("starved", "pop:fra1/0", "wavetrain node retire fra1-n1 --reason TEXT")],
    ),
    "an owner that nobody counts on": (
        scene(slots=[slot()]),
        timedelta(0),
        [("starved", "pop:fra1/0", "wavetrain node retire fra1-n1 --reason TEXT")],
    ),
    "an owner that is on its way": (
        scene(slots=[slot()], turns=[turn(progress=(moving(STEADY + 1),))]),
        timedelta(0),
        [],
    ),
    "a slot that was taken just now": (scene(slots=[slot(NOW - HOUR / 2)], quarantined=lost()), HOUR, []),
    "a verdict that goes back": (
        scene(rollouts=[rollout(Status.REVERTING, cause="worse than its control", failed_at=STEADY - 5)]),
        timedelta(0),
        [("fail", "edge-2.1.0", "wavetrain rollout watch edge-2.1.0")],
    ),
    "a verdict that pauses": (
        scene(
            rollouts=[rollout(Status.PAUSED, hold=Hold(Reason.PAUSED, asks=True))], failing=frozenset({NAME})
        ),
        timedelta(0),
        [
            ("fail", "edge-2.1.0", "wavetrain rollout revert edge-2.1.0 --reason TEXT"),
            ("asks", "edge-2.1.0", "wavetrain rollout resume edge-2.1.0"),
        ],
    ),
    "a verdict that a person has overruled": (
        scene(
            rollouts=[rollout(Status.PAUSED, approvals=(Approval(kind="inconclusive", by="anna", at=NOW),))],
            failing=frozenset({NAME}),
        ),
        timedelta(0),
        [],
    ),
    "a completed rollout": (
        scene(rollouts=[rollout(Status.COMPLETED, over_at=NOW)]),
        timedelta(0),
        [("completed", "edge-2.1.0", "wavetrain why edge@2.1.0")],
    ),
    "a reverted rollout": (
        scene(rollouts=[rollout(Status.REVERTED, over_at=NOW)]),
        timedelta(0),
        [("reverted", "edge-2.1.0", "wavetrain why edge@2.1.0")],
    ),
    "a rollout with residue": (
        scene(rollouts=[rollout(Status.PARTLY_REVERTED, over_at=NOW, residue=(NODE,))]),
        timedelta(0),
        [("residue", "edge-2.1.0", "wavetrain why edge@2.1.0")],
    ),
    "a stopped rollout": (
        scene(rollouts=[rollout(Status.STOPPED, over_at=NOW)]),
        timedelta(0),
        [("stopped", "edge-2.1.0", "wavetrain why edge@2.1.0")],
    ),
    "a rollout that was over long ago": (
        scene(rollouts=[rollout(Status.COMPLETED, over_at=NOW - 8 * 24 * HOUR)]),
        timedelta(0),
        [],
    ),
}


@pytest.mark.parametrize("case", FACTS)
def test_each_fact_is_told_when_it_has_lasted_long_enough(case: str) -> None:
    at, lasted, expected = FACTS[case]
    made = told(at, NOW - lasted)
    assert [(item.kind.value, item.subject, item.command) for item in made] == expected


@pytest.mark.parametrize("case", FACTS)
def test_an_alert_says_what_where_since_when_and_why_in_single_lines(case: str) -> None:
    for item in told(FACTS[case][0], NOW - FACTS[case][1]):
        assert item.subject.split("/")[0] in item.title
        assert item.why
        assert item.title.isprintable()
        assert item.since <= NOW


def test_what_will_have_lasted_long_enough_says_when() -> None:
    at = scene(rollouts=[rollout()], turns=[turn(BLIND)], slots=[slot(NOW - HOUR / 2)], quarantined=lost())
    made = answer(at, {("errored", "edge-2.1.0/fra1", ""): NOW - timedelta(minutes=4)})
    assert (made.lasting, made.next_at) == ((), NOW + timedelta(minutes=6))
    assert made.standing == {("errored", "edge-2.1.0/fra1", ""): NOW - timedelta(minutes=4)}
    assert answer(scene(), {}) == Answer()


def test_a_fact_keeps_its_id_while_everything_else_changes_and_gets_a_new_one_when_it_comes_again() -> None:
    (first,) = told(scene(rollouts=[rollout()], turns=[turn(SILENT)]), NOW)
    other = Hold(Reason.NOT_REPORTING, detail="another node besides", asks=True)
    later = Scene(now=NOW + 5 * HOUR, steady=STEADY + 5, rollouts=[rollout()], turns=[turn(other)])
    (same,) = told(later, NOW)
    (again,) = told(later, NOW + HOUR)
    assert first.id == same.id != again.id
    failed = [
        told(Scene(now=NOW + step * HOUR, steady=STEADY + step * 3600, rollouts=[made]), NOW)
        for step in (0, 1)
        for made in [rollout(Status.REVERTING, failed_at=STEADY - 0.1)]
    ]
    assert failed[0][0].id == failed[1][0].id


def test_a_node_s_own_words_cannot_leave_their_line() -> None:
    hold = Hold(
        Reason.LAPSED_OFTEN, detail="fra1-n1: bad\r\nBcc: all@example.net\x1b[2J" + "x" * 2_000, asks=True
    )
    (made,) = told(scene(rollouts=[rollout()], turns=[turn(hold)]))
    assert made.why.startswith("fra1-n1: bad Bcc: all@example.net [2J")
    assert made.why.isprintable()
    assert len(made.why) == 1_000


def test_a_channel_tells_its_own_kinds_and_no_moment_from_before_it_was_set_up() -> None:
    at = scene(
        rollouts=[rollout(Status.REVERTED, failed_at=STEADY - 60, over_at=NOW - timedelta(seconds=30))],
        turns=[turn(SILENT)],
    )
    answered = answer(at, {("asks", "edge-2.1.0/fra1", "not_reporting"): NOW - 3 * HOUR})
    every = tuple(AlertKind)

    def kinds(on: tuple[AlertKind, ...], since: datetime) -> list[str]:
        return [
            item.kind.value for item in wanted(Channel(name="c", kind="mail", on=on, since=since), answered)
        ]

    assert kinds(every, NOW - HOUR) == ["asks", "fail", "reverted"]
    assert kinds(every, NOW - timedelta(seconds=45)) == ["asks", "reverted"]
    assert kinds(every, NOW) == ["asks"]
    assert kinds((AlertKind.REVERTED,), NOW - HOUR) == ["reverted"]


def test_a_lost_writer_is_told_once_and_one_that_said_good_bye_never() -> None:
    before = Tenure(holder="a:1", since=NOW)
    assert of_lease(before.changed(ended=True), "b:2", NOW) is None
    assert of_lease(before, "a:1", NOW) is None
    first, again = of_lease(before, "b:2", NOW), of_lease(before, "c:3", NOW + HOUR)
    assert first is not None
    assert again is not None
    assert first.id == again.id
    assert (first.kind, first.subject, "b:2 writes now" in first.why) == (AlertKind.LEASE, "a:1", True)


def test_each_test_is_its_own_alert() -> None:
    made = [of_test(channel, "olga", at, NOW).id for channel, at in (("a", 1.0), ("b", 1.0), ("a", 1.5))]
    assert len(set(made)) == 3


names = st.text("ab:/0", min_size=1, max_size=4)
times = st.integers(0, 3).map(lambda hours: NOW - hours * HOUR)


@given(st.lists(st.tuples(names, names, times), min_size=2, max_size=12))
def test_two_facts_never_share_an_id(facts: list[tuple[str, str, datetime]]) -> None:
    """Whatever rollouts, PoPs and slots are called: also where one name with another reads like a third."""
    ids: dict[str, tuple[str, ...]] = {}
    for name, pop, since in facts:
        at = scene(
            turns=[turn(SILENT, pop=pop).changed(rollout=name)],
            slots=[slot(since - 2 * HOUR).changed(budget=name, owner=pop)],
        )
        for item in told(at, since):
            fact = (
                item.kind.value,
                item.subject,
                "" if item.kind is AlertKind.ASKS else pop,
                str(item.since),
            )
            assert ids.setdefault(item.id, fact) == fact


@pytest.mark.parametrize("reason", Reason)
def test_every_command_that_an_alert_gives_is_one(reason: Reason) -> None:
    words = way_out.command(reason, "edge-2.1.0", "fra1").split()[1:]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    context = command.make_context("", [*words, "--json"])
    assert context.params["as_json"]


def test_the_reasons_that_have_a_command_of_their_own_are_reasons_that_ask() -> None:
    assert way_out.command(Reason.INCONCLUSIVE, "r", "p").endswith("--consent inconclusive")
    assert way_out.command(Reason.BAKE_TIME, "r", "p") == "wavetrain why p"
    assert msgspec.json.encode(Reason.PAUSED)
