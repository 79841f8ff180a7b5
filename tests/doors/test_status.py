"""The public status: pages, documents, feeds and calendars, whatever stands in a name."""

import hashlib
import re
import xml.etree.ElementTree as ET
from base64 import b64encode
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import feedparser
import jsonschema
import pytest
from icalendar import Calendar
from tests.doors.status_house import AT, HOSTILE, RECORDS, S, StatusHouse, pop, work
from tests.doors.statuspage_schema import DOCUMENTS

from wavetrain.doors.status import ADDRESSES
from wavetrain.doors.status_written import PLACES_MAX
from wavetrain.doors.statuspage import LISTED_MAX
from wavetrain.model.fleet import Region, RegionId
from wavetrain.model.maintenance import Maintenance

PAGES = ("/status", "/status/history", "/status/regions/eu", "/status/pops/por1", "/status/pops/evil1")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> StatusHouse:
    return StatusHouse(tmp_path_factory.mktemp("status"))


class Read(HTMLParser):
    """What a browser would see: the tags, the words, and what is missing."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += f" {data} "


@pytest.mark.parametrize("path", PAGES)
def test_a_page_needs_no_script_and_lets_none_in(house: StatusHouse, path: str) -> None:
    answer = house.ask(path)
    assert answer.status_code == 200
    read = Read(answer.text)
    assert {tag for tag, _ in read.tags}.isdisjoint({"script", "img", "iframe", "object", "form"})
    assert not [name for _, given in read.tags for name in given if name.startswith("on")]
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style is not None
    digest = b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    rule = answer.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in rule
    assert "default-src 'none'" in rule
    assert len(answer.content) < 150_000
    assert [given.get("lang") for tag, given in read.tags if tag == "html"] == ["en"]


def test_the_first_page_says_what_is_wrong_what_is_done_and_what_comes(house: StatusHouse) -> None:
    words = " ".join(Read(house.ask("/status").text).words.split())
    assert "Minor incident" in words
    assert "edge 2.1.0 is taken back" in words
    assert "Porto (por1) under maintenance none planned" in words
    assert "Berlin (ber1) : update to 2.1.0" in words
    assert (
        "Tue 2027-03-02 02:00 CET to Tue 2027-03-02 06:00 CET (2027-03-02 01:00 to 2027-03-02 05:00 UTC)"
        in words
    )
    assert "It was planned for 2027-03-01 01:00 UTC before: its window closed before it began." in words
    assert "outside the window" in " ".join(Read(house.ask("/status/pops/por1").text).words.split())
    assert "It does not take place" in " ".join(Read(house.ask("/status/history").text).words.split())


def test_every_link_of_every_page_leads_somewhere(house: StatusHouse) -> None:
    for path in PAGES:
        for tag, given in Read(house.ask(path).text).tags:
            link = given.get("href") or ""
            if tag in ("a", "link") and not link.startswith("#"):
                assert link.startswith("https://status.example.net/")
                assert house.ask(link.removeprefix("https://status.example.net")).status_code == 200, link


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_has_statuspages_shape(house: StatusHouse, name: str) -> None:
    answer = house.ask(f"/api/v2/{name}.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    jsonschema.validate(answer.json(), DOCUMENTS[name])


def test_documents_say_the_same_as_the_pages(house: StatusHouse) -> None:
    told = house.ask("/api/v2/summary.json").json()
    assert told["status"] == {"indicator": "minor", "description": "Minor incident"}
    states = {one["id"]: one["status"] for one in told["components"]}
    assert states["por1"] == states["region-eu"] == "under_maintenance"
    assert (states["ber1"], states["lane-pop"]) == ("operational", "operational")
    assert states["evil1"] == "degraded_performance"
    assert [(one["id"], one["status"]) for one in told["scheduled_maintenances"]] == [
        ("edge-2.1.0.por1.1", "in_progress"),
        ("edge-2.1.0.ber1.2", "scheduled"),
    ]
    active = house.ask("/api/v2/scheduled-maintenances/active.json").json()["scheduled_maintenances"]
    assert [one["id"] for one in active] == ["edge-2.1.0.por1.1"]
    assert [one["id"] for one in told["incidents"]] == ["edge-2.1.0.back"]


@pytest.mark.parametrize("kind", ["atom", "rss"])
def test_a_feed_is_read_by_a_feed_reader(house: StatusHouse, kind: str) -> None:
    answer = house.ask(f"/history.{kind}")
    ET.fromstring(answer.content)
    read = feedparser.parse(answer.content)
    assert not read.bozo
    assert read.feed.title == "Status of <Example>"
    titles = {entry.title for entry in read.entries}
    assert "Porto (por1): update to 2.1.0: under way" in titles
    assert "edge 2.1.0 is taken back: identified" in titles
    assert len({entry.id for entry in read.entries}) == len(read.entries) == 6


def test_a_calendar_is_read_by_a_calendar(house: StatusHouse) -> None:
    answer = house.ask("/status.ics")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert b"\n" not in answer.content.replace(b"\r\n", b"")
    assert max(map(len, answer.content.split(b"\r\n"))) <= 75
    events = {str(one["uid"]): one for one in Calendar.from_ical(answer.content).walk("vevent")}
    moved = events["edge-2.1.0.ber1.2@wavetrain"]
    assert (moved["sequence"], moved["dtstart"].dt, moved["status"]) == (
        1,
        AT + timedelta(days=1),
        "CONFIRMED",
    )
    assert events["edge-2.1.0.evil1.1@wavetrain"]["status"] == "CANCELLED"
    assert len(events) == 3, "a name begins no event of its own"
    one = Calendar.from_ical(house.ask("/status.ics?pop=ber1").content)
    assert [str(event["uid"]) for event in one.walk("vevent")] == ["edge-2.1.0.ber1.2@wavetrain"]
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT1H" in answer.content


def test_who_has_it_already_is_told_so_until_it_changes(tmp_path: Path) -> None:
    house = StatusHouse(tmp_path)
    for path in ("/status", "/api/v2/summary.json", "/history.atom", "/status.ics"):
        tag = house.ask(path).headers["etag"]
        again = house.ask(path, if_none_match=f'"other", {tag}')
        assert (again.status_code, again.content) == (304, b"")
        assert house.ask(path, "HEAD").headers["etag"] == tag
        assert house.ask(path, "HEAD").content == b""
    tag = house.ask("/api/v2/summary.json").headers["etag"]
    por = next(one for one in RECORDS if isinstance(one, Maintenance))
    house.put(por.changed(state=S.COMPLETED, over_at=AT, sequence=4, changed_at=AT + timedelta(hours=1)))
    assert house.ask("/api/v2/summary.json", if_none_match=tag).status_code == 304, "nobody has followed yet"
    assert house.board.follow()
    told = house.ask("/api/v2/summary.json", if_none_match=tag)
    assert told.status_code == 200
    states = {one["id"]: one["status"] for one in told.json()["components"]}
    assert states["por1"] == "operational"
    assert not house.board.follow()


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/status/pops/nowhere", "GET", 404),
        ("/status/pops/nowhere.ics", "GET", 404),
        ("/status/regions/nowhere", "GET", 404),
        ("/status/regions/eu-2", "GET", 404),
        ("/status/other", "GET", 404),
        ("/api/v2/nothing.json", "GET", 404),
        ("/api/v2/summary.json?pop=por1", "GET", 400),
        ("/status.ics?pop=por1&pop=ber1", "GET", 400),
        ("/status.ics?" + "&".join(f"a{at}=1" for at in range(500)), "GET", 400),
        ("/status", "POST", 405),
        ("/api/v2/summary.json", "DELETE", 405),
    ],
)
def test_what_is_not_there_is_refused_in_words(
    house: StatusHouse, path: str, method: str, status: int
) -> None:
    answer = house.ask(path, method)
    assert answer.status_code == status
    if answer.headers["content-type"] == "application/json":
        assert answer.json()["error"]


def test_a_stranger_who_asks_without_end_is_asked_to_wait(tmp_path: Path) -> None:
    house = StatusHouse(tmp_path)
    answers = {house.ask("/api/v2/status.json").status_code for _ in range(400)}
    assert answers == {200, 429}


def test_a_large_fleet_is_shown_by_region_in_pages_that_stay_small(tmp_path: Path) -> None:
    pops = [pop(f"p{at:04}", f"Place {at}", "eu") for at in range(450)]
    works = [work(one.id, 1, S.SCHEDULED, 24 + at / 10) for at, one in enumerate(pops)]
    house = StatusHouse(tmp_path, records=(Region(id=RegionId("eu"), name="Europe"), *pops, *works))
    assert len(pops) > PLACES_MAX
    first = house.ask("/status")
    assert "450 PoPs" in first.text or "452 PoPs" in first.text
    for path in (
        "/status",
        "/status/regions/eu",
        "/status/regions/eu-2",
        "/status/regions/eu-3",
        "/status/history",
    ):
        answer = house.ask(path)
        assert answer.status_code == 200, path
        assert len(answer.content) < 150_000
    shown = "".join(house.ask(f"/status/regions/eu{page}").text for page in ("", "-2", "-3"))
    assert all(f"Place {at} (" in shown for at in range(450))
    upcoming = house.ask("/api/v2/scheduled-maintenances/upcoming.json").json()["scheduled_maintenances"]
    assert len(upcoming) == LISTED_MAX


def test_the_page_of_the_docs_names_every_address() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "status.md").read_text()
    assert not [one for one in ADDRESSES if f"`{one}`" not in text]


def test_hostile_words_are_shown_as_they_are(house: StatusHouse) -> None:
    text = house.ask("/status/pops/evil1").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert HOSTILE not in text
    assert "\x00" not in text
    assert "\u202e" not in text
