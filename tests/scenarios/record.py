"""Records the transcripts of docs/scenarios anew; read the difference before you keep it."""

import sys
import tempfile
from pathlib import Path

from tests.scenarios.page import replayed

PAGES = Path(__file__).resolve().parents[2] / "docs" / "scenarios"


def main(names: list[str]) -> None:
    """Write the named pages, or all of them."""
    for page in sorted(PAGES.glob("*.md")):
        if page.stem == "README" or (names and page.stem not in names):
            continue
        with tempfile.TemporaryDirectory() as folder:
            page.write_text(replayed(page, Path(folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
