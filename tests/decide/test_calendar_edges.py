"""The calendar on the days on which clocks are odd; every expectation was worked out by hand from the zone's rules."""

from datetime import UTC, date, datetime, timedelta

import pytest

from wavetrain.decide import calendar
from wavetrain.model.window import Freeze, Opening, WindowRule

NEEDED = timedelta(minutes=20)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def daily(starts: str, minutes: int, zone: str) -> WindowRule:
    return WindowRule("FREQ=DAILY", starts, minutes, zone)


def days(first: str, last: str, name: str = "days", scope: tuple[str, ...] = ()) -> Freeze:
    begins, ends = date.fromisoformat(first), date.fromisoformat(last)
    starts, over = calendar.whole_days(begins, ends)
    return Freeze(
        id=name, starts=starts, ends=over, first=begins, last=ends, reason="x", by="ada", scope=scope
    )


@pytest.mark.parametrize(
    ("zone", "starts", "within", "opens", "closes"),
    [
        ("Asia/Kathmandu", "02:00", "2026-06-01T21:00", "2026-06-01T20:15", "2026-06-02T00:15"),
        ("Asia/Kathmandu", "00:00", "2028-02-28T18:30", "2028-02-28T18:15", "2028-02-28T22:15"),
        # Lord Howe moves by half an hour: forward on 2026-10-04, back on 2026-04-05, both at 02:00.
        ("Australia/Lord_Howe", "23:30", "2026-10-03T16:59", "2026-10-03T13:00", "2026-10-03T17:00"),
        ("Australia/Lord_Howe", "23:30", "2026-04-04T16:29", "2026-04-04T12:30", "2026-04-04T16:30"),
        ("Australia/Lord_Howe", "02:00", "2026-10-03T15:30", "2026-10-03T15:30", "2026-10-03T19:30"),
        # Morocco leaves its summer time for Ramadan: back on 2026-02-15 at 03:00, forward on 2026-03-22 at 02:00.
        ("Africa/Casablanca", "02:30", "2026-02-15T02:00", "2026-02-15T01:30", "2026-02-15T05:30"),
        ("Africa/Casablanca", "02:30", "2026-03-22T02:00", "2026-03-22T02:00", "2026-03-22T06:00"),
        ("Africa/Casablanca", "23:00", "2026-03-22T01:00", "2026-03-21T23:00", "2026-03-22T03:00"),
        # Over midnight across both changes in New York: forward 2026-03-08, back 2026-11-01, both at 02:00.
        ("America/New_York", "23:00", "2026-03-08T07:59", "2026-03-08T04:00", "2026-03-08T08:00"),
        ("America/New_York", "23:00", "2026-11-01T06:59", "2026-11-01T03:00", "2026-11-01T07:00"),
        # A leap day, and the night that leads out of it.
        ("UTC", "22:00", "2028-03-01T01:59", "2028-02-29T22:00", "2028-03-01T02:00"),
    ],
)
def test_a_window_of_four_hours_is_four_hours_of_the_world(
    zone: str, starts: str, within: str, opens: str, closes: str
) -> None:
    found = calendar.opening_at(daily(starts, 240, zone), utc(within))
    assert found == Opening(utc(opens), utc(closes))
    assert calendar.opening_at(daily(starts, 240, zone), utc(closes)) is None


