"""Draws the screenshots in docs/pictures, in the real browser that the tests use.

Draw them anew: `.venv/bin/python -m tests.pages.draw_pages`; then look at them.
"""

import tempfile
from pathlib import Path

from tests.doors.console_house import ROLLOUT, compared
from tests.doors.test_console import house_of
from tests.pages.browser import opened, running
from tests.pages.serving import serving
from tests.pages.site import HARMLESS, furnished

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
SHOTS = (("status", "light", 900), ("status-pop", "dark", 420), ("account", "light", 900))
"""Each page with the reader's taste and the width of the window."""
OWN = (
    ("account-own", "/account", "light", 900),
    ("account-settings", "/account/settings", "dark", 420),
)
CONSOLE = (
    ("console", "/console", "light", 1_000),
    ("console-rollout", f"/console/rollouts/{ROLLOUT}", "light", 1_000),
    ("console-deed", f"/console/rollouts/{ROLLOUT}/revert", "dark", 420),
)


def main() -> None:
    """One picture for each of `SHOTS`, `OWN` and `CONSOLE`."""
    PICTURES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running() as browser,
    ):
        house = compared(house_of(Path(folder)))
        with serving(house.app, "on") as url:
            for name, path, scheme, width in CONSOLE:
                with opened(browser, f"{url}/login", scheme, width) as page:
                    page.fill("#token", house.secrets["olga"])
                    page.keyboard.press("Enter")
                    page.wait_for_url("**/console")
                    page.goto(url + path)
                    page.screenshot(path=str(PICTURES / f"{name}.png"))
    with (
        tempfile.TemporaryDirectory() as folder,
        furnished(Path(folder), HARMLESS) as where,
        running() as browser,
    ):
        for name, scheme, width in SHOTS:
            with opened(browser, where.of(name), scheme, width) as page:
                page.screenshot(path=str(PICTURES / f"{name}.png"))
        for name, path, scheme, width in OWN:
            with opened(browser, f"{where.url}/login", scheme, width) as page:
                page.fill("#token", where.secret)
                page.keyboard.press("Enter")
                page.wait_for_url("**/account")
                page.goto(where.url + path)
                page.screenshot(path=str(PICTURES / f"{name}.png"))


if __name__ == "__main__":
    main()
