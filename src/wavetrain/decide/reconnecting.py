"""Reconnecting: why did a session come back, and which work of ours was it, if any?

A session that was asked to leave belongs to the work that was going on then. One that ended belongs to it only where
its node was being updated just then: a node that fails in the same hour is no maintenance.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from wavetrain.model.maintenance import Maintenance
from wavetrain.model.receipt import Code

MOVED_S_MAX = 0.5
"""A session that moved and was without an answer for no longer lost nothing to speak of."""
AROUND = timedelta(minutes=10)
"""After work is over, sessions still come back to where they were; before, nobody is asked to leave."""
EARLY = timedelta(seconds=30)
_REASONS = {
    "update": Code.MOVED,
    "rebalance": Code.INVITED,
    "lost": Code.LOST,
    "roam": Code.ROAMED,
}


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A change of session, as its own side tells it."""

    before: str
    at: datetime
    reason: str


class Attributed(msgspec.Struct, frozen=True):
    """What it is, and whose."""

    code: Code
    work: str
    why: str


def attributed(said: Said, works: Sequence[Maintenance], moved_now: Collection[str]) -> Attributed:
    """Of the works at its PoP; `moved_now` are the nodes that were being updated about then."""
    code = _REASONS.get(said.reason, Code.UNKNOWN)
    if code is Code.ROAMED:
        return Attributed(code, "", "its own side opened it anew")
    if code is Code.LOST:
        if said.before not in moved_now:
            return Attributed(code, "", "its node was not being updated")
        code = Code.CUT
    work = _of(said.at, works)
    if work is None:
        return Attributed(
            Code.LOST if code is Code.CUT else code, "", "no work was going on at this PoP then"
        )
    if code is Code.UNKNOWN:
        return Attributed(code, "", "its node gave a reason that nobody knows here")
    why = {
        Code.MOVED: "its node asked it to leave before the update",
        Code.INVITED: "it was asked to move so that the load is even again",
        Code.CUT: "it had not left when its node was updated",
    }[code]
    return Attributed(code, work.id, why)


def _of(at: datetime, works: Sequence[Maintenance]) -> Maintenance | None:
    """The work that was going on; of several the one that began last."""
    found = [
        work
        for work in works
        if work.began_at is not None
        and work.began_at - EARLY <= at
        and (work.over_at is None or at <= work.over_at + AROUND)
    ]
    return max(found, key=lambda work: (work.began_at or work.starts, work.id), default=None)
