"""Every page of docs/scenarios is a session that can be had: its transcripts are what is printed."""

import re
from pathlib import Path

import pytest
from tests.scenarios.page import BLOCK, EMPTY, UnplayableError, replayed
from tests.scenarios.record import PAGES

SESSIONS = sorted(page for page in PAGES.glob("*.md") if page.stem != "README")
LINES_PER_PAGE_MAX = 180


@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: page.stem)
def test_a_session_prints_what_its_page_says(page: Path, tmp_path: Path) -> None:
    again = "to write it anew: .venv/bin/python -m tests.scenarios.record " + page.stem
    assert replayed(page, tmp_path).splitlines() == page.read_text().splitlines(), again


@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: page.stem)
def test_a_session_can_be_read_in_one_go(page: Path) -> None:
    text = page.read_text()
    assert len(text.splitlines()) <= LINES_PER_PAGE_MAX
    assert BLOCK.search(text), "a session shows commands"
    prose = BLOCK.sub("", text)
    assert "```" not in prose, "a block that is not played may be untrue"


def test_the_list_of_sessions_names_each_once() -> None:
    linked = re.findall(r"\]\(([^)]+\.md)\)", (PAGES / "README.md").read_text())
    assert linked == [page.name for page in SESSIONS]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("# the moon rises", "changes nothing"),
        ("olga$ rm -rf /", "knows the commands wavetrain and cat"),
        ("eve$ wavetrain rollout list", "nobody is called eve"),
    ],
)
def test_a_line_that_cannot_be_played_is_refused(line: str, complaint: str, tmp_path: Path) -> None:
    page = _page(tmp_path, line)
    with pytest.raises(UnplayableError, match=complaint):
        replayed(page, tmp_path)


def test_a_transcript_that_is_not_true_is_seen(tmp_path: Path) -> None:
    page = _page(tmp_path, "olga$ wavetrain rollout list\nnothing to see here")
    assert "nothing to see" not in replayed(page, tmp_path)
    assert "there are no rollouts" in replayed(page, tmp_path)


def _page(folder: Path, block: str) -> Path:
    """A page of one block, beside the files of the real ones."""
    (folder / "files").symlink_to(PAGES / "files")
    page = folder / "page.md"
    page.write_text(f"{EMPTY}\n```console\n{block}\n```\n")
    return page
