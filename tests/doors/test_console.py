"""The console: what operators see and may do, what others may not, and what a hostile name can do there."""

import contextlib
import html
import re
import threading
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from tests.control.test_successions import rules
from tests.decide.engine import fleet, policy, pop
from tests.doors.browsing import Browser
from tests.doors.console_house import ROLLOUT, ConsoleHouse, compared, placed

from wavetrain.control import cordons, rollouts, tokens
from wavetrain.control.progress import rollout as rollout_seen
from wavetrain.decide.permit import Caller
from wavetrain.doors.pages import OWN
from wavetrain.model.access import Role
from wavetrain.model.fleet import Cordon, NodeId, PopId, Quarantine, Retired
from wavetrain.model.journal import Entry
from wavetrain.model.maintenance import Incident
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.rollout import Slot, Status, Turn, TurnPhase
from wavetrain.model.standstill import Cause, Standstill
from wavetrain.model.window import Freeze

HOSTILE = "<script>alert(1)</script>\u202e'\"&{{7*7}}"
PAGE_KB_MAX = 150
WAIT_S = 0.3
OLGA = Caller("olga", (Role.OPERATOR,))


def house_of(folder: Path) -> ConsoleHouse:
    where = placed(fleet(pop("a", 4), pop("b", 4), pop("c", 2, load=0.4)))
    made = ConsoleHouse(folder, where, rules())
    made.trains.submit("2.0.0")
    made.trains.run(lambda: made.trains.rollout(ROLLOUT).wave == 1)
    made.trains.run(lambda: made.trains.turn(ROLLOUT, "b").phase is TurnPhase.CANARY)
    made.publish()
    return made