@pytest.mark.parametrize(
    ("rule", "after", "opens"),
    [
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2028-02-01", "2028-02-29"),
        ("FREQ=MONTHLY;BYMONTHDAY=29", "2027-01-30", "2027-03-29"),
        ("FREQ=MONTHLY;BYMONTHDAY=29", "2028-01-30", "2028-02-29"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2026-03-01", "2028-02-29"),
        ("FREQ=MONTHLY;BYDAY=-1TU;BYMONTH=2", "2028-02-01", "2028-02-29"),
    ],
)
def test_leap_days_are_found_and_never_made_up(rule: str, after: str, opens: str) -> None:
    found = calendar.next_opening(WindowRule(rule, "00:00", 60, "UTC"), utc(after))
    assert found is not None
    assert found.opens == utc(opens)


@pytest.mark.parametrize(
    ("zone", "starts", "ends"),
    [
        ("UTC", "2026-12-25", "2026-12-27"),
        ("Asia/Kathmandu", "2026-12-24T18:15", "2026-12-26T18:15"),
        ("Pacific/Kiritimati", "2026-12-24T10:00", "2026-12-26T10:00"),
        ("Etc/GMT+12", "2026-12-25T12:00", "2026-12-27T12:00"),
    ],
)
def test_local_days_are_frozen_by_the_clock_of_each_zone(zone: str, starts: str, ends: str) -> None:
    holidays = days("2026-12-25", "2026-12-26")
    assert holidays.starts <= utc(starts)
    assert utc(ends) <= holidays.ends
    instant = datetime.resolution
    for at, frozen in (
        (utc(starts) - instant, False),
        (utc(starts), True),
        (utc(ends) - instant, True),
        (utc(ends), False),
    ):
        assert (calendar.frozen([holidays], at, (), zone) is not None) is frozen, at


def test_local_days_are_shorter_or_longer_where_clocks_change() -> None:
    here = calendar.span_of(days("2026-03-29", "2026-03-29"), "Europe/Berlin")
    there = calendar.span_of(days("2026-10-25", "2026-10-25"), "Europe/Berlin")
    assert here is not None
    assert there is not None
    assert here.ends - here.starts == timedelta(hours=23)
    assert there.ends - there.starts == timedelta(hours=25)
    gap = calendar.span_of(days("2026-09-06", "2026-09-06"), "America/Santiago")  # it begins at 01:00
    assert gap is not None
    assert (gap.starts, gap.ends) == (utc("2026-09-06T04:00"), utc("2026-09-07T03:00"))


def test_a_day_that_a_zone_left_out_freezes_nothing_there() -> None:
    skipped = days("2011-12-30", "2011-12-30")
    assert calendar.span_of(skipped, "Pacific/Apia") is None
    assert calendar.span_of(skipped, "Pacific/Pago_Pago") is not None
    both = calendar.span_of(days("2011-12-29", "2011-12-30"), "Pacific/Apia")
    assert both is not None
    assert both.ends - both.starts == timedelta(days=1)


def test_where_it_opens_again_is_known_through_a_chain_of_freezes() -> None:
    rule = daily("02:00", 240, "Europe/Lisbon")
    chain = [
        days("2026-12-22", "2026-12-24", "a"),
        days("2026-12-25", "2026-12-26", "b", ("emea",)),
        days("2026-12-27", "2026-12-31", "c"),
        days("2027-01-01", "2027-01-31", "d", ("apac",)),
    ]
    asked = utc("2026-12-23T03:00")
    answer = calendar.may_start(rule, chain, asked, NEEDED, ("emea", "lis1", "pop"))
    assert answer.freeze is not None
    assert answer.freeze.id == "a"
    assert answer.opens_again == utc("2027-01-01T02:00")
    elsewhere = calendar.may_start(rule, chain, asked, NEEDED, ("africa",))
    assert elsewhere.opens_again == utc("2026-12-25T02:00")


def test_nothing_starts_that_would_run_into_the_first_hour_of_a_frozen_day() -> None:
    rule = daily("22:00", 240, "Asia/Kathmandu")
    frozen_day = [days("2026-12-25", "2026-12-25")]
    midnight = utc("2026-12-24T18:15")
    assert calendar.may_start(rule, frozen_day, midnight - NEEDED, NEEDED).open
    late = calendar.may_start(rule, frozen_day, midnight - NEEDED + timedelta(seconds=1), NEEDED)
    assert (late.open, late.opens_again) == (False, utc("2026-12-25T18:15"))


def test_freezes_that_close_two_years_leave_no_start() -> None:
    rule = daily("02:00", 240, "UTC")
    closed = [days("2026-12-01", "2028-12-31")]
    assert calendar.may_start(rule, closed, utc("2026-12-02"), NEEDED).opens_again is None
