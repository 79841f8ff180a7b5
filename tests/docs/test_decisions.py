"""docs/decisions: short records that say what they cost."""

import re

import pytest
from tests.docs.pages import DOCS

RECORDS = sorted((DOCS / "decisions").glob("*.md"))
LINES_MAX = 45


def test_records_are_numbered_without_a_gap() -> None:
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_its_parts_and_names_what_it_costs(path: object) -> None:
    text = path.read_text()  # type: ignore[attr-defined]
    assert re.findall(r"(?m)^## (.*)", text) == ["Context", "Decision", "Consequences"]
    assert re.search(r"(?m)^Status: (accepted|superseded by \d{4})$", text)
    assert len(text.splitlines()) <= LINES_MAX
    assert text.partition("## Consequences")[2].count("\n* ") >= 3
