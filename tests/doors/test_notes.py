"""The weekly notes as anybody reads them: pages, a feed and Markdown, without a login, whatever stands in them."""

import asyncio
import hashlib
import re
import xml.etree.ElementTree as ET
from base64 import b64encode
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import feedparser
import httpx
import pytest
from tests.control.practice import CI, OPERATOR, START, Practice

from wavetrain.control import features, notes, submit
from wavetrain.control.tick import Ticker
from wavetrain.decide import ramp
from wavetrain.doors import limits, notes_written
from wavetrain.doors import notes as notes_door
from wavetrain.doors.http import build
from wavetrain.doors.limits import Limits
from wavetrain.doors.notes_written import House
from wavetrain.model.feature import Early, Feature, FeatureKey, Ramp, Variant
from wavetrain.model.fleet import AccountId, PopId, Site, SiteId, SiteKind
from wavetrain.simulate.health import SimHealth
from wavetrain.simulate.nature import Nature

PUBLISHER = House(title="Updates of <Example>", address="https://updates.example.net")
BLUE = Site(
    id=SiteId("blue-hq"),
    account=AccountId("blue"),
    primary=PopId("lis1"),
    secondary=PopId("fra1"),
    kind=SiteKind.APPLIANCE,
    users=3,
)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "]]></content><evil/>",
    "[here](javascript:alert(1)) ![x](https://evil.example/p.png) `a` **b** <b>c</b>",
    "# head\n- point\n1. one\n> said | a | b |",
    "\x00\x08\x1b[31m\u202egpj.exe\ufffe",
    "{{ 7 * 7 }}{% for x in y %}",
    "&lt;i&gt; &amp; &#x3c;",
)


def _feature(key: str, summary: str) -> Feature:
    return Feature(
        id=FeatureKey(key),
        variants=(Variant("on", True), Variant("off", False)),
        on="on",
        off="off",
        summary=summary,
        owner="secret team",
        domain=summary[:60],
        announced_at=START,
        early=Early(since=START, terms=summary),
        ramp=Ramp(begins=START, steps=ramp.even()),
        notes=('https://docs.example.net/a?b=<c>"&d=)', "javascript:alert(1)"),
    )


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Doors:
    """The application in process, asked by nobody in particular; its store has what somebody hostile announced."""

    def __init__(self, folder: Path) -> None:
        self.clock = Hand()
        self.house = Practice(folder)
        with self.house.store.write() as transaction:
            for count, text in enumerate(HOSTILE):
                transaction.put(_feature(f"f{count}", text))
            transaction.put(BLUE)
        news = f"{HOSTILE[0]}\n\n{HOSTILE[3]}"
        submit.submit(
            self.house.store,
            self.house.artifacts,
            CI,
            self.house.candidate(news=news, notes="own eyes alone"),
        )
        Ticker(self.house.store, SimHealth(self.clock, {}, Nature(Random(1)))).tick()
        self.app = build(
            self.house.store,
            self.house.artifacts,
            self.house.trust,
            limits=Limits(self.clock),
            publisher=PUBLISHER,
            clock=self.clock,
        )

    def pass_by(self) -> None:
        """So much time passes that what is shown is read anew."""
        self.clock.now += notes_door.FRESH_S

    def get(self, path: str, **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(self.app, client=("192.0.2.1", 1)), base_url="https://x"
            ) as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture
def doors(tmp_path: Path) -> Doors:
    return Doors(tmp_path)


class Seen(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_shows_what_was_written_and_runs_none_of_it(doors: Doors) -> None:
    answer = doors.get("/notes/2026-11-01")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    seen = Seen(answer.text)
    assert not {"script", "img", "evil", "i", "b", "iframe"} & set(seen.tags)
    assert all(
        one.startswith((PUBLISHER.address, "https://docs.example.net/", "#")) for one in seen.addresses
    )
    for text in (*HOSTILE[:4], HOSTILE[6], HOSTILE[7]):
        assert text in seen.text
    assert "\x1b" not in answer.text
    assert "\u202e" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    digest = hashlib.sha256(re.findall(r"<style>(.*?)</style>", answer.text, re.S)[0].encode()).digest()
    assert f"style-src 'sha256-{b64encode(digest).decode()}'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/notes", "/notes.atom", "/notes/2026-11-01", "/notes/2026-11-01.md"])
def test_nothing_of_an_account_or_a_person_or_the_operators_own_is_shown(doors: Doors, path: str) -> None:
    text = doors.get(path).text
    for own in ("blue", "secret team", "own eyes", "olga", "lis1"):
        assert own not in text


