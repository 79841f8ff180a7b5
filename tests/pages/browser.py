"""A real browser: Debian's Chromium, driven through Playwright, with axe-core to look for what shuts people out."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
AXE = Path(sys.prefix) / "node" / "node_modules" / "axe-core" / "axe.min.js"
NEEDED = "chromium or axe-core is not installed; install them: apt-get install chromium, and make test for axe-core"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Without these it asks other hosts for things."""


def needed() -> None:
    """Skip where there is no browser on a laptop; in CI that is a failure."""
    if CHROMIUM is not None and AXE.is_file():
        return
    if os.environ.get("CI") == "true":
        pytest.fail(NEEDED)
    pytest.skip(NEEDED)


@contextmanager
def running() -> Iterator[Browser]:
    """A browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser, url: str, scheme: str = "light", width: int = 1_000, *, is_lax: bool = True
) -> Iterator[Page]:
    """A page, as somebody with this taste and this window sees it.

    Where `is_lax`, scripts of the tests run in it although the page lets none in.
    """
    context = browser.new_context(
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport={"width": width, "height": 900},
        bypass_csp=is_lax,
        ignore_https_errors=True,
    )
    try:
        page = context.new_page()
        page.goto(url)
        yield page
    finally:
        context.close()


def faults(page: Page) -> list[str]:
    """What axe-core finds of serious or critical kind: WCAG 2.2 A and AA."""
    page.add_script_tag(path=str(AXE))
    found: list[dict[str, Any]] = page.evaluate(
        "async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})).violations"
    )
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:120] for node in one['nodes']][:3]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
