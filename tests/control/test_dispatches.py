"""The outbox to customers: at least once, under one id, and no host holds up another."""

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import pytest
from tests.control.practice import OPERATOR, Practice
from tests.control.receivers import BROKEN, GONE, TAKEN

from wavetrain.adapters.memory_view import MemoryChange
from wavetrain.control import dispatches, subscriptions
from wavetrain.control.customer_notice import Notice
from wavetrain.control.dispatches import Dispatches, Gone, Lot
from wavetrain.control.telling import post
from wavetrain.decide import redelivery
from wavetrain.decide.redelivery import GIVE_UP_S
from wavetrain.errors import UnreachableError
from wavetrain.model.fleet import AccountId
from wavetrain.model.notice import Delivery, Outcome
from wavetrain.model.subscription import Dispatch, Subscription, Topic, Way

QUICK, SLOW = "https://quick.example.net/in", "https://slow.example.net/in"
OWN = AccountId("")


def way(house: Practice, name: str, to: str = QUICK) -> Subscription:
    with house.store.write() as transaction:
        return transaction.put(
            Subscription(
                account=OWN,
                name=name,
                way=Way.WEBHOOK,
                to=to,
                on=tuple(Topic),
                since=transaction.now,
                by="test",
                secret=subscriptions.new_secret(),
            )
        )


def told(house: Practice, way: Subscription, count: int) -> None:
    with house.store.write() as transaction:
        for number in range(count):
            notice = Notice(id=f"n{number}", account="", name="", topic=Topic.MOVED, at=transaction.now)
            post(transaction, notice, [way])


def outbox(house: Practice) -> Dispatches:
    return Dispatches(house.store, lambda way: urlsplit(way.to).netloc)


def ended(lots: Sequence[Lot], outcome: Outcome = TAKEN, took_s: float = 0.01) -> list[Gone]:
    return [Gone(lot, outcome, took_s) for lot in lots]


def states(house: Practice) -> list[str]:
    with house.store.read() as view:
        return sorted(f"{item.name}:{item.state.value}" for item in view.find(Dispatch))


def until_empty(house: Practice, box: Dispatches, outcome: Callable[[Lot], Outcome]) -> list[str]:
    """Every try, in turn, until nothing waits."""
    tried: list[str] = []
    gone: list[Gone] = []
    for _ in range(10_000):
        lots = box.turn(gone)
        tried += [lot.dispatch.id for lot in lots]
        gone = [Gone(lot, outcome(lot), 0.01) for lot in lots]
        due_s = box.due_s(house.seconds)
        if not lots and due_s is None:
            return tried
        if not lots:
            house.seconds += max(due_s or 0.0, 0.01)
    raise AssertionError("it never ends")


def test_all_are_told_once_where_all_is_well(house: Practice) -> None:
    told(house, way(house, "a"), 30)
    tried = until_empty(house, outbox(house), lambda _: TAKEN)
    assert sorted(tried) == sorted(f"n{number}" for number in range(30))
    assert set(states(house)) == {"a:delivered"}


def test_who_fails_every_second_time_gets_all_and_each_under_its_own_id(house: Practice) -> None:
    told(house, way(house, "a"), 200)
    count = [0]

    def moody(_: Lot) -> Outcome:
        count[0] += 1
        return TAKEN if count[0] % 2 == 0 else BROKEN

    until_empty(house, outbox(house), moody)
    assert states(house) == ["a:delivered"] * 200


def test_a_crash_after_sending_sends_again_under_the_same_id_and_one_before_it_loses_nothing(
    house: Practice,
) -> None:
    told(house, way(house, "a"), 3)
    first = outbox(house).turn()
    again = outbox(house)
    assert again.turn() == [], "what may be under way is left alone for its pause"
    house.seconds += 6
    second = again.turn()
    assert sorted(lot.dispatch.id for lot in first) == sorted(lot.dispatch.id for lot in second)
    assert again.turn(ended(second)) == []
    assert states(house) == ["a:delivered"] * 3


def test_a_store_that_fails_has_them_sent_again(house: Practice) -> None:
    told(house, way(house, "a"), 3)
    box = outbox(house)
    lots = box.turn()

    def full(_: Sequence[MemoryChange]) -> None:
        raise UnreachableError("the disk is full")

    house.store.crash_at = full
    with pytest.raises(UnreachableError):
        box.turn(ended(lots))
    house.store.crash_at = None
    house.seconds += 6
    assert len(box.turn()) == 3


