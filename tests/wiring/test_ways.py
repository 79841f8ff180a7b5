"""What real receivers get by each way: mail with calendar objects, signed webhooks, CloudEvents, CDEvents."""

import email
import email.policy
import json
import socket
import time
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import jsonschema
import pytest
from circuit_maintenance_parser import GenericProvider, NotificationData
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar
from standardwebhooks import Webhook as Standard
from tests.adapters.receivers import Hook, Inbox, mail_server
from tests.doors.status_house import AT, HOSTILE, S, work
from tests.doors.test_feeds import NAMES
from tests.wiring.cdevents_schema import schema_of

from wavetrain.adapters.mail import Post, message_of
from wavetrain.adapters.outside import Outside
from wavetrain.control.account_work import WorkFor
from wavetrain.control.customer_notice import Item, Notice, facts_of, split
from wavetrain.control.dispatches import Lot
from wavetrain.control.subscriptions import new_secret
from wavetrain.decide.impact import Impact, Touched
from wavetrain.doors.statuspage import Page
from wavetrain.model.fleet import AccountId, PopId
from wavetrain.model.maintenance import Course, Incident, MaintenanceState, Told
from wavetrain.model.notice import Delivery, Outcome
from wavetrain.model.subscription import Dispatch, Subscription, Topic, Way
from wavetrain.wiring.ways import Carriers, Postbox, lane_of

PAGE = Page("Status of Example", "https://status.example.net")
OLD, NEW = new_secret(), new_secret()
LOOPBACK = Outside((ip_network("127.0.0.0/8"),))
SITES = (
    Touched(
        site="acme-hq",
        role="primary",
        impact=Impact.OUTAGE,
        least_s=90,
        most_s=156,
        why="its timers are slow",
    ),
    Touched(site="acme-lab", role="secondary", impact=Impact.REDUCED, least_s=0, most_s=0),
)


def notice(topic: Topic = Topic.MOVED, count: int = 1, **more: object) -> Notice:
    state = S.COMPLETED if topic is Topic.ENDED else S.SCHEDULED
    items = tuple(
        Item(
            work=WorkFor(
                work=work("por1", number, state, 24 * number, sequence=2, **more),
                place="Porto",
                zone="Europe/Lisbon",
                impact=Impact.OUTAGE,
                sites=SITES,
            ),
            was_starts=AT if topic is Topic.MOVED else None,
            was_ends=AT + timedelta(hours=4) if topic is Topic.MOVED else None,
            component="gateway",
            previous="2.0.0",
        )
        for number in range(1, count + 1)
    )
    return Notice(id="notice-1", account="acme", name="Acme", topic=topic, at=AT, items=items)


def lot(told: Notice, way: Way, to: str, **more: object) -> Lot:
    subscription = Subscription(
        account=AccountId("acme"), name="noc", way=way, to=to, on=tuple(Topic), since=AT, by="x", secret=NEW
    ).changed(**more)
    dispatch = Dispatch(
        id=told.id,
        account=subscription.account,
        name="noc",
        state=Delivery.WAITING,
        topic=told.topic,
        facts=json.loads(json.dumps(facts_of(told))),
        made_at=AT,
        queued_at=0.0,
        due_at=0.0,
    )
    return Lot(dispatch, subscription, lane_of(subscription), time.time())


def carriers(outside: Outside = LOOPBACK, port: int = 0) -> Carriers:
    post = Post(host="127.0.0.1", port=port, tls="none", sender="noc@example.net", to=())
    return Carriers(outside, PAGE, "noc@example.net", 5.0, Postbox(post=post, timeout_s=5.0, trust=None))


def posted(told: Notice, way: Way, **more: object) -> tuple[dict[str, str], bytes]:
    with Hook() as hook:
        assert carriers().carry(lot(told, way, hook.url + "/in?team=1", **more)).taken
    (got,) = hook.got
    return got


def test_a_webhook_says_what_was_and_what_is_and_each_secret_verifies_it() -> None:
    headers, body = posted(notice(), Way.WEBHOOK, secret_before=OLD)
    said = Standard(NEW).verify(body, headers)
    assert Standard(OLD).verify(body, headers) == said
    assert (said["type"], said["timestamp"]) == ("wavetrain.maintenance.moved", "2027-03-01T01:00:00Z")
    assert said["data"]["id"] == headers["webhook-id"] == "notice-1"
    (told,) = said["data"]["maintenances"]
    assert (told["was"]["starts"], told["starts"]) == ("2027-03-01T01:00:00Z", "2027-03-02T01:00:00Z")
    assert [(one["id"], one["impact"], one["most_s"]) for one in told["sites"]] == [
        ("acme-hq", "OUTAGE", 156.0),
        ("acme-lab", "REDUCED-REDUNDANCY", 0.0),
    ]


