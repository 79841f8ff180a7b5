"""Journal search: which lines of the journal speak of this, the newest first?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from wavetrain.control.ports import Store
from wavetrain.decide.permit import Act, Caller, require
from wavetrain.errors import RefusedError
from wavetrain.model.journal import Entry

PAGE: Final = 50
TEXT_CHARACTERS_MAX: Final = 200
BLOCK: Final = 1_000
LOOKED_MAX: Final = 50_000
"""So many lines are looked through at once; a further page goes on from there."""


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
    before: int | None = None,
    limit: int = PAGE,
) -> JournalFound:
    """At most `limit` lines with these fields whose text, subject, rollout or name holds each word of `text`."""
    require(caller, Act.READ)
    if len(text) > TEXT_CHARACTERS_MAX:
        raise RefusedError(f"the text has {len(text)} characters; give {TEXT_CHARACTERS_MAX} at most")
    words = text.casefold().split()
    found: list[Entry] = []
    looked, cursor = 0, before
    with store.read() as view:
        while True:
            block = view.journal_tail(BLOCK if words else limit + 1, cursor, **equal)[::-1]
            for entry in block:
                if len(found) == limit or looked == LOOKED_MAX:
                    return JournalFound(
                        entries=tuple(found), before=entry.seq + 1, looked=looked, now=view.now
                    )
                looked += 1
                if _speaks(entry, words):
                    found.append(entry)
            if len(block) < (BLOCK if words else limit + 1):
                return JournalFound(entries=tuple(found), before=None, looked=looked, now=view.now)
            cursor = block[-1].seq


def _speaks(entry: Entry, words: list[str]) -> bool:
    if not words:
        return True
    said = f"{entry.text}\n{entry.subject}\n{entry.rollout}\n{entry.who}\n{entry.kind}".casefold()
    return all(word in said for word in words)
