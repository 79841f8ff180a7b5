"""Facts become messages once, whatever fails, restarts or runs beside it meanwhile."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from tests.control.practice import OPERATOR, ROLLOUT, START, Practice
from tests.control.receivers import Receiver
from tests.decide.test_redelivery import message

from wavetrain.adapters.memory_view import MemoryChange
from wavetrain.control import outbox, rollouts
from wavetrain.control.alerts import KEPT_MAX, Alerts
from wavetrain.control.outbox import WAITING_MAX, send_next
from wavetrain.errors import UnreachableError
from wavetrain.model.notice import (
    DEFAULT_KINDS,
    AlertKind,
    Channel,
    Concern,
    Delivery,
    Outgoing,
    Tenure,
)
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Rollout, Slot, Status, Turn

OPS = ("ops", "webhook", DEFAULT_KINDS)
ALL = ("all", "mail", tuple(kind for kind in AlertKind if kind is not AlertKind.TEST))
SILENT = Hold(Reason.NOT_REPORTING, detail="lis1-n1", asks=True)
BLIND = Hold(Reason.TELEMETRY_AWAY, detail="no sample of lis1-n1")


def begun(house: Practice, *channels: tuple[str, str, tuple[AlertKind, ...]], holder: str = "a:1") -> Alerts:
    alerts = Alerts(house.store, channels or (OPS,))
    alerts.begin(holder)
    return alerts


def rolled(house: Practice) -> Rollout:
    """A rollout under way whose PoP owns no slot."""
    rollout = house.rolling()
    with house.store.write() as transaction:
        for slot in transaction.find(Slot):
            transaction.remove(slot)
    return rollout


def hold(house: Practice, made: Hold | None) -> None:
    with house.store.write() as transaction:
        turn = transaction.get(Turn, ROLLOUT, "lis1")
        assert turn is not None
        transaction.put(turn.changed(hold=made))


def looked(house: Practice, alerts: Alerts, after_s: float = 2.0) -> int:
    house.seconds += after_s
    return alerts.look()


def messages(house: Practice) -> list[Outgoing]:
    with house.store.read() as view:
        return view.find(Outgoing)


def told(house: Practice) -> list[tuple[str, str, str]]:
    return sorted((item.channel, item.alert.kind.value, item.alert.subject) for item in messages(house))


def concerns(house: Practice) -> list[Concern]:
    with house.store.read() as view:
        return view.find(Concern)


def test_a_hold_that_asks_is_told_once_to_each_channel_that_wants_it(house: Practice) -> None:
    rolled(house)
    alerts = begun(house, OPS, ALL, ("quiet", "mail", (AlertKind.COMPLETED,)))
    hold(house, SILENT)
    assert looked(house, alerts) == 2
    assert told(house) == [(name, "asks", f"{ROLLOUT}/lis1") for name in ("all", "ops")]
    for _ in range(3):
        hold(house, SILENT)
        assert looked(house, alerts) == 0
    assert house.last().startswith(
        "gateway-2.0.0/lis1 asks a person: it has not reported in time; to be told by"
    )


def test_a_hold_that_ends_and_comes_again_is_another_fact(house: Practice) -> None:
    rolled(house)
    alerts = begun(house)
    for made in (SILENT, None, SILENT):
        hold(house, made)
        looked(house, alerts)
        assert len(concerns(house)) == (made is not None)
    first, second = messages(house)
    assert (first.alert.subject, first.id != second.id) == (second.alert.subject, True)


def test_a_look_is_free_while_nothing_changes(house: Practice) -> None:
    rolled(house)
    alerts = begun(house)
    hold(house, SILENT)
    looked(house, alerts)
    looked(house, alerts)
    before = house.sequence
    asked: list[str] = []
    find = house.store.read

    def counted() -> object:
        asked.append("read")
        return find()

    house.store.read = counted  # type: ignore[method-assign, assignment]
    assert looked(house, alerts, 3_600.0) == 0
    assert (len(asked), house.sequence) == (1, before)


def test_swarms_of_changes_are_looked_at_once_a_second(house: Practice) -> None:
    rolled(house)
    alerts = begun(house)
    looked(house, alerts)
    hold(house, SILENT)
    assert looked(house, alerts, 0.5) == 0
    assert looked(house, alerts, 0.6) == 1


@pytest.mark.parametrize(("made", "kind", "minutes"), [(BLIND, "errored", 10), (None, "starved", 60)])
def test_what_lasts_is_told_when_its_time_has_come_without_any_change(
    house: Practice, made: Hold | None, kind: str, minutes: int
) -> None:
    rolled(house)
    alerts = begun(house)
    hold(house, made or Hold(Reason.REGION_SHARE, detail="2 of 2"))
    looked(house, alerts)
    assert looked(house, alerts, 60.0 * minutes - 3) == 0
    assert looked(house, alerts, 5.0) == 1
    (item,) = messages(house)
    assert (item.alert.kind.value, item.alert.since) == (kind, START + timedelta(seconds=2))


def test_a_restart_goes_on_counting_what_had_lasted_a_minute(house: Practice) -> None:
    rolled(house)
    alerts = begun(house)
    hold(house, BLIND)
    looked(house, alerts)
    assert concerns(house) == []
    hold(house, BLIND)
    looked(house, alerts, 61.0)
    assert len(concerns(house)) == 1
    again = begun(house, holder="b:2")
    assert looked(house, again, 8 * 60.0) == 0
    assert looked(house, again, 62.0) == 1


def test_neither_a_restart_nor_a_second_ticker_tells_a_fact_again(house: Practice) -> None:
    rolled(house)
    alerts = begun(house)
    hold(house, SILENT)
    looked(house, alerts)
    house.seconds += 3_600
    begun(house, holder="a:1").look()
    beside = Alerts(house.store.beside(), (OPS,))
    beside.look()
    assert len(messages(house)) == 1
    assert looked(house, alerts) == 0


@pytest.mark.parametrize("kind", ["Outgoing", "Concern"])
def test_a_store_that_fails_loses_nothing_that_the_facts_can_make_again(house: Practice, kind: str) -> None:
    """The disk is full while the outbox is written: nothing of it is kept, and the next look makes it again."""
    rolled(house)
    alerts = begun(house)
    hold(house, SILENT)
    failures = 3

    def full(changes: Sequence[MemoryChange]) -> None:
        nonlocal failures
        if failures and any(change.kind == kind for change in changes):
            failures -= 1
            raise UnreachableError("the disk is full; free some space")

    house.store.crash_at = full
    before = house.sequence
    for _ in range(3):
        with pytest.raises(UnreachableError, match="disk is full"):
            looked(house, alerts)
        assert house.sequence == before
    assert looked(house, alerts) == 1
    assert told(house) == [("ops", "asks", f"{ROLLOUT}/lis1")]
    assert [item.since for item in concerns(house)] == [messages(house)[0].alert.since]


def test_a_person_s_pause_and_a_verdict_are_told_with_their_ends(house: Practice) -> None:
    rolled(house)
    alerts = begun(house, ALL)
    rollouts.pause(house.store, OPERATOR, ROLLOUT, "calls")
    looked(house, alerts)
    with house.store.write() as transaction:
        rollout = transaction.get(Rollout, ROLLOUT)
        assert rollout is not None
        now = transaction.now
        transaction.put(
            rollout.changed(status=Status.REVERTED, hold=None, failed_at=house.seconds, over_at=now)
        )
    looked(house, alerts)
    kinds = [kind for _, kind, subject in told(house) if subject == ROLLOUT]
    assert kinds == ["asks", "fail", "reverted"]
    assert looked(house, begun(house, ALL, holder="b:2")) == 0
    assert [kind for _, kind, _ in told(house) if kind == "lease"] == ["lease"]


def test_a_channel_that_is_new_tells_what_stands_and_not_what_was(house: Practice) -> None:
    rollout = rolled(house)
    begun(house)
    hold(house, SILENT)
    with house.store.write() as transaction:
        transaction.put(rollout.changed(failed_at=house.seconds, status=Status.REVERTING))
    house.seconds += 60
    alerts = begun(house, OPS, ALL)
    looked(house, alerts)
    assert [kind for name, kind, _ in told(house) if name == "all"] == ["asks"]
    assert [kind for name, kind, _ in told(house) if name == "ops"] == ["asks", "fail"]


def test_what_waits_for_a_channel_that_is_gone_is_dead_and_said(house: Practice) -> None:
    rolled(house)
    alerts = begun(house, OPS, ALL)
    hold(house, SILENT)
    looked(house, alerts)
    begun(house, ("ops", "webhook", (AlertKind.FAIL,)))
    states = {item.channel: item.state for item in messages(house)}
    assert states == {"all": Delivery.DEAD, "ops": Delivery.WAITING}
    with house.store.read() as view:
        assert [(item.name, item.on) for item in view.find(Channel)] == [("ops", (AlertKind.FAIL,))]
        assert "not configured any more" in view.journal_tail(1)[0].text


def test_a_writer_that_ended_well_is_not_missed(house: Practice) -> None:
    alerts = begun(house)
    alerts.end("somebody else")
    alerts.end("a:1")
    with house.store.read() as view:
        assert [(item.holder, item.ended) for item in view.find(Tenure)] == [("a:1", True)]
    begun(house, holder="b:2")
    assert messages(house) == []
    begun(house, holder="c:3")
    assert told(house) == [("ops", "lease", "b:2")]


def test_a_slot_whose_owner_nobody_counts_on_is_told_after_an_hour(house: Practice) -> None:
    house.rolling(progress=())
    alerts = begun(house)
    looked(house, alerts)
    assert looked(house, alerts, 3_500.0) == 0
    assert looked(house, alerts, 100.0) == 1
    (item,) = messages(house)
    assert item.alert.subject == "pop:lis1/0"
    assert item.alert.command == "wavetrain node retire lis1-n1 --reason TEXT"
    with house.store.write() as transaction:
        for slot in transaction.find(Slot):
            transaction.remove(slot)
    assert looked(house, alerts) == 0


def test_old_messages_are_forgotten_but_never_one_whose_fact_still_stands(house: Practice) -> None:
    rolled(house)
    alerts = begun(house)
    hold(house, SILENT)
    looked(house, alerts)
    with house.store.write() as transaction:
        for name in ("old", "young"):
            at = house.seconds - (8 if name == "old" else 6) * 86_400
            transaction.put(message(name=name, state=Delivery.DELIVERED, settled_at=at))
    assert send_next(house.store, "ops", Receiver()) == 0.0
    house.seconds += 86_000
    assert alerts.forget() == 1
    assert {item.id for item in messages(house)} >= {"young"}
    house.seconds += 8 * 86_400
    assert alerts.forget() == 1
    (left,) = messages(house)
    assert left.alert.kind is AlertKind.ASKS
    assert looked(house, alerts) == 0
    hold(house, None)
    looked(house, alerts)
    assert alerts.forget() == 1


def test_a_channel_keeps_a_bounded_number_of_messages(
    house: Practice,
) -> None:
    assert KEPT_MAX == WAITING_MAX == 10_000
    alerts = begun(house)
    with house.store.write() as transaction:
        for number in range(5):
            transaction.put(
                message(name=f"a{number}", state=Delivery.DEAD, settled_at=house.seconds + number)
            )
    assert alerts.forget(kept_max=3) == 2
    assert [item.id for item in messages(house)] == ["a2", "a3", "a4"]
    with house.store.write() as transaction:
        for name in ("first", "second"):
            outbox.post(transaction, message(name=name).alert, ["ops"], "alerts", waiting_max=1)
        second = transaction.get(Outgoing, "second", "ops")
    assert second is not None
    assert (second.state, second.answer) == (Delivery.DEAD, "1 messages wait for ops already")
