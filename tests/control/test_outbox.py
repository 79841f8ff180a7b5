"""Messages go out at least once, under one id, and no faster than their pauses allow."""

from collections.abc import Callable, Sequence

import pytest
from tests.control.practice import APPROVER, OPERATOR, VIEWER, Practice
from tests.control.receivers import BROKEN, GONE, Receiver
from tests.decide.test_redelivery import message

from wavetrain.adapters.memory_view import MemoryChange
from wavetrain.control import notices
from wavetrain.control.alerts import Alerts
from wavetrain.control.outbox import post, send_next
from wavetrain.errors import ForbiddenError, RefusedError, TransitionError, UnknownError, UnreachableError
from wavetrain.model.notice import DEFAULT_KINDS, Delivery, Outgoing


@pytest.fixture
def outbox(house: Practice) -> Practice:
    """A house with two channels, and one alert for each of them."""
    Alerts(house.store, [(name, "webhook", DEFAULT_KINDS) for name in ("ops", "pager")]).begin("a:1")
    with house.store.write() as transaction:
        post(transaction, message().alert, ["pager", "ops", "ops"], "alerts")
    return house


def found(house: Practice, channel: str = "ops") -> Outgoing:
    with house.store.read() as view:
        item = view.get(Outgoing, "alert-1", channel)
    assert item is not None
    return item


def carried(house: Practice, receiver: Receiver, channel: str = "ops", hours: float = 100.0) -> list[float]:
    """When the receiver was tried, until nothing waits any more; seconds from the beginning."""
    begun, tried = house.seconds, []
    while (due_s := send_next(house.store, channel, receiver)) is not None:
        if due_s == 0.0:
            tried.append(house.seconds - begun)
        assert house.seconds - begun < hours * 3600
        house.seconds += due_s
    return tried


def test_a_message_is_delivered_to_each_channel_by_itself(outbox: Practice) -> None:
    ops, pager = Receiver(), Receiver(BROKEN)
    assert carried(outbox, ops) == [0.0]
    assert send_next(outbox.store, "pager", pager) == 0.0
    assert ops.got == pager.got == ["alert-1"]
    assert (found(outbox).state, found(outbox).answer) == (Delivery.DELIVERED, "200 OK")
    assert (found(outbox, "pager").state, found(outbox, "pager").tries) == (Delivery.WAITING, 1)
    assert send_next(outbox.store, "nobody", Receiver()) is None


def test_a_receiver_that_fails_twice_gets_it_with_the_same_id_after_two_pauses(outbox: Practice) -> None:
    receiver = Receiver(BROKEN, BROKEN, Receiver().deliver(message().alert, 0.0))
    first, second, third = carried(outbox, receiver)
    assert (first, receiver.got) == (0.0, ["alert-1"] * 3)
    assert 4.0 <= second <= 5.0
    assert 8.0 <= third - second <= 10.0
    assert outbox.last() == "fra1: ops has taken it (200 OK)"


def test_a_receiver_that_is_gone_is_not_tried_again_and_the_journal_says_how_to(outbox: Practice) -> None:
    receiver = Receiver(GONE)
    assert carried(outbox, receiver) == [0.0]
    assert found(outbox).state is Delivery.DEAD
    assert outbox.last().endswith(
        "(410 Gone; the receiver will never take it); try again: wavetrain alert retry alert-1"
    )


def test_nothing_is_sent_while_the_store_takes_nothing_down(outbox: Practice) -> None:
    receiver = Receiver()

    def full(_: Sequence[MemoryChange]) -> None:
        raise UnreachableError("the disk is full")

    outbox.store.crash_at = full
    for _ in range(3):
        with pytest.raises(UnreachableError):
            send_next(outbox.store, "ops", receiver)
    assert (receiver.got, found(outbox).tries) == ([], 0)


def test_a_crash_between_sending_and_writing_it_down_sends_it_again_under_its_id(outbox: Practice) -> None:
    def die() -> None:
        def dead(_: Sequence[MemoryChange]) -> None:
            raise KeyboardInterrupt

        outbox.store.crash_at = dead

    receiver = Receiver(meanwhile=die)
    with pytest.raises(KeyboardInterrupt):
        send_next(outbox.store, "ops", receiver)
    outbox.store.crash_at = None
    assert (found(outbox).state, found(outbox).tries) == (Delivery.WAITING, 1)
    due_s = send_next(outbox.store, "ops", receiver)
    assert due_s is not None
    assert 4.0 <= due_s <= 5.0, "a crash is followed by a pause: no quick circle"
    outbox.seconds += due_s
    again = Receiver()
    assert send_next(outbox.store, "ops", again) == 0.0
    assert receiver.got == again.got == ["alert-1"]
    assert (found(outbox).state, found(outbox).tries) == (Delivery.DELIVERED, 2)


