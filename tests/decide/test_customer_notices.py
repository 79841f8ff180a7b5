"""An account is told the difference to what it heard last, once for each fact, and never a storm."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.doors.status_house import AT, S, work

from wavetrain.decide import customer_notices
from wavetrain.decide.customer_notices import PATIENCE, SETTLE, Fact, coming, heard_of, id_of, together
from wavetrain.model.maintenance import Maintenance
from wavetrain.model.policy import Announce
from wavetrain.model.subscription import Heard, Topic

WEEK = Announce()
LONG_AGO = AT - timedelta(days=90)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Told:
    """One account that listens while work goes on."""

    def __init__(self, record: Maintenance, announce: Announce = WEEK) -> None:
        self.work, self.announce = record, announce
        self.heard: Heard | None = None
        self.said: list[tuple[Topic, datetime]] = []

    def at(self, now: datetime) -> "Told":
        """Whoever looks then tells what is due, and a second look tells nothing more."""
        while (due := coming(self.work, self.heard, self.announce, LONG_AGO)) is not None and due.at <= now:
            self.heard = heard_of(Fact(due.topic, self.work, self.heard), "acme", now)
            self.said.append((due.topic, now))
            assert len(self.said) < 100, "told in a circle"
        return self

    def becomes(self, now: datetime, **fields: object) -> "Told":
        """It changes, and whoever looks at that moment tells what is due."""
        self.work = self.work.changed(changed_at=now, sequence=self.work.sequence + 1, **fields)
        return self.at(now)

    @property
    def topics(self) -> list[str]:
        return [topic.value for topic, _ in self.said]


def planned(days: float) -> Maintenance:
    return work("por1", 1, S.SCHEDULED, 24 * days, announced_at=AT)


def test_work_is_told_with_its_lead_time_before_at_its_start_and_at_its_end() -> None:
    told = Told(planned(10))
    starts = told.work.starts
    for moment in (AT, starts - 7 * DAY - HOUR, starts - 7 * DAY, starts - DAY, starts - HOUR):
        told.at(moment)
    told.becomes(starts, state=S.IN_PROGRESS, began_at=starts).becomes(starts + HOUR, state=S.VERIFYING)
    told.becomes(starts + 2 * HOUR, state=S.COMPLETED, over_at=starts + 2 * HOUR).at(starts + 90 * DAY)
    assert told.said == [
        (Topic.ANNOUNCED, starts - 7 * DAY),
        (Topic.BEFORE, starts - DAY),
        (Topic.STARTED, starts),
        (Topic.ENDED, starts + 2 * HOUR),
    ]


def test_what_is_planned_late_is_told_at_once_and_not_twice_before_it_begins() -> None:
    told = Told(planned(0.5)).at(AT).at(AT + SETTLE)
    assert told.said == [(Topic.ANNOUNCED, AT + SETTLE)]
    assert told.at(told.work.starts).topics == ["announced"]


def test_a_lane_may_have_another_lead_time_and_no_reminder() -> None:
    told = Told(planned(10), Announce(days_ahead=3, hours_before=0))
    told.at(told.work.starts - 3 * DAY - HOUR)
    assert told.said == []
    assert told.at(told.work.starts - 3 * DAY).at(told.work.starts - HOUR).topics == ["announced"]


def test_what_moves_many_times_within_a_minute_is_told_once_as_it_came_to_rest() -> None:
    told = Told(planned(5)).at(AT + SETTLE)
    for step in range(6):
        moved = told.work.starts + DAY
        told.becomes(AT + HOUR + step * timedelta(seconds=8), starts=moved, ends=moved + 4 * HOUR)
    told.at(AT + 2 * HOUR)
    assert told.topics == ["announced", "moved"]
    assert told.heard is not None
    assert told.heard.starts == told.work.starts


def test_what_moves_and_moves_back_is_not_told() -> None:
    told = Told(planned(5)).at(AT + SETTLE)
    first = told.work.starts
    told.becomes(AT + HOUR, starts=first + DAY).becomes(AT + HOUR + SETTLE / 2, starts=first)
    assert told.at(AT + 2 * HOUR).topics == ["announced"]


def test_what_never_comes_to_rest_is_told_now_and_then_when_its_start_is_near() -> None:
    told = Told(planned(0.9)).at(AT + SETTLE)
    for step in range(1, 121):
        told.becomes(
            AT + SETTLE + step * SETTLE / 2, starts=told.work.starts + timedelta(minutes=step % 2 or -1)
        )
    assert 2 <= told.topics.count("moved") <= 120 * SETTLE / 2 / PATIENCE + 1


@pytest.mark.parametrize("state", [S.CANCELLED, S.SCHEDULED])
def test_who_never_heard_of_it_hears_neither_that_it_moved_nor_that_it_is_off(state: S) -> None:
    told = Told(planned(30))
    told.becomes(AT + HOUR, state=state, starts=told.work.starts + DAY, over_at=AT).at(AT + 2 * HOUR)
    assert told.topics == []


def test_who_heard_of_it_hears_that_it_is_off_and_nothing_after() -> None:
    told = Told(planned(5)).at(AT + SETTLE).becomes(AT + HOUR, state=S.CANCELLED, over_at=AT + HOUR)
    assert told.at(AT + HOUR + SETTLE).at(AT + 30 * DAY).topics == ["announced", "cancelled"]


def test_a_moved_window_is_reminded_of_again() -> None:
    told = Told(planned(2)).at(AT + SETTLE).at(AT + DAY)
    told.becomes(AT + DAY + HOUR, starts=AT + 6 * DAY, ends=AT + 6 * DAY + HOUR).at(AT + DAY + 2 * HOUR)
    assert told.at(AT + 5 * DAY).topics == ["announced", "before", "moved", "before"]


def test_work_that_begins_without_a_word_before_is_told_when_it_begins() -> None:
    told = Told(work("por1", 1, S.IN_PROGRESS, 0, began_at=AT, urgent=True))
    assert told.at(AT).topics == ["started"]


def test_what_was_over_before_an_account_listened_is_not_told() -> None:
    over = work("por1", 1, S.COMPLETED, -10, began_at=AT, over_at=AT)
    assert coming(over, None, WEEK, AT + HOUR) is None
    due = coming(over, None, WEEK, AT)
    assert due is not None
    assert due.topic is Topic.ENDED


CHANGES = st.lists(
    st.tuples(
        st.integers(1, 200_000),
        st.sampled_from(["look", "move", "begin", "verify", "end", "cancel"]),
        st.integers(-3, 3),
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(CHANGES, st.integers(0, 14))
def test_whatever_happens_each_fact_is_told_once_and_in_an_order_that_makes_sense(
    changes: list[tuple[int, str, int]], days: int
) -> None:
    told, now = Told(planned(days)), AT
    ids: set[str] = set()
    for seconds, what, by in changes:
        now += timedelta(seconds=seconds)
        state = told.work.state
        match what:
            case "move" if state is S.SCHEDULED:
                told.becomes(now, starts=told.work.starts + by * DAY, ends=told.work.ends + by * DAY)
            case "begin" if state is S.SCHEDULED:
                told.becomes(now, state=S.IN_PROGRESS, began_at=now)
            case "verify" if state is S.IN_PROGRESS:
                told.becomes(now, state=S.VERIFYING)
            case "end" if state in (S.IN_PROGRESS, S.VERIFYING):
                told.becomes(now, state=S.COMPLETED, over_at=now)
            case "cancel" if state is S.SCHEDULED:
                told.becomes(now, state=S.CANCELLED, over_at=now)
            case _:
                told.at(now)
    told.at(now + PATIENCE)
    topics = told.topics
    for once in ("announced", "started", "ended", "cancelled"):
        assert topics.count(once) <= 1
    for last in ("ended", "cancelled"):
        assert last not in topics[:-1]
    assert not {"moved", "before", "announced"} & set(
        topics[topics.index("started") :] if "started" in topics else ()
    )
    for topic, at in told.said:
        ids.add(f"{topic}{at}")
    assert len(ids) == len(told.said)


def facts(count: int, topic: Topic = Topic.MOVED) -> list[Fact]:
    return [Fact(topic, work("por1", number, S.SCHEDULED, 24 + number), None) for number in range(count)]


def test_many_pops_are_one_notice_for_each_topic_and_none_is_left_out() -> None:
    many = [*facts(250), *facts(3, Topic.STARTED)]
    found = list(together(many))
    assert [(group[0].topic.value, len(group)) for group in found] == [
        ("started", 3),
        ("moved", 200),
        ("moved", 50),
    ]
    assert {(fact.topic, fact.work.id) for group in found for fact in group} == {
        (fact.topic, fact.work.id) for fact in many
    }


def test_the_same_facts_have_the_same_id_and_others_have_others() -> None:
    one = facts(3)
    ids = {
        id_of("acme", one),
        id_of("other", one),
        id_of("acme", one[:2]),
        id_of("acme", facts(3, Topic.BEFORE)),
        id_of("acme", [Fact(fact.topic, fact.work.changed(sequence=9), None) for fact in one]),
    }
    assert len(ids) == 5
    assert id_of("acme", list(reversed(facts(3)))) == id_of("acme", one)


def _no_settling(record: Maintenance, told_at: datetime, before: datetime) -> datetime:
    return record.changed_at


PLANTED: list[tuple[str, str, object, Callable[[], None]]] = [
    (
        "every step of a move is told",
        "_at_rest",
        _no_settling,
        test_what_moves_many_times_within_a_minute_is_told_once_as_it_came_to_rest,
    ),
    (
        "an id that forgets the change",
        "id_of",
        lambda account, facts: account + facts[0].work.id,
        test_the_same_facts_have_the_same_id_and_others_have_others,
    ),
]


@pytest.mark.parametrize(
    ("bug", "name", "wrong", "guard"), PLANTED, ids=lambda it: it if isinstance(it, str) else ""
)
def test_the_bug_that_a_guard_is_there_for_is_seen(
    monkeypatch: pytest.MonkeyPatch, bug: str, name: str, wrong: object, guard: Callable[[], None]
) -> None:
    monkeypatch.setattr(customer_notices, name, wrong)
    monkeypatch.setitem(globals(), name, wrong)
    with pytest.raises(AssertionError):
        guard()
