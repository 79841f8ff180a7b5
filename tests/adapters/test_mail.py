"""Mail against a real SMTP server: sealed, named by its certificate, and bounded in time."""

import email
import email.policy
import socket
import threading
import time
from pathlib import Path

import pytest
from tests.adapters.receivers import Inbox, certificates, mail_server
from tests.decide.test_redelivery import message

from wavetrain.adapters.mail import Mail, Post, message_of
from wavetrain.lab.layout import free_port
from wavetrain.model.notice import Outcome
from wavetrain.wire.alert_body import letter_of
from wavetrain.wiring.channels import MailTable, opened

ALERT = message(name="alert-7").alert
SHORT_S = 0.4
AT = 1_800_000_000.0


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = certificates(tmp_path_factory.mktemp("certificates"))
    (folder / "password").write_text("open sesame\n")
    (folder / "wrong").write_text("open barley\n")
    return folder


def sent(port: int, known: Path | None, tls: str = "starttls", **fields: object) -> Outcome:
    values: dict[str, object] = {"host": "localhost", "timeout_s": 5.0, **fields}
    if known is not None:
        values = {"ca_file": str(known / "authority.pem"), **values}
    table = MailTable(
        name="ops",
        sender="wavetrain@example.net",
        to=("olga@example.net", "anna@example.net"),
        port=port,
        tls=tls,  # type: ignore[arg-type]
        **values,  # type: ignore[arg-type]
    )
    return opened(table).deliver(ALERT, AT)


def test_an_alert_goes_out_through_starttls_with_a_login(known: Path) -> None:
    inbox = Inbox()
    with mail_server(inbox, "starttls", known) as port:
        outcome = sent(port, known, user="wavetrain", password_file=str(known / "password"))
        refused = sent(port, known, user="wavetrain", password_file=str(known / "wrong"))
    assert outcome == Outcome(taken=True, text="taken")
    assert not refused.taken
    assert not refused.gone
    assert refused.text.startswith("535 ")
    assert "barley" not in refused.text
    assert inbox.sealed == [True]
    (envelope,) = inbox.got
    assert envelope.mail_from == "wavetrain@example.net"
    assert envelope.rcpt_tos == ["olga@example.net", "anna@example.net"]
    assert isinstance(envelope.content, bytes)
    got = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert got["Subject"] == "[wavetrain] fra1"
    assert got["Message-ID"] == "<alert-7@example.net>"
    assert got["X-Wavetrain-Alert"] == "alert-7"
    assert got["Auto-Submitted"] == "auto-generated"
    assert got["Date"].datetime.timestamp() == AT
    body = got.get_content()
    for line in ("What:   asks", "Where:  fra1", "Since:  Sun 2027-03-07 00:00 UTC", "Why:    it waits"):
        assert line in body


def test_an_alert_goes_out_through_tls_from_the_first_byte(known: Path) -> None:
    inbox = Inbox()
    with mail_server(inbox, "implicit", known) as port:
        assert sent(port, known, "implicit").taken
    assert inbox.sealed == [True]


def test_nothing_is_said_to_a_server_whose_certificate_is_not_good(known: Path) -> None:
    inbox = Inbox()
    with mail_server(inbox, "starttls", known) as port:
        stranger = sent(port, None)
        other_name = sent(port, known, host="127.0.0.1")
    for outcome in (stranger, other_name):
        assert not outcome.taken
        assert "CERTIFICATE_VERIFY_FAILED" in outcome.text
    assert inbox.got == []


def test_nothing_is_said_in_plain_where_a_server_offers_no_tls(known: Path) -> None:
    inbox = Inbox()
    with mail_server(inbox, "none", None) as port:
        outcome = sent(port, known)
        plain = sent(port, None, "none")
    assert not outcome.taken
    assert "STARTTLS" in outcome.text
    assert plain.taken
    assert len(inbox.got) == 1


def test_who_is_refused_for_good_is_said_and_the_others_get_it() -> None:
    inbox = Inbox()
    with mail_server(inbox, "none", None) as port:
        inbox.answers = {"anna@example.net": "550 no such user"}
        some = sent(port, None, "none")
        inbox.answers = dict.fromkeys(("anna@example.net", "olga@example.net"), "550 no such user")
        none = sent(port, None, "none")
        inbox.answers = dict.fromkeys(("anna@example.net", "olga@example.net"), "451 come again")
        later = sent(port, None, "none")
        inbox.answers, inbox.data = {}, "554 it looks like spam"
        spam = sent(port, None, "none")
        inbox.data = "451 the disk is full"
        full = sent(port, None, "none")
    assert some == Outcome(taken=True, text="taken; refused for anna@example.net: 550 no such user")
    assert (none.taken, none.gone) == (False, True)
    assert (later.taken, later.gone) == (False, False)
    assert (spam.taken, spam.gone, spam.text) == (False, True, "554 it looks like spam")
    assert (full.taken, full.gone) == (False, False)


@pytest.mark.parametrize("speaks", [False, True])
def test_a_slow_server_is_left_when_the_time_is_over(speaks: bool) -> None:
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            line, _ = door.accept()
            with line:
                while not ended.wait(0.02):
                    try:
                        line.sendall(b"2" if speaks else b"")
                    except OSError:
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        begun = time.monotonic()
        outcome = sent(door.getsockname()[1], None, "none", timeout_s=SHORT_S)
        took = time.monotonic() - begun
        ended.set()
        thread.join(5.0)
    assert SHORT_S * 0.9 <= took < SHORT_S + 3.0
    assert outcome == Outcome(taken=False, text="no answer within 0.4 s")


def test_a_reading_that_ends_by_itself_is_too_slow_as_well() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        post = Post(
            host="127.0.0.1",
            port=door.getsockname()[1],
            tls="none",
            sender="a@example.net",
            to=("b@example.net",),
        )
        mail = Mail(post, timeout_s=SHORT_S)
        outcome = mail._tried(mail._server(), letter_of(ALERT), AT)
    assert outcome == Outcome(taken=False, text="no answer within 0.4 s")


def test_a_server_that_is_away_is_said() -> None:
    assert "refused" in sent(free_port(), None, "none").text


def test_a_title_cannot_write_another_head_line() -> None:
    post = Post(host="localhost", port=1, tls="none", sender="a@example.net", to=("b@example.net",))
    bad = message().alert
    made = message_of(letter_of(bad), post.sender, post.to, AT)
    assert made.as_bytes().count(b"\nTo: ") == 1
    forged = message(name="alert-1\r\nBcc: c@example.net").alert
    outcome = Mail(post, timeout_s=SHORT_S).deliver(forged, AT)
    assert not outcome.taken
    assert outcome.text.startswith("ValueError")
