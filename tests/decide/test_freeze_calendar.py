"""Which freezes a calendar stands for, and what an import changes among those that are there."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavetrain.decide.freeze_calendar import ENDS, covers, difference, freezes_of, until_of
from wavetrain.errors import RefusedError
from wavetrain.model.freeze_calendar import (
    Days,
    FreezeCalendar,
    FreezeEntry,
    PublicHolidays,
    Recurring,
    Span,
    When,
)
from wavetrain.model.window import Freeze

NOW = datetime(2026, 11, 1, tzinfo=UTC)
UNTIL = date(2027, 12, 31)


def whole(when: When, **fields: object) -> FreezeCalendar:
    entry = FreezeEntry(id="e", reason="why", when=when, **fields)  # type: ignore[arg-type]
    return FreezeCalendar(name="ops", entries=(entry,))


def made(when: When, now: datetime = NOW, until: date = UNTIL, **fields: object) -> list[Freeze]:
    return list(freezes_of(whole(when, **fields), "olga", now, until))


def spans(found: list[Freeze]) -> list[str]:
    return [f"{item.first}/{item.last}" for item in found]


def test_quarter_ends_come_with_their_margins() -> None:
    found = made(Recurring(rule=ENDS["quarter-end"]), days_before=3, days_after=1)
    assert spans(found) == [
        "2026-12-28/2027-01-01",
        "2027-03-28/2027-04-01",
        "2027-06-27/2027-07-01",
        "2027-09-27/2027-10-01",
        "2027-12-28/2028-01-01",
    ]
    assert found[0].id == "ops.e.20261228"
    assert found[0].calendar == "ops"


def test_leap_years_have_their_own_month_end() -> None:
    found = made(Recurring(rule=ENDS["month-end"]), datetime(2028, 2, 2, tzinfo=UTC), date(2028, 3, 1))
    assert spans(found) == ["2028-02-29/2028-02-29"]


def test_holidays_that_touch_are_one_freeze() -> None:
    found = made(PublicHolidays(country="DE", only=("Christmas Day", "Second Day of Christmas")))
    assert spans(found) == ["2026-12-25/2026-12-26", "2027-12-25/2027-12-26"]
    bavaria = made(PublicHolidays(country="DE", subdivision="BY", only=("Epiphany",)))
    assert spans(bavaria) == ["2027-01-06/2027-01-06"]


def test_days_by_one_clock_are_the_same_span_for_all() -> None:
    day = date(2026, 12, 24)
    (found,) = made(Days(first=day, last=day), clock="Asia/Kathmandu")
    assert (found.first, found.starts) == (None, datetime(2026, 12, 23, 18, 15, tzinfo=UTC))
    assert found.ends - found.starts == timedelta(days=1)


def test_what_is_over_or_too_far_ahead_is_not_made() -> None:
    day = date(2026, 10, 30)
    assert made(Days(first=day, last=day)) == []
    assert made(Days(first=date(2028, 1, 2), last=date(2028, 1, 3))) == []
    assert spans(made(Days(first=day, last=date(2026, 11, 2)))) == ["2026-10-30/2026-11-02"]


def test_days_without_end_are_refused() -> None:
    with pytest.raises(RefusedError, match="days on end"):
        made(Recurring(rule="FREQ=DAILY"))


@pytest.mark.parametrize("until", [date(2026, 10, 31), date(2028, 11, 3)])
def test_a_last_day_in_the_past_or_too_far_ahead_is_refused(until: date) -> None:
    with pytest.raises(RefusedError, match="give a day from 2026-11-01 to 2028-11-01"):
        until_of(until, NOW)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([*ENDS.values(), "FREQ=WEEKLY;INTERVAL=3;BYDAY=TU", "FREQ=MONTHLY;BYDAY=4FR"]),
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(0, 300),
)
def test_the_same_calendar_some_days_later_changes_nothing_that_is_not_over(
    rule: str, before: int, after: int, later: int
) -> None:
    first = made(Recurring(rule=rule), days_before=before, days_after=after)
    then = NOW + timedelta(days=later)
    again = made(Recurring(rule=rule), then, days_before=before, days_after=after)
    found = difference("ops", first, again, then)
    assert (found.added, found.changed, found.removed, found.kept) == ((), (), (), ())
    assert found.same + len(found.over) == len(first)


def test_a_freeze_that_has_begun_may_grow_but_neither_shrinks_nor_goes() -> None:
    before = made(Days(first=date(2026, 10, 30), last=date(2026, 11, 5)))
    longer = made(Days(first=date(2026, 10, 30), last=date(2026, 11, 9)))
    shorter = made(Days(first=date(2026, 10, 30), last=date(2026, 11, 3)))
    assert difference("ops", before, longer, NOW).changed == ((before[0], longer[0]),)
    assert difference("ops", before, longer, NOW).thaws == ()
    assert difference("ops", before, shorter, NOW).kept == (before[0],)
    assert difference("ops", before, [], NOW).kept == (before[0],)


def test_what_is_still_to_come_goes_and_counts_as_a_thaw() -> None:
    before = made(Days(first=date(2026, 11, 5), last=date(2026, 11, 9)))
    moved = made(Days(first=date(2026, 11, 5), last=date(2026, 11, 6)))
    assert difference("ops", before, [], NOW).thaws == (before[0],)
    assert difference("ops", before, moved, NOW).thaws == (before[0],)


def test_freezes_of_others_are_never_touched() -> None:
    by_hand = made(Days(first=date(2026, 11, 5), last=date(2026, 11, 9)))[0].changed(calendar="")
    assert difference("ops", [by_hand], [], NOW) == difference("ops", [], [], NOW)
    with pytest.raises(RefusedError, match="is not of calendar ops"):
        difference("ops", [by_hand], [by_hand.changed(calendar="ops")], NOW)


def test_a_freeze_covers_another_only_where_it_binds_as_much_for_as_long() -> None:
    span = Span(starts=NOW, ends=NOW + timedelta(days=9))
    (old,) = made(span, scope=("emea",))
    assert covers(old.changed(scope=("emea", "africa")), old)
    assert covers(old.changed(scope=()), old)
    assert not covers(old, old.changed(scope=()))
    assert not covers(old.changed(ends=old.ends - timedelta(hours=1)), old)
    (local,) = made(Days(first=date(2026, 11, 1), last=date(2026, 11, 9)), scope=("emea",))
    assert not covers(local, old)
