"""What every Notifier promises, on every implementation."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from tests.adapters.receivers import Hook, Inbox, mail_server
from tests.control.receivers import BROKEN, TAKEN, Receiver
from tests.decide.test_redelivery import message

from wavetrain.adapters.mail import Mail, Post
from wavetrain.adapters.webhook import Webhook
from wavetrain.control.ports import Notifier
from wavetrain.lab.layout import free_port

LIMIT_S = 0.5
ALERT = message(name="alert-1").alert
Case = Callable[[str], contextlib.AbstractContextManager[tuple[Notifier, Callable[[], list[str]]]]]


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield int(door.getsockname()[1])


@contextlib.contextmanager
def webhook(situation: str) -> Iterator[tuple[Notifier, Callable[[], list[str]]]]:
    with Hook(200 if situation == "well" else 500) as hook, silent() as port:
        where = {"away": free_port(), "silent": port}.get(situation)
        url = hook.url if where is None else f"http://127.0.0.1:{where}"
        yield (
            Webhook(url, [b"k" * 32], timeout_s=LIMIT_S),
            lambda: [head["webhook-id"] for head, _ in hook.got],
        )


@contextlib.contextmanager
def mail(situation: str) -> Iterator[tuple[Notifier, Callable[[], list[str]]]]:
    inbox = Inbox()
    inbox.data = "250 OK" if situation == "well" else "451 not now"
    with mail_server(inbox, "none", None) as port, silent() as mute:
        port = {"away": free_port(), "silent": mute}.get(situation, port)
        post = Post(host="127.0.0.1", port=port, tls="none", sender="a@example.net", to=("b@example.net",))
        yield (
            Mail(post, timeout_s=LIMIT_S),
            lambda: [str(item.content).split("X-Wavetrain-Alert: ")[1].split("\\r")[0] for item in inbox.got],
        )


@contextlib.contextmanager
def practice(situation: str) -> Iterator[tuple[Notifier, Callable[[], list[str]]]]:
    receiver = Receiver(TAKEN if situation == "well" else BROKEN)
    yield receiver, lambda: receiver.got if situation in ("well", "broken") else []


CASES: list[Case] = [webhook, mail, practice]


@pytest.mark.parametrize("case", CASES)
def test_what_was_taken_is_a_yes_and_carries_the_id_each_time(case: Case) -> None:
    with case("well") as (notifier, got):
        for at in (1.0, 2.0):
            outcome = notifier.deliver(ALERT, at)
            assert (outcome.taken, outcome.gone) == (True, False)
        assert got() == ["alert-1", "alert-1"]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("situation", ["broken", "away", "silent"])
def test_what_was_not_taken_is_a_no_with_its_cause_within_the_time(case: Case, situation: str) -> None:
    with case(situation) as (notifier, _):
        begun = time.monotonic()
        outcome = notifier.deliver(ALERT, 1.0)
        assert time.monotonic() - begun < LIMIT_S + 3.0
    assert (outcome.taken, outcome.gone) == (False, False)
    assert outcome.text
