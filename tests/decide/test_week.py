"""Weeks begin on the Sunday on which trains depart, in UTC, and are named by any of their days."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from wavetrain.decide import week
from wavetrain.errors import RefusedError

SUNDAY = datetime(2026, 1, 18, tzinfo=UTC)


@pytest.mark.parametrize("said", ["2026-01-18", "2026-01-20", "2026-01-24", "2026-W04", "2026W04"])
def test_a_week_has_many_names_and_one_of_its_own(said: str) -> None:
    assert week.read(said) == SUNDAY
    assert week.name(week.read(said)) == "2026-01-18"


def test_an_instant_belongs_to_the_week_that_it_is_in_by_utc() -> None:
    assert week.start_of(SUNDAY) == SUNDAY
    assert week.start_of(SUNDAY - timedelta(seconds=1)) == SUNDAY - week.LENGTH
    east = timezone(timedelta(hours=13))
    assert week.start_of(datetime(2026, 1, 18, 6, tzinfo=east)) == SUNDAY - week.LENGTH
    assert week.start_of(datetime(2028, 1, 1, tzinfo=UTC)) == datetime(2027, 12, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    "said",
    [
        *("", "now", "2026-13-01", "2026-02-30", "2026-W54", "2026-W00", "1999-01-01", "9999-12-31"),
        *("0001-01-01", "٢٠٢٦-٠١-١٨", "2026-01-18\n", "../etc", "x" * 10_000),
    ],
)
def test_what_is_no_week_is_refused_with_an_example(said: str) -> None:
    with pytest.raises(RefusedError, match="is no week; give one of its days") as refused:
        week.read(said)
    assert len(str(refused.value)) < 200
