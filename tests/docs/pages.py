"""Pages: what stands in the documentation, taken apart."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", text)


def tables(text: str) -> dict[str, list[list[str]]]:
    """The rows of the table under each heading, without its head; cells without their backquotes."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            found.setdefault(heading, []).append(cells)
    return {heading: rows[2:] for heading, rows in found.items()}


def links(text: str) -> list[str]:
    """Where the page leads to on its own machine: paths, with their anchors."""
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]


def anchors(text: str) -> set[str]:
    """The anchors that headings make."""
    made = set()
    for line in re.sub(r"(?ms)^```.*?^```$", "", text).splitlines():
        if line.startswith("#"):
            made.add(re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-"))
    return made
