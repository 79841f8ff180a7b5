"""Store rules: what does every store refuse, and how much does it keep?"""

from collections.abc import Mapping

from wavetrain.errors import RefusedError, UnknownError
from wavetrain.model.record import Record

JOURNAL_FIELDS = frozenset({"subject", "rollout", "kind", "who"})
"""What journal entries may be looked up by."""

JOURNAL_PAGE_MAX = 10_000
"""Entries of one journal page."""

CHANGES_KEPT = 100_000
"""Changes that a trim leaves; a reader further behind starts over from the records."""

JOURNAL_KEPT = 1_000_000
"""Journal entries that a trim leaves."""

WRITE_WAIT_S = 30.0
"""How long a writer waits for its turn."""


def stale(record: Record, stored: int | None) -> str:
    """What to tell the writer of a record that someone else has changed; `stored` is the version found, if any."""
    name = f"{type(record).__name__} {'/'.join(record.key)}"
    if stored is None:
        return (
            f"{name} was read at version {record.version} and has been removed since; "
            f"load again and decide anew, or put it with version 0 to make it again"
        )
    if record.version == 0:
        return (
            f"{name} exists already, at version {stored}, but was written as new; "
            f"load it and write the loaded record with its changes"
        )
    return f"{name} was read at version {record.version} but is at {stored} now; load again and decide anew"


def stale_epoch(mine: int, stored: int, holder: str) -> str:
    """What to tell a writer whose epoch is over."""
    return (
        f"epoch {mine} of this process is over: {holder or 'another process'} writes under epoch {stored}; "
        f"stop this one, or call `take` to become the writer again"
    )


def trimmed(after: int, oldest: int) -> str:
    """What to tell a reader that asks for changes which are no longer kept."""
    return (
        f"changes after {after} were asked for, but those before {oldest} were trimmed; "
        f"start over from the records and follow from the view's sequence"
    )


def checked_journal(equal: Mapping[str, str], limit: int) -> None:
    """Refuse journal lookups by other fields, or of more than a page."""
    for name in equal:
        if name not in JOURNAL_FIELDS:
            raise UnknownError(
                f"the journal cannot be looked up by {name}; use {', '.join(sorted(JOURNAL_FIELDS))}"
            )
    if not 1 <= limit <= JOURNAL_PAGE_MAX:
        raise RefusedError(
            f"a journal page has 1 to {JOURNAL_PAGE_MAX} entries, {limit} were asked for; read on from the last `seq`"
        )


def checked_trim(keep_changes: int, keep_journal: int) -> None:
    """The last change and the last entry carry the numbering on, so they stay."""
    if keep_changes < 1 or keep_journal < 1:
        raise RefusedError("a trim keeps at least one change and one journal entry; give 1 or more for each")
