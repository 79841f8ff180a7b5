"""Demo features: the figures of what a program knew, when it knew it, and what a person sees of it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from wavetrain.cli.client import Client
from wavetrain.cli.demo_features import Bar, Features, Look, Program, WentBack, figures_of
from wavetrain.cli.demo_receipt import features_ended_well
from wavetrain.cli.demo_screen import picture
from wavetrain.lab.layout import FEATURES, FLEET, sizes_from
from wavetrain.lab.pops import Lab
from wavetrain.wire.feature_file import read_features

BEGAN = 1_795_000_000.0
AHEAD_S = 3_600.0 * 24 * 40
COMMIT = datetime.fromtimestamp(BEGAN + 60 + AHEAD_S, UTC)


def went_back() -> WentBack:
    return WentBack(COMMIT, COMMIT + timedelta(seconds=0.05), AHEAD_S, BEGAN + 60.4)


def looks(*counts: int, gone_s: float = 0.08) -> list[Look]:
    """One a second, then the last one so long after the commit."""
    *before, last = counts
    made = [Look(BEGAN + second, {"calm": on}) for second, on in enumerate(before)]
    return [*made, Look(BEGAN + 60 + gone_s, {"calm": last})]


def test_a_feature_that_goes_off_is_timed_from_the_commit_to_the_programs_knowing() -> None:
    assert figures_of("calm", "gateway 2.2.0", 74, looks(0, 4, 8, 0), went_back()) == {
        "needs": "gateway 2.2.0",
        "accounts": 74,
        "counts": [0, 4, 8, 0],
        "on_at_most": 8,
        "on_at_end": 0,
        "fell": 8,
        "off_after_revert_s": 0.08,
    }


def test_what_a_revert_did_is_counted_from_its_commit() -> None:
    made = went_back()
    assert made.commit == pytest.approx(BEGAN + 60)
    assert made.first_drain_s == pytest.approx(0.05)
    assert made.first_left_s == pytest.approx(0.4)
    nobody = WentBack(COMMIT, None, AHEAD_S, None)
    assert (nobody.first_drain_s, nobody.first_left_s) == (None, None)


def test_the_way_down_is_no_moment_before_nobody_has_it() -> None:
    half = [*looks(0, 8, 3), Look(BEGAN + 60.5, {"calm": 0})]
    made = figures_of("calm", "gateway 2.2.0", 74, half, went_back())
    assert (made["off_after_revert_s"], made["fell"]) == (0.5, 8)


@pytest.mark.parametrize(
    ("seen", "when"),
    [
        (looks(0, 4, 8), went_back()),
        (looks(0, 4, 0, 8), went_back()),  # off before the commit is not off by it
        (looks(0, 4, 0), None),
        ([], None),
    ],
)
def test_what_did_not_go_off_with_the_revert_has_no_time(seen: list[Look], when: WentBack | None) -> None:
    assert figures_of("calm", "gateway 2.2.0", 74, seen, when)["off_after_revert_s"] is None


def features(**calm: Any) -> dict[str, dict[str, Any]]:
    back = figures_of("calm", "gateway 2.2.0", 74, looks(0, 4, 8, 0), went_back())
    menu = {**back, "on_at_most": 74, "on_at_end": 74, "fell": 0, "off_after_revert_s": None}
    return {"menu": menu, "calm": {**back, **calm}}


BACK = {"status": "reverted", "sessions_cut": 0, "first_session_left_after_revert_s": 0.4}


def test_features_end_well_where_one_grows_and_one_goes_with_its_release() -> None:
    assert features_ended_well(features(), BACK)


@pytest.mark.parametrize(
    ("calm", "back"),
    [
        ({"on_at_end": 1}, {}),
        ({"off_after_revert_s": 0.5}, {}),  # a session had left before that
        ({"off_after_revert_s": None}, {}),
        ({"on_at_most": 0}, {}),
        ({}, {"status": "completed"}),
        ({}, {"sessions_cut": 1}),
        ({}, {"first_session_left_after_revert_s": None}),
    ],
)
def test_any_other_end_of_a_feature_is_no_success(calm: dict[str, Any], back: dict[str, Any]) -> None:
    assert not features_ended_well(features(**calm), {**BACK, **back})


@pytest.mark.parametrize("menu", [{"fell": 1}, {"on_at_end": 70}, {"on_at_most": 0, "on_at_end": 0}])
def test_a_feature_that_is_to_stay_and_is_lost_is_no_success(menu: dict[str, Any]) -> None:
    made = features()
    assert not features_ended_well({**made, "menu": {**made["menu"], **menu}}, BACK)


def test_a_frame_shows_a_bar_for_each_feature() -> None:
    shown: dict[str, Any] = {"status": "rolling", "hold": None, "waves": [], "turns": [], "evidence": None}
    console = Console(width=100)
    bars = (
        Bar("live-menu", 37, 74, "gateway 2.0.0", (0, 1, 20, 37)),
        Bar("calm-mode", 1, 74, "gateway 2.2.0", (0, 1)),
    )
    with console.capture() as capture:
        console.print(picture({"now": COMMIT.isoformat()}, shown, 370, "a title", [], bars))
    menu, calm = (line for line in capture.get().splitlines() if " of 74" in line)
    cells = "━" * 10 + "─" * 10
    assert " ".join(menu.strip("│ ").split()) == f"live-menu {cells} 37 of 74 gateway 2.0.0 ▁▂▃▅"
    assert "━─" in calm, "a single account is seen"


def test_the_labs_features_are_read_and_its_accounts_are_enough_for_a_ramp() -> None:
    made = read_features(FEATURES.read_text(), COMMIT)
    assert [one.needs.releases for one in made] == [{"gateway": "2.0.0"}, {"gateway": "2.2.0"}]
    sizes = sizes_from(FLEET, sites=300, users=60, stubborn=10)
    accounts = [account for size in sizes for account in size.accounts]
    assert len(accounts) == len(set(accounts)) == 75
    assert {account.partition("-")[0] for account in accounts} == {"lis1", "fra1", "jnb1"}


class Desk:
    """A control plane that only writes down what it is asked to do."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get(self, _path: str) -> list[dict[str, Any]]:
        return [{"feature": {"id": "calm", "needs": {"releases": {"gateway": "2.2.0"}}}}]

    def post(self, path: str, _body: dict[str, Any]) -> None:
        self.asked.append(path.rpartition("/")[2])


def test_a_release_is_taken_back_for_what_the_screen_has_said_and_for_nothing_that_came_after_it() -> None:
    desk, program = Desk(), SimpleNamespace(looks=looks(0, 0))
    lab = SimpleNamespace(accounts=dict.fromkeys("abcdef"), moves_so_far=dict)
    features = Features(cast("Client", desk), cast("Program", program), cast("Lab", lab))
    features.announce()
    rolling = {"id": "gateway-2.2.0", "number": "2.2.0", "status": "rolling"}
    assert features.news() == []

    program.looks.append(Look(BEGAN + 2, {"calm": 1}))
    features.steer(rolling, takes_back=True)
    assert desk.asked == ["features", "ramp"], "nobody was shown yet that it is on"
    assert [bar.on for bar in features.news()] == [1]
    features.steer(rolling, takes_back=True)
    assert desk.asked == ["features", "ramp", "revert"]
