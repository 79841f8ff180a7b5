"""An account's calendars: read by real programs, by whoever has the secret, and by nobody else."""

from datetime import timedelta
from pathlib import Path

import pytest
from circuit_maintenance_parser import GenericProvider, NotificationData
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar
from tests.doors.status_house import AT, HOSTILE, RECORDS, S, StatusHouse, work
from tests.doors.test_status import Read

from wavetrain.control import tokens
from wavetrain.control.account_work import WorkFor
from wavetrain.decide.impact import Impact, Touched
from wavetrain.doors import maintnote
from wavetrain.doors.statuspage import Page
from wavetrain.model.access import Role
from wavetrain.model.fleet import Account, AccountId, PopId, Site, SiteId, SiteKind
from wavetrain.model.maintenance import Maintenance, MaintenanceState

ACME, OTHER = AccountId("acme"), AccountId("other")
SITES = (
    Account(id=ACME, name=HOSTILE),
    Account(id=OTHER),
    Site(id=SiteId("acme-hq"), account=ACME, primary=PopId("por1"), secondary=PopId("ber1"), ha=True),
    Site(id=SiteId("acme-lab"), account=ACME, primary=PopId("ber1")),
    Site(
        id=SiteId("acme-vpn"),
        account=ACME,
        primary=PopId("ber1"),
        secondary=PopId("por1"),
        kind=SiteKind.IPSEC,
    ),
    Site(id=SiteId("other-hq"), account=OTHER, primary=PopId("evil1")),
)


class Desk:
    """A house with two accounts and everybody's secrets."""

    def __init__(self, folder: Path) -> None:
        self.status = StatusHouse(folder, records=(*RECORDS, *SITES))
        store = self.status.house.store
        self.feed = tokens.create(store, tokens.HOUSE, "cal", [Role.CALENDAR], account="acme")[1]
        self.others = tokens.create(store, tokens.HOUSE, "cal2", [Role.CALENDAR], account="other")[1]
        self.own = tokens.create(store, tokens.HOUSE, "ann", [Role.ACCOUNT], account="acme")[1]
        self.viewer = tokens.create(store, tokens.HOUSE, "vic", [Role.VIEWER])[1]

    def ask(self, path: str, secret: str = "") -> tuple[int, bytes]:
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        answer = self.status.ask(path, **headers)
        return answer.status_code, answer.content


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("feeds"))


def parsed(body: bytes) -> list[dict[str, object]]:
    """As a network operator's program reads it."""
    data = NotificationData.init_from_raw("ical", body)
    assert data is not None
    return [one.__dict__ for one in GenericProvider().get_maintenances(data)]


def test_a_calendar_has_what_touches_the_account_and_nothing_else(desk: Desk) -> None:
    status, body = desk.ask(f"/feeds/{desk.feed}/calendar.ics")
    assert status == 200
    events = {str(one["uid"]): one for one in Calendar.from_ical(body).walk("vevent")}
    assert set(events) == {
        f"edge-2.1.0.{name}.acme@wavetrain" for name in ("por1.1", "ber1.2", "ber1.1", "por1.2")
    }
    assert b"other-hq" not in body
    assert b"evil1" not in body
    coming = events["edge-2.1.0.ber1.2.acme@wavetrain"]
    assert (coming["sequence"], coming["dtstart"].dt) == (1, AT + timedelta(days=1))


def test_a_notice_is_read_by_an_operators_program_with_the_impact_on_each_site(desk: Desk) -> None:
    status, body = desk.ask(f"/feeds/{desk.feed}/maintnotes/edge-2.1.0.ber1.2.ics")
    assert status == 200
    (told,) = parsed(body)
    assert (told["account"], told["maintenance_id"], told["sequence"]) == ("acme", "edge-2.1.0.ber1.2", 1)
    assert told["status"] == "CONFIRMED"
    assert (told["start"], told["end"]) == (
        int((AT + timedelta(days=1)).timestamp()),
        int((AT + timedelta(days=1, hours=4)).timestamp()),
    )
    circuits = {one.circuit_id: one.impact.value for one in told["circuits"]}  # type: ignore[attr-defined]
    assert circuits == {"acme-lab": "OUTAGE", "acme-vpn": "OUTAGE", "acme-hq": "REDUCED-REDUNDANCY"}
    (now,) = parsed(desk.ask(f"/feeds/{desk.feed}/maintnote.ics")[1])
    assert (now["maintenance_id"], now["status"]) == ("edge-2.1.0.por1.1", "IN-PROCESS")


