"""A freeze file is read strictly; every fault has its line, its rule and the way out."""

from datetime import UTC, date, datetime

import pytest

from wavetrain.errors import RefusedError
from wavetrain.model.freeze_calendar import Days, PublicHolidays, Recurring, Span
from wavetrain.wire.freeze_file import read_freezes

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GOOD = """
name = "operations"

[[freeze]]
id = "quarter"
reason = "quarter end"
every = "quarter-end"
days_before = 3
days_after = 1
scope = ["emea"]

[[freeze]]
id = "election"
reason = "election"
first = 2026-11-08
clock = "utc"

[[freeze]]
id = "move"
reason = "we move"
from = 2026-12-01T00:00:00+01:00
to = 2026-12-02T00:00:00Z

[[freeze]]
id = "pt"
reason = "holidays"
holidays = "PT"
"""


def test_every_way_to_say_days_is_read() -> None:
    whole = read_freezes(GOOD, NOW)
    quarter, election, move, holidays = whole.entries
    assert whole.name == "operations"
    assert isinstance(quarter.when, Recurring)
    assert (quarter.days_before, quarter.days_after, quarter.scope) == (3, 1, ("emea",))
    assert election.when == Days(first=date(2026, 11, 8), last=date(2026, 11, 8))
    assert election.clock == "UTC"
    assert isinstance(move.when, Span)
    assert move.when.starts == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert holidays.when == PublicHolidays(country="PT")


HEAD = 'name = "x"\n[[freeze]]\nid = "e"\nreason = "r"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[freeze]]\nid = "e"\n', "`name` is missing"),
        ('name = "a calendar with blanks"\n', "is not an id"),
        (f'name = "{"x" * 25}"\n', "it has 25 characters; give at most 24"),
        (HEAD, "line 3, freeze[0].id: it has nothing to say its days; give exactly one of"),
        (HEAD + 'every = "quarter-end"\nholidays = "PT"\n', "it has every, holidays to say its days"),
        (HEAD + 'every = "fortnightly"\n', "rule fortnightly is not a list of KEY=VALUE"),
        (HEAD + 'every = "FREQ=HOURLY"\n', "rule FREQ=HOURLY has FREQ HOURLY; give one of DAILY"),
        (HEAD + 'every = "FREQ=DAILY"\n', "days on end"),
        (HEAD + 'every = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"\n', "names no day that ever comes"),
        (HEAD + "first = 2026-11-08\nlast = 2026-11-07\n", "line 6, freeze[0].last: 2026-11-07 is before"),
        (HEAD + "first = 2026-11-08\nlast = 2036-11-07\n", "it freezes 3653 days; give at most 731"),
        (HEAD + "first = 2026-11-08T00:00:00\n", "it is a time of a day; give a day"),
        (HEAD + "first = 1026-11-08\n", "out of range; give a year from 2000 to 2100"),
        (HEAD + 'first = "2026-11-08"\n', "it is text; give a date like 2026-12-24, without quotes"),
        (HEAD + "from = 2026-12-01T00:00:00\nto = 2026-12-02T00:00:00Z\n", "it has no offset; give a time"),
        (HEAD + "from = 2026-12-02T00:00:00Z\nto = 2026-12-02T00:00:00Z\n", "is not after from"),
        (HEAD + "from = 2026-12-02T00:00:00Z\n", "`to` is missing"),
        (HEAD + 'from = 2026-12-02T00:00:00Z\nto = 2026-12-03T00:00:00Z\nclock = "utc"\n', "no key `clock`"),
        (HEAD + 'holidays = "XX"\n', "country 'XX' is not known; give two capital letters"),
        (HEAD + 'holidays = "DE-XX"\n', "DE has no part 'XX'; give one of: "),
        (HEAD + 'holidays = "PT"\nonly = ["Chrismas Day"]\n', "did you mean 'Christmas Day'?"),
        (HEAD + 'every = "month-end"\nclock = "Mars/Olympus"\n', "give local, UTC or a zone"),
        (HEAD + 'every = "month-end"\ndays_before = 32\n', "give a whole number from 0 to 31"),
        (HEAD + 'every = "month-end"\nscope = ["a b"]\n', "`a b` is not an id"),
        (HEAD + 'every = "month-end"\nscop = ["emea"]\n', "did you mean `scope`?"),
        (
            HEAD + 'every = "month-end"\n[[freeze]]\nid = "e"\nreason = "r"\nevery = "month-end"\n',
            "is there twice",
        ),
        ("name = ", "is not TOML"),
    ],
)
def test_a_fault_is_named_with_its_way_out(text: str, says: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        read_freezes(text, NOW)
    assert says in str(refusal.value)


def test_every_fault_is_listed_with_its_line() -> None:
    with pytest.raises(RefusedError) as refusal:
        read_freezes(GOOD.replace('"quarter-end"', '"weekly"').replace('"PT"', '"ZZ"'), NOW)
    text = str(refusal.value)
    assert "has 2 faults" in text
    assert "line 4, freeze[0]" in text
    assert "line 24, freeze[3]" in text


def test_a_file_without_measure_is_refused() -> None:
    with pytest.raises(RefusedError, match="larger than 262144 bytes"):
        read_freezes("#" * 300_000, NOW)
    with pytest.raises(RefusedError, match="give at most 200"):
        read_freezes('name = "x"\n' + '[[freeze]]\nid = "e"\n' * 201, NOW)
