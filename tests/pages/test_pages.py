"""Pages in a real browser: nobody is shut out, they fit on a phone, they can be walked by keyboard, and they print."""

import pytest
from playwright.sync_api import Browser
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
