"""Importing a freeze calendar is idempotent, audited, and lifts nothing that an operator alone may not lift."""

from datetime import date, timedelta

import pytest
from tests.control.practice import APPROVER, OPERATOR, START, VIEWER, Practice

from wavetrain.control import enquire, freeze_calendars, freezes
from wavetrain.decide.permit import Caller
from wavetrain.errors import ForbiddenError, RefusedError, UnknownError
from wavetrain.model.access import Role
from wavetrain.model.freeze_calendar import FreezeCalendar
from wavetrain.wire.freeze_file import read_freezes

BOTH = Caller("ida", (Role.OPERATOR, Role.APPROVER))
QUARTER = '[[freeze]]\nid = "quarter"\nreason = "quarter end"\nevery = "quarter-end"\n'
ELECTION = '[[freeze]]\nid = "election"\nreason = "election"\nfirst = 2026-11-08\nscope = ["emea"]\n'
UNTIL = date(2027, 10, 31)


def calendar(*entries: str) -> FreezeCalendar:
    return read_freezes('name = "ops"\n' + "".join(entries), START)


def test_the_same_file_again_changes_nothing(house: Practice) -> None:
    first = freeze_calendars.bring(house.store, OPERATOR, calendar(QUARTER, ELECTION), UNTIL)
    assert len(first.added) == 5
    before = house.sequence
    again = freeze_calendars.bring(house.store, OPERATOR, calendar(QUARTER, ELECTION), UNTIL)
    assert (again.same, again.added, again.changed, again.removed) == (5, (), (), ())
    assert house.sequence == before
    assert {item.calendar for item in enquire.freezes(house.store, VIEWER)} == {"ops"}


def test_what_it_did_stands_in_the_journal(house: Practice) -> None:
    freeze_calendars.bring(house.store, OPERATOR, calendar(ELECTION))
    assert house.last() == (
        "emea frozen from 2026-11-08 to 2026-11-08, local days: election, by calendar ops"
    )


def test_an_entry_that_is_gone_goes_with_an_approver_only(house: Practice) -> None:
    freeze_calendars.bring(house.store, OPERATOR, calendar(QUARTER, ELECTION), UNTIL)
    before = house.sequence
    with pytest.raises(ForbiddenError, match=r"importing would lift ops\.election\.20261108"):
        freeze_calendars.bring(house.store, OPERATOR, calendar(QUARTER), UNTIL)
    assert house.sequence == before
    done = freeze_calendars.bring(house.store, BOTH, calendar(QUARTER), UNTIL)
    assert done.removed == ("ops.election.20261108",)


def test_an_entry_that_has_begun_stays_and_is_cleared_away_when_it_is_over(house: Practice) -> None:
    freeze_calendars.bring(house.store, OPERATOR, calendar(ELECTION))
    house.seconds += timedelta(days=7).total_seconds()
    assert freeze_calendars.bring(house.store, BOTH, calendar()).kept == ("ops.election.20261108",)
    house.seconds += timedelta(days=3).total_seconds()
    assert freeze_calendars.bring(house.store, OPERATOR, calendar()).over == ("ops.election.20261108",)
    assert enquire.freezes(house.store, VIEWER) == []


def test_freezes_added_by_hand_stay(house: Practice) -> None:
    starts = START + timedelta(days=3)
    freezes.add(house.store, OPERATOR, starts=starts, ends=starts + timedelta(1), reason="x", freeze_id="own")
    freeze_calendars.bring(house.store, OPERATOR, calendar(ELECTION))
    freeze_calendars.bring(house.store, BOTH, calendar())
    assert [item.id for item in enquire.freezes(house.store, VIEWER)] == ["own"]


def test_a_scope_that_is_not_there_and_a_caller_who_may_not_change_nothing(house: Practice) -> None:
    before = house.sequence
    with pytest.raises(UnknownError, match="entry election of calendar ops names mars"):
        freeze_calendars.bring(house.store, OPERATOR, calendar(ELECTION.replace("emea", "mars")))
    for caller in (VIEWER, APPROVER):
        with pytest.raises(ForbiddenError):
            freeze_calendars.bring(house.store, caller, calendar(ELECTION))
    with pytest.raises(RefusedError, match="give a day from"):
        freeze_calendars.bring(house.store, OPERATOR, calendar(ELECTION), date(2026, 1, 1))
    assert house.sequence == before


def test_more_freezes_than_a_store_keeps_are_refused(house: Practice) -> None:
    weekly = '[[freeze]]\nid = "w{}"\nreason = "r"\nevery = "FREQ=WEEKLY;BYDAY=TU"\n'
    before = house.sequence
    with pytest.raises(RefusedError, match="1000 are the most; give an earlier --until"):
        freeze_calendars.bring(house.store, OPERATOR, calendar(*(weekly.format(n) for n in range(11))))
    assert house.sequence == before
