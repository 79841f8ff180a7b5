"""Pages in a real browser: nobody is shut out, they fit on a phone, they can be walked by keyboard, and they print."""

from pathlib import Path

import feedparser
import pytest
from circuit_maintenance_parser import GenericProvider, NotificationData
from icalendar import Calendar
from playwright.sync_api import Browser, Page, expect
from tests.pages.browser import faults, opened
from tests.pages.site import Where

NAMES = ("status", "status-history", "status-region", "status-pop", "account")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(browser: Browser, where: Where, name: str, scheme: str) -> None:
    with opened(browser, where.of(name), scheme) as page:
        assert faults(page) == []


def test_axe_would_find_one(browser: Browser, where: Where) -> None:
    with opened(browser, where.of("status")) as page:
        page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<img src=x><p style=\"color:#ddd\">pale</p>')"
        )
        found = " ".join(faults(page))
    assert "image-alt" in found
    assert "color-contrast" in found


@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_on_a_phone_and_asks_nobody_else(browser: Browser, where: Where, name: str) -> None:
    asked: list[str] = []
    context = browser.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    try:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(where.of(name))
        box = page.locator("main").bounding_box()
    finally:
        context.close()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert all(url.startswith(where.url) for url in asked)
    assert len(asked) <= 2, "the page, and perhaps an icon"


def test_the_first_key_leads_past_the_head(browser: Browser, where: Where) -> None:
    with opened(browser, where.of("status")) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "To the status"
        page.keyboard.press("Enter")
        assert page.url.endswith("#status")


def enter(page: Page, where: Where) -> None:
    """A customer logs in by the keyboard."""
    page.goto(f"{where.url}/login")
    page.focus("#token")
    page.keyboard.type(where.secret)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")


def test_a_customer_opts_in_early_and_downloads_what_its_programs_read(
    browser: Browser, where: Where
) -> None:
    with opened(browser, f"{where.url}/login", is_lax=False) as page:
        enter(page, where)
        expect(page.get_by_role("heading", level=1)).to_have_text("Acme Tools")
        expect(page.get_by_text("Between 2027-03-02 01:00 and 2027-03-02 05:00 UTC.")).to_be_visible()
        page.get_by_role("navigation").get_by_role("link", name="Settings").press("Enter")
        page.get_by_label("Yes: give them to my PoPs early").check()
        page.get_by_label("These days, both included").check()
        page.get_by_label("From").first.fill("2027-03-02")
        page.get_by_role("button", name="Save").press("Enter")
        expect(page.get_by_role("status").first).to_have_text("Saved.")
        expect(page.get_by_text("Holds from the ")).to_be_visible()
        page.get_by_role("button", name="Have it early").press("Enter")
        expect(page.get_by_role("button", name="Not early after all")).to_be_visible()
        page.get_by_role("navigation").get_by_role("link", name="Account").press("Enter")
        expect(page.get_by_text("New releases before others.")).to_be_visible()
        expect(page.get_by_text("Not granted at ber1: no work on 2027-03-02")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="Its calendar").click()
        calendar = Path(download.value.path()).read_bytes()
        atom = page.request.get(f"{where.url}/history.atom").text()
        notice = page.request.get(where.of("account") + "/maintnote.ics").body()
    assert {str(one["summary"]).partition(":")[0] for one in Calendar.from_ical(calendar).walk("vevent")} == {
        "Porto",
        "Berlin",
    }
    assert feedparser.parse(atom).entries
    data = NotificationData.init_from_raw("ical", notice)
    assert data is not None
    (told,) = GenericProvider().get_maintenances(data)
    assert (told.account, told.maintenance_id) == ("acme", "edge-2.1.0.por1.1")


def test_an_accounts_pages_shut_nobody_out(browser: Browser, where: Where) -> None:
    for scheme, width in (("light", 1_000), ("dark", 360)):
        with opened(browser, f"{where.url}/login", scheme, width) as page:
            enter(page, where)
            for path in ("/account", "/account/settings", "/account/settings/ways"):
                page.goto(where.url + path)
                assert (path, faults(page)) == (path, [])
                is_wide = page.evaluate(
                    "document.documentElement.scrollWidth > document.documentElement.clientWidth"
                )
                assert not is_wide, path
