"""The calendar, against an oracle that knows nothing but wall clocks: it walks the zone minute by minute."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavetrain.decide import calendar
from wavetrain.errors import RefusedError
from wavetrain.model.plan import Hold, Reason
from wavetrain.model.window import Freeze, Opening, WindowRule

ZONES = (
    "Europe/Lisbon",
    "Europe/Berlin",
    "Australia/Lord_Howe",  # daylight saving of 30 minutes
    "Asia/Kolkata",
    "America/New_York",
    "Pacific/Apia",
    "America/Santiago",  # changes at midnight
    "Africa/Cairo",  # changes at midnight
    "UTC",
)
# Days on which, or next to which, some of these zones change their clocks, and the ends of months and years.
EDGES = tuple(
    map(
        date.fromisoformat,
        [
            "2024-02-28",
            "2024-02-29",
            "2024-03-31",
            "2024-04-07",
            "2024-04-26",
            "2024-10-27",
            "2024-10-31",
            "2024-12-31",
            "2025-01-01",
            "2025-03-09",
            "2025-03-30",
            "2025-04-06",
            "2025-10-05",
            "2025-10-26",
            "2025-11-02",
            "2026-02-28",
            "2026-03-08",
            "2026-03-29",
            "2026-04-05",
            "2026-09-06",
            "2026-10-04",
            "2026-10-25",
            "2026-11-01",
            "2028-02-29",
        ],
    )
)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

zones = st.sampled_from(ZONES)
days = st.one_of(st.sampled_from(EDGES), st.dates(date(2024, 1, 3), date(2029, 12, 31)))
clocks = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 45, 59]))
lengths = st.one_of(st.sampled_from([1, 60, 240, 1440, 1500, 10_080]), st.integers(1, 3_000))
RULES = (
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=WEEKLY;BYDAY=SU",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SA;WKST=SU",
    "FREQ=MONTHLY;BYDAY=1SU",
    "FREQ=MONTHLY;BYDAY=-1SA;BYMONTH=3,10",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU",
)


@st.composite
def rules(draw: st.DrawFn) -> WindowRule:
    return WindowRule(
        draw(st.sampled_from(RULES)), draw(clocks).strftime("%H:%M"), draw(lengths), draw(zones)
    )


@st.composite
def instants(draw: st.DrawFn) -> datetime:
    return datetime.combine(draw(days), draw(clocks), UTC) + timedelta(hours=draw(st.integers(-14, 14)))


def wall(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def first_reading(local: datetime, zone: str) -> datetime:
    """The oracle: the first whole minute of the world at which the zone's clock reads `local` or later."""
    at = local.replace(tzinfo=UTC) - timedelta(hours=27)
    while wall(at, zone) < local - timedelta(hours=3):
        at += timedelta(hours=1)
    while wall(at, zone) < local:
        at += MINUTE
    return at


def daily(starts: str, minutes: int, zone: str) -> WindowRule:
    return WindowRule("FREQ=DAILY", starts, minutes, zone)


def freeze(starts: datetime, ends: datetime, name: str = "f", scope: tuple[str, ...] = ()) -> Freeze:
    return Freeze(id=name, starts=starts, ends=ends, reason="quarter end", by="ada", scope=scope)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@settings(max_examples=400)
@given(zones, days, clocks)
def test_a_local_time_is_its_first_instant_in_a_fold_and_the_end_of_a_gap(
    zone: str, day: date, clock: time
) -> None:
    local = datetime.combine(day, clock)
    assert calendar.localise(local, zone) == first_reading(local, zone)


