"""`wavetrain alert` shows what was told and what was not, and tries channels."""

import threading
from collections.abc import Iterator

import pytest
from tests.cli.conftest import Terminal
from tests.control.receivers import BROKEN, GONE, TAKEN, Receiver
from tests.decide.test_redelivery import message

from wavetrain.control.alerts import Alerts
from wavetrain.control.outbox import post, send_next
from wavetrain.model.notice import DEFAULT_KINDS


@pytest.fixture
def told(terminal: Terminal) -> Terminal:
    """One channel, and one alert that it did not take."""
    store = terminal.doors.house.store
    Alerts(store, [("ops", "webhook", DEFAULT_KINDS)]).begin("a:1")
    with store.write() as transaction:
        post(transaction, message().alert, ["ops"], "alerts")
    send_next(store, "ops", Receiver(GONE))
    return terminal


@pytest.fixture
def carried(told: Terminal) -> Iterator[Receiver]:
    """A receiver behind the channel."""
    receiver, ended = Receiver(TAKEN, BROKEN), threading.Event()
    store = told.doors.house.store

    def carry() -> None:
        while not ended.is_set():
            send_next(store, "ops", receiver)
            ended.wait(0.01)

    thread = threading.Thread(target=carry)
    thread.start()
    yield receiver
    ended.set()
    thread.join()


def test_dead_alerts_are_listed_shown_and_tried_again(told: Terminal) -> None:
    table = told.type(["alert", "list", "--dead"]).splitlines()
    assert table[0].split() == ["ALERT", "CHANNEL", "STATE", "TRIES", "MADE", "WHAT"]
    assert table[1].split()[:4] == ["alert-1", "ops", "dead", "1"]
    assert told.ask(["alert", "list"])[0]["answer"] == "410 Gone; the receiver will never take it"
    said = told.type(["alert", "show", "alert-1"])
    assert said.splitlines()[1:] == [
        "  where  fra1",
        "  since  2027-03-07T00:00 UTC",
        "  why    it waits",
        "  type   why",
        "  ops: dead after 1 try: 410 Gone; the receiver will never take it",
    ]
    assert told.type(["alert", "retry", "alert-1"], "olga") == "alert-1 is tried again by ops\n"
    assert told.type(["alert", "list", "--dead"]) == "no alert is dead\n"
    assert told.ask(["alert", "show", "alert-1"])[0]["state"] == "waiting"
    send_next(told.doors.house.store, "ops", Receiver(GONE))
    assert told.ask(["alert", "retry", "--all-dead"], "olga")[0]["id"] == "alert-1"
    assert told.type(["alert", "retry", "--all-dead"], "olga") == "no alert is dead\n"


def test_channels_say_what_they_tell_and_how_much_waits(told: Terminal) -> None:
    table = told.type(["alert", "channels"]).splitlines()
    assert table[1].split("  ")[0] == "ops"
    assert "fail, asks, errored, starved, lease" in table[1]
    assert table[1].split()[-2:] == ["0", "1"]


def test_a_channel_is_tried_and_the_outcome_awaited(told: Terminal, carried: Receiver) -> None:
    said = told.type(["alert", "test", "ops"], "olga")
    assert (said, told.code) == ("ops: delivered after 1 try: 200 OK\n", 0)
    told.doors.house.seconds += 1
    said = told.type(["alert", "test", "ops"], "olga")
    assert (told.code, "dead after 1 try: 500 Internal Server Error; a test is tried once" in said) == (
        4,
        True,
    )
    assert len(carried.got) == 2


def test_a_test_that_nobody_carries_is_not_waited_for_for_ever(told: Terminal) -> None:
    said = told.type(["alert", "test", "ops", "--within", "0"], "olga")
    assert (said, told.code) == ("ops: waiting after 0 tries; next in 0 s\n", 4)


@pytest.mark.parametrize(
    ("line", "who", "says"),
    [
        (["retry"], "olga", "name one alert, or give --all-dead"),
        (["retry", "alert-1", "--all-dead"], "olga", "name one alert, or give --all-dead"),
        (["retry", "alert-9"], "olga", "there is no alert alert-9"),
        (["retry", "alert-1"], "vic", "takes the role operator"),
        (["show", "alert-9"], "vic", "there is no alert alert-9"),
        (["test", "moon"], "olga", "there is no channel moon"),
        (["test", "ops"], "vic", "takes the role operator"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_way_out(
    told: Terminal, line: list[str], who: str, says: str
) -> None:
    assert told.type(["alert", *line], who) == ""
    assert (told.code, says in told.err) == (1, True)
