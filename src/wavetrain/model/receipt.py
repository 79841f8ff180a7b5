"""Receipt: what did an update cost an account, as its own sessions saw it?"""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from wavetrain.model.fleet import AccountId, PopId
from wavetrain.model.record import Record


class Code(StrEnum):
    """Why a session was opened anew."""

    MOVED = "moved"
    """Its node was about to be updated and asked it to leave; it opened the next session first."""
    INVITED = "invited"
    """It was asked to move so that the load is even again, as after an update."""
    CUT = "cut"
    """It ended with its node's update, since it had not left until then."""
    LOST = "lost"
    """It ended, and no work of ours is known to be why."""
    ROAMED = "roamed"
    """Its own side opened it anew, as on another network."""
    UNKNOWN = "unknown"
    """The node gave a reason that nobody here knows."""


class Reconnect(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A session that ended and came back, or moved without an end, as its own side reports it."""

    id: str
    """Of the reconnect: a report that comes twice counts once."""
    session: str
    """The site, or the user's own client."""
    is_user: bool = False
    node: str
    """Where it came back."""
    before: str = ""
    """Where it was before."""
    at: datetime
    """Train time, as far as the node's own word about how long ago it was is true."""
    lost_s: float
    """From the last answer before to the first one after; 0 where it was moved before it was let go."""
    code: Code
    work: str = ""
    """The maintenance that it belongs to, by id; empty where it is none's."""
    why: str = ""
    """By which rule it belongs there, or why to none."""


class Cost(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one session's side lost by one maintenance on one day."""

    work: str
    session: str
    """`users` for all of the account's users together."""
    sessions: int
    moved: int
    """Changes of session that lost nothing to speak of."""
    lost_s: float
    """Summed up, in seconds."""
    worst_s: float
    codes: dict[Code, int] = {}


class Reconnects(Record, frozen=True, kw_only=True):
    """The reconnects of an account at a PoP on one day (UTC), the last ones in full."""

    KEY: ClassVar[tuple[str, ...]] = ("account", "day", "pop")
    account: AccountId
    day: str
    pop: PopId
    rows: tuple[Reconnect, ...] = ()
    dropped: int = 0
    """So many more came than are kept in full."""
    costs: tuple[Cost, ...] = ()
    """Of all that belong to a maintenance, those no more kept in full included."""
    heard: dict[str, int] = {}
    """The last number counted, by node and start of its program: a report that comes again counts no more."""


class SiteCost(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one site, or the users of one PoP together, lost."""

    site: str
    """`users` for the account's users together."""
    sessions: int
    """Changes of session."""
    moved: int
    """Those of them that lost nothing to speak of."""
    lost_s: float
    """The sum over its sessions, in seconds."""
    worst_s: float
    codes: dict[Code, int] = {}


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
    """Sites that use the PoP and reported no reconnect."""
    amended: int = 0
    """How often it was corrected since it was made first: reports may come late."""
