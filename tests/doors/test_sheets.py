"""Sheets and queues: who comes second waits for the first, learns where it led, and leaves nothing behind."""

import threading

import pytest

from wavetrain.doors import sheets
from wavetrain.doors.one_by_one import OneByOne
from wavetrain.doors.sheets import Sheets

SOON_S = 20.0


def test_who_sends_a_sheet_again_waits_for_its_deed_and_is_led_where_it_led() -> None:
    kept, read, came = Sheets(), [], threading.Event()

    def again() -> None:
        came.set()
        with kept.taken("l", "1") as sheet:
            read.append(sheet.where)

    second = threading.Thread(target=again)
    with kept.taken("l", "1") as sheet:
        second.start()
        assert came.wait(SOON_S)
        second.join(0.05)
        assert read == [], "the first is not done"
        sheet.where = "/console"
    second.join(SOON_S)
    assert read == ["/console"]


def test_another_sheet_and_anothers_sheet_wait_for_nobody() -> None:
    kept = Sheets()
    with kept.taken("l", "1") as first, kept.taken("l", "2") as second, kept.taken("m", "1") as third:
        first.where = "/console"
        assert second.where == third.where == ""


def test_a_deed_that_failed_is_not_done() -> None:
    kept = Sheets()

    def fail() -> None:
        with kept.taken("l", "1"):
            raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            fail()
    with kept.taken("l", "1") as sheet:
        assert sheet.where == ""


def test_sheets_are_forgotten_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "DONE_MAX", 2)
    kept = Sheets()
    for number in ("1", "2", "3"):
        with kept.taken("l", number) as sheet:
            sheet.where = f"/{number}"
    found = []
    for number in ("1", "2", "3"):
        with kept.taken("l", number) as sheet:
            found.append(sheet.where)
    assert found == ["", "/2", "/3"]


def test_a_queue_is_kept_only_while_somebody_stands_in_it() -> None:
    queues = OneByOne()
    with queues.alone("a"), queues.alone("b"):
        assert len(queues) == 2
    assert len(queues) == 0
