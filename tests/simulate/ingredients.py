"""Ingredients: what histories are mixed of, and how one shows that it really had it.

The tests look for each in the histories of `make test`, and docs/guards.md is drawn from the same table.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from wavetrain.decide import calendar
from wavetrain.model.rollout import Timetable
from wavetrain.simulate.history import History, Outcome

SEEDS = 100
"""As many histories as are played by `test_history`."""
RICH = (74, 9, 30, 0)
"""Seeds that together show every ingredient; where they do not any more, the test goes through the others."""


class Played(msgspec.Struct, frozen=True):
    """A history that is over."""

    history: History
    outcome: Outcome


class Ingredient(msgspec.Struct, frozen=True):
    """Something that must occur in histories; `shows`: whether it has happened in one, not only been drawn for it."""

    name: str
    shows: Callable[[Played], bool]


def _told(text: str) -> Callable[[Played], bool]:
    return lambda played: any(text in said for said in played.history.tale.texts)


def _did(verb: str) -> Callable[[Played], bool]:
    return lambda played: any(act.startswith(f"{verb} ") for act in played.outcome.acts)


def _on_the_wire(what: str) -> Callable[[Played], bool]:
    return lambda played: played.history.house.channel.happened[what] > 0


def _fleet(verb: str) -> Callable[[Played], bool]:
    return lambda played: any(f" {verb} " in text for text in played.history.turnover.done)


def _missed(played: Played) -> bool:
    revised = [table for table in played.history.mirror.all(Timetable) if table.number > 1]
    return any("missed its window" in table.reason for table in revised)


def _clocks_changed(played: Played) -> bool:
    """Whether the wall clock of some PoP was set forward or back between the first tick and the last."""
    last = played.history.moment
    first = last - timedelta(days=played.outcome.days)
    zones = {pop.zone for pop in played.history.fleet.pops.values()}
    return any(_ahead(zone, first) != _ahead(zone, last) for zone in zones)


def _ahead(zone: str, at: datetime) -> timedelta:
    return calendar.local(at, zone) - at.replace(tzinfo=None)


def _ended(status: str) -> Callable[[Played], bool]:
    return lambda played: status in played.outcome.rollouts.values()


INGREDIENTS = (
    Ingredient("a control plane that dies at a commit", _told("the control plane dies before a commit")),
    Ingredient("a control plane that is gone for a while", _told("the control plane is gone")),
    Ingredient("a ticker that freezes while another one takes over", _told("the ticker freezes")),
    Ingredient("a report that is lost", _on_the_wire("lost")),
    Ingredient("a report that comes late", _on_the_wire("delayed")),
    Ingredient("a report that comes twice", _on_the_wire("doubled")),
    Ingredient("an answer that is lost", _on_the_wire("answer_lost")),
    Ingredient("telemetry of a PoP that is away", _told("telemetry of pop-")),
    Ingredient("a node that joins", _fleet("joins")),
    Ingredient("a node that leaves", _fleet("leaves")),
    Ingredient("a person who pauses", _did("pause")),
    Ingredient("a person who resumes", _did("resume")),
    Ingredient("a person who freezes", _did("freeze")),
    Ingredient("a person who cordons", _did("cordon")),
    Ingredient("a person who aborts", _did("abort")),
    Ingredient("a person who sends back", _did("revert")),
    Ingredient("a person who retires a node", _did("retire")),
    Ingredient("a person who withdraws a release", _did("withdraw")),
    Ingredient("a bad release that goes back", _ended("reverted")),
    Ingredient("a newer release that takes over", _ended("superseded")),
    Ingredient("a night in which clocks change", _clocks_changed),
    Ingredient("a window that is missed", _missed),
)


def shown(seed: int) -> set[str]:
    """The ingredients that the history of a seed really had."""
    history = History(seed)
    played = Played(history, history.play())
    return {item.name for item in INGREDIENTS if item.shows(played)}
