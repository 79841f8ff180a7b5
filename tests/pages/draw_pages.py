"""Draws the screenshots in docs/pictures, in the real browser that the tests use.

Draw them anew: `.venv/bin/python -m tests.pages.draw_pages`; then look at them.
"""

import tempfile
from pathlib import Path

from tests.pages.browser import opened, running
from tests.pages.site import HARMLESS, furnished

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
SHOTS = (("status", "light", 900), ("status-pop", "dark", 420), ("account", "light", 900))
"""Each page with the reader's taste and the width of the window."""


def main() -> None:
    """One picture for each of `SHOTS`."""
    PICTURES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        furnished(Path(folder), HARMLESS) as where,
        running() as browser,
    ):
        for name, scheme, width in SHOTS:
            with opened(browser, where.of(name), scheme, width) as page:
                page.screenshot(path=str(PICTURES / f"{name}.png"))


if __name__ == "__main__":
    main()
