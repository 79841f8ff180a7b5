"""Receipt: what did an update cost an account, as its own sessions saw it?"""

from datetime import datetime
from typing import ClassVar

import msgspec

from wavetrain.model.fleet import AccountId, PopId
from wavetrain.model.record import Record


class Reconnect(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A session that ended and came back, or moved without an end, as its own side reports it."""

    id: str
    """Of the reconnect: a report that comes twice counts once."""
    session: str
    site: str = ""
    """The site; empty for a user's own client."""
    node: str
    """Where it came back."""
    at: datetime
    lost_s: float
    """From the last answer before to the first one after; 0 where it was moved before it was let go."""
    code: str
    """Why: what the node said when it let it go, or `lost` where it said nothing."""
    work: str = ""
    """The maintenance that it belongs to, by id; empty where it is none's."""


class Reconnects(Record, frozen=True, kw_only=True):
    """The reconnects of an account at a PoP on one day (UTC), the last ones in full."""

    KEY: ClassVar[tuple[str, ...]] = ("account", "day", "pop")
    account: AccountId
    day: str
    pop: PopId
    rows: tuple[Reconnect, ...] = ()
    dropped: int = 0
    """So many more came than are kept."""


class SiteCost(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one site, or the users of one PoP together, lost."""

    site: str
    sessions: int
    moved: int
    """Sessions that lost nothing."""
    lost_s: float
    """The sum over its sessions, in seconds."""
    worst_s: float
    codes: dict[str, int] = {}


class Receipt(Record, frozen=True, kw_only=True):
    """What one maintenance cost one account; written when it is over."""

    KEY: ClassVar[tuple[str, ...]] = ("account", "maintenance")
    INDEX: ClassVar[tuple[str, ...]] = ("rollout",)
    account: AccountId
    maintenance: str
    rollout: str
    pop: PopId
    release: str
    began: datetime
    ended: datetime
    made_at: datetime
    promise_s: float
    """What the operator promises that a session loses at most."""
    sites: tuple[SiteCost, ...] = ()
    silent: int = 0
    """Sites that use the PoP and reported nothing: no reconnect, or no report of one."""
