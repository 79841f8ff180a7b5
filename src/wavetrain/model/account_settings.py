"""Account settings: what has an account said of itself, that no fleet file knows?"""

from datetime import datetime
from typing import ClassVar

from wavetrain.model.fleet import AccountId, Blackout
from wavetrain.model.record import Record


class AccountSettings(Record, frozen=True, kw_only=True):
    """Its own words; where it has said nothing, the fleet file's count."""

    KEY: ClassVar[tuple[str, ...]] = ("account",)
    account: AccountId
    early: dict[str, bool] = {}
    """By lane: whether it would rather have a release before others."""
    blackouts: tuple[Blackout, ...] | None = None
    """Days on which it would rather not be disturbed; None where it has said nothing, empty for none at all."""
    changed_at: datetime
    by: str

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said."""
        return not self.early and self.blackouts is None