@pytest.fixture
def house(tmp_path: Path) -> ConsoleHouse:
    return house_of(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> ConsoleHouse:
    """For tests that change nothing."""
    return compared(house_of(tmp_path_factory.mktemp("console")))


PAGES = (
    "/console",
    "/console/fleet",
    "/console/fleet?region=west&state=done",
    "/console/journal",
    "/console/journal?text=wave&rollout=gateway-2.0.0&since=2026-03-01T00:00",
    f"/console/rollouts/{ROLLOUT}",
    "/console/pops/b",
    "/console/nodes/b1",
    f"/console/rollouts/{ROLLOUT}/pause",
    f"/console/rollouts/{ROLLOUT}/revert",
    f"/console/rollouts/{ROLLOUT}/abort",
    "/console/pops/c/cordon",
    "/console/nodes/c1/cordon",
    "/console/freezes",
    "/console/freezes?starts=2026-03-01T00:00&ends=2026-03-09T00:00&scope=west",
)


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_whole_small_and_runs_nothing_of_others(shared: ConsoleHouse, path: str) -> None:
    answer = shared.enter("olga").ask(path)
    assert answer.status_code == 200, answer.text
    assert len(answer.content) < PAGE_KB_MAX * 1024
    assert len(re.findall(r"<h1[ >]", answer.text)) == 1
    assert re.findall(r"<script(?! src=\"/pages/live.js)", answer.text) == []
    assert "style=" not in answer.text
    assert re.findall(r"\son[a-z]+=", answer.text) == []
    assert all("alt=" in image for image in re.findall(r"<img [^>]*>", answer.text))


@pytest.mark.parametrize("path", PAGES)
def test_nobody_sees_a_page_who_is_not_logged_in(shared: ConsoleHouse, path: str) -> None:
    answer = Browser(shared.app).ask(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=%2Fconsole")
    assert answer.text == ""


PICTURES = (
    f"/console/rollouts/{ROLLOUT}/train.svg",
    f"/console/rollouts/{ROLLOUT}/evidence.svg",
    "/console/map.svg",
    "/console/map.svg?by=release",
)


@pytest.mark.parametrize("path", PICTURES)
def test_each_picture_is_a_document_of_its_own(shared: ConsoleHouse, path: str) -> None:
    answer = shared.enter("vic").ask(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/svg+xml")
    root = ElementTree.fromstring(answer.text)
    assert root.tag.endswith("svg")
    assert "script" not in answer.text
    assert Browser(shared.app).ask(path).status_code == 404


def test_the_train_says_what_moves_what_waits_and_whom_it_touches(shared: ConsoleHouse) -> None:
    browser = shared.enter("vic")
    text = browser.ask("/console").text
    assert "gateway 2.0.0" in text
    assert "2 sites of 1 account, 20 users; 1 site without a second PoP" in text
    page = browser.ask(f"/console/rollouts/{ROLLOUT}").text
    assert "b1" in page
    assert "Blast radius" in page
    assert "To pause, resume, take back or abort takes the role operator" in page
    assert f"/console/rollouts/{ROLLOUT}/pause" not in page


def test_a_rollout_says_how_far_each_check_is_from_its_threshold(shared: ConsoleHouse) -> None:
    page = shared.enter("vic").ask(f"/console/rollouts/{ROLLOUT}").text
    assert "Verdict: <span" in page
    assert '<th scope="row">failures' in page
    assert re.search(r"log e \d+\.\d\d of \d+\.\d\d", page)
    assert re.search(r"evidence\.svg\?v=\d{8}T\d{6}", page)


def test_a_pop_says_what_it_waits_for_and_what_its_nodes_run(shared: ConsoleHouse) -> None:
    text = shared.enter("vic").ask("/console/pops/c").text
    assert "c waits" in text
    assert "c1" in text
    assert "1.0.0" in text
    assert "Cordon c" not in text


def test_an_operator_pauses_and_resumes_after_reading_what_comes_of_it(house: ConsoleHouse) -> None:
    browser = house.enter("olga")
    path = f"/console/rollouts/{ROLLOUT}/pause"
    sheet = browser.ask(path).text
    assert "on their way just now come to their end" in sheet
    done = browser.send(path, reason="an alert at b")
    assert (done.status_code, done.headers["location"]) == (303, f"/console/rollouts/{ROLLOUT}")
    assert house.trains.rollout(ROLLOUT).status is Status.PAUSED
    last = house.journal("rollout")[-1]
    assert (last.who, last.text) == ("olga", "rolling -> paused: an alert at b")
    page = browser.ask(f"/console/rollouts/{ROLLOUT}").text
    assert "an alert at b" in page
    assert f"/console/rollouts/{ROLLOUT}/pause" not in page, "it is paused already"
    assert (
        browser.send(f"/console/rollouts/{ROLLOUT}/resume", reason="the alert was another's").status_code
        == 303
    )
    assert house.trains.rollout(ROLLOUT).status is Status.ROLLING


def test_a_sheet_that_is_sent_twice_does_its_deed_once(house: ConsoleHouse) -> None:
    browser = house.enter("olga")
    path = f"/console/rollouts/{ROLLOUT}/pause"
    sheet = browser.sheet(path) | {"reason": "x"}
    first, again = browser.ask(path, sheet), browser.ask(path, sheet)
    assert first.status_code == again.status_code == 303
    assert first.headers["location"] == again.headers["location"]
    assert [entry.text for entry in house.journal("rollout")].count("rolling -> paused: x") == 1
    other = browser.ask(path, browser.sheet(f"/console/rollouts/{ROLLOUT}/resume") | {"reason": "y"})
    assert other.status_code == 409
    assert "is paused and cannot take `pause`" in other.text


class Waiting:
    """A store whose writer lets another one come first, if there is any."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._meet = threading.Barrier(2)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write(self) -> Any:
        with contextlib.suppress(threading.BrokenBarrierError):
            self._meet.wait(WAIT_S)
        return self._store.write()


def test_two_clicks_at_once_are_one_deed(house: ConsoleHouse) -> None:
    """A browser sends the second before the first is answered."""
    browser = house.enter("olga")
    asked = "/console/freezes?starts=2026-03-01T00:00&ends=2026-03-09T00:00"
    sheet = browser.sheet(asked) | {"reason": "quarter end"}
    slow = Browser(house.built(Waiting(house.store)))
    slow.cookies = browser.cookies
    answers = slow.ask_at_once("/console/freezes", [sheet, sheet])
    assert {(one.status_code, one.headers["location"]) for one in answers} == {(303, "/console")}
    with house.store.read() as view:
        assert len(view.find(Freeze)) == 1


def test_a_release_is_taken_back_and_the_sheet_said_how_much(house: ConsoleHouse) -> None:
    browser = house.enter("olga")
    path = f"/console/rollouts/{ROLLOUT}/revert"
    seen = rollout_seen(house.store, OLGA, ROLLOUT)
    exposed = sum(turn.exposed for turn in seen.turns)
    assert f"{exposed} nodes go back to what they ran before (1.0.0), in 2 PoPs" in browser.ask(path).text
    assert browser.send(path, reason="it is bad").status_code == 303
    house.trains.until(ROLLOUT, Status.REVERTED)
    house.publish()
    assert "reverted" in browser.ask(f"/console/rollouts/{ROLLOUT}").text


def test_who_may_not_is_told_which_role_may_and_nothing_happens(house: ConsoleHouse) -> None:
    before = house.store
    with before.read() as view:
        sequence = view.sequence
    for name, path in (
        ("vic", f"/console/rollouts/{ROLLOUT}/pause"),
        ("anna", f"/console/rollouts/{ROLLOUT}/revert"),
        ("olga", f"/console/rollouts/{ROLLOUT}/approve"),
        ("ada", "/console/pops/c/cordon"),
        ("vic", "/console/freezes"),
    ):
        browser = house.enter(name)
        assert "that takes the role" in browser.ask(path).text
        form = browser.sheet("/console")
        refused = browser.ask(
            path, form | {"reason": "x", "consent": "general", "starts": "2026-03-01T00:00"}
        )
        assert refused.status_code in (403, 422)
    with house.store.read() as view:
        written = {change.kind for change in view.changes(sequence)}
    assert written == {"Login"}


def test_without_the_form_of_this_login_nothing_is_changed(house: ConsoleHouse) -> None:
    browser, other = house.enter("olga"), house.enter("olga")
    path = f"/console/rollouts/{ROLLOUT}/pause"
    foreign = other.sheet(path)
    for fields in ({"reason": "x"}, foreign | {"reason": "x"}):
        assert browser.ask(path, fields).status_code == 403
    good = browser.sheet(path) | {"reason": "x"}
    assert browser.ask(path, good, origin="https://evil.example").status_code == 403
    assert browser.ask(path, good, sec_fetch_site="cross-site").status_code == 403
    assert house.trains.rollout(ROLLOUT).status is Status.ROLLING


def test_an_approver_consents_and_nobody_to_their_own_request(house: ConsoleHouse) -> None:
    path = f"/console/rollouts/{ROLLOUT}/approve"
    anna = house.enter("anna")
    assert "nobody approves their own request" in anna.ask(path).text
    assert anna.send(path, consent="general").status_code == 303
    assert [given.by for given in house.trains.rollout(ROLLOUT).approvals] == ["anna"]
    assert anna.send(path, consent="everything").status_code == 422


def test_cordons_and_freezes_come_and_go(house: ConsoleHouse) -> None:
    olga, anna = house.enter("olga"), house.enter("anna")
    assert "nothing new starts on 2 nodes" in olga.ask("/console/pops/c/cordon").text
    assert (
        olga.send("/console/pops/c/cordon", reason="a fibre is cut").headers["location"] == "/console/pops/c"
    )
    assert "Cordoned by olga" in olga.ask("/console/pops/c").text
    assert "cordoned" in olga.ask("/console/fleet?state=cordoned").text
    assert olga.send("/console/pops/c/cordon").status_code == 303
    assert "Cordoned by olga" not in olga.ask("/console/pops/c").text
    asked = "/console/freezes?starts=2026-03-01T00:00&ends=2026-03-20T00:00&scope=west"
    text = olga.ask(asked).text
    assert re.search(r"gateway-2.0.0: \d PoPs? have their window in it", text)
    made = olga.ask("/console/freezes", olga.sheet(asked) | {"reason": "quarter end"})
    assert made.headers["location"] == "/console"
    assert "quarter end" in olga.ask("/console").text
    name = re.findall(r"/console/freezes/([^/]+)/lift", anna.ask("/console").text)[0]
    assert "/lift" not in olga.ask("/console").text
    assert anna.send(f"/console/freezes/{name}/lift").status_code == 303
    assert "quarter end" not in anna.ask("/console").text


@pytest.mark.parametrize(
    "query",
    [
        "starts=yesterday&ends=2026-03-09T00:00",
        "starts=2026-03-09T00:00&ends=2026-03-01T00:00",
        "starts=2026-03-01T00:00&ends=2026-03-09T00:00&scope=mars",
        "starts=2026-03-01T00:00&ends=2026-03-09T00:00&scope=" + "a," * 60,
        "until=2026-03-09T00:00",
        "starts=1&starts=2",
    ],
)
def test_a_span_that_is_none_is_refused_in_words(shared: ConsoleHouse, query: str) -> None:
    answer = shared.enter("olga").ask(f"/console/freezes?{query}")
    assert answer.status_code in (404, 422)
    assert "That did not work" in answer.text


def test_what_is_not_there_is_said(shared: ConsoleHouse) -> None:
    browser = shared.enter("olga")
    for path in (
        "/console/rollouts/none",
        "/console/rollouts/none/pause",
        f"/console/rollouts/{ROLLOUT}/explode",
        "/console/pops/none",
        "/console/pops/none/cordon",
        "/console/nodes/none",
        "/console/nodes/b",
        "/console/nodes/none/cordon",
        "/console/freezes/none/lift",
        "/console/rollouts/none/train.svg",
    ):
        answer = browser.ask(path)
        assert answer.status_code in (403, 404), path
        assert "That did not work" in answer.text


def older(page: str) -> str:
    """Where older lines are, as the page has it."""
    return html.unescape(re.findall(r'href="(/console/journal\?[^"]*before=[^"]*)"', page)[0])


def test_the_journal_is_searched_and_paged(house: ConsoleHouse) -> None:
    lines = [
        Entry(
            at=house.trains.rollout(ROLLOUT).created_at,
            who=f"w{number}",
            kind="note",
            subject=HOSTILE,
            text=f"n {number}",
        )
        for number in range(130)
    ]
    with house.store.write() as transaction:
        transaction.note(lines)
    browser = house.enter("vic")
    first = browser.ask("/console/journal?kind=note").text
    assert first.count("<li>") == 50
    second = browser.ask(older(first)).text
    assert second.count("<li>") == 50
    assert "n 129" in first
    assert "n 79<" in second
    assert "n 80<" not in second
    third = browser.ask(
        re.findall(r'href="(/console/journal\?[^"]*before=[^"]*)"', second)[0].replace("&amp;", "&")
    ).text
    assert third.count("<li>") == 30
    assert "before=" not in third
    found = browser.ask("/console/journal?text=N+77+w77").text
    assert found.count("<li>") == 1
    assert "No line" in browser.ask("/console/journal?text=nowhere").text
    assert "<script>alert" not in first
    assert "\u202e" not in first
    for bad in ("text=" + "a" * 201, "before=x", "colour=red"):
        assert browser.ask(f"/console/journal?{bad}").status_code == 422


def test_the_journal_is_searched_by_time(house: ConsoleHouse) -> None:
    browser = house.enter("vic")
    first = house.trains.rollout(ROLLOUT).created_at
    with house.store.read() as view:
        said = view.journal_tail(1_000)
    middle = (first + (said[-1].at - first) / 2).replace(second=0, microsecond=0)

    def lines(query: str) -> int:
        page = browser.ask(f"/console/journal?{query}").text
        count = page.count("<li>")
        while "before=" in page:
            page = browser.ask(older(page)).text
            count += page.count("<li>")
        return count

    at = f"{middle:%Y-%m-%dT%H:%M}"
    earlier = sum(one.at < middle for one in said)
    assert 0 < earlier < len(said)
    assert lines("") == len(said)
    assert lines(f"until={at}") == earlier
    assert lines(f"since={at}") == len(said) - earlier
    assert lines(f"since={at}&text=b") == sum(one.at >= middle and "b" in _all_of(one) for one in said)
    assert lines("since=2026-01-01T00:00&until=2027-01-01T00:00") == len(said)
    assert lines("until=2020-01-01T00:00") == 0
    assert lines("since=2030-01-01T00:00") == 0
    for bad in (f"since={at}&until={at}", "since=soon", "until=2026-13-01T00:00"):
        assert browser.ask(f"/console/journal?{bad}").status_code == 422


def _all_of(entry: Entry) -> str:
    return f"{entry.text}{entry.subject}{entry.rollout}{entry.who}{entry.kind}".casefold()


def test_a_node_says_what_it_runs_what_it_was_told_and_what_it_holds(house: ConsoleHouse) -> None:
    with house.store.read() as view:
        moving = view.find(Slot)[0]
    text = house.enter("olga").ask(f"/console/nodes/{moving.owner}").text
    assert f"for {ROLLOUT}" in text
    assert "gateway-2.0.0" in text
    assert "canary" in text
    assert "no certificate that counts" in text
    assert f"Cordon {moving.owner}" in text
    waits = house.enter("vic").ask("/console/nodes/c1").text
    assert "nothing yet" in waits
    assert "Cordon c1" not in waits


def test_everything_that_can_be_amiss_is_shown_at_once(house: ConsoleHouse) -> None:
    now = house.trains.rollout(ROLLOUT).created_at
    with house.store.write() as transaction:
        transaction.put(Standstill(cause=Cause.CLOCK, since=now, detail="it jumped"))
        transaction.put(
            Quarantine(
                node=NodeId("b1"),
                pop=PopId("b"),
                rollout=ROLLOUT,
                since=now,
                reason="its probe failed",
                serves=False,
            )
        )
        transaction.put(Retired(node=NodeId("c2"), by="ada", since=now, reason="it is old"))
        transaction.put(Cordon(subject="c1", by="olga", since=now, reason="a fan"))
        turn = transaction.get(Turn, ROLLOUT, "c")
        assert turn is not None
        transaction.put(turn.changed(hold=Hold(Reason.INCONCLUSIVE, asks=True)))
        transaction.put(
            Incident(
                id="i1",
                title="gateway 1.9.0 is taken back",
                state="identified",
                impact="minor",
                pops=(PopId("b"),),
                since=now,
                changed_at=now,
            )
        )
    house.publish()
    browser = house.enter("olga")
    train = browser.ask("/console").text
    assert "Everything stands still (" in train
    assert f"{ROLLOUT} waits for a person" in train
    assert "gateway 1.9.0 is taken back" in train
    assert "1 held" in browser.ask("/console/fleet").text
    assert "quarantined" in browser.ask("/console/pops/b").text
    assert "retired" in browser.ask("/console/pops/c").text
    assert "its probe failed" in browser.ask("/console/nodes/b1").text
    assert "Retired by ada" in browser.ask("/console/nodes/c2").text
    assert "Uncordon c1" in browser.ask("/console/nodes/c1").text
    assert "a person is asked to decide" in browser.ask(f"/console/rollouts/{ROLLOUT}").text


def test_a_picture_is_sent_again_only_when_it_is_another(house: ConsoleHouse) -> None:
    browser = house.enter("vic")

    def marks() -> list[str]:
        return re.findall(r"\.svg\?[^\"]*v=(\w+)", browser.ask("/console").text)

    before = marks()
    assert len(before) == 2
    cordons.cordon(house.store, OLGA, "c1", "a node alone changes no picture")
    assert marks() == before
    cordons.cordon(house.store, OLGA, "c", "a PoP does")
    browser.ask("/console")
    by_state = re.findall(r"v=(\w+)", browser.ask("/console/fleet").text)
    cordons.uncordon(house.store, OLGA, "c")
    assert re.findall(r"v=(\w+)", browser.ask("/console/fleet").text) != by_state
    answer = browser.ask("/console/map.svg?by=release")
    again = browser.ask("/console/map.svg?by=release", if_none_match=answer.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")


def test_a_page_of_a_pop_says_what_customers_are_told_of_it(house: ConsoleHouse) -> None:
    text = house.enter("vic").ask("/console/pops/c").text
    assert "As customers are told" in text
    assert "scheduled" in text


def test_a_customer_sees_nothing_of_the_console(house: ConsoleHouse) -> None:
    secret = tokens.create(house.store, tokens.HOUSE, "cus", [Role.ACCOUNT], account="acme")[1]
    browser = Browser(house.app)
    entered = browser.ask("/login", {"token": secret})
    assert entered.headers["location"] == OWN[1]
    for path in (*PAGES, *PICTURES):
        answer = browser.ask(path)
        assert answer.status_code == 403, path
        assert "gateway" not in answer.text


def test_hostile_names_are_shown_and_do_nothing(tmp_path: Path) -> None:
    where = placed(fleet(pop("a", 2, region="w"), pop("b", 2, region="w")))
    regions = {name: one.changed(name=HOSTILE) for name, one in where.regions.items()}
    pops = {name: one.changed(place=HOSTILE) for name, one in where.pops.items()}
    house = ConsoleHouse(tmp_path, msgspec.structs.replace(where, regions=regions, pops=pops), policy())
    house.trains.submit("2.0.0")
    rollouts.pause(house.store, OLGA, ROLLOUT, HOSTILE)
    house.publish()
    browser = house.enter("olga")
    for path in (
        "/console",
        "/console/fleet",
        "/console/pops/a",
        f"/console/rollouts/{ROLLOUT}",
        "/console/journal",
        "/console/map.svg",
        f"/console/rollouts/{ROLLOUT}/train.svg",
    ):
        answer = browser.ask(path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text
        if path.endswith(".svg"):
            ElementTree.fromstring(answer.text)
        else:
            assert "alert(1)" in answer.text
            assert "\u202e" not in answer.text


def test_a_great_fleet_stands_on_small_pages(tmp_path: Path) -> None:
    many = [pop(f"p{number:04d}", 3, region=f"r{number % 20}") for number in range(4_000)]
    house = ConsoleHouse(tmp_path, placed(fleet(*many)), policy())
    house.trains.submit("2.0.0")
    house.publish()
    browser = house.enter("olga")
    for path in ("/console", "/console/fleet", "/console/fleet?region=r3", f"/console/rollouts/{ROLLOUT}"):
        answer = browser.ask(path)
        assert answer.status_code == 200, path
        assert len(answer.content) < PAGE_KB_MAX * 1024, path
    assert "and 3880 more" in browser.ask("/console/fleet").text
    drawn = browser.ask(f"/console/rollouts/{ROLLOUT}/train.svg").content
    assert len(drawn) < 2_000_000
