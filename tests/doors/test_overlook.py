"""Overlook: worked out once for all who look, never older than it says, and nothing kept of what does not exist."""

import functools
from pathlib import Path

import pytest
from tests.doors.console_house import ROLLOUT, ConsoleHouse
from tests.doors.test_console import OLGA, house_of

from wavetrain.control import cordons, rollouts
from wavetrain.decide.permit import Caller
from wavetrain.doors import overlook
from wavetrain.doors.overlook import LIVE_S, Overlook
from wavetrain.errors import ForbiddenError, UnknownError, UnreachableError
from wavetrain.model.access import Role
from wavetrain.model.fleet import PopId


@pytest.fixture
def house(tmp_path: Path) -> ConsoleHouse:
    return house_of(tmp_path)


def test_who_opens_a_page_sees_the_last_commit_and_who_follows_sees_it_soon(house: ConsoleHouse) -> None:
    seconds = 100.0
    seen = Overlook(house.store, house.board, lambda: seconds)
    first = seen.overview(OLGA)
    assert seen.overview(OLGA) is first
    rollouts.pause(house.store, OLGA, ROLLOUT, "an alert")
    assert seen.overview(OLGA, live=True) is first, "not two seconds old"
    seconds += LIVE_S
    assert seen.overview(OLGA, live=True).rollouts[0].status == "paused"
    rollouts.resume(house.store, OLGA, ROLLOUT, "it is over")
    assert seen.overview(OLGA).rollouts[0].status == "rolling"


def test_a_picture_of_places_that_came_later_counts(house: ConsoleHouse) -> None:
    seen = Overlook(house.store, house.board)
    cordons.cordon(house.store, OLGA, "c", "x")
    first = seen.overview(OLGA)
    house.board.follow()
    assert seen.overview(OLGA) is not first


def test_nothing_is_kept_of_what_does_not_exist(house: ConsoleHouse) -> None:
    seen = Overlook(house.store, house.board)
    for number in range(50):
        with pytest.raises(UnknownError):
            seen.train(OLGA, f"none-{number}")
        with pytest.raises(UnknownError):
            seen.reach(OLGA, f"none-{number}")
    assert len(seen) == 0


def test_only_so_much_is_kept(house: ConsoleHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlook, "KEPT_MAX", 3)
    seen = Overlook(house.store, house.board)
    drawn = [seen.drawn(OLGA, name, functools.partial("<svg>{}</svg>".format, name)) for name in "abcdefghi"]
    assert drawn[-1] == "<svg>i</svg>"
    assert len(seen) == 3


def test_nobody_is_served_from_memory_what_they_may_not_read(house: ConsoleHouse) -> None:
    seen = Overlook(house.store, house.board)
    customer = Caller("acme", (Role.ACCOUNT,), account="acme")
    seen.overview(OLGA)
    with pytest.raises(ForbiddenError):
        seen.overview(customer)
    with pytest.raises(ForbiddenError):
        seen.place(customer, PopId("b"))
    with pytest.raises(UnreachableError, match="keeps no picture"):
        Overlook(house.store, None).overview(OLGA)
