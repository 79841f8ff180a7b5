"""A message is tried again with growing pauses, and given up in the end."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from wavetrain.decide.redelivery import (
    FIRST_S,
    GIVE_UP_S,
    JITTER,
    LONGEST_S,
    TRIES_MAX,
    after,
    claimed,
    pause_s,
)
from wavetrain.model.notice import Alert, AlertKind, Delivery, Outcome, Outgoing

AT = datetime(2027, 3, 7, tzinfo=UTC)
TAKEN, NOT = Outcome(taken=True, text="200 OK"), Outcome(taken=False, text="500 Oh")


def message(kind: AlertKind = AlertKind.ASKS, name: str = "alert-1", **fields: object) -> Outgoing:
    alert = Alert(id=name, kind=kind, subject="fra1", title="fra1", since=AT, why="it waits", command="why")
    made = Outgoing(
        id=name,
        channel="ops",
        state=Delivery.WAITING,
        alert=alert,
        made_at=AT,
        queued_at=1_000.0,
        due_at=1_000.0,
    )
    return made.changed(**fields)


@given(st.text(max_size=20), st.integers(1, TRIES_MAX))
def test_pauses_double_from_seconds_to_an_hour_and_jitter_only_shortens(name: str, tries: int) -> None:
    pause = pause_s(message(name=name, tries=tries))
    doubled = min(LONGEST_S, FIRST_S * 2 ** (tries - 1))
    assert doubled * (1 - JITTER) <= pause <= doubled
    assert pause == pause_s(message(name=name, tries=tries))


def test_messages_of_one_moment_do_not_come_again_in_step() -> None:
    assert len({pause_s(message(name=f"alert-{n}", tries=5)) for n in range(50)}) == 50


def test_a_receiver_that_never_answers_well_is_tried_for_three_days() -> None:
    item, now, tried = message(), 1_000.0, []
    while item.state is Delivery.WAITING:
        now = item.due_at
        tried.append(now)
        item = after(claimed(item, now), NOT, now)
    assert item.state is Delivery.DEAD
    assert GIVE_UP_S <= now - 1_000.0 <= GIVE_UP_S + LONGEST_S
    assert 80 <= len(tried) <= TRIES_MAX
    assert item.answer == "500 Oh; given up after 3 days"
    assert item.settled_at == now


def test_a_yes_delivers_it_and_a_no_for_ever_ends_it() -> None:
    item = claimed(message(), 1_000.0)
    done = after(item, TAKEN, 1_001.0)
    assert (done.state, done.tries, done.answer, done.settled_at) == (
        Delivery.DELIVERED,
        1,
        "200 OK",
        1_001.0,
    )
    gone = after(item, Outcome(taken=False, text="410 Gone", gone=True), 1_001.0)
    assert (gone.state, gone.answer) == (Delivery.DEAD, "410 Gone; the receiver will never take it")


def test_a_test_is_tried_once() -> None:
    assert after(claimed(message(AlertKind.TEST), 1_000.0), NOT, 1_001.0).state is Delivery.DEAD


def test_a_receiver_may_ask_for_more_time_but_not_for_ever() -> None:
    item = claimed(message(), 1_000.0)
    for asked, waited in ((0.0, FIRST_S), (60.0, 60.0), (1e9, LONGEST_S)):
        due = after(item, Outcome(taken=False, text="503", wait_s=asked), 1_001.0).due_at
        assert waited * (1 - JITTER) <= due - 1_001.0 <= waited


def test_a_claim_is_due_again_so_that_a_crash_loses_nothing() -> None:
    item = claimed(message(), 1_000.0)
    assert (item.state, item.tries) == (Delivery.WAITING, 1)
    assert 1_000.0 + FIRST_S * (1 - JITTER) <= item.due_at <= 1_000.0 + FIRST_S


def test_a_receivers_words_are_one_short_line() -> None:
    said = after(claimed(message(), 1_000.0), Outcome(taken=False, text="500\n\x1b[2J" + "x" * 999), 1_001.0)
    assert said.answer.startswith("500 [2Jxxx")
    assert len(said.answer) == 300