def test_the_same_is_had_by_a_token_of_the_account_or_of_who_may_read(desk: Desk) -> None:
    by_secret = desk.ask(f"/feeds/{desk.feed}/calendar.ics")[1]
    for secret in (desk.own, desk.viewer):
        assert desk.ask("/v1/accounts/acme/calendar.ics", secret) == (200, by_secret)
    assert desk.ask("/v1/accounts/acme/maintnote.ics", desk.own)[0] == 200


def test_nothing_leaks_to_another_account_not_even_who_there_is(desk: Desk) -> None:
    for path in ("calendar.ics", "maintnote.ics", "maintnotes/edge-2.1.0.evil1.1.ics"):
        refused = {desk.ask(f"/v1/accounts/{name}/{path}", desk.own) for name in ("other", "nobody")}
        assert {status for status, _ in refused} == {403}
        assert len({body.replace(b"nobody", b"other") for _, body in refused}) == 1
    assert desk.ask(f"/feeds/{desk.feed}/maintnotes/edge-2.1.0.evil1.1.ics")[0] == 404
    wrong = desk.ask("/feeds/wt_wrong/calendar.ics")
    assert wrong[0] == 404
    for secret in (desk.own, desk.viewer, "x" * 3_000):
        assert desk.ask(f"/feeds/{secret}/calendar.ics") == wrong, "no other credential opens a feed"
    for path in ("/v1/accounts/acme/calendar.ics", "/v1/accounts/acme/features", "/v1/rollouts"):
        assert desk.ask(path, desk.feed)[0] == 403, "the secret of a feed opens nothing else"


def test_a_revoked_feed_ends(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.ask(f"/feeds/{desk.feed}/calendar.ics")[0] == 200
    store = desk.status.house.store
    token = next(one for one in tokens.seen(store, tokens.HOUSE) if one.name == "cal")
    tokens.revoke(store, tokens.HOUSE, token.id)
    assert desk.ask(f"/feeds/{desk.feed}/calendar.ics")[0] == 404


NAMES = (
    st.text(min_size=1, max_size=200)
    | st.just(HOSTILE)
    | st.just('a;b,c:d\\n"e\r\n X-MAINTNOTE-STATUS:COMPLETED')
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(MaintenanceState)),
    NAMES.filter(lambda name: (name.strip() and name.isprintable()) or "\n" in name),
    st.lists(st.tuples(NAMES, st.sampled_from(list(Impact))), max_size=5),
    st.integers(0, 400),
)
def test_every_notice_is_read_again_whatever_stands_in_names(
    state: MaintenanceState, name: str, sites: list[tuple[str, Impact]], sequence: int
) -> None:
    record: Maintenance = work("por1", 1, state, sequence=sequence, reason=name)
    touched = tuple(
        Touched(site=site, role="primary", impact=impact, least_s=0, most_s=30, why=name)
        for site, impact in sites
    )
    told = WorkFor(work=record, place=name, zone="UTC", impact=Impact.DEGRADED, sites=touched)
    body = maintnote.notice("acme", told, Page(name, "https://status.example.net"), "noc@example.net")
    assert b"\n" not in body.replace(b"\r\n", b"")
    (read,) = parsed(body)
    assert (read["account"], read["sequence"], read["provider"]) == ("acme", sequence, "example.net")
    expected = {S.CANCELLED: "CANCELLED", S.COMPLETED: "COMPLETED", S.SCHEDULED: "CONFIRMED"}
    assert read["status"] == expected.get(state, "IN-PROCESS")


def test_an_accounts_page_says_what_it_has_to_expect_and_what_would_help(desk: Desk) -> None:
    answer = desk.status.ask(f"/feeds/{desk.feed}")
    assert answer.status_code == 200
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private, no-cache"
    words = " ".join(Read(answer.text).words.split())
    assert "acme-lab: outage, 0 to 30 s: it has one PoP only" not in words
    assert "acme-lab" in words
    assert "configure a second tunnel to a different PoP" in words
    assert "Impact: reduced redundancy" in words or "Impact: outage" in words
    for other in ("other-hq", "evil1"):
        assert other not in words
    assert "<script" not in answer.text
    assert len(answer.content) < 150_000
    assert desk.ask("/feeds/wt_wrong")[0] == 404
    assert desk.ask(f"/feeds/{desk.own}")[0] == 404


def test_the_same_is_had_as_json_by_a_token(desk: Desk) -> None:
    answer = desk.status.ask("/v1/accounts/acme", authorization=f"Bearer {desk.own}").json()
    assert answer["work"]["account"] == "acme"
    assert {one["site"] for one in answer["readiness"]["listed"]} == {"acme-lab", "acme-vpn"}
    assert answer["wishes"] == {"early": False, "blackouts": [], "unmet": []}
    assert desk.ask("/v1/accounts/other", desk.own)[0] == desk.ask("/v1/accounts/nobody", desk.own)[0] == 403
