"""An account's pages behind its login: what it sees, what it says there, and what nobody else gets in by."""

import re
from pathlib import Path

import pytest
from icalendar import Calendar
from tests.control.practice import OPERATOR
from tests.doors.browsing import Browser
from tests.doors.status_house import AT, HOSTILE
from tests.doors.test_feeds import Desk
from tests.doors.test_subscriptions import Names

from wavetrain.adapters.webhook import checked_url
from wavetrain.control import features, tokens
from wavetrain.control.account_settings import SettingsSeen, seen
from wavetrain.control.subscriptions import Ways
from wavetrain.decide.permit import Caller
from wavetrain.doors.http import build
from wavetrain.doors.limits import Limits
from wavetrain.model.access import Role
from wavetrain.model.feature import Early, Feature, FeatureKey, Variant
from wavetrain.model.fleet import BLACKOUTS_MAX

SETTINGS = "/account/settings"
KEY = FeatureKey("tiles")
SAVED = {"early-pop": "agreed", "days": "agreed"}


class Rooms(Desk):
    """The same house, with browsers."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        store = self.status.house.store
        early = Early(since=AT.replace(year=2020), terms="<b>as is</b>")
        tiles = Feature(
            id=KEY,
            summary=HOSTILE,
            on="on",
            off="off",
            owner="console",
            variants=(Variant("on", True), Variant("off", False)),
            announced_at=AT,
            early=early,
        )
        features.add(store, OPERATOR, [tiles])
        house = self.status.house
        self.status.app = build(
            house.store,
            house.artifacts,
            house.trust,
            board=self.status.board,
            page=self.status.page,
            limits=Limits(lambda: 0.0),
            ways=Ways(Names(), checked_url, mails=True),
        )
        self.eve = tokens.create(store, tokens.HOUSE, "eve", [Role.ACCOUNT], account="other")[1]
        self.operator = tokens.create(store, tokens.HOUSE, "olga", [Role.OPERATOR])[1]

    def browser(self, secret: str) -> Browser:
        made = Browser(self.status.app)
        assert made.ask("/login", {"token": secret}).status_code == 303
        return made

    @property
    def settings(self) -> SettingsSeen:
        return seen(self.status.house.store, Caller("ann", (Role.ACCOUNT,), "acme"), "acme")


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Rooms:
    return Rooms(tmp_path_factory.mktemp("rooms"))


@pytest.fixture
def ann(rooms: Rooms) -> Browser:
    return rooms.browser(rooms.own)


def sheet(browser: Browser, path: str = SETTINGS) -> dict[str, str]:
    """The hidden fields of the settings form, which is the first that names a version."""
    text = browser.ask(path).text
    start = text.rindex("<form", 0, text.index('name="version"'))
    form = text[start : text.index("</form>", start)]
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form))


def test_an_account_begins_at_its_own_page_and_has_its_calendar_there(rooms: Rooms, ann: Browser) -> None:
    page = ann.ask("/account")
    assert page.status_code == 200
    assert "When to expect it" in page.text
    assert "it was moved: its window closed before it began" in page.text
    assert "<script>alert" not in page.text
    assert len(page.content) < 150_000
    assert 'href="/account/calendar.ics"' in page.text
    got = ann.ask("/account/calendar.ics")
    assert got.headers["content-disposition"] == 'attachment; filename="calendar.ics"'
    assert {str(one["uid"]) for one in Calendar.from_ical(got.content).walk("vevent")} >= {
        "edge-2.1.0.ber1.2.acme@wavetrain"
    }


def test_who_is_not_logged_in_is_asked_to(rooms: Rooms) -> None:
    nobody = Browser(rooms.status.app)
    for path in ("/account", SETTINGS, "/account/calendar.ics", "/console/accounts/acme"):
        answer = nobody.ask(path)
        assert (answer.status_code, answer.headers["location"][:12]) == (303, "/login?next=")
    assert nobody.ask(SETTINGS, dict(SAVED)).status_code == 401


def test_a_wish_is_saved_told_and_shown(rooms: Rooms, ann: Browser) -> None:
    fields = sheet(ann) | {"early-pop": "yes", "days": "own", "first-0": "2027-12-24", "last-1": "2027-06-01"}
    answer = ann.ask(SETTINGS, fields)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/account/settings?saved=")
    there = ann.ask(answer.headers["location"]).text
    assert '<p role="status">Saved.</p>' in there
    assert "Holds from the " in there
    assert 'value="yes" checked' in there
    assert re.findall(r'name="first-\d+" value="([\d-]+)"', there) == ["2027-06-01", "2027-12-24"]
    counts = rooms.settings.counts
    assert (counts.early, [str(one.last) for one in counts.blackouts]) == (
        {"pop": True},
        ["2027-06-01", "2027-12-24"],
    )
    assert "New releases before others." in ann.ask("/account").text


def test_one_who_read_before_somebody_else_wrote_loses_nobodys_words(rooms: Rooms, ann: Browser) -> None:
    old = sheet(ann)
    olga = rooms.browser(rooms.operator)
    others = "/console/accounts/acme/settings"
    assert olga.ask(others, sheet(olga, others) | SAVED | {"early-pop": "no"}).status_code == 303
    late = ann.ask(SETTINGS, old | SAVED | {"early-pop": "yes"})
    assert late.status_code == 409
    assert "were changed by olga since you read them" in late.text
    assert rooms.settings.early == {"pop": False}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"days": "own", "first-0": "2020-01-01"}, "is over"),
        ({"days": "own", "first-0": "2027-12-24", "last-0": "2027-12-01"}, "before 2027-12-24"),
        ({"days": "own", "first-0": "<script>alert(1)</script>"}, "are no days"),
        ({"days": "own", "first-0": "2027-12-24", "last-0": "9999-12-31"}, "ends in more than"),
        ({"early-pop": "<b>"}, "choose one of the three"),
        ({"version": "-1"}, "names no version"),
        ({"days": "own"} | {f"first-{at}": "2027-06-01" for at in range(BLACKOUTS_MAX + 3)}, "at most"),
    ],
)
def test_a_form_filled_in_wrongly_comes_back_with_what_is_wrong(
    rooms: Rooms, ann: Browser, fields: dict[str, str], text: str
) -> None:
    before = rooms.settings
    answer = ann.ask(SETTINGS, sheet(ann) | SAVED | fields)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert text in answer.text
    assert "<script>alert" not in answer.text
    assert fields.get("first-0", "")[:4] in answer.text
    assert rooms.settings == before


def test_thousands_of_fields_or_a_huge_form_are_refused(rooms: Rooms, ann: Browser) -> None:
    before, fields = rooms.settings, sheet(ann)
    for more in ({f"first-{at}": "2027-06-01" for at in range(2_000)}, {"first-0": "x" * 70_000}):
        assert ann.ask(SETTINGS, fields | SAVED | more).status_code in (413, 422)
    assert rooms.settings == before


def test_a_form_of_another_site_or_login_changes_nothing(rooms: Rooms, ann: Browser) -> None:
    before, fields = rooms.settings, sheet(ann) | SAVED | {"early-pop": "yes"}
    eve = rooms.browser(rooms.eve)
    stolen = sheet(eve)["form"]
    assert ann.ask(SETTINGS, fields, sec_fetch_site="cross-site").status_code == 403
    assert ann.ask(SETTINGS, fields, origin="https://evil.example").status_code == 403
    assert ann.ask(SETTINGS, fields | {"form": stolen}).status_code == 403
    assert ann.ask(SETTINGS, {key: fields[key] for key in fields if key != "form"}).status_code == 403
    assert ann.ask("/account/features/tiles", {"word": "early"}).status_code == 403
    assert rooms.settings == before


def test_another_accounts_pages_look_like_those_of_none(rooms: Rooms) -> None:
    eve = rooms.browser(rooms.eve)
    for path in ("", "/settings", "/calendar.ics"):
        there, none = (eve.ask(f"/console/accounts/{name}{path}") for name in ("acme", "nobd"))
        assert (there.status_code, none.status_code) == (403, 403)
        pages = [re.sub(r'(name="sheet" value=")[^"]+', r"\1", one.text) for one in (there, none)]
        assert pages[0].replace("acme", "nobd") == pages[1]
        headers = [{key: one.headers[key] for key in one.headers} for one in (there, none)]
        assert headers[0] == headers[1]
    fields = sheet(eve) | SAVED | {"early-pop": "yes"}
    for name in ("acme", "nobd"):
        assert eve.ask(f"/console/accounts/{name}/settings", fields).status_code == 403


def test_a_feature_is_had_early_by_a_button_and_left_again(rooms: Rooms, ann: Browser) -> None:
    assert "Have it early" in ann.ask(SETTINGS).text
    fields = {key: sheet(ann)[key] for key in ("form", "sheet")}
    assert ann.ask("/account/features/tiles", fields | {"word": "early"}).status_code == 303
    assert "Not early after all" in ann.ask(SETTINGS).text
    fields = {key: sheet(ann)[key] for key in ("form", "sheet")}
    assert ann.ask("/account/features/tiles", fields | {"word": "leave"}).status_code == 303
    for word, status in (("hold", 422), ("<b>", 422), ("defer", 422)):
        fields = {key: sheet(ann)[key] for key in ("form", "sheet")}
        assert ann.ask("/account/features/tiles", fields | {"word": word}).status_code == status
    fields = {key: sheet(ann)[key] for key in ("form", "sheet")}
    assert ann.ask("/account/features/none", fields | {"word": "early"}).status_code == 404


WAYS = "/account/settings/ways"
HOOK = {"called": "noc", "way": "webhook", "to": "https://hooks.example.net/in", "on-moved": "on"}


def test_a_way_is_added_its_secret_shown_once_paused_and_removed(rooms: Rooms, ann: Browser) -> None:
    made = ann.send(WAYS, **HOOK)
    assert made.status_code == 201
    (secret,) = re.findall(r"<code>(whsec_[^<]+)</code>", made.text)
    assert "no-store" in made.headers["cache-control"]
    there = ann.ask(WAYS).text
    assert secret not in there
    assert "webhook to https://hooks.example.net" in ann.ask(SETTINGS).text
    assert "tells moved." in there
    assert ann.send(WAYS, **HOOK).status_code == 422  # the name is taken
    for deed, text in (("pause", "Paused: paused by hand."), ("resume", ">Pause<")):
        assert ann.ask(f"{WAYS}/noc/{deed}", ann.sheet(WAYS)).status_code == 303
        assert text in ann.ask(WAYS).text
    assert ann.ask(f"{WAYS}/noc/secret", ann.sheet(WAYS)).status_code == 201
    assert ann.ask(f"{WAYS}/noc/remove", ann.sheet(WAYS)).status_code == 303
    assert "Nobody is told yet." in ann.ask(WAYS).text
    assert (
        ann.send(WAYS, called="mail", way="mail", to="noc@example.net", **{"on-moved": "on"}).status_code
        == 303
    )
    assert ann.ask(f"{WAYS}/mail/remove", ann.sheet(WAYS)).status_code == 303


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"to": "https://127.0.0.1/in"}, "127.0.0.1"),
        ({"to": "javascript:alert(1)"}, "javascript"),
        ({"called": "<script>alert(1)</script>"}, "is no name for a way"),
        ({"way": "pigeon"}, "no way of kind pigeon"),
        ({"way": "mail", "to": "a@b.example\r\nBcc: x@y.example"}, "is no mail address"),
        ({"on-moved": ""}, ""),
    ],
)
def test_a_way_that_cannot_be_comes_back_with_what_is_wrong(
    rooms: Rooms, ann: Browser, fields: dict[str, str], text: str
) -> None:
    wanted = HOOK | fields
    if not text:
        del wanted["on-moved"]
    answer = ann.send(WAYS, **wanted)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert text in answer.text
    assert "<script>alert" not in answer.text
    assert "Nobody is told yet." in ann.ask(WAYS).text


def test_another_accounts_ways_are_nobodys(rooms: Rooms, ann: Browser) -> None:
    eve = rooms.browser(rooms.eve)
    for name in ("acme", "nobd"):
        others = f"/console/accounts/{name}/settings/ways"
        assert eve.ask(others).status_code == 403
        assert eve.ask(others, eve.sheet(WAYS) | HOOK).status_code == 403
        assert eve.ask(f"{others}/noc/remove", eve.sheet(WAYS)).status_code == 403
    assert ann.ask(f"{WAYS}/noc/remove", ann.sheet(WAYS)).status_code == 404
    assert ann.ask(f"{WAYS}/noc/explode", ann.sheet(WAYS)).status_code == 404
    assert ann.ask(WAYS, HOOK).status_code == 403


def test_who_may_only_read_sees_no_button(rooms: Rooms) -> None:
    vic = rooms.browser(rooms.viewer)
    page = vic.ask("/console/accounts/acme/settings")
    assert page.status_code == 200
    assert "<button>Save</button>" not in page.text
    assert "Have it early" not in page.text
    assert vic.ask("/account").status_code == 404
