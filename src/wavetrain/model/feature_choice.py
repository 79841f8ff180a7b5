"""Feature choice: what was said of one feature for one account, by the account itself or by the operator?"""

from datetime import datetime
from typing import ClassVar

import msgspec

from wavetrain.model.feature import FeatureKey
from wavetrain.model.fleet import AccountId
from wavetrain.model.record import Record


class Word(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who said it, when, and why."""

    at: datetime
    by: str
    reason: str = ""


class FeatureChoice(Record, frozen=True, kw_only=True):
    """What counts now; the journal has what was said before. An account that leaves all to the ramp has none."""

    KEY: ClassVar[tuple[str, ...]] = ("account", "feature")
    account: AccountId
    feature: FeatureKey
    early: Word | None = None
    """It opted in before its turn."""
    deferred_until: datetime | None = None
    """It wants the feature from then on only."""
    given_back: Word | None = None
    """It had the feature, or would have, and does not want it."""
    held: Word | None = None
    """The operator keeps it from the account: a hold-out, or a hold-back."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it counts any more."""
        return not (self.early or self.deferred_until or self.given_back or self.held)

    def keeps_off(self, now: datetime) -> bool:
        """Whether the account may not have the feature now, whatever the ramp says."""
        is_deferred = self.deferred_until is not None and now < self.deferred_until
        return is_deferred or self.held is not None or self.given_back is not None
