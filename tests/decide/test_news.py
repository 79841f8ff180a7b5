"""A week's notes say what begins, goes on and comes; and of what was announced, what became of it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetrain.decide import news, ramp, week
from wavetrain.decide.news import Item, Notes, Part, State, Travel
from wavetrain.decide.retelling import retold
from wavetrain.model.feature import Early, Feature, FeatureKey, Killed, Pause, Ramp, Variant
from wavetrain.model.release import Release, ReleaseId, Stage, Tombstone
from wavetrain.model.rollout import Rollout, RolloutId, Status

SUNDAY = datetime(2026, 1, 18, tzinfo=UTC)
DAY = timedelta(days=1)
SPREAD = 14 * DAY


def feature(key: str = "menu", begins: float | None = 3, announced: float = -20, **more: object) -> Feature:
    """Announced and beginning so many days from the Sunday."""
    made = Feature(
        id=FeatureKey(key),
        variants=(Variant("on", True), Variant("off", False)),
        on="on",
        off="off",
        summary=f"About {key}",
        owner="team",
        announced_at=SUNDAY + announced * DAY,
        ramp=Ramp(begins=SUNDAY + begins * DAY, steps=ramp.even()) if begins is not None else None,
    )
    return made.changed(**more)


def travel(
    departs: float = 0,
    status: Status = Status.ROLLING,
    turned: float = 0.1,
    over: float | None = None,
    **more: object,
) -> Travel:
    """Announced a week before it departs."""
    release = Release(
        id=ReleaseId("gateway@2.0.0"),
        component="gateway",
        number="2.0.0",
        lane="pop",
        digest="0" * 64,
        size=1,
        stage=Stage.GENERAL,
        submitted_at=SUNDAY + (departs - 8) * DAY,
        submitted_by="ci",
        notes="for the operator's own eyes",
        news="Faster tunnels.\n\nAnd fewer drops.",
    )
    rollout = Rollout(
        id=RolloutId("gateway-2.0.0"),
        release=release.id,
        number="2.0.0",
        previous="1.9.0",
        component="gateway",
        lane="pop",
        status=status,
        policy="p",
        created_at=SUNDAY + (departs - 7) * DAY,
        created_by="ci",
        departs=SUNDAY + departs * DAY,
        not_before=SUNDAY,
        cause="a customer called Blue complained",
        over_at=SUNDAY + over * DAY if over is not None else None,
    )
    at = SUNDAY + (over if over is not None else turned) * DAY
    made = {"release": release, "rollout": rollout, "spread": SPREAD, "turned_at": at, **more}
    return Travel(**made)  # type: ignore[arg-type]


def parts(notes: Notes) -> dict[Part, list[Item]]:
    return {section.part: list(section.items) for section in notes.sections}


def read(*what: Feature | Travel, now: float = 1, weeks: int = 0) -> dict[Part, list[Item]]:
    """The notes of so many weeks from the Sunday, on a day."""
    travels = [one for one in what if isinstance(one, Travel)]
    features = [one for one in what if isinstance(one, Feature)]
    start = SUNDAY + weeks * week.LENGTH
    return parts(news.notes(start, travels, features, SUNDAY + now * DAY))


def test_a_week_without_anything_is_empty_and_never_changes() -> None:
    notes = news.notes(SUNDAY, [], [], SUNDAY + 3 * DAY)
    assert notes.is_empty
    assert (notes.week, notes.updated, notes.looks_to) == ("2026-01-18", SUNDAY, SUNDAY + 21 * DAY)


@pytest.mark.parametrize(
    ("begins", "part"),
    [
        (0, Part.BEGINS),
        (6.9, Part.BEGINS),
        (7, Part.COMING),
        (20.9, Part.COMING),
        (21, None),
        (-1, Part.GOES_ON),
        (-13.1, None),
        (None, None),
    ],
)
def test_a_feature_stands_where_its_ramp_begins(begins: float | None, part: Part | None) -> None:
    found = read(feature(begins=begins), now=0.5)
    assert set(found) - {Part.EVERYWHERE} == ({part} if part is not None else set())


@pytest.mark.parametrize(
    ("departs", "part"),
    [(0, Part.BEGINS), (7, Part.COMING), (20, Part.COMING), (21, None), (-7, Part.GOES_ON)],
)
def test_a_release_stands_where_its_train_departs(departs: float, part: Part | None) -> None:
    status = Status.ROLLING if departs <= 0 else Status.ANNOUNCED
    made = travel(departs, status, turned=min(departs, 0))
    announced = msgspec.structs.replace(made, rollout=made.rollout.changed(created_at=SUNDAY - DAY))
    found = read(announced)
    assert list(found) == ([part] if part is not None else [])


def test_everybody_knows_two_weeks_ahead() -> None:
    """Whatever was announced three weeks before it begins stands in the notes that are out two weeks before."""
    for begins in range(40):
        item = feature(begins=begins, announced=begins - 21)
        ahead = SUNDAY + (begins - 14) * DAY
        notes = news.notes(week.start_of(ahead), [], [item], ahead)
        assert Part.COMING in parts(notes), begins


def test_what_is_announced_later_stands_in_no_older_notes() -> None:
    late = feature(begins=9, announced=8)
    assert read(late, now=10) == {}
    assert Part.BEGINS in read(late, now=10, weeks=1)


def test_a_feature_without_a_date_is_announced_once() -> None:
    bare = feature(begins=None, announced=2)
    assert list(read(bare, now=3)) == [Part.ANNOUNCED]
    assert read(bare, now=10, weeks=1) == {}


def test_a_release_says_what_its_makers_say_to_customers_and_nothing_else() -> None:
    (item,) = read(travel())[Part.BEGINS]
    assert (item.title, item.area, item.state) == ("gateway 2.0.0", "Network edge", State.ROLLING)
    assert item.text == "Faster tunnels.\n\nAnd fewer drops."
    assert item.ends == SUNDAY + SPREAD
    assert "Blue" not in repr(item)
    assert "own eyes" not in repr(item)


def test_a_withdrawn_release_is_shown_as_withdrawn_where_it_was_announced() -> None:
    tombstone = Tombstone(
        release=ReleaseId("gateway@2.0.0"), number="2.0.0", reason="Blue", at=SUNDAY + 2 * DAY, by="anna"
    )
    gone = travel(7, Status.STOPPED, over=2, tombstone=tombstone)
    found = read(gone, now=3)
    assert list(found) == [Part.CHANGED, Part.COMING]
    for (item,) in found.values():
        assert (item.state, item.ends, item.updated) == (State.WITHDRAWN, None, tombstone.at)
        assert item.remarks == ("It is not offered again.",)
        assert "anna" not in repr(item)
    assert read(gone, now=8, weeks=1) == {}, "later notes announce nothing that is withdrawn"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (Status.PAUSED, State.PAUSED),
        (Status.REVERTING, State.RETURNING),
        (Status.REVERTED, State.TAKEN_BACK),
        (Status.STOPPED, State.STOPPED),
    ],
)
def test_what_does_not_go_on_as_announced_is_said(status: Status, state: State) -> None:
    over = 2.0 if status in (Status.REVERTED, Status.STOPPED) else None
    found = read(travel(0, status, turned=2, over=over), now=3)
    assert [one.state for one in found[Part.CHANGED]] == [state]
    assert [one.state for one in found[Part.BEGINS]] == [state]


def test_a_release_is_everywhere_when_its_rollout_is_over() -> None:
    found = read(travel(-10, Status.COMPLETED, over=2), now=3)
    assert list(found) == [Part.GOES_ON, Part.EVERYWHERE]
    assert found[Part.EVERYWHERE][0].ends == SUNDAY + 2 * DAY


def test_a_feature_that_is_switched_off_says_so_and_is_announced_no_more() -> None:
    killed = feature(begins=9, killed=Killed(at=SUNDAY + 2 * DAY, by="olga", reason="Blue"))
    found = read(killed, now=3)
    assert list(found) == [Part.CHANGED, Part.COMING]
    assert found[Part.COMING][0].state is State.OFF
    assert found[Part.CHANGED][0].remarks == ("Switched off on 2026-01-20.",)
    assert "olga" not in repr(found)
    assert "Blue" not in repr(found)
    assert read(killed, now=10, weeks=1) == {}


def test_a_feature_that_is_postponed_says_so_where_it_was_announced() -> None:
    known = feature(begins=9)
    assert known.ramp is not None
    moved = retold(
        known, known.changed(ramp=Ramp(begins=SUNDAY + 30 * DAY, steps=ramp.even())), SUNDAY + 2 * DAY
    )
    found = read(moved, now=3)
    assert list(found) == [Part.CHANGED, Part.COMING]
    said = "Postponed: its rollout was to begin on 2026-01-27, and is now planned from 2026-02-17."
    assert found[Part.COMING][0].remarks == found[Part.CHANGED][0].remarks == (said,)
    assert found[Part.COMING][0].updated == SUNDAY + 2 * DAY
    assert read(moved, now=10, weeks=1) == {}, "it was postponed before those notes were out"
    gone = retold(moved, moved.changed(ramp=None), SUNDAY + 3 * DAY)
    assert read(gone, now=4)[Part.CHANGED][0].remarks == (
        "Postponed: its rollout was to begin on 2026-01-27, and is now planned from 2026-02-17.",
        "Postponed: its rollout was to begin on 2026-02-17; there is no new date yet.",
    )


def test_early_availability_is_said_with_its_terms_and_when_it_moves() -> None:
    known = feature(begins=30, early=Early(since=SUNDAY + 3 * DAY, terms="Colours may change."))
    (item,) = read(known)[Part.EARLY]
    assert item.remarks == ("Early availability from 2026-01-21 on: Colours may change.",)
    sooner = retold(known, known.changed(early=Early(since=SUNDAY + 2 * DAY)), SUNDAY + DAY)
    (item,) = read(sooner, now=1)[Part.EARLY]
    assert item.remarks[0].startswith(
        "Brought forward: early availability was to begin on 2026-01-21, and is now"
    )


def test_a_paused_ramp_has_no_end_and_the_notes_do_not_change_while_it_stands() -> None:
    known = feature(begins=-3)
    assert known.ramp is not None
    paused = known.changed(ramp=ramp.paused(known.ramp, SUNDAY + 1 * DAY, "olga", "Blue"))
    start = news.notes(SUNDAY, [], [paused], SUNDAY + 2 * DAY)
    assert start == news.notes(SUNDAY, [], [paused], SUNDAY + 6 * DAY)
    assert start.updated == SUNDAY + DAY
    assert parts(start)[Part.CHANGED][0].remarks == ("Paused on 2026-01-19.",)
    assert parts(start)[Part.GOES_ON][0].ends is None


@given(
    begins=st.integers(-30, 60),
    announced=st.integers(-40, 5),
    pauses=st.lists(st.integers(0, 40), max_size=4, unique=True),
    killed=st.none() | st.integers(0, 20),
    weeks=st.integers(-2, 3),
    first=st.integers(0, 700),
    later=st.integers(0, 700),
)
def test_the_notes_change_only_when_they_say_so(
    begins: int, announced: int, pauses: list[int], killed: int | None, weeks: int, first: int, later: int
) -> None:
    """With nothing done between two looks: the same date of change means the same text, a later one another state."""
    made = feature(begins=begins, announced=announced)
    assert made.ramp is not None
    stood = sorted(pauses)
    spans = [
        Pause(since=SUNDAY + since * DAY, until=SUNDAY + until * DAY)
        for since, until in zip(stood[::2], stood[1::2], strict=False)
    ]
    made = made.changed(
        ramp=Ramp(begins=made.ramp.begins, steps=made.ramp.steps, pauses=tuple(spans)),
        killed=Killed(at=SUNDAY + killed * DAY, by="olga", reason="r") if killed is not None else None,
    )
    base = SUNDAY + 45 * DAY
    start = SUNDAY + weeks * week.LENGTH
    one, two = sorted((base + timedelta(hours=first), base + timedelta(hours=later)))
    before, after = (news.notes(start, [], [made], now) for now in (one, two))
    assert after.updated >= before.updated
    assert (before == after) == (before.updated == after.updated)


@pytest.mark.parametrize("hidden", ["\x00", "\x1b", "\u202e", "\ufeff", "\u2028", "\ud800", "\uffff", "\t"])
def test_characters_that_show_nothing_stand_in_no_notes(hidden: str) -> None:
    made = feature().changed(summary=f"a{hidden}b{hidden}")
    assert read(made)[Part.BEGINS][0].title == "a b"
    assert news.plain("नमस्ते 👩\u200d💻\nb") == "नमस्ते 👩\u200d💻\nb"


def test_a_part_is_bounded_and_says_how_many_it_leaves_off() -> None:
    many = [feature(f"f{count}") for count in range(news.ITEMS_MAX + 3)]
    (section,) = news.notes(SUNDAY, [], many, SUNDAY).sections
    assert (len(section.items), section.left_off) == (news.ITEMS_MAX, 3)
