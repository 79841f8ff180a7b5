"""Enquire: what is there, of one kind or under one name?"""

from datetime import datetime
from typing import TypeVar

import msgspec

from wavetrain.control.ports import Store
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError, UnknownError
from wavetrain.model.fleet import Cordon
from wavetrain.model.journal import Entry
from wavetrain.model.record import Record
from wavetrain.model.release import Release, Tombstone
from wavetrain.model.window import Freeze

R = TypeVar("R", bound=Record)
JOURNAL_PAGE_MAX = 1_000
JOURNAL_FILTERS = ("subject", "rollout", "kind", "who")


class ReleaseSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A release and, if it was withdrawn, why."""

    release: Release
    tombstone: Tombstone | None = None


class JournalPage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, oldest first."""

    entries: tuple[Entry, ...]
    now: datetime


def train_time(store: Store) -> datetime:
    """Train time now."""
    with store.read() as view:
        return view.now


def releases(store: Store, caller: Caller) -> list[Release]:
    """Every release, the last submitted first."""
    return sorted(_all(store, caller, Release), key=lambda item: (item.submitted_at, item.id), reverse=True)


def release(store: Store, caller: Caller, release_id: str) -> ReleaseSeen:
    """One release."""
    require(caller, Act.READ)
    with store.read() as view:
        found = view.get(Release, release_id)
        if found is None:
            raise UnknownError(f"there is no release {release_id[:120]}; see: wavetrain release list")
        return ReleaseSeen(release=found, tombstone=view.get(Tombstone, release_id))


def freezes(store: Store, caller: Caller) -> list[Freeze]:
    """Every freeze, the earliest first."""
    return sorted(_all(store, caller, Freeze), key=lambda item: (item.starts, item.id))


def cordons(store: Store, caller: Caller) -> list[Cordon]:
    """Every cordon."""
    return _all(store, caller, Cordon)


def journal(
    store: Store, caller: Caller, *, after: int | None = None, limit: int = 50, **equal: str
) -> JournalPage:
    """The last `limit` entries, or the first `limit` whose number is greater than `after`."""
    require(caller, Act.READ)
    if not 0 < limit <= JOURNAL_PAGE_MAX:
        raise RefusedError(
            f"a page of {limit} entries is not possible; give a limit from 1 to {JOURNAL_PAGE_MAX}"
        )
    with store.read() as view:
        found = (
            view.journal_tail(limit, None, **equal) if after is None else view.journal(after, limit, **equal)
        )
        return JournalPage(entries=tuple(found), now=view.now)


def _all(store: Store, caller: Caller, kind: type[R]) -> list[R]:
    require(caller, Act.READ)
    with store.read() as view:
        return view.find(kind)
