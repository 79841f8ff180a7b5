"""Journal search: which lines of the journal speak of this, the newest first?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from wavetrain.control.ports import Store, View
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError
from wavetrain.model.journal import Entry

PAGE: Final = 50
TEXT_CHARACTERS_MAX: Final = 200
BLOCK: Final = 1_000
LOOKED_MAX: Final = 15_000
"""So many lines are looked through for words at once; a further page goes on from there."""


class Span(msgspec.Struct, frozen=True):
    """From `since` on and before `until`; None where it is open."""

    since: datetime | None = None
    until: datetime | None = None


class JournalFound(msgspec.Struct, frozen=True, kw_only=True):
    """Lines, the newest first. `before` is where older ones begin; None where there are none."""

    entries: tuple[Entry, ...]
    before: int | None
    looked: int
    now: datetime


def search(
    store: Store,
    caller: Caller,
    equal: Mapping[str, str],
    *,
    text: str = "",
    span: Span = Span(),  # noqa: B008 (frozen)
    before: int | None = None,
    limit: int = PAGE,
) -> JournalFound:
    """At most `limit` lines with these fields whose text, subject, rollout or name holds each word of `text`."""
    require(caller, Act.READ)
    if len(text) > TEXT_CHARACTERS_MAX:
        raise RefusedError(f"the text has {len(text)} characters; give {TEXT_CHARACTERS_MAX} at most")
    if span.since is not None and span.until is not None and span.until <= span.since:
        raise RefusedError("the span ends before it begins; give a later end")
    words = text.casefold().split()
    with store.read() as view:
        if span.until is not None:
            end = _first_at(view, span.until)
            before = end if before is None else min(before, end)
        return _found(view, equal, words, span.since, before, limit)


def _found(
    view: View,
    equal: Mapping[str, str],
    words: list[str],
    since: datetime | None,
    before: int | None,
    limit: int,
) -> JournalFound:
    found: list[Entry] = []
    looked, cursor, most = 0, before, BLOCK if words else limit + 1
    while True:
        block = view.journal_tail(most, cursor, **equal)[::-1]
        for entry in block:
            if since is not None and entry.at < since:
                return JournalFound(entries=tuple(found), before=None, looked=looked, now=view.now)
            if len(found) == limit or looked == LOOKED_MAX:
                return JournalFound(entries=tuple(found), before=entry.seq + 1, looked=looked, now=view.now)
            looked += 1
            if _speaks(entry, words):
                found.append(entry)
        if len(block) < most:
            return JournalFound(entries=tuple(found), before=None, looked=looked, now=view.now)
        cursor = block[-1].seq


def _first_at(view: View, at: datetime) -> int:
    """The number of the first line written at this instant or later, or the one after the last.

    Train time never goes back, so that lines are in the order of their times: a few dozen are looked at.
    """
    newest = view.journal_tail(1)
    low, high = 0, newest[0].seq + 1 if newest else 1
    while low < high:
        middle = (low + high) // 2
        entry = view.journal_tail(1, middle + 1)
        if entry and entry[0].at >= at:
            high = entry[0].seq
        else:
            low = middle + 1
    return low


def _speaks(entry: Entry, words: list[str]) -> bool:
    if not words:
        return True
    said = f"{entry.text}\n{entry.subject}\n{entry.rollout}\n{entry.who}\n{entry.kind}".casefold()
    return all(word in said for word in words)