def test_a_cloud_event_is_read_by_the_sdk() -> None:
    headers, body = posted(notice(Topic.STARTED), Way.CLOUDEVENTS)
    event = from_structured_event(HTTPMessage(headers={"content-type": headers["content-type"]}, body=body))
    assert event.get_type() == "net.wavetrain.maintenance.started"
    assert (event.get_id(), event.get_source(), event.get_subject()) == (
        "notice-1",
        "https://status.example.net",
        "acme",
    )
    data: Any = event.get_data()
    assert data["maintenances"][0]["release"] == "2.1.0"
    Standard(NEW).verify(body, headers)


def incident(state: str, words: int) -> Notice:
    told = tuple(Told(at=AT, state="identified", text=HOSTILE) for _ in range(words))
    made = Incident(
        id="i1",
        title="2.1.0 is taken back",
        state=state,
        impact="minor",
        pops=(PopId("por1"),),
        since=AT,
        changed_at=AT,
    )
    return Notice(
        id="notice-2", account="", name="", topic=Topic.INCIDENT, at=AT, incident=made.changed(told=told)
    )


@pytest.mark.parametrize(
    ("told", "what", "artifact"),
    [
        (notice(Topic.ENDED), "service.upgraded", "pkg:generic/gateway@2.1.0"),
        (notice(Topic.ENDED, course=Course.BACK), "service.rolledback", "pkg:generic/gateway@2.0.0"),
        (incident("identified", 1), "incident.detected", None),
        (incident("monitoring", 2), "incident.reported", None),
        (incident("resolved", 3), "incident.resolved", None),
        (Notice(id="t", account="a", name="", topic=Topic.TEST, at=AT, note="x"), "incident.resolved", None),
    ],
)
def test_a_cd_event_is_valid_by_the_specification(told: Notice, what: str, artifact: str | None) -> None:
    (one,) = split(told, Way.CDEVENTS)
    headers, body = posted(one, Way.CDEVENTS)
    event = from_structured_event(HTTPMessage(headers={"content-type": headers["content-type"]}, body=body))
    data: Any = event.get_data()
    jsonschema.validate(data, schema_of(what), format_checker=jsonschema.FormatChecker())
    assert event.get_type() == data["context"]["type"] == f"dev.cdevents.{what}.0.3.0"
    assert data["subject"]["content"].get("artifactId") == artifact


def test_cd_events_are_one_for_each_deployment_and_none_of_plans() -> None:
    told = list(split(notice(Topic.ENDED, 3), Way.CDEVENTS))
    assert [(one.id, len(one.items)) for one in told] == [
        ("notice-1-0", 1),
        ("notice-1-1", 1),
        ("notice-1-2", 1),
    ]
    assert list(split(notice(Topic.MOVED, 3), Way.CDEVENTS)) == []
    assert list(split(notice(Topic.ENDED, 3), Way.WEBHOOK)) == [notice(Topic.ENDED, 3)]


def read(mail: bytes) -> list[dict[str, Any]]:
    """As a network operator's program reads it."""
    data = NotificationData.init_from_email_bytes(mail)
    assert data is not None
    return [one.__dict__ for one in GenericProvider().get_maintenances(data)]


