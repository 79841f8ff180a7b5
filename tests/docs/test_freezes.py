"""docs/freezes.md and docs/readiness.md say what the program does."""

import re
from datetime import UTC, date, datetime

import pytest
from tests.docs.pages import DOCS, blocks

from wavetrain.decide.freeze_calendar import ON_END_DAYS_MAX, freezes_of
from wavetrain.decide.readiness import ADVICE, Finding
from wavetrain.errors import RefusedError
from wavetrain.model.freeze_calendar import ENTRY_NAME_MAX, MARGIN_DAYS_MAX
from wavetrain.wire.freeze_file import read_freezes

NOW = datetime(2026, 11, 1, tzinfo=UTC)
FREEZES = (DOCS / "freezes.md").read_text()
READINESS = (DOCS / "readiness.md").read_text()


def test_the_example_is_a_good_calendar() -> None:
    (text,) = blocks(FREEZES, "toml")
    whole = read_freezes(text, NOW)
    made = [freeze.id for freeze in freezes_of(whole, "ada", NOW, date(2027, 3, 31))]
    assert made == [
        "operations.black-friday.20261127",
        "operations.christmas.20261225",
        "operations.quarter.20261228",
        "operations.move.20270201",
        "operations.cut-over.20270306",
        "operations.quarter.20270328",
    ]


def test_the_table_names_the_keys_that_the_reader_knows() -> None:
    told = {key for row in re.findall(r"(?m)^\| (`.*?) \|", FREEZES) for key in re.findall(r"`(\w+)`", row)}
    for key in told:
        text = f'name = "x"\n[[freeze]]\nid = "e"\nreason = "r"\nfirst = 2026-12-01\n{key}x = 1\n'
        with pytest.raises(RefusedError, match="there is no key"):
            read_freezes(text, NOW)
    assert told == {
        *("id", "reason", "first", "last", "from", "to", "every", "holidays", "only"),
        *("days_before", "days_after", "scope", "clock"),
    }


def test_the_limits_are_those_of_the_program() -> None:
    assert f"more than {ON_END_DAYS_MAX} days on end" in FREEZES
    assert f"{MARGIN_DAYS_MAX} at most" in FREEZES
    assert f"at most {ENTRY_NAME_MAX} characters" in FREEZES


def test_every_finding_stands_in_the_table_with_its_advice() -> None:
    rows = re.findall(r"(?m)^\| (it[s]? [^|]+) \| [^|]+ \| ([^|]+) \|$", READINESS)
    assert dict(rows) == {finding.value: ADVICE[finding] for finding in Finding}