@pytest.mark.parametrize(
    ("zone", "local", "instant"),
    [
        ("Europe/Lisbon", "2026-03-29T01:30", "2026-03-29T01:00"),
        ("Europe/Lisbon", "2026-10-25T01:30", "2026-10-25T00:30"),
        ("Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-03-29T02:59", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-10-25T02:00", "2026-10-25T00:00"),
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T07:00"),
        ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30"),
        ("Australia/Lord_Howe", "2026-10-04T02:10", "2026-10-03T15:30"),
        ("Australia/Lord_Howe", "2026-04-05T01:40", "2026-04-04T14:40"),
        ("Africa/Cairo", "2026-04-24T00:00", "2026-04-23T22:00"),
        ("America/Santiago", "2026-09-06T00:30", "2026-09-06T04:00"),
        ("Asia/Kolkata", "2026-03-29T02:00", "2026-03-28T20:30"),
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00"),  # a day that Samoa left out
    ],
)
def test_known_local_times_fall_on_known_instants(zone: str, local: str, instant: str) -> None:
    assert calendar.localise(datetime.fromisoformat(local), zone) == utc(instant)


@given(zones, clocks, lengths, days)
def test_a_daily_window_opens_once_for_every_local_day(
    zone: str, clock: time, minutes: int, day: date
) -> None:
    rule = daily(clock.strftime("%H:%M"), minutes, zone)
    expected = {
        first_reading(datetime.combine(day + DAY * n, clock), zone): day + DAY * n for n in range(-1, 4)
    }
    start, end = sorted(expected)[0], sorted(expected)[-1]
    assert [opening.opens for opening in calendar.openings(rule, start, end)] == sorted(expected)[:-1]


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        ("FREQ=DAILY", "2026-01-01 2026-01-02 2026-01-03"),
        ("FREQ=DAILY;INTERVAL=3", "2026-01-02 2026-01-05 2026-01-08"),  # 2024-01-01 + 244 x 3 days
        ("freq=weekly", "2026-01-05 2026-01-12 2026-01-19"),
        ("FREQ=WEEKLY;BYDAY=SU", "2026-01-04 2026-01-11 2026-01-18"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU", "2026-01-04 2026-01-18 2026-02-01"),
        ("FREQ=MONTHLY", "2026-01-01 2026-02-01 2026-03-01"),
        ("FREQ=MONTHLY;BYMONTHDAY=31", "2026-01-31 2026-03-31 2026-05-31"),
        ("FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=1", "2026-01-03 2026-02-01 2026-03-01"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2028-02-29 2032-02-29"),
    ],
)
def test_rules_fall_on_the_days_that_rfc_5545_says(rule: str, first: str) -> None:
    window = WindowRule(rule, "00:00", 60, "UTC")
    after, found = utc("2026-01-01"), []
    for day in first.split():
        # A leap day is further away than one search goes: ask again from nearer.
        after = max(after, utc(day) - timedelta(days=700))
        opening = calendar.next_opening(window, after)
        assert opening is not None
        found.append(opening.opens.date().isoformat())
        after = opening.closes
    assert found == first.split()


@given(rules(), instants())
def test_every_opening_lasts_its_minutes_exactly_and_is_half_open(rule: WindowRule, now: datetime) -> None:
    opening = calendar.next_opening(rule, now)
    assert opening is not None
    assert opening.opens >= now
    assert opening.closes - opening.opens == timedelta(minutes=rule.minutes)
    at_open = calendar.opening_at(rule, opening.opens)
    assert at_open == opening
    last_instant = calendar.opening_at(rule, opening.closes - datetime.resolution)
    assert last_instant is not None
    assert last_instant.opens >= opening.opens
    at_close = calendar.opening_at(rule, opening.closes)
    assert at_close is None or at_close.opens > opening.opens


@given(rules(), instants())
def test_the_next_opening_is_the_least(rule: WindowRule, now: datetime) -> None:
    opening = calendar.next_opening(rule, now)
    assert opening is not None
    assert calendar.openings(rule, now, opening.opens) == ()
    assert calendar.openings(rule, now, opening.opens + datetime.resolution) == (opening,)
    assert calendar.next_opening(rule, opening.opens) == opening


@given(rules(), instants())
def test_the_opening_at_an_instant_agrees_with_the_list(rule: WindowRule, now: datetime) -> None:
    around = calendar.openings(rule, now - timedelta(days=8), now + DAY)
    containing = [opening for opening in around if opening.opens <= now < opening.closes]
    assert calendar.opening_at(rule, now) == (containing[-1] if containing else None)


@given(rules(), instants(), st.integers(1, 5))
def test_openings_are_in_order_and_within_their_limit(rule: WindowRule, now: datetime, limit: int) -> None:
    everything = calendar.openings(rule, now, now + timedelta(days=400))
    assert list(everything) == sorted(set(everything), key=lambda opening: opening.opens)
    assert calendar.openings(rule, now, now + timedelta(days=400), limit) == everything[:limit]


def test_a_window_passes_midnight_and_the_change_of_clocks() -> None:
    rule = daily("23:30", 240, "Europe/Berlin")
    spring = calendar.opening_at(rule, utc("2026-03-29T01:00"))
    assert spring == Opening(utc("2026-03-28T22:30"), utc("2026-03-29T02:30"))
    assert wall(spring.closes, "Europe/Berlin").time() == time(4, 30)
    autumn = calendar.opening_at(rule, utc("2026-10-25T00:30"))
    assert autumn == Opening(utc("2026-10-24T21:30"), utc("2026-10-25T01:30"))
    assert wall(autumn.closes, "Europe/Berlin").time() == time(2, 30)


def test_nothing_opens_before_the_anchor_or_after_the_calendar() -> None:
    rule = daily("02:00", 240, "UTC")
    first = calendar.next_opening(rule, utc("2023-01-01"))
    assert first is not None
    assert first.opens == utc("2024-01-01T02:00")
    assert calendar.next_opening(rule, utc("2020-01-01")) is None


def test_instants_of_any_zone_are_understood_and_naive_ones_refused() -> None:
    rule = daily("02:00", 240, "Europe/Lisbon")
    now = utc("2026-07-01T02:00")
    assert calendar.opening_at(rule, now.astimezone(ZoneInfo("Asia/Tokyo"))) == calendar.opening_at(rule, now)
    with pytest.raises(ValueError, match="naive; give an aware"):
        calendar.opening_at(rule, now.replace(tzinfo=None))


@pytest.mark.parametrize("rule", RULES)
def test_a_sound_rule_passes_the_check(rule: str) -> None:
    calendar.check(WindowRule(rule, "02:00", 240, "Europe/Lisbon"), utc("2026-01-01"))


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("FREQ=HOURLY", "FREQ HOURLY; give one of DAILY"),
        ("FREQ=MINUTELY;INTERVAL=5", "FREQ MINUTELY"),
        ("BYDAY=SU", "FREQ missing"),
        ("every sunday", "not a list of KEY=VALUE"),
        ("RRULE:FREQ=DAILY", "FREQ missing"),
        ("FREQ=DAILY;", "not a list of KEY=VALUE"),
        ("FREQ=DAILY;COUNT=3", "COUNT.*leave it out"),
        ("FREQ=DAILY;UNTIL=20300101T000000Z", "UNTIL.*leave it out"),
        ("FREQ=DAILY;DTSTART=20300101", "DTSTART.*leave it out"),
        ("DTSTART:20240101T000000\nRRULE:FREQ=DAILY", "FREQ missing"),
        ("FREQ=DAILY\nEXDATE:20240101T000000", "FREQ DAILY"),
        ("FREQ=DAILY;BYHOUR=2,3", "BYHOUR.*belongs in `starts`"),
        ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS.*DAILY takes"),
        ("FREQ=WEEKLY;BYEASTER=1", "BYEASTER"),
        ("FREQ=WEEKLY;BYDAY=XX", "BYDAY=XX"),
        ("FREQ=WEEKLY;BYDAY=1SU", "numbered days need FREQ=MONTHLY"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=TU", "every n-th week is FREQ=WEEKLY"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0"),
        ("FREQ=DAILY;INTERVAL=99999", "INTERVAL=99999"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY=32"),
        ("FREQ=MONTHLY;BYMONTH=13", "BYMONTH=13"),
        ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS alone"),
        ("FREQ=DAILY;FREQ=WEEKLY", "FREQ twice"),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", "no day that ever comes"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_with_the_way_out(rule: str, says: str) -> None:
    with pytest.raises(RefusedError, match=f"(?s)^window rule .*{says}"):
        calendar.check(WindowRule(rule, "02:00", 240, "UTC"))


@pytest.mark.parametrize(
    "zone",
    ["Mars/Olympus", "../etc/passwd", "Europe", "right/Europe/Lisbon", "localtime", "europe lisbon", "\0"],
)
def test_an_unknown_zone_is_refused_by_name(zone: str) -> None:
    with pytest.raises(RefusedError, match=r"window rule FREQ=DAILY in zone .* give a name such as"):
        calendar.check(daily("02:00", 240, zone))


def test_a_rule_that_yields_nothing_in_two_years_is_refused_then_and_not_otherwise() -> None:
    leap = WindowRule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "02:00", 240, "UTC")
    calendar.check(leap)
    calendar.check(leap, utc("2027-01-01"))
    with pytest.raises(RefusedError, match="no opening in the two years from 2025"):
        calendar.check(leap, utc("2025-01-01"))


def test_a_search_has_limits_that_are_named() -> None:
    rule = daily("02:00", 240, "UTC")
    now = utc("2026-01-01")
    with pytest.raises(ValueError, match="731 days"):
        calendar.openings(rule, now, now + timedelta(days=732))
    with pytest.raises(ValueError, match="limit is 1001; give 1 to 1000"):
        calendar.openings(rule, now, now + DAY, 1001)


def test_the_answer_is_told_with_the_freeze_first_and_a_person_only_where_nothing_ever_opens() -> None:
    rule, work = daily("02:00", 240, "UTC"), MINUTE * 20
    inside, outside = utc("2026-01-01T03:00"), utc("2026-01-01T12:00")
    short, endless = freeze(inside, inside + DAY), freeze(outside, outside + 800 * DAY)

    def told(now: datetime, *freezes: Freeze, needed: timedelta = work) -> Hold | None:
        return calendar.hold(calendar.may_start(rule, freezes, now, needed))

    assert told(inside) is None
    assert told(outside) == Hold(Reason.OUTSIDE_WINDOW, until=utc("2026-01-02T02:00"))
    assert told(inside, short) == Hold(
        Reason.FROZEN, until=utc("2026-01-02T03:00"), detail=f"{short.id}: {short.reason}"
    )
    assert told(outside, endless) == Hold(Reason.FROZEN, detail=f"{endless.id}: {endless.reason}")
    assert told(outside, needed=MINUTE * 300) == Hold(Reason.NO_WINDOW, asks=True)


def test_a_freeze_holds_from_its_start_to_just_before_its_end() -> None:
    start, end = utc("2026-12-20"), utc("2027-01-05")
    freezes = [freeze(start, end)]
    assert calendar.frozen(freezes, start - datetime.resolution) is None
    assert calendar.frozen(freezes, start) == freezes[0]
    assert calendar.frozen(freezes, end - datetime.resolution) == freezes[0]
    assert calendar.frozen(freezes, end) is None


def test_of_several_freezes_the_one_that_ends_last_is_named() -> None:
    start = utc("2026-12-20")
    short, long = freeze(start, start + DAY, "short"), freeze(start - DAY, start + 9 * DAY, "long")
    assert calendar.frozen([short, long], start) == long
    assert calendar.frozen([long, short], start) == long


@pytest.mark.parametrize(
    ("scope", "names", "binds"),
    [
        ((), (), True),
        ((), ("eu", "fra1", "pop"), True),
        (("eu",), ("eu", "fra1", "pop"), True),
        (("fra1", "lis1"), ("eu", "fra1", "pop"), True),
        (("client",), ("eu", "fra1", "pop"), False),
        (("fra",), ("eu", "fra1", "pop"), False),
        (("eu",), (), False),
    ],
)
def test_a_freeze_binds_whom_its_scope_names(
    scope: tuple[str, ...], names: tuple[str, ...], binds: bool
) -> None:
    start = utc("2026-12-20")
    assert (calendar.frozen([freeze(start, start + DAY, scope=scope)], start, names) is not None) is binds


def test_a_span_is_frozen_when_any_part_of_it_is() -> None:
    start = utc("2026-12-20")
    freezes = [freeze(start, start + DAY)]
    assert calendar.frozen_between(freezes, start - DAY, start) is None
    assert calendar.frozen_between(freezes, start - DAY, start + datetime.resolution) == freezes[0]
    assert calendar.frozen_between(freezes, start + DAY, start + 2 * DAY) is None


def test_work_starts_only_where_its_duration_and_its_undo_fit() -> None:
    rule = daily("02:00", 240, "UTC")
    needed = timedelta(minutes=20)
    fits = calendar.may_start(rule, [], utc("2026-07-01T05:40"), needed)
    assert fits.open
    assert fits.opens_again == utc("2026-07-01T05:40")
    late = calendar.may_start(rule, [], utc("2026-07-01T05:41"), needed)
    assert (late.open, late.freeze, late.opens_again) == (False, None, utc("2026-07-02T02:00"))
    assert late.opening == Opening(utc("2026-07-01T02:00"), utc("2026-07-01T06:00"))


def test_work_starts_neither_in_a_freeze_nor_so_close_that_it_would_run_into_one() -> None:
    rule = daily("02:00", 240, "UTC")
    ban = freeze(utc("2026-07-01T04:00"), utc("2026-07-01T05:00"))
    needed = timedelta(minutes=20)
    assert calendar.may_start(rule, [ban], utc("2026-07-01T03:40"), needed).open
    near = calendar.may_start(rule, [ban], utc("2026-07-01T03:41"), needed)
    assert (near.open, near.freeze, near.opens_again) == (False, ban, ban.ends)
    after_all = calendar.may_start(rule, [ban], utc("2026-07-01T04:30"), timedelta(minutes=61))
    assert (after_all.open, after_all.freeze) == (False, ban)
    assert after_all.opens_again == utc("2026-07-02T02:00")
    assert calendar.may_start(rule, [ban], ban.ends, needed).open


def test_work_that_never_fits_has_no_next_start() -> None:
    rule = daily("02:00", 240, "UTC")
    now = utc("2026-07-01T02:00")
    too_long = calendar.may_start(rule, [], now, timedelta(minutes=241))
    assert (too_long.open, too_long.opens_again) == (False, None)
    for_good = calendar.may_start(rule, [freeze(now, now + timedelta(days=800))], now, timedelta(minutes=1))
    assert (for_good.open, for_good.opens_again) == (False, None)
    with pytest.raises(ValueError, match="not less than nothing"):
        calendar.may_start(rule, [], now, timedelta(minutes=-1))


@st.composite
def bans(draw: st.DrawFn, now: datetime) -> list[Freeze]:
    return [
        freeze(
            start,
            start + MINUTE * draw(st.integers(1, 3000)),
            f"f{n}",
            draw(st.sampled_from([(), ("a",), ("b",)])),
        )
        for n in range(draw(st.integers(0, 4)))
        for start in [now + MINUTE * draw(st.integers(-1500, 4000))]
    ]


@settings(max_examples=300)
@given(st.data(), rules(), instants())
def test_where_it_opens_again_work_may_start_and_nowhere_before(
    data: st.DataObject, rule: WindowRule, now: datetime
) -> None:
    freezes = data.draw(bans(now))
    needed = MINUTE * data.draw(st.integers(0, min(600, rule.minutes)))

    def allowed(at: datetime) -> bool:
        if any(f.starts <= at < f.ends or at < f.starts < at + needed for f in freezes if f.scope != ("b",)):
            return False
        spans = calendar.openings(rule, at - timedelta(days=8), at + MINUTE)
        return any(o.opens <= at < o.closes and at + needed <= o.closes for o in spans)

    answer = calendar.may_start(rule, freezes, now, needed, ("a", "region"))
    assert answer.opens_again is not None
    assert answer.open is allowed(now) is (answer.opens_again == now)
    assert allowed(answer.opens_again)
    again = calendar.may_start(rule, freezes, answer.opens_again, needed, ("a", "region"))
    assert again.open
    at = max(now, answer.opens_again - MINUTE * 300)
    while at < answer.opens_again:
        assert not allowed(at), at
        at += MINUTE
    if not answer.open:
        assert answer.freeze is not None or answer.opening is None or now + needed > answer.opening.closes


@given(rules(), instants(), st.integers(-600, 600), st.integers(1, 3000))
def test_deny_wins_over_every_window(rule: WindowRule, now: datetime, before: int, minutes: int) -> None:
    ban = freeze(now - MINUTE * before, now - MINUTE * before + MINUTE * minutes)
    if calendar.frozen([ban], now) is not None:
        answer = calendar.may_start(rule, [ban], now, timedelta(0))
        assert not answer.open
        assert answer.freeze == ban
        assert answer.opens_again is not None
        assert answer.opens_again >= ban.ends


@pytest.mark.parametrize(
    ("zone", "after", "leaves"),
    [
        ("UTC", "2023-12-30", "2024-01-07"),
        ("UTC", "2024-01-07", "2024-01-07"),
        ("UTC", "2024-01-07T00:01", "2024-01-21"),
        ("Asia/Kolkata", "2026-11-22", "2026-12-05T18:30"),
        ("America/New_York", "2026-10-30", "2026-11-08T05:00"),
        ("America/Santiago", "2024-09-06", "2024-09-15T03:00"),
        ("Africa/Cairo", "2026-11-22", "2026-12-05T22:00"),
    ],
)
def test_a_fortnightly_train_leaves_on_known_sundays(zone: str, after: str, leaves: str) -> None:
    assert calendar.departure("SU", 2, zone, utc(after)) == utc(leaves)


def test_a_departure_in_a_gap_leaves_at_the_first_instant_of_the_day() -> None:
    # Santiago skips 2026-09-06 00:00 to 01:00.
    leaves = calendar.departure("SU", 1, "America/Santiago", utc("2026-09-05T12:00"))
    assert wall(leaves, "America/Santiago") == datetime.fromisoformat("2026-09-06T01:00")


@given(zones, instants(), st.integers(1, 52), st.sampled_from(calendar.WEEKDAYS))
def test_trains_leave_on_the_grid_at_the_first_instant_of_the_day_and_none_is_missed(
    zone: str, after: datetime, weeks: int, day: str
) -> None:
    leaves = calendar.departure(day, weeks, zone, after)
    local = wall(leaves, zone)
    first = date(2024, 1, 1) + DAY * calendar.WEEKDAYS.index(day)
    assert (local.date() - first).days % (7 * weeks) == 0
    assert first_reading(datetime.combine(local.date(), time()), zone) == leaves
    previous = first_reading(datetime.combine(local.date(), time()) - timedelta(weeks=weeks), zone)
    assert previous < after <= leaves


def test_trains_of_all_zones_leave_in_the_same_fortnight() -> None:
    after = utc("2026-06-01T12:00")
    leaving = {zone: calendar.departure("SU", 2, zone, after) for zone in ZONES}
    assert {wall(at, zone).date() for zone, at in leaving.items()} == {date(2026, 6, 7)}


@pytest.mark.parametrize(
    ("day", "weeks", "zone"),
    [("SUN", 2, "UTC"), ("SU", 0, "UTC"), ("SU", 53, "UTC"), ("SU", 2, "Mars/Olympus")],
)
def test_a_departure_that_cannot_be_is_refused(day: str, weeks: int, zone: str) -> None:
    with pytest.raises(RefusedError, match="; give"):
        calendar.departure(day, weeks, zone, utc("2026-01-01"))