def test_what_a_person_settled_meanwhile_stays_settled(outbox: Practice) -> None:
    def drop() -> None:
        with outbox.store.write() as transaction:
            transaction.put(found(outbox).changed(state=Delivery.DEAD, answer="not configured any more"))

    assert send_next(outbox.store, "ops", Receiver(meanwhile=drop)) == 0.0
    assert (found(outbox).state, found(outbox).answer) == (Delivery.DEAD, "not configured any more")

    def forget() -> None:
        with outbox.store.write() as transaction:
            transaction.remove(found(outbox, "pager"))

    assert send_next(outbox.store, "pager", Receiver(meanwhile=forget)) == 0.0
    with outbox.store.read() as view:
        assert view.find(Outgoing, channel="pager") == []


def test_a_person_sees_and_retries_what_is_dead(outbox: Practice) -> None:
    carried(outbox, Receiver(GONE))
    (dead,) = notices.listed(outbox.store, VIEWER, "dead")
    assert (dead.id, dead.channel, dead.due_in_s) == ("alert-1", "ops", None)
    assert [item.channel for item in notices.shown(outbox.store, VIEWER, "alert-1")] == ["ops", "pager"]
    assert {item.name: (item.waiting, item.dead) for item in notices.channels(outbox.store, VIEWER)} == {
        "ops": (0, 1),
        "pager": (1, 0),
    }
    (again,) = notices.retry_dead(outbox.store, OPERATOR)
    assert (again.state, again.tries, again.due_in_s) == ("waiting", 0, 0.0)
    assert outbox.last() == "fra1: ops is asked again"
    assert carried(outbox, Receiver()) == [0.0]
    assert notices.retry_dead(outbox.store, OPERATOR) == []
    (late,) = notices.retry(outbox.store, OPERATOR, "alert-1")
    assert late.channel == "pager"


def test_a_test_goes_the_way_of_all_alerts_and_once(outbox: Practice) -> None:
    made = notices.test(outbox.store, OPERATOR, "pager")
    assert notices.test(outbox.store, OPERATOR, "pager").id == made.id
    assert (made.kind, made.state, made.why) == ("test", "waiting", "olga asked for it; nothing is wrong")
    receiver = Receiver(BROKEN)
    send_next(outbox.store, "pager", receiver)
    send_next(outbox.store, "pager", receiver)
    assert receiver.got.count(made.id) == 1
    (seen,) = notices.shown(outbox.store, VIEWER, made.id)
    assert (seen.state, seen.answer) == ("dead", "500 Internal Server Error; a test is tried once")


@pytest.mark.parametrize(
    ("asked", "kind", "says"),
    [
        (lambda store: notices.retry(store, VIEWER, "alert-1"), ForbiddenError, "takes the role operator"),
        (lambda store: notices.retry_dead(store, APPROVER), ForbiddenError, "takes the role operator"),
        (lambda store: notices.test(store, VIEWER, "ops"), ForbiddenError, "takes the role operator"),
        (lambda store: notices.retry(store, OPERATOR, "alert-9"), UnknownError, "wavetrain alert list"),
        (lambda store: notices.shown(store, VIEWER, "alert-9"), UnknownError, "wavetrain alert list"),
        (lambda store: notices.test(store, OPERATOR, "moon"), UnknownError, "are: ops, pager"),
        (lambda store: notices.listed(store, VIEWER, "lost"), RefusedError, "waiting, delivered, dead"),
    ],
)
def test_what_may_not_be_asked_is_refused_with_the_way_out_and_changes_nothing(
    outbox: Practice, asked: Callable[[object], object], kind: type[Exception], says: str
) -> None:
    before = outbox.sequence
    with pytest.raises(kind, match=says):
        asked(outbox.store)
    assert outbox.sequence == before


def test_what_was_delivered_everywhere_is_not_sent_again(outbox: Practice) -> None:
    for channel in ("ops", "pager"):
        carried(outbox, Receiver(), channel)
    before = outbox.sequence
    with pytest.raises(TransitionError, match="nothing to try again"):
        notices.retry(outbox.store, OPERATOR, "alert-1")
    assert outbox.sequence == before