@pytest.mark.parametrize("count", [1, 3])
def test_a_mail_carries_an_event_for_each_stretch_of_work_that_a_real_program_reads(
    count: int,
) -> None:
    inbox = Inbox()
    with mail_server(inbox, "none", None) as port:
        assert carriers(port=port).carry(lot(notice(count=count), Way.MAIL, "ops@example.org")).taken
    (envelope,) = inbox.got
    assert envelope.rcpt_tos == ["ops@example.org"]
    assert isinstance(envelope.content, bytes)
    found = read(envelope.content)
    assert [one["maintenance_id"] for one in found] == [f"edge-2.1.0.por1.{n}" for n in range(1, count + 1)]
    assert {(one["account"], one["sequence"], one["status"]) for one in found} == {("acme", 2, "CONFIRMED")}
    assert {c.circuit_id: c.impact.value for c in found[0]["circuits"]} == {
        "acme-hq": "OUTAGE",
        "acme-lab": "REDUCED-REDUNDANCY",
    }
    got = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert got["Subject"] == "Status of Example: planned work has moved in Porto"
    assert got["Message-ID"] == "<notice-1@example.net>"
    text = got.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    for line in (
        "When:   Tue 2027-03-02 01:00 UTC to Tue 2027-03-02 05:00 UTC (Tue 01:00 Europe/Lisbon)",
        "Before: Mon 2027-03-01 01:00 UTC to Mon 2027-03-01 05:00 UTC",
        "acme-hq: OUTAGE, 90 to 156 s: its timers are slow",
    ):
        assert line in text


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(MaintenanceState)),
    NAMES.filter(lambda name: bool(name.strip())),
    st.lists(st.tuples(NAMES, st.sampled_from(list(Impact))), max_size=4),
    st.sampled_from([topic for topic in Topic if topic not in (Topic.TEST, Topic.RECEIPT, Topic.INCIDENT)]),
)
def test_every_mail_is_read_again_whatever_stands_in_names(
    state: MaintenanceState, name: str, sites: list[tuple[str, Impact]], topic: Topic
) -> None:
    touched = tuple(
        Touched(site=site, role="primary", impact=impact, least_s=0, most_s=30, why=name)
        for site, impact in sites
    )
    record = work("por1", 1, state, reason=name)
    told = WorkFor(work=record, place=name, zone="UTC", impact=Impact.DEGRADED, sites=touched)
    made = Notice(id="notice-3", account="acme", name=name, topic=topic, at=AT, items=(Item(work=told),))
    writer = Carriers(LOOPBACK, Page(name, ""), "noc@example.net", 5.0, None)
    letter = writer.letter(made, Way.MAIL)
    assert letter.title.isprintable()
    mail = message_of(letter, "noc@example.net", ("a@example.org",), 1.8e9).as_bytes(policy=email.policy.SMTP)
    head = mail.partition(b"\r\n\r\n")[0]
    known = {b"from", b"to", b"subject", b"date", b"message-id", b"auto-submitted", b"x-wavetrain-notice"}
    lines = [line for line in head.split(b"\r\n") if line and line[:1] not in b" \t"]
    assert {line.partition(b":")[0].lower() for line in lines} <= known | {b"mime-version", b"content-type"}
    (one,) = read(mail)
    assert (one["account"], one["maintenance_id"]) == ("acme", record.id)
    parts = email.message_from_bytes(mail, policy=email.policy.default).iter_attachments()
    (event,) = Calendar.from_ical(next(iter(parts)).get_content()).walk("vevent")
    assert str(event["uid"]) == f"{record.id}.acme@wavetrain"


def test_nothing_private_is_spoken_to_at_a_try_though_it_was_allowed_when_it_was_added() -> None:
    with Hook() as hook:
        outcome = carriers(Outside()).carry(lot(notice(), Way.WEBHOOK, hook.url))
    assert (outcome.taken, hook.got) == (False, [])
    assert "this machine itself" in outcome.text


def test_a_name_that_changes_between_the_look_and_the_connection_leads_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rebinding server says a public address first and ours after that: the second answer is never asked for."""
    asked: list[str] = []

    def rebound(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        address = "8.8.8.8" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    spoken: list[object] = []

    def connected(where: tuple[str, int], *_: object) -> socket.socket:
        spoken.append(where)
        raise ConnectionRefusedError("not in a test")

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    monkeypatch.setattr(socket, "create_connection", connected)
    outcome = carriers(Outside()).carry(lot(notice(), Way.WEBHOOK, "https://hooks.example.net/in"))
    assert not outcome.taken
    assert (asked, spoken) == (["hooks.example.net"], [("8.8.8.8", 443)])
    again = carriers(Outside()).carry(lot(notice(), Way.WEBHOOK, "https://hooks.example.net/in"))
    assert "hooks.example.net stands for this machine itself" in again.text
    assert "127.0.0.1" not in again.text
    assert len(spoken) == 1


def test_a_redirect_is_not_followed() -> None:
    with Hook(302) as hook:
        outcome = carriers().carry(lot(notice(), Way.WEBHOOK, hook.url))
    assert outcome == Outcome(
        taken=False, text="302 Found; redirects are not followed: name the last url", gone=False
    )
    assert len(hook.got) == 1