def test_a_host_that_is_slow_gets_one_at_a_time_and_holds_nobody_up(house: Practice) -> None:
    told(house, way(house, "slow", SLOW), 500)
    told(house, way(house, "quick"), 500)
    box = outbox(house)
    lots = box.turn()
    slow = [lot for lot in lots if lot.way.name == "slow"]
    quick = [lot for lot in lots if lot.way.name == "quick"]
    assert (len(slow), len(quick)) == (dispatches.STRANGE_MAX, dispatches.STRANGE_MAX)
    more = box.turn(ended(slow, BROKEN, took_s=10.0))
    assert len([lot for lot in more if lot.way.name == "slow"]) == dispatches.SLOW_MAX
    delivered = 0
    while quick:  # the slow one never comes to its end
        delivered += len(quick)
        quick = [lot for lot in box.turn(ended(quick)) if lot.way.name == "quick"]
    assert delivered == 500


def test_slow_hosts_together_never_take_all_there_is_room_for(house: Practice) -> None:
    for number in range(40):
        told(house, way(house, f"s{number}", f"https://s{number}.example.net/"), 20)
    box = Dispatches(house.store, lambda way: urlsplit(way.to).netloc, in_all=20)
    held: list[Lot] = []
    for _ in range(20):
        held = box.turn(ended(held, BROKEN, took_s=10.0))
        house.seconds += 3_600
    slow = len(held)
    told(house, way(house, "quick"), 30)
    assert any(lot.way.name == "quick" for lot in box.turn())
    assert slow <= 20


def test_a_receiver_that_is_gone_is_paused_and_what_waits_stays(house: Practice) -> None:
    told(house, way(house, "a"), 10)
    box = outbox(house)
    box.turn(ended(box.turn(), GONE))
    (seen,) = subscriptions.listed(house.store, OPERATOR, "")
    assert "will take nothing more: 410 Gone" in seen.paused
    assert (seen.waiting, seen.dead) == (6, 4)
    house.seconds += 60
    assert box.turn() == []
    subscriptions.resume(house.store, OPERATOR, "", "a")
    assert len(until_empty(house, box, lambda _: TAKEN)) == 6


def test_a_way_that_is_removed_gets_nothing_more(house: Practice) -> None:
    told(house, way(house, "a"), 10)
    box = outbox(house)
    lots = box.turn()
    subscriptions.remove(house.store, OPERATOR, "", "a")
    assert box.turn(ended(lots)) == []
    assert states(house) == ["a:dead"] * 10


def test_what_was_given_up_is_listed_and_goes_again_when_somebody_asks(house: Practice) -> None:
    told(house, way(house, "a"), 2)
    box = outbox(house)
    until_empty(house, box, lambda _: BROKEN)
    assert states(house) == ["a:dead"] * 2
    assert "wavetrain subscription retry" in house.last()
    with house.store.read() as view:
        assert view.steady - view.find(Dispatch)[0].queued_at >= GIVE_UP_S
    assert len(subscriptions.messages(house.store, OPERATOR, "", "dead")) == 2
    assert len(subscriptions.retry(house.store, OPERATOR, "")) == 2
    assert len(until_empty(house, box, lambda _: TAKEN)) == 2
    assert subscriptions.retry(house.store, OPERATOR, "") == []


def test_what_is_asked_again_while_it_is_under_way_is_not_lost(house: Practice) -> None:
    told(house, way(house, "a"), 1)
    box = outbox(house)
    lots = box.turn()
    with house.store.write() as transaction:
        (item,) = transaction.find(Dispatch)
        transaction.put(item.changed(state=Delivery.DEAD))
    subscriptions.retry(house.store, OPERATOR, "")
    box.turn()
    house.seconds += 1
    box.turn(ended(lots, BROKEN))
    assert len(until_empty(house, box, lambda _: TAKEN)) >= 0
    assert states(house) == ["a:delivered"]


def test_more_than_may_wait_is_dead_at_once_where_it_is_seen(
    house: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatches, "WAITING_MAX", 5)
    told(house, way(house, "a", SLOW), 8)
    box = outbox(house)
    box.turn()
    dead = subscriptions.messages(house.store, OPERATOR, "", "dead")
    assert len(dead) == 3
    assert "5 messages wait for a already" in dead[0].answer


def test_old_messages_are_let_go_of(house: Practice) -> None:
    told(house, way(house, "a"), 4)
    box = outbox(house)
    until_empty(house, box, lambda _: TAKEN)
    assert box.forget() == 0
    house.seconds += dispatches.KEPT_FOR_S + 1
    assert box.forget() == 4
    assert states(house) == []


def test_a_crash_that_loses_what_was_taken_is_seen(house: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug: what is taken up is written down as delivered at once."""
    monkeypatch.setattr(
        redelivery,
        "claimed",
        lambda item, steady, pauses: item.changed(state=Delivery.DELIVERED, settled_at=steady),
    )
    with pytest.raises(AssertionError):
        test_a_crash_after_sending_sends_again_under_the_same_id_and_one_before_it_loses_nothing(house)
