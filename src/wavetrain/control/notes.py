"""Notes: what do the weekly notes say, of the releases and features that customers were told of?"""

from datetime import datetime, timedelta

import msgspec

from wavetrain.control.ports import Store, View
from wavetrain.decide import news, week
from wavetrain.decide.lifecycle import TERMINAL
from wavetrain.decide.news import Notes, Travel
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import UnknownError
from wavetrain.model.feature import Feature
from wavetrain.model.lane import LANES
from wavetrain.model.policy import PolicyText
from wavetrain.model.release import Release, Tombstone
from wavetrain.model.rollout import Rollout, Status

WEEKS_MAX = 52
"""So many weeks back there are notes."""
LINES_MAX = 50
"""Of a rollout's journal that are looked at for when its status turned."""


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """The notes of every week up to the present one, the newest first."""

    issues: tuple[Notes, ...]

    def issue(self, name: str) -> Notes:
        """Of one week, by any of its names; empty: the present one. `RefusedError` or `UnknownError`."""
        start = week.read(name) if name else self.issues[0].starts
        for notes in self.issues:
            if notes.starts == start:
                return notes
        newest, oldest = self.issues[0].week, self.issues[-1].week
        if start > self.issues[0].starts:
            raise UnknownError(
                f"there are no notes of the week of {week.name(start)} yet; the newest are those of {newest}, which "
                "look two weeks ahead"
            )
        raise UnknownError(
            f"there are no notes of the week of {week.name(start)}; the oldest are those of {oldest}"
        )


def shelf(store: Store) -> Shelf:
    """Every week's notes, for anybody: nothing in them is of one account, or of a person."""
    with store.read() as view:
        now = view.now
        travels = _travels(view)
        features = view.find(Feature)
    newest = week.start_of(now)
    oldest = max(news.first_week(travels, features, now), newest - week.LENGTH * (WEEKS_MAX - 1))
    starts = [newest - week.LENGTH * back for back in range((newest - oldest) // week.LENGTH + 1)]
    return Shelf(issues=tuple(news.notes(start, travels, features, now) for start in starts))


def read(store: Store, caller: Caller) -> Shelf:
    """Every week's notes, the newest first."""
    require(caller, Act.READ)
    return shelf(store)


def read_one(store: Store, caller: Caller, name: str) -> Notes:
    """The notes of one week, named by one of its days or by its ISO number."""
    require(caller, Act.READ)
    return shelf(store).issue(name)


def _travels(view: View) -> list[Travel]:
    """The rollouts that were announced, each with its release; those that never were stand in no notes."""
    releases = {one.id: one for one in view.find(Release)}
    tombstones = {one.release: one for one in view.find(Tombstone)}
    return [
        Travel(
            release=releases[rollout.release],
            rollout=rollout,
            spread=_spread(view, rollout),
            turned_at=_turned_at(view, rollout),
            tombstone=tombstones.get(rollout.release),
        )
        for rollout in view.find(Rollout)
        if rollout.release in releases and _is_announced(rollout)
    ]


def _is_announced(rollout: Rollout) -> bool:
    if rollout.status is Status.PLANNED:
        return False
    return rollout.waves > 0 or rollout.status not in TERMINAL


def _spread(view: View, rollout: Rollout) -> timedelta | None:
    kept = view.get(PolicyText, rollout.policy) if LANES[rollout.lane].windowed else None
    return timedelta(days=kept.policy.timing.spread_days) if kept is not None else None


def _turned_at(view: View, rollout: Rollout) -> datetime:
    """When it came into its status, by the journal; that it was made, where the journal no longer knows."""
    if rollout.over_at is not None:
        return rollout.over_at
    for entry in reversed(view.journal_tail(LINES_MAX, rollout=rollout.id, kind="rollout")):
        if entry.body.get("status") == rollout.status.value:
            return entry.at
    return rollout.created_at
