"""The console in a real browser: nobody is shut out, it fits on a phone, it is walked by keyboard, and it is live."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.doors.console_house import ROLLOUT, ConsoleHouse, compared
from tests.doors.test_console import house_of
from tests.pages.browser import faults, opened
from tests.pages.serving import serving

from wavetrain.control import rollouts
from wavetrain.decide.permit import Caller
from wavetrain.model.access import Role

PAGES = (
    "/console",
    "/console/fleet",
    "/console/journal",
    f"/console/rollouts/{ROLLOUT}",
    f"/console/rollouts/{ROLLOUT}/revert",
    "/console/pops/b",
    "/console/nodes/b1",
    "/console/freezes?starts=2026-03-01T00:00&ends=2026-03-09T00:00",
)
OLGA = Caller("olga", (Role.OPERATOR,))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> ConsoleHouse:
    return compared(house_of(tmp_path_factory.mktemp("console")))


@pytest.fixture(scope="module")
def url(house: ConsoleHouse) -> Iterator[str]:
    with serving(house.app, "on") as made:
        yield made


def log_in(page: Page, house: ConsoleHouse, name: str = "olga") -> None:
    page.fill("#token", house.secrets[name])
    page.keyboard.press("Enter")
    page.wait_for_url("**/console")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(browser: Browser, house: ConsoleHouse, url: str, scheme: str) -> None:
    with opened(browser, f"{url}/login", scheme) as page:
        assert faults(page) == []
        log_in(page, house)
        for path in (*PAGES, "/console/rollouts/none"):
            page.goto(url + path)
            assert (path, faults(page)) == (path, [])


def test_each_page_fits_on_a_phone_and_breaks_no_rule_of_its_own(
    browser: Browser, house: ConsoleHouse, url: str
) -> None:
    said: list[str] = []
    asked: list[str] = []
    with opened(browser, f"{url}/login", width=360, is_lax=False) as page:
        page.on("console", lambda message: said.append(f"{message.text} {message.location['url']}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        log_in(page, house)
        for path in PAGES:
            page.goto(url + path)
            is_wide = page.evaluate(
                "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            )
            assert (path, is_wide) == (path, False)
    assert [text for text in said if "favicon" not in text] == []
    assert all(address.startswith(url) for address in asked)


def go_to(page: Page, words: str) -> None:
    """By the tabulator key alone, until what has these words or this id is in focus; and it is seen to be."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("[document.activeElement.textContent.trim(), document.activeElement.id]").count(
            words
        ):
            look = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert (words, look) != (words, "none")
            return
    raise AssertionError(f"no key leads to {words}")


def test_an_operator_walks_and_pauses_by_keyboard_alone(
    browser: Browser, house: ConsoleHouse, url: str
) -> None:
    with opened(browser, f"{url}/login", is_lax=False) as page:
        log_in(page, house)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "To the page"
        page.keyboard.press("Enter")
        go_to(page, "gateway 2.0.0")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/console/rollouts/{ROLLOUT}")
        go_to(page, "Pause")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Pause gateway 2.0.0")
        go_to(page, "reason")
        page.keyboard.type("by hand")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/console/rollouts/{ROLLOUT}")
        expect(page.locator("#now")).to_contain_text("by hand")
    rollouts.resume(house.store, OLGA, ROLLOUT, "go on")


def test_the_first_page_is_not_left_behind_the_last_commit(
    browser: Browser, house: ConsoleHouse, url: str
) -> None:
    """What a page that follows is shown may be two seconds old: when nothing more happens, it looks once more."""
    with opened(browser, f"{url}/login", is_lax=False) as page:
        log_in(page, house)
        expect(page.locator("#live-state")).to_have_text("Live.", timeout=20_000)
        other = page.context.new_page()
        other.goto(f"{url}/console")  # what is kept is as young as can be
        rollouts.pause(house.store, OLGA, ROLLOUT, "an alert")
        expect(page.locator("#rollouts .state").first).to_have_text("paused", timeout=20_000)
    rollouts.resume(house.store, OLGA, ROLLOUT, "go on")


def test_an_open_page_follows_without_being_loaded_again(
    browser: Browser, house: ConsoleHouse, url: str
) -> None:
    with opened(browser, f"{url}/login", is_lax=False) as page:
        log_in(page, house)
        page.goto(f"{url}/console/rollouts/{ROLLOUT}")
        page.evaluate("window.stays = true")
        expect(page.locator("#now .state")).to_have_text("rolling")
        rollouts.pause(house.store, OLGA, ROLLOUT, "an alert")
        expect(page.locator("#now .state")).to_have_text("paused", timeout=20_000)
        expect(page.locator("#deeds")).to_contain_text("Resume")
        rollouts.resume(house.store, OLGA, ROLLOUT, "it is over")
        expect(page.locator("#now .state")).to_have_text("rolling", timeout=20_000)
        assert page.evaluate("window.stays") is True
        expect(page.locator("#live-state")).to_have_text("Live.")


def test_without_scripts_a_page_is_whole(browser: Browser, house: ConsoleHouse, url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(f"{url}/console/fleet")
        log_in_at = re.escape("/login?next=%2Fconsole%2Ffleet")
        assert re.search(log_in_at, page.url)
        page.fill("#token", house.secrets["vic"])
        page.click("main button")
        assert page.url == f"{url}/console/fleet"
        expect(page.locator("#pops")).to_contain_text("waits")
        page.click("header button")
        assert page.url == f"{url}/login"
    finally:
        context.close()
