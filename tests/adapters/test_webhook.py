"""Webhooks as Standard Webhooks asks, against a real receiver and the standard's own library."""

import base64
import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Standard
from standardwebhooks import WebhookVerificationError
from tests.adapters.receivers import Hook, babble, certificates, drip, flood, hang
from tests.decide.test_redelivery import message

from wavetrain.adapters.webhook import Webhook, checked_url, secrets_of
from wavetrain.errors import RefusedError
from wavetrain.lab.layout import free_port
from wavetrain.model.notice import Outcome
from wavetrain.wiring.channels import WebhookTable, opened

ALERT = message().alert
OLD, NEW = (f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2))
TIMEOUT_S = 5.0
SHORT_S = 0.4


def hook(url: str, *secrets: str, timeout_s: float = TIMEOUT_S) -> Webhook:
    return Webhook(url, secrets_of("\n".join(secrets or (NEW,)), "secrets"), timeout_s=timeout_s)


def test_a_receiver_verifies_what_it_gets_with_the_standards_own_library() -> None:
    with Hook() as receiver:
        outcome = hook(receiver.url + "/in?team=edge").deliver(ALERT, time.time())
    assert outcome == Outcome(taken=True, text="200 OK")
    ((headers, body),) = receiver.got
    said = Standard(NEW).verify(body, headers)
    assert headers["webhook-id"] == said["data"]["id"] == ALERT.id
    assert headers["content-type"] == "application/json"
    assert (said["type"], said["timestamp"]) == ("wavetrain.alert.asks", "2027-03-07T00:00:00Z")
    assert said["data"] == {
        "id": "alert-1",
        "kind": "asks",
        "title": "fra1",
        "subject": "fra1",
        "rollout": "",
        "since": "2027-03-07T00:00:00Z",
        "why": "it waits",
        "command": "why",
    }
    with pytest.raises(WebhookVerificationError):
        Standard(NEW).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Standard(OLD).verify(body, headers)


def test_while_a_secret_is_changed_both_verify() -> None:
    with Hook() as receiver:
        hook(receiver.url, NEW, OLD).deliver(ALERT, time.time())
    ((headers, body),) = receiver.got
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (OLD, NEW):
        assert Standard(secret).verify(body, headers)["data"]["id"] == ALERT.id


def test_a_second_try_has_the_same_id_and_body_and_a_timestamp_of_its_own() -> None:
    with Hook() as receiver:
        for at in (1_000.9, 2_000.0):
            hook(receiver.url).deliver(ALERT, at)
    (first, body), (second, again) = receiver.got
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    assert (first["webhook-timestamp"], second["webhook-timestamp"]) == ("1000", "2000")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (204, Outcome(taken=True, text="204 No Content")),
        (500, Outcome(taken=False, text="500 Internal Server Error")),
        (404, Outcome(taken=False, text="404 Not Found")),
        (410, Outcome(taken=False, text="410 Gone", gone=True)),
        (503, Outcome(taken=False, text="503 Service Unavailable", wait_s=120.0)),
        (
            302,
            Outcome(taken=False, text="302 Found; redirects are not followed: name the last url"),
        ),
    ],
)
def test_a_status_says_whether_it_was_taken(status: int, expected: Outcome) -> None:
    with Hook(status) as receiver:
        assert hook(receiver.url).deliver(ALERT, 1.0) == expected
    assert len(receiver.got) == 1


@pytest.mark.parametrize("speak", [hang, drip])
def test_a_slow_receiver_is_left_when_the_time_is_over(
    speak: Callable[[Hook, BaseHTTPRequestHandler], None],
) -> None:
    with Hook(speak=speak) as receiver:
        begun = time.monotonic()
        outcome = hook(receiver.url, timeout_s=SHORT_S).deliver(ALERT, 1.0)
        assert SHORT_S * 0.9 <= time.monotonic() - begun < SHORT_S + 3.0
    assert outcome == Outcome(taken=False, text="no answer within 0.4 s")


def test_an_answer_without_end_is_not_read() -> None:
    with Hook(speak=flood) as receiver:
        assert hook(receiver.url).deliver(ALERT, 1.0).taken


def test_what_is_no_webhook_is_said() -> None:
    assert "ConnectionRefusedError" in hook(f"http://127.0.0.1:{free_port()}").deliver(ALERT, 1.0).text
    with Hook(speak=babble) as receiver:
        outcome = hook(receiver.url).deliver(ALERT, 1.0)
    assert not outcome.taken
    assert "BadStatusLine" in outcome.text


def test_a_receiver_is_believed_by_its_certificate_alone(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(NEW + "\n")
    known = certificates(tmp_path)
    with Hook(certificates=known) as receiver:

        def sent(url: str, ca_file: str) -> Outcome:
            table = WebhookTable(
                name="ops",
                url=url,
                secret_file=str(tmp_path / "secret"),
                ca_file=ca_file,
                timeout_s=TIMEOUT_S,
            )
            return opened(table).deliver(ALERT, time.time())

        authority = str(known / "authority.pem")
        assert sent(receiver.url, authority).taken
        stranger = sent(receiver.url, "")
        other_name = sent(receiver.url.replace("localhost", "127.0.0.1"), authority)
    for refused in (stranger, other_name):
        assert not refused.taken
        assert "CERTIFICATE_VERIFY_FAILED" in refused.text
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://example.net/x", "plain http"),
        ("http://169.254.169.254/latest", "plain http"),
        ("ftp://example.net", "not https"),
        ("https://", "cannot be used"),
        ("https://user:pass@example.net/", "leave them out"),
        ("https://example.net/#x", "leave them out"),
        ("https://example.net:99999/", "cannot be read"),
        ("https://example.net/a b", "cannot be used"),
        ("https://example.net/\r\nX: y", "cannot be used"),
        ("https://example.net/" + "x" * 2_000, "2000 characters"),
    ],
)
def test_a_url_that_may_not_be_spoken_to_is_refused(url: str, says: str) -> None:
    with pytest.raises(RefusedError, match=says) as refusal:
        checked_url(url)
    assert "pass" not in str(refusal.value)


@pytest.mark.parametrize(
    "url", ["https://example.net/x?y=z", "http://127.0.0.1:1/x", "http://[::1]:1", "http://localhost"]
)
def test_https_anywhere_and_http_on_loopback_may_be_spoken_to(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has 0 secrets"),
        ("\n".join([NEW] * 5), "has 5 secrets"),
        ("sesame", "line 1 does not begin with whsec_"),
        (f"{NEW}\nwhsec_???", "line 2 is not Base64"),
        ("whsec_c2VzYW1l", "line 1 has 6 bytes; it takes 24 to 64"),
    ],
)
def test_a_secret_that_is_none_is_refused_and_never_shown(text: str, says: str) -> None:
    with pytest.raises(RefusedError, match=says) as refusal:
        secrets_of(text, "ops.secret")
    said = str(refusal.value)
    assert said.startswith("ops.secret")
    assert "openssl rand" in said or "one on a line" in said
    assert "sesame" not in said
    assert "c2VzYW1l" not in said


def test_the_body_is_json_that_never_changes() -> None:
    with Hook(500, 200) as receiver:
        for _ in range(2):
            hook(receiver.url).deliver(ALERT, 1.0)
    assert len({body for _, body in receiver.got}) == 1
    assert json.loads(receiver.got[0][1])["data"]["id"] == "alert-1"
