"""Demo pictures: what a person sees while releases travel, and the receipt at the end."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from rich.console import Console

from wavetrain.cli.demo_features import WentBack
from wavetrain.cli.demo_receipt import Chapter, TakenBack, ended_well, receipt, show
from wavetrain.cli.demo_screen import Screen, bar, picture
from wavetrain.cli.demo_verdict import Found, leading
from wavetrain.control.verdicts import CheckSeen
from wavetrain.lab.site_figures import Felt, PopFelt

NOW = "2026-12-06T02:10:00+00:00"
MADE_OF = {"balancer": "haproxy", "source": "prometheus"}
FOUND = Found(
    source="prometheus",
    check="errors",
    e=4400.76,
    threshold=1000.0,
    at="2026-12-20T02:00:07.203984Z",
    page="/tmp/out/verdict-2.1.0.html",
    picture="/tmp/out/verdict-2.1.0.svg",
)


def turn(pop: str, **changed: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "pop": pop,
        "wave": 0,
        "phase": "done",
        "units": 4,
        "exposed": 4,
        "settled": 4,
        "moving": [],
        "quarantined": [],
        "to_go_back": 0,
        "opens": "2026-12-06T02:00:00+00:00",
        "closes": "2026-12-06T06:00:00+00:00",
        "hold": None,
    }
    return {**made, **changed}


def rollout(status: str, *turns: dict[str, Any], **changed: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "status": status,
        "hold": None,
        "waves": [{"ordinal": 0, "ring": "pilot"}],
        "turns": list(turns),
        "departs": "2026-12-06T00:00:00+00:00",
        "over_at": "2026-12-12T12:00:00+00:00",
        "failed_at": 0.0,
        "restored_at": 0.0,
        "evidence": None,
    }
    return {**made, **changed}


def felt(**cooperative: Any) -> PopFelt:
    kinds = {
        "sites": Felt(sessions=300, gaps_ms=(10.0, 40.0), **cooperative),
        "users": Felt(sessions=60),
        "stubborn": Felt(sessions=10, reconnects_ms=(30.0, 50.0), cut=2),
    }
    return PopFelt(1.0, kinds, {}, {})


def chapters() -> tuple[Chapter, Chapter, Chapter, TakenBack]:
    later = {"opens": "2026-12-21T02:00:00+00:00", "closes": "2026-12-21T06:00:00+00:00"}
    first = {"opens": "2026-12-20T02:00:00+00:00", "closes": "2026-12-20T06:00:00+00:00"}
    evidence = {"first_s": 100.0}
    bad = rollout(
        "reverted", turn("lis1", **first), turn("fra1"), failed_at=104.2, restored_at=107.0, evidence=evidence
    )
    return (
        Chapter(rollout("completed", turn("lis1"), turn("fra1")), felt(moves=70), (("lis1", "lis1-n1"),), 0),
        Chapter(bad, felt(moves=9), (("lis1", "lis1-n1"),), 8),
        Chapter(rollout("completed", turn("lis1", **later)), felt(moves=71), (("lis1", "lis1-n1"),), 0),
        taken_back(),
    )


def taken_back() -> TakenBack:
    at = datetime.fromisoformat(NOW)
    menu = {
        "needs": "gateway 2.0.0",
        "accounts": 74,
        "counts": [0, 1, 37, 74],
        "on_at_most": 74,
        "on_at_end": 74,
        "fell": 0,
        "off_after_revert_s": None,
    }
    calm = {
        **menu,
        "needs": "gateway 2.2.0",
        "counts": [0, 4, 8, 0],
        "on_at_most": 8,
        "on_at_end": 0,
        "fell": 8,
        "off_after_revert_s": 0.08,
    }
    chapter = Chapter(rollout("reverted", turn("lis1")), felt(moves=141), (("lis1", "lis1-n1"),), 8)
    when = WentBack(at, at + timedelta(seconds=0.0326), 0.0, at.timestamp() + 0.4126)
    return TakenBack(chapter, when, {"live-menu": menu, "calm-mode": calm})


def test_the_receipt_holds_what_was_measured() -> None:
    figures = receipt(*chapters(), 0, 190.04, 107.9, MADE_OF, FOUND)
    assert figures["good"] | {} == {
        "status": "completed",
        "pops": 2,
        "nodes": 8,
        "sites": 300,
        "users": 60,
        "sessions_moved": 70,
        "sessions_cut": 0,
        "heartbeats_lost": 0,
        "heartbeats_sent": 0,
        "operations_failed": 0,
        "ack_gap_ms": {"p50": 10.0, "p99": 40.0, "max": 40.0},
        "stubborn": {"sites": 10, "cut": 2, "reconnect_ms_p99": 50.0},
    }
    bad = figures["bad"]
    assert (bad["pops_exposed"], bad["nodes_exposed"], bad["nodes_on_previous"]) == (1, 1, 8)
    assert bad["found_by"]["check"] == "errors"
    assert (bad["seconds_to_verdict"], bad["seconds_to_restored"]) == (4.2, 2.8)
    assert figures["fix"]["in_later_window"] is True
    assert (figures["train_days"], figures["balancer"]) == (6.5, "haproxy")
    back = figures["taken_back"]
    assert (back["status"], back["nodes_exposed"], back["nodes_on_previous"]) == ("reverted", 1, 8)
    assert (back["first_drain_after_revert_s"], back["first_session_left_after_revert_s"]) == (0.033, 0.413)
    assert (back["sessions_moved"], back["sessions_cut"]) == (141, 0)
    assert figures["features"]["calm-mode"]["off_after_revert_s"] == 0.08
    assert ended_well(figures)


def test_a_fix_in_the_window_of_the_failure_is_not_later() -> None:
    good, bad, fix, taken = chapters()
    same = Chapter(rollout("completed", *bad.rollout["turns"]), fix.felt, fix.exposed, 0)
    figures = receipt(good, bad, same, taken, 0, 190.0, 100.0, MADE_OF, FOUND)
    assert figures["fix"]["in_later_window"] is False
    assert not ended_well(figures)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("good", "status", "paused"),
        ("bad", "status", "completed"),
        ("fix", "status", "stopped"),
        ("", "guards_violated", 1),
        ("taken_back", "status", "completed"),
        ("", "features", {}),
    ],
)
def test_any_other_end_is_no_success(part: str, key: str, value: object) -> None:
    figures = receipt(*chapters(), 0, 190.0, 100.0, MADE_OF, FOUND)
    (figures[part] if part else figures)[key] = value
    assert not ended_well(figures)


def test_the_receipt_for_people_shows_each_figure_beside_its_limit() -> None:
    console = Console(width=120, record=True, quiet=False, file=None, force_terminal=False)
    with console.capture() as capture:
        show(receipt(*chapters(), 0, 190.0, 107.9, MADE_OF, FOUND), console)
    text = capture.get()
    for expected in (
        "longest gap, ms",
        "250",
        "2.1.0 reached 1 node of 1 PoP",
        "4.2 s",
        "a later window",
        "107.9 MB",
        "Found by: prometheus, check errors, e = 4,401 of 1,000, at 2026-12-20 02:00 UTC",
        "/tmp/out/verdict-2.1.0.html",
        "/tmp/out/verdict-2.1.0.svg",
        "back 2.2.0",
        "live-menu ▁▂▅█ needs gateway 2.0.0: on for 74 of 74 accounts at most, 74 at the end",
        "calm-mode ▁▂▂▁ needs gateway 2.2.0: on for 8 of 74 accounts at most, off for all 0.08 s "
        "after the revert's commit;",
        "the first session left 0.413 s after it.",
    ):
        assert expected in " ".join(text.split())


def _check(name: str, log_e: float, weight: float) -> CheckSeen:
    figures: dict[str, Any] = {field.name: None for field in msgspec.structs.fields(CheckSeen)}
    told = {"name": name, "log_e": log_e, "weight": weight, "strata": (), "strata_left_off": 0}
    return CheckSeen(**figures | told)


def test_the_check_that_said_most_of_it_is_named_by_its_weighted_evidence() -> None:
    loud, heavy = _check("loud", 8.0, 0.01), _check("heavy", 6.0, 0.5)
    assert leading((loud, heavy)) == "heavy"
    assert leading((loud, _check("heavy", 3.0, 0.5))) == "loud"
    assert leading(()) == ""


def test_what_went_back_without_evidence_was_not_found_by_a_check() -> None:
    console = Console(width=60, force_terminal=False)
    without = msgspec.structs.replace(FOUND, check="", page="/tmp/" + "long/" * 20 + "verdict.html")
    with console.capture() as capture:
        show(receipt(*chapters(), 0, 190.0, 107.9, MADE_OF, without), console)
    text = capture.get()
    assert "Went back without evidence; measured by prometheus" in text
    assert "check" not in text
    assert without.page in text, "a file's name is in one piece on however narrow a screen"


@pytest.mark.parametrize(
    ("changed", "cells"),
    [
        ({}, "██ ██ ██ ██"),
        ({"phase": "canary", "settled": 0, "moving": [{"unit": "n1", "state": "draining"}]}, "▒▒ ██ ██ ██"),
        ({"phase": "rest", "settled": 2, "quarantined": ["n1"]}, "██ ██ ×× ██"),
    ],
)
def test_a_pop_is_a_bar_with_a_cell_pair_per_node(changed: dict[str, Any], cells: str) -> None:
    assert bar(turn("lis1", **changed)).plain.strip() == cells


def test_a_frame_shows_the_wave_what_waits_why_and_the_evidence_against_its_threshold() -> None:
    hold = {"reason": "its maintenance window is closed", "detail": "", "until": NOW}
    shown = rollout(
        "rolling",
        turn("lis1"),
        turn("fra1", phase="waiting", hold=hold),
        evidence={"log_e": 3.0, "log_threshold": 6.91},
    )
    console = Console(width=120)
    with console.capture() as capture:
        console.print(picture({"now": NOW}, shown, 370, "a title", ["a line of the journal"]))
    text = capture.get()
    for expected in (
        "a title",
        "Sun 06 Dec 02:10",
        "370",
        "pilot",
        "window is closed until Sun 06 Dec",
        "+3.00 of 6.91",
    ):
        assert expected in text
    assert "a line of the journal" in text


def test_without_a_terminal_the_story_is_told_in_plain_lines() -> None:
    console = Console(force_terminal=False, width=60)
    with console.capture() as capture, Screen(console) as screen:
        screen.chapter("first")
        screen.say(NOW, "waits: " + "its ring is soaking before the next one starts " * 2, "lis1")
        screen.say(NOW, "lis1-n1 may go to 2.0.0", "lis1-n1")
    assert capture.get().splitlines() == [
        "first",
        "Sun 06 Dec 02:10  lis1: waits: " + ("its ring is soaking before the next one starts " * 2),
        "Sun 06 Dec 02:10  lis1-n1 may go to 2.0.0",
    ]