def test_a_feed_reader_reads_the_feed_and_its_ids_stay(doors: Doors) -> None:
    answer = doors.get("/notes.atom")
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    read = feedparser.parse(answer.content)
    assert not read.bozo
    assert (read.version, read.feed.title) == ("atom10", PUBLISHER.title)
    (entry,) = read.entries
    assert entry.id == "urn:uuid:88751ab3-c532-563e-a318-ee3342b6c018"
    assert entry.link == "https://updates.example.net/notes/2026-11-01"
    assert entry.published == "2026-11-01T00:00:00Z"
    assert "alert(1)" in entry.content[0].value
    assert "<script" not in entry.content[0].value
    assert ET.fromstring(answer.content).tag == "{http://www.w3.org/2005/Atom}feed"


def test_the_feed_says_that_it_changed_only_when_it_did(doors: Doors) -> None:
    first = feedparser.parse(doors.get("/notes.atom").content)
    doors.house.seconds += 3_600
    doors.pass_by()
    assert feedparser.parse(doors.get("/notes.atom").content).feed.updated == first.feed.updated
    features.off(doors.house.store, OPERATOR, "f0", "it blinks")
    doors.pass_by()
    later = feedparser.parse(doors.get("/notes.atom").content)
    assert later.entries[0].id == first.entries[0].id
    assert later.entries[0].updated == later.feed.updated == "2026-11-01T01:00:00Z"
    assert "Switched off on 2026-11-01." in later.entries[0].content[0].value


def test_markdown_shows_what_was_written_and_is_none_itself(doors: Doors) -> None:
    answer = doors.get("/notes/2026-W45.md")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    lines = answer.text.splitlines()
    assert (
        r"\[here\](javascript:alert(1)) \!\[x\](https\://evil.example/p.png) \`a\` \*\*b\*\* \<b\>c\</b\>"
        in answer.text
    )
    assert r"### \# head - point 1. one \> said \| a \| b \|" in lines
    assert not re.search(r"(?<!\\)[\[\]`]", answer.text), "no link, no picture, no code"
    links = re.findall(r"(?<!\\)<([^>]*)>", answer.text)
    assert links
    assert set(links) == {"https://docs.example.net/a?b=%3Cc%3E%22&d=)"}


def test_a_reader_who_has_it_gets_no_body(doors: Doors) -> None:
    first = doors.get("/notes/2026-11-01")
    tag = first.headers["etag"]
    for said in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = doors.get("/notes/2026-11-01", **{"If-None-Match": said})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert doors.get("/notes/2026-11-01", **{"If-None-Match": '"other"'}).status_code == 200
    features.off(doors.house.store, OPERATOR, "f0", "it blinks")
    assert doors.get("/notes/2026-11-01").headers["etag"] == tag, "it is as old as it may be"
    doors.pass_by()
    assert doors.get("/notes/2026-11-01").headers["etag"] != tag


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        (
            "/notes/2026-11-08",
            404,
            "there are no notes of the week of 2026-11-08 yet; the newest are those of 2026-11-01",
        ),
        ("/notes/2026-10-25", 404, "the oldest are those of 2026-11-01"),
        ("/notes/2026-10-25.md", 404, "the oldest are those of 2026-11-01"),
        ("/notes/tomorrow", 422, "`tomorrow` is no week"),
        ("/notes/%3Cscript%3E.md", 422, "is no week"),
        ("/notes/" + "9" * 5_000, 422, "is no week"),
        ("/notes/2026-11-01/more", 404, "there is no GET"),
        ("/notes?week=1", 422, "there is no parameter week"),
    ],
)
def test_a_week_without_notes_is_refused_with_the_way_out(
    doors: Doors, path: str, status: int, said: str
) -> None:
    answer = doors.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert said in answer.json()["error"]
    assert len(answer.content) < 1_000


def test_who_asks_too_often_is_told_when_to_come_back(doors: Doors) -> None:
    for _ in range(limits.PAGE.burst):
        assert doors.get("/notes").status_code == 200
    answer = doors.get("/notes")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    doors.clock.now += 1
    assert doors.get("/notes").status_code == 200


def test_a_folder_of_files_links_only_to_what_lies_in_it(doors: Doors) -> None:
    shelf = notes.shelf(doors.house.store)
    links = PUBLISHER.in_folder
    pages = [notes_written.index_html(shelf, PUBLISHER, links)]
    pages += [notes_written.week_html(issue, shelf, PUBLISHER, links) for issue in shelf.issues]
    for page in pages:
        for address in Seen(page).addresses:
            assert not urlsplit(address).scheme or address.startswith("https://docs.example.net/")
            assert not address.startswith("/")
