"""Account settings: what has an account said of itself, that no fleet file knows?"""

from datetime import datetime
from typing import ClassVar

from wavetrain.model.fleet import AccountId, Blackout
from wavetrain.model.record import Record


class AccountSettings(Record, frozen=True, kw_only=True):
    """Its own words; where it has said nothing, the fleet file's count."""

    KEY: ClassVar[tuple[str, ...]] = ("account",)
    account: AccountId
    blackouts: tuple[Blackout, ...] | None = None
    changed_at: datetime
    by: str
