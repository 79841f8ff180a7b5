"""docs/holds.md has every reason that something may wait for, in its own words."""

import re
from pathlib import Path

from tests.docs.pages import DOCS, ROOT

from wavetrain.model.plan import TIMED, Reason

TEXT = (DOCS / "holds.md").read_text()
PARTS = dict(re.findall(r"(?ms)^### (\w+)\n\n(.*?)(?=^##|\Z)", TEXT))


def test_every_reason_has_its_part_and_nothing_else_has() -> None:
    assert sorted(PARTS) == sorted(reason.name.lower() for reason in Reason)
    assert len(PARTS) == TEXT.count("\n### ")


def test_each_part_begins_with_the_sentence_that_people_are_shown() -> None:
    for reason in Reason:
        assert PARTS[reason.name.lower()].startswith(f'"{reason.value}"'), reason.name


def test_the_reasons_that_only_time_ends_are_marked() -> None:
    marked = {name for name, part in PARTS.items() if "(*time*)" in part}
    assert marked == {reason.name.lower() for reason in TIMED}


def test_each_part_says_the_way_out_or_that_nobody_meets_it() -> None:
    written = _written()
    for reason in Reason:
        part = " ".join(PARTS[reason.name.lower()].split())
        if reason.name in written:
            assert "Way out: " in part, reason.name
            assert "never writes it" not in part, reason.name
        else:
            assert "never writes it" in part, reason.name


def _written() -> set[str]:
    """The reasons that some choice or use case gives."""
    rooms = [ROOT / "src" / "wavetrain" / room for room in ("decide", "control")]
    texts = [path.read_text() for room in rooms for path in Path(room).glob("*.py")]
    return {name for text in texts for name in re.findall(r"Hold\(\s*Reason\.(\w+)", text)} | _passed_on(
        texts
    )


def _passed_on(texts: list[str]) -> set[str]:
    """Reasons that are handed to `late_hold`, or to `shown`, which make the hold."""
    makers = r"(?:late_hold\(\w+, \w+|shown\(\w+, \w+, \w+), Reason\.(\w+)"
    return {name for text in texts for name in re.findall(makers, text)}
